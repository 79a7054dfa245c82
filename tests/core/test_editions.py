"""Publishing: what an edition says follows from what it shows, and nobody alters what was published."""

import asyncio
import os
import tempfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

import editions_scene as scenes
import factories as make
from editions_scene import VAULT, Scene, by_code
from factories import NOW, SYSTEM
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.publications import checking, publishing, rendering, signing
from vdept.publications.findings import Findings
from vdept.publications.models import Edition, EditionFormat
from vdept.targets.changes import target_changed
from vdept.targets.models import KeyResult, Target
from vdept.units.models import UnitKind

D = Decimal


@pytest.fixture
async def scene(db: Database) -> Scene:
    return await scenes.build(db)


async def check(db: Database, edition: Edition) -> list[str]:
    content = await scenes.file_of(db, edition)
    findings = Findings()
    checking.check_file(content, EditionFormat.JSON, edition.manifest, edition.signature, findings)
    async with db.snapshot(SYSTEM) as tx:
        keys = await signing.public_keys(tx)
    checking.check_signature(edition.manifest, edition.signature, keys, findings)
    checking.check_content(content, edition.manifest, findings)
    return findings.faults


async def test_a_published_plan_verifies_figure_by_figure(db: Database, scene: Scene) -> None:
    edition = await scenes.publish(db, scene)
    assert await check(db, edition) == []
    said, units, targets = await scenes.read(db, edition)
    assert (edition.number, edition.targets, edition.units) == (1, 50, 10)
    assert (said.head.plan.code, said.head.as_of) == ("KH-2026", date(2026, 3, 2))
    assert {row.unit for row in targets} == {row.code for row in units}
    measured = [row for row in targets if row.own_measured is not None]
    assert len(measured) == 24
    assert all(row.own_measured.source == "=HỆ THỐNG(1)" for row in measured if row.own_measured)


async def test_equals_share_a_rank_and_the_next_is_as_far_behind(db: Database, scene: Scene) -> None:
    _, units, _ = await scenes.read(db, await scenes.publish(db, scene))
    found = by_code(units)
    assert [found[each.code].rank for each in scene.provinces] == [1, 1, 3]
    assert {found[each.code].ranked_among for each in scene.provinces} == {3}
    assert [found[each.code].rank for each in scene.communes] == [1, 1, 1, 1, 5, 5]


async def test_the_next_edition_tells_who_moved(db: Database, scene: Scene) -> None:
    first = await scenes.publish(db, scene)
    await scenes.correct(db, scene, scene.communes[4], D(70))
    second = await scenes.publish(db, scene, now=NOW + timedelta(days=1))
    said, units, _ = await scenes.read(db, second)
    _, before, _ = await scenes.read(db, first)
    assert said.head.previous is not None
    assert said.head.previous.sha256 == first.manifest["files"]["JSON"]["sha256"]
    now, was = by_code(units)[scene.provinces[2].code], by_code(before)[scene.provinces[2].code]
    assert (was.rank, now.rank, now.previous_rank, now.moved_places) == (3, 1, 3, 2)
    assert now.own.measured is not None
    assert was.own.measured is not None
    assert now.moved_points == 100 * (now.own.measured - was.own.measured) > 0
    assert await check(db, second) == []


async def test_what_is_not_rolled_up_yet_is_rolled_up_first(db: Database, scene: Scene) -> None:
    await scenes.correct(db, scene, scene.communes[5], D(80))
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE target SET value = 60 WHERE level = 2"))
        await target_changed(tx, scene.plan.id, [each.id for each in scene.targets])
    edition = await scenes.publish(db, scene)
    assert await check(db, edition) == []
    _, _, targets = await scenes.read(db, edition)
    mine = [row for row in targets if row.unit == scene.communes[5].code and row.measured]
    assert {row.measured.value for row in mine if row.measured} == {D(80)}
    assert {row.goal for row in mine} == {D(60)}


async def test_milestones_carry_their_verdict_and_no_figure_of_tasks(db: Database, scene: Scene) -> None:
    milestone = scene.targets[-1]
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text(
                "INSERT INTO verdict (subject, plan_id, unit_id, target_id, key_result_id, number, "
                "judgement, due_on, evaluated_on, inputs, issued_at) VALUES ('TARGET', :plan, :unit, "
                ":target, :key_result, 1, 'NOT_MET', '2026-02-01', '2026-02-02', '{}', now())"
            ),
            {
                "plan": scene.plan.id,
                "unit": milestone.unit_id,
                "target": milestone.id,
                "key_result": milestone.key_result_id,
            },
        )
    edition = await scenes.publish(db, scene)
    said, units, targets = await scenes.read(db, edition)
    rows = [row for row in targets if row.key_result == milestone.key_result_id]
    assert len(rows) == 10
    for row in rows:
        shown = (row.measured, row.reported, row.attainment, row.expected, row.status, row.meets, row.gap)
        assert shown == (None,) * 7
    assert {row.verdict for row in rows if row.id == milestone.id} == {"NOT_MET"}
    root = next(row for row in units if row.parent is None)
    assert sum(root.whole[:7]) == 40  # five key results hold 50 targets, ten of them milestones
    assert "Việc mật".encode() not in await scenes.file_of(db, edition)
    assert said.head.left_out.vi.startswith("Số liệu về nhiệm vụ")
    assert await check(db, edition) == []


async def test_every_format_is_written_and_hashed(db: Database, scene: Scene) -> None:
    edition = await scenes.publish(db, scene)
    for of in EditionFormat:
        content, findings = await scenes.file_of(db, edition, of), Findings()
        checking.check_file(content, of, edition.manifest, edition.signature, findings)
        assert (findings.faults, len(content) > 1000) == ([], True), of


async def test_a_large_edition_is_rendered_beside_and_is_the_same(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = await scenes.publish(db, scene)
    monkeypatch.setattr(rendering, "BESIDE_FROM", 1)
    monkeypatch.setattr(publishing, "CHUNK", 1000)
    large = await scenes.publish(db, scene)
    assert await scenes.file_of(db, large, EditionFormat.CSV) != b""
    assert (await scenes.read(db, small))[2] == (await scenes.read(db, large))[2]
    assert await check(db, large) == []


async def test_the_edition_of_a_month_is_published_once(db: Database, scene: Scene) -> None:
    month = date(2026, 3, 1)
    assert (await scenes.publish(db, scene, month=month)).month == month
    again = await publishing.publish(db, VAULT, scene.plan.id, month=month, now=NOW)
    assert again is None
    assert (await scenes.publish(db, scene)).number == 2


async def test_two_at_once_make_two_numbers(db: Database, scene: Scene) -> None:
    made = await asyncio.gather(*[scenes.publish(db, scene) for _ in range(2)])
    assert sorted(each.number for each in made) == [1, 2]


async def test_a_correction_names_what_it_corrects(db: Database, scene: Scene) -> None:
    await scenes.publish(db, scene)
    second = await scenes.publish(db, scene, corrects=1, note="Sửa số của Huế")
    assert (second.corrects_number, second.manifest["corrects"]) == (1, 1)
    with pytest.raises(Refused) as caught:
        await scenes.publish(db, scene, corrects=3, note="?")
    assert (caught.value.code, caught.value.path) == ("CORRECTS_UNKNOWN", ("correctsNumber",))


async def test_a_draft_is_not_published(db: Database, scene: Scene) -> None:
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE plan SET state = 'DRAFT'"))
    with pytest.raises(Refused) as caught:
        await scenes.publish(db, scene)
    assert caught.value.code == "PLAN_NOT_PUBLISHABLE"


async def test_a_failure_in_the_middle_leaves_nothing(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(formats: tuple[EditionFormat, ...], *_: object) -> None:
        raise rendering.RenderingError(formats[0].value)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "render", broken)
        with pytest.raises(rendering.RenderingError):
            await scenes.publish(db, scene)
    async with db.snapshot(SYSTEM) as tx:
        for table in ("edition", "edition_file", "edition_chunk"):
            assert await tx.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) == 0
    assert (await scenes.publish(db, scene)).number == 1


@pytest.mark.parametrize("table", ["edition", "edition_file", "edition_chunk"])
@pytest.mark.parametrize("verb", ["DELETE FROM {0}", "UPDATE {0} SET {1} = {1}"])
async def test_the_platform_itself_can_neither_change_nor_delete_it(
    db: Database, scene: Scene, table: str, verb: str
) -> None:
    await scenes.publish(db, scene)
    column = {"edition": "note", "edition_file": "sha256", "edition_chunk": "content"}[table]
    with pytest.raises(DBAPIError, match="permission denied"):
        async with db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(verb.format(table, column)))


# Verification by attack -----------------------------------------------------------------------------------


async def test_any_figure_that_does_not_follow_is_named(db: Database, scene: Scene) -> None:
    edition = await scenes.publish(db, scene)
    content = await scenes.file_of(db, edition)
    _, units, targets = await scenes.read(db, edition)
    province = by_code(units)[scene.provinces[0].code]
    leaf = next(row for row in targets if row.own_measured and row.status)
    for row, name, value, named in [
        (leaf, "attainment", D("0.9"), f"target {leaf.id} of {leaf.unit}: attainment"),
        (leaf, "status", "MET", f"target {leaf.id} of {leaf.unit}: status is MET"),
        (leaf, "goal", D(1), f"target {leaf.id} of {leaf.unit}: attainment"),
        (leaf, "own_measured", None, f"target {leaf.id} of {leaf.unit}: measured value"),
        (leaf, "unit", province.code, f"unit {leaf.unit}: "),
        (province, "rank", 2, f"unit {province.code}: rank is 2, but 1 follows"),
        (province, "own", province.own._replace(measured=D("0.99")), f"unit {province.code}: measured"),
        (province, "moved_places", 4, f"unit {province.code}: moved_places"),
    ]:
        at = [r.id for r in targets].index(row.id) if row is leaf else units.index(province)
        spoiled = msgspec.json.decode(content)
        table = spoiled["targets" if row is leaf else "units"]
        table["rows"][at][table["columns"].index(name)] = msgspec.to_builtins(value)
        findings = Findings()
        checking.check_content(msgspec.json.encode(spoiled), edition.manifest, findings)
        assert any(fault.startswith(named) for fault in findings.faults), (name, findings.faults)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", "1E+999999999", "-0", ""])
async def test_a_number_that_is_none_is_a_fault_and_no_accident(
    db: Database, scene: Scene, number: str
) -> None:
    edition = await scenes.publish(db, scene)
    for table, column in (("targets", "goal"), ("targets", "attainment"), ("units", "moved_points")):
        spoiled = msgspec.json.decode(await scenes.file_of(db, edition))
        rows = spoiled[table]["rows"]
        rows[0][spoiled[table]["columns"].index(column)] = number
        findings = Findings()
        checking.check_content(msgspec.json.encode(spoiled), edition.manifest, findings)
        assert findings.faults, (table, column)


async def test_a_row_left_out_is_missed(db: Database, scene: Scene) -> None:
    edition = await scenes.publish(db, scene)
    spoiled = msgspec.json.decode(await scenes.file_of(db, edition))
    del spoiled["targets"]["rows"][0]
    findings = Findings()
    checking.check_content(msgspec.json.encode(spoiled), edition.manifest, findings)
    assert any("the number of targets is 50, but 49 follows" in fault for fault in findings.faults)
    assert len(findings.faults) > 1  # its parent and its unit miss it too


async def test_one_digit_another_manifest_or_another_signature_are_found(db: Database, scene: Scene) -> None:
    one, two = await scenes.publish(db, scene), await scenes.publish(db, scene)
    content = await scenes.file_of(db, one)
    async with db.snapshot(SYSTEM) as tx:
        keys = await signing.public_keys(tx)

    def faults(content: bytes, manifest: dict, signature: str) -> list[str]:
        findings = Findings()
        checking.check_file(content, EditionFormat.JSON, manifest, signature, findings)
        checking.check_signature(manifest, signature, keys, findings)
        return findings.faults

    assert faults(content, one.manifest, one.signature) == []
    assert "its hash differs" in faults(content.replace(b'"80"', b'"81"', 1), one.manifest, one.signature)[0]
    assert "its hash differs" in faults(content, two.manifest, two.signature)[0]
    assert "does not hold" in faults(content, one.manifest, two.signature)[0]
    assert "does not hold" in faults(content, {**one.manifest, "number": 2}, one.signature)[0]
    assert "none of an edition" in faults(content, one.manifest, "ey.x.y")[0]


# Who meets whom -------------------------------------------------------------------------------------------


async def test_whoever_looked_before_another_published_looks_again(
    db: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers and one month: the second has its picture already when the first is done."""
    month, gate = date(2026, 3, 1), 4_242
    behind = sa.text(f"SELECT pg_try_advisory_xact_lock(:key) FROM (SELECT pg_advisory_xact_lock({gate})) g")
    waiting = sa.text(f"SELECT count(*) FROM pg_locks WHERE objid = {gate} AND NOT granted")
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text(f"SELECT pg_advisory_xact_lock({gate})"))
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "_TRY_LOCK", behind)
            late = asyncio.create_task(publishing.publish(db, VAULT, scene.plan.id, month=month, now=NOW))
            while not await tx.session.scalar(waiting):
                await asyncio.wait([late], timeout=0.01)
        first = await scenes.publish(db, scene, month=month)
    assert (first.number, await late) == (1, None)


@pytest.mark.parametrize("table", ["edition_file", "edition_chunk"])
async def test_nothing_is_added_to_what_was_published(db: Database, scene: Scene, table: str) -> None:
    edition = await scenes.publish(db, scene)
    more = {
        "edition_file": "SELECT edition_id, 'HTML', sha256, size FROM edition_file WHERE format = 'CSV'",
        "edition_chunk": "SELECT edition_id, format, number + 99, content FROM edition_chunk",
    }[table]
    with pytest.raises(DBAPIError, match="nothing is added to an edition"):
        async with db.begin(SYSTEM) as tx:
            await tx.session.execute(sa.text(f"INSERT INTO {table} {more}"))
    assert await check(db, edition) == []


async def test_keys_are_rotated_and_what_they_have_signed_holds(db: Database, scene: Scene) -> None:
    first = await scenes.publish(db, scene)
    async with db.begin(SYSTEM) as tx:
        rotated = await signing.rotate(tx, VAULT)
    second = await scenes.publish(db, scene)
    assert second.kid == rotated.kid != first.kid
    assert [await check(db, each) for each in (first, second)] == [[], []]
    async with db.snapshot(SYSTEM) as tx:
        newest, oldest = await signing.all_keys(tx)
    assert (newest.retired_at, oldest.retired_at is None, oldest.private) == (None, False, b"")
    for verb in ("DELETE FROM edition_key", "UPDATE edition_key SET public = '{}'"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with db.begin(SYSTEM) as tx:
                await tx.session.execute(sa.text(verb))


async def test_what_a_killed_worker_left_is_removed(
    db: Database, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = tmp_path / "vdept-edition-old", tmp_path / "vdept-edition-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "JSON").write_bytes(b"{}")
    os.utime(old, (0, 0))
    await scenes.publish(db, scene)
    assert (old.exists(), new.exists()) == (False, True)


# Numbers at the limits ------------------------------------------------------------------------------------


async def test_the_largest_numbers_verify_to_the_last_digit(db: Database, scene: Scene) -> None:
    """Eighteen digits before the comma and six behind it, weighed and added up."""
    large = D("123456789012345678.123457")
    async with db.begin(SYSTEM) as tx:
        await tx.session.execute(
            sa.text("UPDATE target SET value = :goal, weight = 987654.321987"), {"goal": large * 7}
        )
        await target_changed(tx, scene.plan.id, [each.id for each in scene.targets])
    for at, unit in enumerate(scene.communes):
        await scenes.correct(db, scene, unit, large + at)
    assert await check(db, await scenes.publish(db, scene)) == []


async def test_a_plan_with_nothing_in_it_and_one_with_a_single_unit(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        alone = await make.unit(tx, "Chính phủ", UnitKind.GOVERNMENT)
        empty, single = await make.plan(tx, alone), await make.plan(tx, alone)
        key_result = await make.key_result(tx, single, await make.indicator(tx), baseline=D(0))
        target = await make.target(tx, key_result, alone)
        await scenes.measure(tx, target.indicator_id, alone, D(40))
        await target_changed(tx, single.id, [target.id])
    for plan, targets, number in ((empty, 0, 1), (single, 1, 1), (empty, 0, 2)):
        made = await publishing.publish(db, VAULT, plan.id, now=NOW)
        assert made is not None
        assert (made.number, made.targets, made.units) == (number, targets, targets)
        assert await check(db, made) == []
        assert b"<h2>" in await scenes.file_of(db, made, EditionFormat.HTML)
    _, (row,), _ = await scenes.read(db, await publishing.publish(db, VAULT, single.id, now=NOW) or made)
    assert (row.rank, row.ranked_among, row.previous_rank, row.moved_places) == (1, 1, 1, 0)


async def test_whoever_comes_has_not_moved_and_whoever_goes_is_gone(db: Database, scene: Scene) -> None:
    gone = scene.communes[4]
    await scenes.publish(db, scene)
    async with db.begin(SYSTEM) as tx:
        new = await make.unit(tx, "Xã mới", UnitKind.COMMUNE, parent=scene.provinces[2])
        root = scene.targets[2 + 1]  # Sơn La's, of the first key result
        key_result = await tx.session.get_one(KeyResult, root.key_result_id)
        leaf = await make.target(tx, key_result, new, root)
        await scenes.measure(tx, leaf.indicator_id, new, D(70))
        taken = [each.id for each in scene.targets if each.unit_id == gone.id]
        withdrawn = sa.update(Target).where(Target.id.in_(taken)).values(state="WITHDRAWN")
        await tx.session.execute(withdrawn)
        await target_changed(tx, scene.plan.id, [leaf.id, *taken])
    second = await scenes.publish(db, scene)
    assert await check(db, second) == []
    found = by_code((await scenes.read(db, second))[1])
    assert gone.code not in found
    assert (found[new.code].previous_rank, found[new.code].moved_points, found[new.code].rank) == (
        None,
        None,
        1,
    )
    assert found[scene.communes[0].code].moved_places == -1
