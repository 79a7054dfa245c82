"""Who answers for a unit when something is to be told: its head in office, or else the nearest one above."""


def nearest_head(*, unit: str, other: str | None = None, first: int = 0, on: str = ":as_of") -> str:
    """SQL for a LATERAL: ``person_id``, ``office_id`` and ``place`` of the nearest head in office, if any.

    ``unit`` is the alias of a unit in the query around it. Its own head has place 0, the head above it 1, and
    so on up the line. ``other`` is an expression for the number of a unit whose line is gone up when the
    first one has no head: a firm has no unit above, and somebody set its work; its places start at 1000.
    ``first`` is the lowest place that is wanted: 1 is whoever stands above. Offices that are not in force,
    heads whose term does not hold ``on`` that day, and people who may not sign in are passed over.
    """
    line = f"""SELECT above.id AS unit_id, cardinality({unit}.path) - above.ordinality AS place
                FROM unnest({unit}.path) WITH ORDINALITY AS above (id, ordinality)"""
    if other is not None:
        line += f"""
                UNION ALL
                SELECT above.id, 1000 + cardinality(o.path) - above.ordinality
                FROM unit o, unnest(o.path) WITH ORDINALITY AS above (id, ordinality)
                WHERE o.id = {other} AND o.id <> {unit}.id"""
    return f"""SELECT m.person_id, line.unit_id AS office_id, line.place
            FROM ({line}
            ) line
            JOIN unit office ON office.id = line.unit_id AND office.valid_from <= {on}
                AND (office.valid_to IS NULL OR office.valid_to >= {on})
            JOIN membership m ON m.unit_id = line.unit_id AND m.role = 'HEAD'
                AND m.starts_on <= {on} AND (m.ends_on IS NULL OR m.ends_on >= {on})
            JOIN person ON person.id = m.person_id AND person.active
            WHERE line.place >= {first}
            ORDER BY line.place, m.id LIMIT 1"""
