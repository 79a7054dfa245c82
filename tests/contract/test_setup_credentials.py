"""``vdept keys`` and ``vdept client`` as an operator meets them: what they print, and their exit codes."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

import factories
from contract.test_setup_cli import Vdept, one_sentence
from factories import SYSTEM
from vdept.clients.keys import Keyring
from vdept.clients.models import ApiClient, SigningKey
from vdept.kernel.activity import Activity
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.vault import Vault
from vdept.people.tokens import digest
from vdept.publications import signing

SECRET_KEY = "of thirty-two letters and no less"


@pytest.fixture
def vdept(database_url: str, redis_url: str) -> Vdept:
    return Vdept(VDEPT_DATABASE_URL=database_url, VDEPT_REDIS_URL=redis_url, VDEPT_SECRET_KEY=SECRET_KEY)


async def test_keys_are_rotated_listed_and_retired_by_command(db: Database, vdept: Vdept) -> None:
    assert vdept("keys", "list").stdout == ""
    first = vdept("keys", "rotate")
    assert (first.returncode, first.stderr) == (0, "")
    kid, state = first.stdout.strip().split("\t")
    assert state.startswith("signs since ")
    second, state = vdept("keys", "rotate").stdout.strip().split("\t")
    assert state.startswith("signs from ")
    urgent, state = vdept("keys", "rotate", "--at-once").stdout.strip().split("\t")
    assert state.startswith("signs since ")
    retired = vdept("keys", "retire", kid)
    assert (retired.returncode, retired.stdout.split("\t")[1].split(" 2")[0]) == (0, "retired")
    listed = [line.split("\t") for line in vdept("keys", "list").stdout.splitlines()]
    assert [(one, state.split(" 2")[0]) for one, state in listed] == [
        (urgent, "signs since"),
        (second, "accepted until"),
        (kid, "retired"),
    ]
    keyring = Keyring(Vault(SECRET_KEY))
    await keyring.load(db, utc_now())
    assert {key["kid"] for key in keyring.public()["keys"]} == {urgent, second}
    assert keyring.verify(keyring.sign({}, utc_now()), utc_now()) == {}
    async with db.snapshot(SYSTEM) as tx:
        assert set(await tx.session.scalars(sa.select(Activity.actor))) == {"system:cli"}


async def test_keys_for_editions_are_rotated_and_listed_by_command(db: Database, vdept: Vdept) -> None:
    assert vdept("editions", "keys", "list").stdout == ""
    first, state = vdept("editions", "keys", "rotate").stdout.strip().split("\t")
    assert state.startswith("signs since ")
    second = vdept("editions", "keys", "rotate").stdout.split("\t")[0]
    listed = [line.split("\t") for line in vdept("editions", "keys", "list").stdout.splitlines()]
    assert [(kid, state.split(" 2")[0]) for kid, state in listed] == [
        (second, "signs since"),
        (first, "signed until"),
    ]
    async with db.snapshot(SYSTEM) as tx:
        assert {key["kid"] for key in await signing.public_keys(tx)} == {first, second}
    assert "openssl rand -hex 32" in vdept("editions", "keys", "rotate", VDEPT_SECRET_KEY="short").stderr


async def test_what_cannot_be_done_with_keys_is_one_sentence(db: Database, vdept: Vdept) -> None:
    for arguments, settings, words in (
        (("keys", "retire", "none"), {}, "No such signing key"),
        (("keys", "rotate"), {"VDEPT_SECRET_KEY": "short"}, "openssl rand -hex 32"),
    ):
        done = vdept(*arguments, **settings)
        assert done.returncode == 1
        one_sentence(done, words)
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.scalars(sa.select(SigningKey))).all() == []


async def test_a_client_is_registered_listed_and_ended_by_command(
    db: Database, vdept: Vdept, tmp_path: Path
) -> None:
    async with db.begin(SYSTEM) as tx:
        await factories.unit(tx, code="46")
    arguments = ("--unit", "46", "--scope", "tasks:write", "--scope", "plans:read", "--machine")
    done = vdept("client", "register", "Cổng báo cáo", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    printed = dict(line.split("\t") for line in done.stdout.splitlines())
    assert printed.keys() == {"client_id", "client_secret"}
    jwks = tmp_path / "jwks.json"
    key = ECKey.generate_key("P-256").as_dict(private=False)
    jwks.write_text(json.dumps({"keys": [{**key, "kid": "a"}]}))
    keyed = vdept(
        *("client", "register", "Máy", "--unit", "46", "--scope", "tasks:read", "--machine"),
        *("--authentication", "private-key", "--jwks", str(jwks)),
    )
    assert keyed.stdout.startswith("client_id\tvdc_")
    assert "secret" not in keyed.stdout
    rotated = vdept("client", "rotate-secret", printed["client_id"])
    assert rotated.stdout.strip() != printed["client_secret"]
    assert vdept("client", "revoke", keyed.stdout.split("\t")[1].strip()).returncode == 0
    assert [line.split("\t")[1:] for line in vdept("client", "list", "--unit", "46").stdout.splitlines()] == [
        ["revoked", "46", "tasks:read", "Máy"],
        ["live", "46", "plans:read tasks:write", "Cổng báo cáo"],
    ]
    async with db.snapshot(SYSTEM) as tx:
        kept = await tx.session.scalar(
            sa.select(ApiClient.secret_digest).where(ApiClient.client_id == printed["client_id"])
        )
    assert kept == digest(rotated.stdout.strip())


async def test_what_cannot_be_done_with_clients_is_one_sentence(
    db: Database, vdept: Vdept, tmp_path: Path
) -> None:
    async with db.begin(SYSTEM) as tx:
        await factories.unit(tx, code="46")
    register = ("client", "register", "Máy", "--scope", "tasks:read", "--unit")
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for arguments, code, words in (
        ((*register, "99", "--machine"), 1, "There is no unit with the code 99."),
        ((*register, "46"), 1, "needs a redirect URI"),
        ((*register, "46", "--jwks", str(broken)), 1, "is not a JSON file"),
        ((*register, "46", "--scope", "everything"), 2, "no such scope"),
        (("client", "revoke", "vdc_x"), 1, "There is no client vdc_x"),
        (("client", "list", "--unit", "99"), 1, "There is no unit with the code 99."),
    ):
        done = vdept(*arguments)
        assert done.returncode == code, done.stderr
        one_sentence(done, words)
    async with db.snapshot(SYSTEM) as tx:
        assert (await tx.session.scalars(sa.select(ApiClient))).all() == []
