"""Units: the registry, the verbs of administrators and managers, and batched reads."""

from datetime import date

import pytest
import sqlalchemy as sa

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.kernel import activity
from vdept.kernel.actor import Actor, ActorKind, Role
from vdept.kernel.db import Database, Tx
from vdept.kernel.errors import Refused
from vdept.kernel.pages import PageRequest
from vdept.units import queries, registry, service
from vdept.units.access import get_unit
from vdept.units.bulk import Counts
from vdept.units.models import Unit, UnitKind
from vdept.units.queries import UnitFilter

NOBODY = Actor(ActorKind.PERSON)


async def feed(db: Database) -> list[activity.Activity]:
    async with db.snapshot(SYSTEM) as tx:
        return await activity.read_feed(tx.session, None, 10_000)


async def refused(
    db: Database, actor: Actor, verb: object, *args: object, **values: object
) -> tuple[str, object]:
    """Run a verb that must be refused; nothing may change by it."""
    before = await everything(db)
    with pytest.raises(Refused) as error:
        async with db.begin(actor, now=NOW) as tx:
            await verb(tx, *args, **values)  # type: ignore[operator]
    assert await everything(db) == before
    return error.value.code, ".".join(map(str, error.value.path))


async def everything(db: Database) -> list[tuple[object, ...]]:
    async with db.snapshot(SYSTEM) as tx:
        units = await tx.session.execute(sa.select(Unit.__table__).order_by(Unit.id))
        entries = await tx.session.execute(sa.select(sa.func.count()).select_from(activity.Activity))
        return [*map(tuple, units), *map(tuple, entries)]


async def tree(tx: Tx) -> tuple[Unit, Unit, Unit, Unit]:
    """A government, a province, its commune, and a firm beside them."""
    top = await factories.unit(tx, "Chính phủ", UnitKind.GOVERNMENT, code="TOP")
    province = await factories.unit(tx, "Hà Nội", UnitKind.PROVINCE, top, code="01")
    commune = await factories.unit(tx, "Phường Ba Đình", UnitKind.COMMUNE, province, code="00004")
    firm = await factories.unit(tx, "Công ty Sao Mai", UnitKind.FIRM, code="0900000011")
    return top, province, commune, firm


async def test_the_registry_is_complete_and_loading_it_again_changes_nothing(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        assert await registry.load_registry(tx) == Counts(created=3385, updated=0, unchanged=0)
    first = await everything(db)
    async with db.begin(SYSTEM, now=NOW) as tx:
        with counting(db) as statements:
            assert await registry.load_registry(tx) == Counts(created=0, updated=0, unchanged=3385)
        assert len(statements) == 4
    assert await everything(db) == first
    async with db.snapshot(SYSTEM) as tx:
        kinds = await tx.session.execute(sa.select(Unit.kind, sa.func.count()).group_by(Unit.kind))
        assert {row[0]: row[1] for row in kinds} == {
            "GOVERNMENT": 1,
            "MINISTRY": 17,
            "PROVINCE": 34,
            "COMMUNE": 3321,
            "FIRM": 9,
            "ASSOCIATION": 3,
        }
        found = await queries.units_by_codes(tx, ["TTCP", "01", "00004", "BKHCN", "0900000011"])
        top, hanoi, commune = found["TTCP"], found["01"], found["00004"]
        assert (commune.name, commune.path) == ("Phường Ba Đình", [top.id, hanoi.id, commune.id])
        assert (found["BKHCN"].name, found["BKHCN"].parent_id) == ("Bộ Khoa học và Công nghệ", top.id)
        assert (found["0900000011"].parent_id, found["0900000011"].public_body) == (None, False)
    entries = await feed(db)
    assert len(entries) == 3385
    assert {(e.verb, e.subject_type) for e in entries} == {("unit.created", "Unit")}


async def test_the_registry_mends_what_is_missing_and_what_differs(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await registry.load_registry(tx)
    async with db.begin(SYSTEM, now=NOW) as tx:
        await tx.session.execute(sa.update(Unit).where(Unit.code == "00004").values(code="OLD"))
        await tx.session.execute(sa.update(Unit).where(Unit.code == "01").values(name="Hà Lội"))
    async with db.begin(SYSTEM, now=NOW) as tx:
        with counting(db) as statements:
            assert await registry.load_registry(tx) == Counts(created=1, updated=1, unchanged=3383)
        assert len(statements) == 7
        hanoi = (await queries.units_by_codes(tx, ["01"]))["01"]
        assert (hanoi.name, hanoi.version, hanoi.search) == ("Thành phố Hà Nội", 2, "thanh pho ha noi 01")
    assert [(e.verb, e.data.get("name")) for e in (await feed(db))[-2:]] == [
        ("unit.created", "Phường Ba Đình"),
        ("unit.updated", {"from": "Hà Lội", "to": "Thành phố Hà Nội"}),
    ]


async def test_an_administrator_creates_a_unit_at_its_place_in_the_tree(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top, province, *_ = await tree(tx)
        admin = await factories.actor(tx, top, Role.MEMBER, administrator=True)
    async with db.begin(admin, now=NOW) as tx:
        made = await service.create_unit(
            tx,
            code=" SKHCN-01 ",
            name="Sở  Khoa học và Công nghệ",
            kind=UnitKind.DEPARTMENT,
            parent_id=province.id,
            name_en="Department of Science",
        )
    async with db.snapshot(SYSTEM) as tx:
        kept = await get_unit(tx, made.id)
    assert (kept.code, kept.name, kept.path, kept.valid_from) == (
        "SKHCN-01",
        "Sở Khoa học và Công nghệ",
        [top.id, province.id, made.id],
        date(2026, 3, 2),
    )
    assert kept.search == "so khoa hoc va cong nghe department of science skhcn-01"
    [entry] = await feed(db)
    assert (entry.verb, entry.subject_id, entry.data["code"]) == ("unit.created", made.id, "SKHCN-01")


async def test_a_unit_that_breaks_a_rule_is_refused_at_its_field(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        _, province, commune, firm = await tree(tx)
        ended = await factories.unit(tx, kind=UnitKind.PROVINCE, valid_to=date(2025, 6, 30))
    sound = {"code": "X", "name": "Xã", "kind": UnitKind.COMMUNE, "parent_id": province.id}
    for change, expected in [
        ({"code": "01"}, ("UNIT_CODE_TAKEN", "code")),
        ({"code": "x y"}, ("INVALID_VALUE", "code")),
        ({"name": "  "}, ("INVALID_VALUE", "name")),
        ({"parent_id": 10**15}, ("NOT_FOUND", "parentId")),
        ({"parent_id": None}, ("UNIT_PARENT_MISSING", "parentId")),
        ({"parent_id": commune.id}, ("UNIT_PARENT_KIND", "parentId")),
        ({"parent_id": firm.id}, ("UNIT_PARENT_KIND", "parentId")),
        ({"parent_id": ended.id}, ("UNIT_PARENT_ENDED", "parentId")),
        ({"kind": UnitKind.FIRM}, ("UNIT_PARENT_KIND", "parentId")),
        ({"valid_to": date(2020, 1, 1)}, ("UNIT_VALIDITY", "validTo")),
    ]:
        assert await refused(db, SYSTEM, service.create_unit, **{**sound, **change}) == expected


async def test_only_administrators_create_and_rename_and_managers_give_the_english_name(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        top, province, commune, _ = await tree(tx)
        head = await factories.actor(tx, province, Role.HEAD)
        above = await factories.actor(tx, top, Role.HEAD)
        member = await factories.actor(tx, province, Role.MEMBER)
    new = {"code": "X", "name": "Xã", "kind": UnitKind.COMMUNE, "parent_id": province.id}
    for actor in (head, above, member):
        assert await refused(db, actor, service.create_unit, **new) == ("FORBIDDEN", "")
        assert await refused(db, actor, service.update_unit, province.id, name="X") == ("FORBIDDEN", "unitId")
        assert await refused(db, actor, service.update_unit, province.id) == ("FORBIDDEN", "unitId")
    both = {"name": "X", "name_en": "Hanoi"}
    assert await refused(db, head, service.update_unit, province.id, **both) == ("FORBIDDEN", "unitId")
    for actor, unit in ((member, province), (above, province), (head, commune)):
        assert await refused(db, actor, service.update_unit, unit.id, name_en="H") == ("FORBIDDEN", "nameEn")
    assert await refused(db, NOBODY, service.update_unit, province.id, name_en="H") == ("NOT_FOUND", "unitId")
    async with db.begin(head, now=NOW) as tx:
        changed = await service.update_unit(tx, province.id, name_en=" Hanoi ", expected_version=1)
        assert (changed.name_en, changed.name, changed.version) == ("Hanoi", "Hà Nội", 2)
    assert (await feed(db))[-1].data == {"name_en": {"from": None, "to": "Hanoi"}}


async def test_an_administrator_renames_recodes_and_ends_a_unit(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        _, province, commune, _ = await tree(tx)
    day = date(2026, 12, 31)
    for values, expected in [
        ({"code": "00004"}, ("UNIT_CODE_TAKEN", "code")),
        ({"code": "thấp"}, ("INVALID_VALUE", "code")),
        ({"name": ""}, ("INVALID_VALUE", "name")),
        ({"valid_to": date(1999, 12, 31)}, ("UNIT_VALIDITY", "validTo")),
        ({"valid_to": day}, ("UNIT_HAS_CHILDREN", "validTo")),
        ({"name": "Y", "expected_version": 2}, ("STALE_VERSION", "expectedVersion")),
    ]:
        assert await refused(db, SYSTEM, service.update_unit, province.id, **values) == expected
    async with db.begin(SYSTEM, now=NOW) as tx:
        await service.update_unit(tx, commune.id, valid_to=day)
        await service.update_unit(tx, province.id, code="1", name="Thăng Long", valid_to=day, name_en=None)
    async with db.snapshot(SYSTEM) as tx:
        kept = await get_unit(tx, province.id)
        assert (kept.code, kept.name, kept.search, kept.valid_to) == ("1", "Thăng Long", "thang long 1", day)
    assert await refused(db, SYSTEM, service.update_unit, commune.id, valid_to=None) == (
        "UNIT_PARENT_ENDED",
        "validTo",
    )


async def test_units_are_found_by_kind_place_code_and_words(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await registry.load_registry(tx)
    async with db.snapshot(SYSTEM, now=NOW) as tx:
        found = await queries.units_by_codes(tx, ["01", "TTCP"])
        hanoi, top = found["01"], found["TTCP"]

        async def names(which: UnitFilter) -> list[str]:
            return [unit.name for unit in (await queries.units_page(tx, PageRequest(first=3), which)).rows]

        async def total(which: UnitFilter) -> int:
            page = await queries.units_page(tx, PageRequest(first=1), which)
            assert page.count is not None
            return int(await page.count())

        assert await total(UnitFilter()) == 3385
        assert await names(UnitFilter(kinds=(UnitKind.PROVINCE,))) == ["An Giang", "Bắc Ninh", "Cà Mau"]
        assert await names(UnitFilter(text="da nang thanh pho")) == ["Thành phố Đà Nẵng"]
        assert await names(UnitFilter(text="bkhcn")) == ["Bộ Khoa học và Công nghệ"]
        assert await names(UnitFilter(text="science ministry")) == ["Bộ Khoa học và Công nghệ"]
        assert await names(UnitFilter(text="100%_")) == []
        assert await names(UnitFilter(codes=("79",))) == ["Thành phố Hồ Chí Minh"]
        assert await names(UnitFilter(codes=())) == []
        assert await total(UnitFilter(parent_id=hanoi.id)) == 126
        assert await total(UnitFilter(below_id=top.id)) == 17 + 34 + 3321
        assert await total(UnitFilter(below_id=hanoi.id)) == 126
        assert await total(UnitFilter(valid_on=date(2025, 6, 30))) == 18 + 12
        tx.actor = NOBODY
        assert await names(UnitFilter()) == []
        assert await queries.units_by_ids(tx, [hanoi.id]) == {}
        with pytest.raises(Refused, match="NOT_FOUND"):
            await get_unit(tx, hanoi.id)


async def test_walking_the_pages_meets_every_unit_once_in_order(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await registry.load_registry(tx)
    which = UnitFilter(kinds=(UnitKind.PROVINCE,))
    async with db.snapshot(SYSTEM) as tx:
        forward: list[str] = []
        cursor: str | None = None
        while True:
            page = await queries.units_page(tx, PageRequest(first=10, after=cursor), which)
            forward += [unit.name for unit in page.rows]
            if not page.has_next:
                break
            cursor = page.cursors[-1]
        backward: list[str] = []
        before: str | None = None
        while True:
            page = await queries.units_page(tx, PageRequest(last=7, before=before), which)
            backward = [unit.name for unit in page.rows] + backward
            if not page.has_previous:
                break
            before = page.cursors[0]
    assert len(set(forward)) == 34
    assert forward == backward


async def test_children_of_many_units_are_one_statement_at_any_width(db: Database) -> None:
    async with db.begin(SYSTEM, now=NOW) as tx:
        await registry.load_registry(tx)
    async with db.snapshot(SYSTEM) as tx:
        provinces = await queries.units_page(
            tx, PageRequest(first=100), UnitFilter(kinds=(UnitKind.PROVINCE,))
        )
        ids = [unit.id for unit in provinces.rows]
        with counting(db) as statements:
            pages = await queries.children_of_units(tx, ids, PageRequest(first=2))
        assert len(statements) == 1
        assert list(pages) == sorted(ids)
        assert all(
            len(page.rows) == 2 and page.has_next and unit.parent_id == owner
            for owner, page in pages.items()
            for unit in page.rows
        )
        with counting(db) as statements:
            totals = [await page.count() for page in pages.values() if page.count]
        assert (len(statements), sum(totals)) == (1, 3321)
        first = pages[ids[0]]
        for request, rows in [
            (PageRequest(first=2, after=first.cursors[0]), 2),
            (PageRequest(last=1, before=first.cursors[1]), 1),
        ]:
            again = (await queries.children_of_units(tx, ids[:1], request))[ids[0]]
            alone = await queries.units_page(tx, request, UnitFilter(parent_id=ids[0]))
            assert [unit.id for unit in again.rows] == [unit.id for unit in alone.rows]
            assert (len(again.rows), again.has_next, again.has_previous) == (
                rows,
                alone.has_next,
                alone.has_previous,
            )
