"""Signing keys: made once, published before they sign, rotated without a gap, refused once retired."""

import asyncio
import multiprocessing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk, jws

import factories
from factories import NOW, SYSTEM
from statements import counting
from vdept.clients import keys
from vdept.clients.keys import ACCEPTED_AFTER, PUBLISHED_BEFORE, Keyring, list_keys, retire_key, rotate_keys
from vdept.clients.models import SigningKey
from vdept.kernel.activity import Activity
from vdept.kernel.db import Database
from vdept.kernel.errors import Refused
from vdept.kernel.settings import Settings
from vdept.kernel.vault import FILE, Vault, VaultError, secret_in

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
VAULT = Vault("a secret key of thirty-two letters")


async def rotated(db: Database, now: datetime = NOW, *, at_once: bool = False) -> SigningKey:
    async with db.begin(SYSTEM, now=now) as tx:
        return await rotate_keys(tx, VAULT, at_once=at_once)


async def retired(db: Database, kid: str, now: datetime = NOW) -> None:
    async with db.begin(SYSTEM, now=now) as tx:
        await retire_key(tx, kid)


async def loaded(db: Database, now: datetime = NOW) -> Keyring:
    keyring = Keyring(VAULT)
    await keyring.load(db, now)
    return keyring


def kid_of(token: str) -> str:
    return str(jws.extract_compact(token.encode()).headers()["kid"])


def signer(keyring: Keyring, now: datetime) -> str:
    return kid_of(keyring.sign({}, now))


async def rows(db: Database) -> list[SigningKey]:
    async with db.snapshot(SYSTEM) as tx:
        return await list_keys(tx)


async def test_the_first_key_is_made_when_it_is_needed_and_signs_at_once(db: Database) -> None:
    keyring = await loaded(db)
    [key] = await rows(db)
    assert (key.created_at, key.signs_from, key.retired_at) == (NOW, NOW, None)
    token = keyring.sign({"sub": "x"}, NOW)
    assert jws.extract_compact(token.encode()).headers() == {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
    assert keyring.verify(token, NOW) == {"sub": "x"}
    assert keyring.public() == {"keys": [key.public]}
    assert key.public.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "nothing private"
    async with db.snapshot(SYSTEM) as tx:
        [made] = (await tx.session.scalars(sa.select(Activity))).all()
    assert (made.verb, made.actor, made.subject_id) == ("signing_key.made", "system:signing_keys", key.id)
    assert "d" not in made.data


async def test_of_several_who_need_the_first_key_at_once_one_makes_it(db: Database) -> None:
    rings = await asyncio.gather(*[loaded(db) for _ in range(6)])
    assert len(await rows(db)) == 1
    assert len({signer(ring, NOW) for ring in rings}) == 1


def _load_elsewhere(url: str, gate: Any, kids: Any) -> None:
    async def load() -> str:
        database = Database(url, pool_size=2)
        try:
            return signer(await loaded(database), NOW)
        finally:
            await database.close()

    gate.wait()
    kids.put(asyncio.run(load()))


async def test_of_two_processes_that_need_the_first_key_at_once_one_makes_it(
    db: Database, database_url: str
) -> None:
    context = multiprocessing.get_context("spawn")
    gate, kids = context.Barrier(2), context.Queue()
    started = [context.Process(target=_load_elsewhere, args=(database_url, gate, kids)) for _ in range(2)]
    for process in started:
        process.start()
    both = [await asyncio.to_thread(kids.get, timeout=60) for _ in started]
    for process in started:
        await asyncio.to_thread(process.join, 30)
    assert [key.kid for key in await rows(db)] == both[:1] == both[1:]


async def test_the_private_key_is_nowhere_in_the_clear(db: Database) -> None:
    await loaded(db)
    [key] = await rows(db)
    private = VAULT.decrypt(key.private)
    number = jwk.ECKey.import_key(msgspec.json.decode(private)).as_dict(private=True)["d"]
    async with db.snapshot(SYSTEM) as tx:
        for table in ("signing_key", "activity"):
            kept = await tx.session.scalar(sa.text(f"SELECT string_agg(t::text, '') FROM {table} t"))
            assert str(number) not in kept
            assert str(number).encode().hex() not in kept


async def test_a_new_key_is_published_at_once_and_signs_ten_minutes_later(db: Database) -> None:
    first = (await rotated(db)).kid
    at = NOW + timedelta(days=90)
    second = (await rotated(db, at)).kid
    keyring = await loaded(db, at)
    assert [key["kid"] for key in keyring.public()["keys"]] == [first, second]
    begins = at + PUBLISHED_BEFORE
    assert [signer(keyring, moment) for moment in (at, begins - SECOND, begins)] == [first, first, second]


async def test_the_key_before_is_accepted_until_its_last_token_has_expired_and_then_leaves(
    db: Database,
) -> None:
    first = (await rotated(db)).kid
    at = NOW + timedelta(days=90)
    await rotated(db, at)
    keyring = await loaded(db, at)
    last = keyring.sign({}, at + PUBLISHED_BEFORE - SECOND)
    assert kid_of(last) == first
    ends = at + PUBLISHED_BEFORE + ACCEPTED_AFTER
    assert keyring.verify(last, ends - SECOND) is not None
    assert keyring.verify(last, ends) is None
    await keyring.load(db, ends)
    assert first not in {key["kid"] for key in keyring.public()["keys"]}


async def test_at_once_means_now_and_a_key_that_waited_never_signs(db: Database) -> None:
    first = (await rotated(db)).kid
    waiting = (await rotated(db, NOW + MINUTE)).kid
    now = NOW + 2 * MINUTE
    urgent = (await rotated(db, now, at_once=True)).kid
    keyring = await loaded(db, now)
    moments = [now + minutes * MINUTE for minutes in range(9)]
    assert {signer(keyring, moment) for moment in moments} == {urgent}
    assert {key["kid"] for key in keyring.public()["keys"]} == {first, waiting, urgent}


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=8))
def test_whenever_keys_are_rotated_every_token_is_accepted_for_its_whole_life(
    turns: list[tuple[int, bool]],
) -> None:
    """The dates of rotation alone, replayed on what the keyring keeps; no database."""
    held: list[keys._Held] = []
    now, moments = NOW, [NOW]
    for minutes, at_once in [(0, True), *turns]:
        now += minutes * MINUTE
        live = [key for key in held if key.accepted(now)]
        starts = keys.begins([key.signs_from for key in live], now, at_once=at_once)
        held = [replace(key, retired_at=key.retired_at or starts + ACCEPTED_AFTER) for key in live]
        held.append(keys._Held(str(len(moments)), {}, jwk.ECKey, b"", starts, None))
        moments += [now, starts]
        for moment in moments:
            chosen = keys.signing(held, moment) if moment >= now else None
            assert chosen is None or chosen.accepted(moment + ACCEPTED_AFTER - MINUTE - SECOND)


async def test_a_retired_key_is_refused_at_once_and_another_one_signs(db: Database) -> None:
    first = (await rotated(db)).kid
    keyring = await loaded(db)
    token = keyring.sign({}, NOW)
    waiting = (await rotated(db, NOW + MINUTE)).kid
    await retired(db, first, NOW + 2 * MINUTE)
    now = NOW + 2 * MINUTE + SECOND
    await keyring.load(db, now)
    assert keyring.verify(token, now) is None
    assert signer(keyring, now) == waiting, "it was to sign in eight minutes, and must now"
    await retired(db, waiting, now + MINUTE)
    await keyring.load(db, now + 2 * MINUTE)
    third = signer(keyring, now + 2 * MINUTE)
    assert third not in {first, waiting}
    assert len(await rows(db)) == 3


async def test_a_key_is_retired_once_and_only_if_there_is_one(db: Database) -> None:
    kid = (await rotated(db)).kid
    await retired(db, kid)
    with pytest.raises(Refused, match="SIGNING_KEY_RETIRED"):
        await retired(db, kid)
    with pytest.raises(Refused, match="NOT_FOUND"):
        await retired(db, "nothing")


async def test_only_administrators_and_the_platform_have_to_do_with_keys(db: Database) -> None:
    kid = (await rotated(db)).kid
    async with db.begin(SYSTEM, now=NOW) as tx:
        head = await factories.actor(tx, await factories.unit(tx))
    for verb in (
        lambda tx: rotate_keys(tx, VAULT),
        lambda tx: retire_key(tx, kid),
        list_keys,
    ):
        with pytest.raises(Refused, match="FORBIDDEN"):
            async with db.begin(head, now=NOW) as tx:
                await verb(tx)
    assert [(key.kid, key.retired_at) for key in await rows(db)] == [(kid, None)]


async def test_keys_are_read_every_five_seconds_and_parsed_once(db: Database) -> None:
    keyring = await loaded(db)
    with counting(db) as sent:
        for tenths in range(50):
            await keyring.load(db, NOW + tenths * timedelta(milliseconds=100))
    assert sent == []
    before = dict(keyring._held)
    with counting(db) as sent:
        await keyring.load(db, NOW + 5 * SECOND)
    assert len(sent) == 1
    assert all(keyring._held[kid].key is held.key for kid, held in before.items())


async def test_an_unknown_key_is_looked_up_once_a_second_and_no_oftener(db: Database) -> None:
    await rotated(db)
    here = await loaded(db)
    there = Keyring(VAULT)
    token = here.sign({}, NOW)
    made_up = [token.replace(token.partition(".")[0], _header(f"k{number}")) for number in range(50)]
    with counting(db) as sent:
        for moment in (NOW, NOW + SECOND / 2, NOW + SECOND):
            for other in made_up:
                async with db.snapshot(SYSTEM, now=moment) as tx:
                    await there.look_up(tx, other)
    assert len(sent) == 2
    assert there.verify(token, NOW) == {}
    await rotated(db, NOW + 3 * SECOND, at_once=True)
    await here.load(db, NOW + 10 * SECOND)
    fresh = here.sign({}, NOW + 10 * SECOND)
    async with db.snapshot(SYSTEM, now=NOW + 10 * SECOND) as tx:
        await there.look_up(tx, fresh)
    assert there.verify(fresh, NOW + 10 * SECOND) == {}


def _header(kid: str) -> str:
    return jws.serialize_compact(
        {"alg": "ES256", "typ": "at+jwt", "kid": kid}, b"{}", jwk.ECKey.generate_key("P-256")
    ).partition(".")[0]


async def test_verified_tokens_are_remembered_but_not_without_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "REMEMBERED", 3)
    computed: list[str] = []
    verified = keys._verified
    monkeypatch.setattr(keys, "_verified", lambda token, key: computed.append(token) or verified(token, key))
    keyring = await loaded(db)
    tokens = [keyring.sign({"n": number}, NOW) for number in range(4)]
    for token in [*tokens, tokens[1], tokens[3], tokens[0]]:
        claims = keyring.verify(token, NOW)
        assert claims is not None
        claims.clear()  # what is given out is the caller's own
    assert computed == [*tokens, tokens[0]]
    assert len(keyring._good) == 3
    assert keyring.verify(tokens[0], NOW) == {"n": 0}


async def test_a_key_of_another_secret_says_what_to_do(db: Database) -> None:
    await rotated(db)
    other = Keyring(Vault("b" * 32))
    await other.load(db, NOW)
    with pytest.raises(VaultError, match="Give the earlier VDEPT_SECRET_KEY"):
        other.sign({}, NOW)


def test_what_is_encrypted_comes_back_and_never_looks_the_same() -> None:
    one, two = VAULT.encrypt(b"secret"), VAULT.encrypt(b"secret")
    assert one != two
    assert VAULT.decrypt(one) == VAULT.decrypt(two) == b"secret"
    assert b"secret" not in one
    assert VAULT.decrypt(VAULT.encrypt(b"")) == b""


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(1, 255))
def test_what_was_changed_or_never_encrypted_is_not_decrypted(plain: bytes, place: int, change: int) -> None:
    sealed = bytearray(VAULT.encrypt(plain))
    sealed[place % len(sealed)] ^= change
    for kept in (bytes(sealed), bytes(sealed[:place]), plain):
        with pytest.raises(VaultError):
            VAULT.decrypt(kept)


@pytest.mark.parametrize("secret", ["", "x" * 31])
def test_a_short_secret_key_is_refused(secret: str) -> None:
    with pytest.raises(VaultError, match="openssl rand -hex 32"):
        Vault(secret)


def test_the_secret_key_is_that_of_the_settings_or_of_a_file_made_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    given = Vault.of(Settings(secret_key="s" * 32, data_dir=str(folder)))
    assert not folder.exists()
    made = Vault.of(Settings(data_dir=str(folder)))
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    assert len((folder / FILE).read_text()) == 64
    again = Vault.of(Settings(data_dir=str(folder)))
    assert again.decrypt(made.encrypt(b"x")) == b"x"
    with pytest.raises(VaultError):
        given.decrypt(made.encrypt(b"x"))


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret_in(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        secret_in(tmp_path)


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VaultError, match="set VDEPT_SECRET_KEY"):
        secret_in(tmp_path / "file" / "folder")
    (tmp_path / FILE).write_text("")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(VaultError, match="has 0 characters"):
        Vault.of(Settings(data_dir=str(tmp_path)))


def _secret_elsewhere(folder: str, gate: Any, secrets: Any) -> None:
    gate.wait()
    secrets.put(secret_in(Path(folder)))


def test_processes_that_make_the_file_at_once_end_with_the_same_secret(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        gate, secrets = context.Barrier(4), context.Queue()
        arguments = (str(folder), gate, secrets)
        started = [context.Process(target=_secret_elsewhere, args=arguments) for _ in range(4)]
        for process in started:
            process.start()
        assert len({secrets.get(timeout=30) for _ in started}) == 1
        for process in started:
            process.join(30)
        assert [path.name for path in folder.iterdir()] == [FILE]
