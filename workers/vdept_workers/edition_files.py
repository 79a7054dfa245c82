"""``vdept editions``: publish one now, and check a downloaded one without asking anybody."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vdept_workers.credentials import transaction, vault
from vdept_workers.runtime import Failure, on_database, settings

if TYPE_CHECKING:
    from vdept.kernel.db import Database, Tx
    from vdept.publications.models import Edition, EditionKey

SUFFIXES = {".json": "JSON", ".csv": "CSV", ".xlsx": "EXCEL", ".html": "HTML"}
BEFORE = b'{"content":'
"""How the JSON file begins."""

LARGEST = 1_000_000_000
"""Bytes; an edition with a million targets has half of that."""

OWN = "the database that VDEPT_DATABASE_URL names"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def editions() -> None:
    """Editions of plans: what was published, signed and is never altered."""


@editions.command()
@click.argument("plan", metavar="PLAN")
@click.option("--note", help="What readers should know of it.")
@click.option("--corrects", type=click.IntRange(1), metavar="NUMBER", help="The edition that it corrects.")
def publish(plan: str, note: str | None, corrects: int | None) -> None:
    """Publish an edition of the plan with the code PLAN now."""
    from vdept.publications.requesting import NOTE_LIMIT
    from vdept.targets.rules import clean_optional

    if corrects is not None and not (note or "").strip():
        msg = "a correction needs --note: say what was wrong."
        raise click.UsageError(msg)
    said = clean_optional(note, NOTE_LIMIT, "note")
    kept = vault()

    async def act(database: "Database") -> "Edition":
        import sqlalchemy as sa

        from vdept.kernel.actor import system
        from vdept.kernel.clock import utc_now
        from vdept.publications import publishing
        from vdept.targets.models import Plan

        async with database.snapshot(system("cli")) as tx:
            plan_id = await tx.session.scalar(sa.select(Plan.id).where(Plan.code == plan))
        if plan_id is None:
            msg = f"There is no plan with the code {plan}."
            raise Failure(msg)
        made = await publishing.publish(database, kept, plan_id, note=said, corrects=corrects, now=utc_now())
        if made is None:
            msg = "Somebody else has published it meanwhile."
            raise Failure(msg)
        return made

    made = on_database(act)
    click.echo(f"{plan}\tedition {made.number}\t{made.targets} targets\t{made.units} units\tkid {made.kid}")


@editions.group()
def keys() -> None:
    """The keys that editions are signed with; `vdept keys` has those of access tokens."""


@keys.command("list")
def list_keys() -> None:
    """List the keys, the newest first: id, and since or until when each signs."""
    from vdept.publications import signing

    async def act(tx: "Tx") -> list[str]:
        return [_key_line(key) for key in await signing.all_keys(tx)]

    for line in transaction(act):
        click.echo(line)


@keys.command()
def rotate() -> None:
    """Sign with a new key from now on. What earlier keys have signed goes on to verify; they are published
    for ever, and their private parts are destroyed."""
    from vdept.publications import signing

    kept = vault()

    async def act(tx: "Tx") -> str:
        return _key_line(await signing.rotate(tx, kept))

    click.echo(transaction(act))


def _key_line(key: "EditionKey") -> str:
    from vdept.kernel.clock import LOCAL

    state, at = (
        ("signs since", key.created_at) if key.retired_at is None else ("signed until", key.retired_at)
    )
    return f"{key.kid}\t{state} {at.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"


@editions.command()
@click.argument("file", type=_FILE)
@click.option("--keys", "known", type=_FILE, help="The platform's keys (JWKS), kept from /oauth/jwks.")
@click.option("--manifest", type=_FILE, help="The edition's manifest; a JSON file carries its own.")
def verify(file: Path, known: Path | None, manifest: Path | None) -> None:
    """Check the downloaded edition FILE offline: its hash, its signature, and that its figures follow.

    Whose signature it is can be said only with the platform's keys: --keys, a file kept from its
    /oauth/jwks, or else those in the database that VDEPT_DATABASE_URL names. Without either the command
    says what it has checked and ends with 2: a file that agrees with itself may be anybody's.
    Figures are computed again from a JSON file; the other formats are compared with the manifest.
    """
    from vdept.publications import checking
    from vdept.publications.findings import Findings
    from vdept.publications.models import EditionFormat

    of = EditionFormat(_format_of(file))
    if file.stat().st_size > LARGEST:
        msg = f"{file.name} does not hold: it is larger than any edition."
        raise Failure(msg)
    content = file.read_bytes()
    findings = Findings()
    try:
        content, signed, signature = _signed(content, of, manifest)
    except ValueError as error:
        msg = f"{file.name}: {_printable(str(error))}"
        raise Failure(msg) from error
    checking.check_file(content, of, signed, signature, findings)
    known_from = OWN if known is None else known.name
    checking.check_signature(signed, signature, _keys(known), findings, known_from)
    if of is EditionFormat.JSON:
        checking.check_content(content, signed, findings)
    else:
        findings.about.append("the file is the one signed; its figures can be computed again from JSON only")
    for fault in findings.faults:
        click.echo(_printable(fault))
    if findings.more:
        click.echo(f"… and {findings.more} more")
    if findings.faults:
        msg = f"{file.name} does not hold."
        raise Failure(msg)
    which = f"{signed.get('plan')} edition {signed.get('number')}"
    if findings.unsigned:
        click.echo(_printable(f"What says it is {which} agrees with itself: {'; '.join(findings.about)}."))
        msg = (
            "Who has signed it was NOT checked: no key is known here, and whoever wrote the file may have "
            "signed it. Give --keys, kept from the platform's /oauth/jwks."
        )
        raise click.UsageError(msg)
    click.echo(_printable(f"{which} holds: {'; '.join(findings.about)}."))


def _printable(text: str) -> str:
    """What a file says, without anything that could move the cursor or turn the line around."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def _format_of(file: Path) -> str:
    found = SUFFIXES.get(file.suffix.lower())
    if found is None:
        msg = f"{file.name} is none of {', '.join(SUFFIXES)}."
        raise click.UsageError(msg)
    return found


def _signed(content: bytes, of: str, manifest: Path | None) -> tuple[bytes, dict[str, Any], str]:
    """The content with its manifest and signature; ValueError if they cannot be read.

    Everybody must read the same in it: a member that stands there twice is read by one program and not by
    another, so nothing but what the platform writes is taken.
    """
    import json

    import msgspec

    from vdept.publications.layout import Signed, SignedManifest

    try:
        if of == "JSON":
            whole = msgspec.json.decode(content, type=Signed)
            start, end = len(BEFORE), len(BEFORE) + len(bytes(whole.content))
            if not content.startswith(BEFORE) or content[start:end] != bytes(whole.content):
                raise ValueError("it is no edition (it does not begin with its content).")
            json.loads(b"{" + content[end:].lstrip(b","), object_pairs_hook=_once)
            content = content[start:end]
            if manifest is None:
                return content, whole.manifest, whole.signature
        if manifest is None:
            msg = f"a {of} file is checked with --manifest, kept from the address of the edition."
            raise click.UsageError(msg)
        said = manifest.read_bytes()
        beside = msgspec.json.decode(said, type=SignedManifest)
        json.loads(said, object_pairs_hook=_once)
    except (msgspec.MsgspecError, RecursionError, json.JSONDecodeError, UnicodeError) as error:
        raise ValueError(f"it is no edition ({error}).") from error
    return content, beside.manifest, beside.signature


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("it is no edition (something stands in it twice).")
    return made


def _keys(file: Path | None) -> list[dict[str, Any]] | None:
    """The platform's keys: from a file, or else from this installation's own database, if it answers."""
    import msgspec

    if file is None:
        return _own_keys()
    try:
        keys = msgspec.json.decode(file.read_bytes(), type=dict[str, Any]).get("keys")
        return msgspec.convert(keys, list[dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        msg = f"{file.name} is no JWKS ({error})."
        raise click.UsageError(msg) from error


def _own_keys() -> list[dict[str, Any]] | None:
    """Without starting any server for it; None where there is no platform."""
    import asyncio

    from vdept.kernel.db import Database
    from vdept.publications import signing
    from vdept_workers.sweep import AWAY

    url = settings().database_url
    if not url:
        return None

    async def read() -> list[dict[str, Any]]:
        database = Database(url, pool_size=2)
        try:
            async with database.snapshot(signing.ACTOR) as tx:
                return await signing.public_keys(tx)
        finally:
            await database.close()

    try:
        return asyncio.run(asyncio.wait_for(read(), 5))
    except AWAY as error:
        click.echo(f"· this installation's keys cannot be read ({type(error).__name__})", err=True)
        return None
