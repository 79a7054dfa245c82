"""Documents as sources answer with them: data values of DHIS2, and SDMX-JSON."""

DHIS2 = """{
  "dataSet": "pBOMPrpg1QX", "completeDate": "2026-04-03", "period": "202603", "orgUnit": "DiszpKrYNg8",
  "dataValues": [
    {"dataElement": "f7n9E0hX8qk", "period": "202603", "orgUnit": "DiszpKrYNg8",
     "categoryOptionCombo": "HllvX50cXC0", "attributeOptionCombo": "HllvX50cXC0", "value": "12.5",
     "storedBy": "hue", "created": "2026-04-03T00:00:00.000+0000",
     "lastUpdated": "2026-04-03T08:00:00.000+0000", "comment": "đã đối chiếu", "followup": false,
     "deleted": false},
    {"dataElement": "f7n9E0hX8qk", "period": "202603", "orgUnit": "Rp268JB6Ne4",
     "categoryOptionCombo": "HllvX50cXC0", "attributeOptionCombo": "HllvX50cXC0", "value": "9",
     "storedBy": "hue", "followup": false, "deleted": true},
    {"dataElement": "Ix2HsbDMLea", "period": "2026Q1", "orgUnit": "DiszpKrYNg8",
     "categoryOptionCombo": "HllvX50cXC0", "attributeOptionCombo": "HllvX50cXC0", "value": "0042",
     "storedBy": "hue", "followup": false, "deleted": false}
  ]
}"""

SDMX = """{
  "header": {"id": "62b5f19d", "test": false, "prepared": "2026-04-02T09:00:00Z",
             "sender": {"id": "GSO"}},
  "dataSets": [{"action": "Information", "series": {
    "0:0": {"attributes": [0], "observations": {"0": [97.25, 0], "1": [98.5, null]}},
    "1:0": {"attributes": [0], "observations": {"1": [88, 0]}},
    "0:1": {"attributes": [0], "observations": {"0": [null]}}
  }}],
  "structure": {
    "name": "Chuyển đổi số cấp tỉnh",
    "dimensions": {
      "dataSet": [],
      "series": [
        {"id": "REF_AREA", "keyPosition": 0, "values": [{"id": "VN-26", "name": "Huế"},
                                                        {"id": "VN-DN", "name": "Đà Nẵng"}]},
        {"id": "INDICATOR", "keyPosition": 1, "values": [{"id": "E_SERVICES"}, {"id": "BROADBAND"}]}
      ],
      "observation": [
        {"id": "TIME_PERIOD", "role": "time", "values": [{"id": "2025-Q4"}, {"id": "2026-Q1"}]}
      ]
    },
    "attributes": {"series": [{"id": "UNIT_MEASURE", "values": [{"id": "PT", "name": "%"}]}],
                   "observation": [{"id": "OBS_STATUS", "values": [{"id": "A"}]}]}
  }
}"""
