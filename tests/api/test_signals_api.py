"""Signals over GraphQL: the question with its evidence, when it may mean nothing, and the answer."""

from datetime import timedelta
from decimal import Decimal

import pytest

import factories
from api.conftest import Api, World
from factories import SYSTEM
from vdept.kernel.clock import local_date, utc_now
from vdept.measurements.models import Measurement
from vdept.signals.detecting import detect
from vdept.signals.models import Detector, Signal
from vdept.targets.models import Basis
from vdept.tasks.models import Task
from vdept_graphql.ids import encode

NOW = utc_now()
TODAY = local_date(NOW)
SIGNALS = """query($filter: SignalFilter) { signals(filter: $filter) { totalCount nodes {
  id detector score evidence sentence note foundOn state answer answeredAt
  unit { name } plan { id } task { id title } indicator { name } answeredBy { id }
} } }"""


@pytest.fixture
async def found(api: Api, world: World) -> int:
    """Huế reported a series with one value far off; the number of that value."""
    async with api.database.begin(SYSTEM, now=NOW) as tx:
        indicator = await factories.indicator(tx, ratio=False, name="Hồ sơ đúng hạn")
        rows = [
            Measurement(
                indicator_id=indicator.id,
                unit_id=world.hue.id,
                basis=Basis.REPORTED,
                as_of=TODAY - timedelta(7 * i),
                value=Decimal("1234.5") if i == 8 else Decimal(50 + i % 3),
                source="Sổ",
                recorded_at=NOW - timedelta(hours=3),
            )
            for i in range(9)
        ]
        tx.session.add_all(rows)
    await detect(api.database, as_of=TODAY, now=NOW)
    return rows[8].id


async def test_a_signal_is_a_sentence_with_its_evidence_and_a_note(
    api: Api, world: World, found: int
) -> None:
    reply = await api.gql(SIGNALS, {}, world.hue_head)
    assert reply.data["signals"]["totalCount"] == 1
    [signal] = reply.data["signals"]["nodes"]
    assert (signal["detector"], signal["state"], signal["foundOn"]) == ("JUMP", "OPEN", str(TODAY))
    assert signal["sentence"].endswith(
        "is 1,234.5, where the median of 9 values is 51 (robust z-score 798.27, the threshold is 6)."
    )
    assert signal["note"].startswith("It may mean nothing: a campaign")
    assert signal["score"] == "798.27"
    assert signal["evidence"] | {"asOf": None} == {
        "basis": "REPORTED",
        "asOf": None,
        "value": "1234.5",
        "median": "51",
        "mad": "1",
        "readings": 9,
        "z": "798.27",
        "measurementIds": [encode("Measurement", found)],
    }
    assert (signal["unit"]["name"], signal["indicator"]["name"]) == ("Thành phố Huế", "Hồ sơ đúng hạn")
    assert (signal["plan"], signal["task"], signal["answeredBy"]) == (None, None, None)


async def test_it_speaks_the_readers_language(api: Api, world: World, found: int) -> None:
    query = "{ signals { nodes { sentence note } } }"
    reply = await api.gql(query, as_=world.hue_head, accept_language="vi")
    [signal] = reply.data["signals"]["nodes"]
    assert "trung vị của 9 giá trị là 51" in signal["sentence"]
    assert signal["note"].startswith("Có thể không có gì sai")


async def test_the_head_is_told_and_finds_it_from_the_inbox(api: Api, world: World, found: int) -> None:
    query = "{ inbox { nodes { kind heading message subject { id ... on Signal { detector } } } } }"
    reply = await api.gql(query, as_=world.hue_head)
    [note] = reply.data["inbox"]["nodes"]
    assert (note["kind"], note["heading"]) == ("SIGNAL_FOUND", "Signal to answer: Hồ sơ đúng hạn")
    assert note["subject"]["detector"] == "JUMP"


async def test_it_is_answered_once_with_a_key_and_refused_after_that(
    api: Api, world: World, found: int
) -> None:
    [signal] = (await api.gql(SIGNALS, {}, world.hue_head)).data["signals"]["nodes"]
    given = {"signalId": signal["id"], "answer": "Sáp nhập hai đơn vị", "idempotencyKey": "k"}
    for _ in range(2):
        reply = await api.do(
            "answerSignal", given, world.hue_head, "signal { state answer answeredBy { id } }"
        )
        assert reply.refused("answerSignal") == []
        assert reply.data["answerSignal"]["signal"] == {
            "state": "ANSWERED",
            "answer": "Sáp nhập hai đơn vị",
            "answeredBy": {"id": encode("Person", world.hue_head.person_id or 0)},
        }
    again = await api.do("answerSignal", given | {"idempotencyKey": "other"}, world.hue_head, "signal { id }")
    assert again.refused("answerSignal") == [("SIGNAL_CLOSED", ["signalId"])]
    dismissed = {"signalId": signal["id"], "reason": "Không sao"}
    late = await api.do("dismissSignal", dismissed, world.prime, "signal { id }")
    assert late.refused("dismissSignal") == [("SIGNAL_CLOSED", ["signalId"])]


async def test_the_head_above_dismisses_what_the_unit_may_not(api: Api, world: World, found: int) -> None:
    [signal] = (await api.gql(SIGNALS, {}, world.prime)).data["signals"]["nodes"]
    given = {"signalId": signal["id"], "reason": "Đổi cách đo"}
    own = await api.do("dismissSignal", given, world.hue_head, "signal { id }")
    assert own.refused("dismissSignal") == [("FORBIDDEN", ["signalId"])]
    unseen = await api.do("dismissSignal", given, world.danang_head, "signal { id }")
    assert unseen.refused("dismissSignal") == [("NOT_FOUND", ["signalId"])]
    reply = await api.do("dismissSignal", given, world.prime, "signal { state answer }")
    assert reply.data["dismissSignal"]["signal"] == {"state": "DISMISSED", "answer": "Đổi cách đo"}


async def test_an_id_of_something_else_is_refused(api: Api, world: World) -> None:
    given = {"signalId": encode("Task", 1), "answer": "x"}
    reply = await api.do("answerSignal", given, world.hue_head, "signal { id }")
    assert reply.refused("answerSignal") == [("INVALID_ID", ["signalId"])]


async def test_the_number_of_statements_does_not_grow_with_the_signals(api: Api, world: World) -> None:
    async def add(count: int) -> None:
        async with api.database.begin(SYSTEM, now=NOW) as tx:
            for _ in range(count):
                task: Task = await factories.task(tx, world.hue, world.danang)
                tx.session.add(
                    Signal(
                        detector=Detector.PING_PONG,
                        key=str(task.id),
                        unit_id=world.hue.id,
                        task_id=task.id,
                        score=Decimal(3),
                        evidence={},
                        found_on=TODAY,
                        found_at=NOW,
                    )
                )

    await add(1)
    _, few = await api.measured(SIGNALS, {}, world.hue_head)
    await add(15)
    data, many = await api.measured(SIGNALS, {}, world.hue_head)
    assert data["signals"]["totalCount"] == 16
    assert few == many
