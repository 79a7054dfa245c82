"""Files that only look like editions: what `vdept editions verify` is told to believe, and does not."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

import editions_scene as scenes
from api.conftest import Api
from editions_scene import Scene
from vdept.publications import signing
from vdept.targets.models import Audience
from vdept_workers.edition_files import editions as command

MINE = ECKey.generate_key("P-256")


async def verify(*arguments: str | Path) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, command, ["verify", *map(str, arguments)])


@pytest.fixture
async def scene(api: Api) -> Scene:
    scene = await scenes.build(api.database, audience=Audience.PUBLIC)
    await scenes.publish(api.database, scene)
    return scene


@pytest.fixture
async def kept(api: Api, scene: Scene, tmp_path: Path) -> dict[str, Path]:
    """What a reader has downloaded, and the platform's keys."""
    found = {}
    for name, where in {
        "edition.json": "/editions/KH-2026/1.json",
        "edition.csv": "/editions/KH-2026/1.csv",
        "manifest.json": "/editions/KH-2026/1/manifest",
        "jwks.json": "/oauth/jwks",
    }.items():
        found[name] = tmp_path / name
        found[name].write_bytes((await api.http.get(where)).content)
    return found


def forged(manifest: dict[str, Any], key: Any = MINE, **header: str) -> str:
    whole = {"alg": "ES256", "typ": "edition+jws", "kid": "mine", **header}
    return jws.serialize_compact(whole, signing.payload(manifest), key, algorithms=[whole["alg"]])


async def test_a_file_that_somebody_made_up_and_signed_never_holds(kept: dict[str, Path]) -> None:
    """Hashes, figures and signature all agree with one another: only the key tells."""
    whole = msgspec.json.decode(kept["edition.json"].read_bytes(), type=dict[str, msgspec.Raw])
    manifest = msgspec.json.decode(whole["manifest"])
    file = kept["edition.json"]
    file.write_bytes(msgspec.json.encode({**whole, "signature": forged(manifest)}))
    alone = await verify(file)
    assert (alone.exit_code, "holds" in alone.output) == (2, False)
    assert "NOT checked" in alone.output
    found = await verify(file, "--keys", kept["jwks.json"])
    assert found.exit_code == 1
    assert "kid mine, which is no key for editions among jwks.json" in found.output


async def test_another_algorithm_is_not_listened_to(kept: dict[str, Path]) -> None:
    whole = msgspec.json.decode(kept["edition.json"].read_bytes(), type=dict[str, msgspec.Raw])
    manifest = msgspec.json.decode(whole["manifest"])
    kid = signing.kid_of(msgspec.json.decode(whole["signature"])) or ""
    public = kept["jwks.json"].read_bytes()
    segment = base64.urlsafe_b64encode(msgspec.json.encode({"alg": "none", "typ": "edition+jws", "kid": kid}))
    said = base64.urlsafe_b64encode(signing.payload(manifest))
    nothing = b".".join([segment.rstrip(b"="), said.rstrip(b"="), b""]).decode()
    for signature in (
        nothing,
        forged(manifest, OctKey.import_key(public), alg="HS256", kid=kid),
        forged(manifest, kid=kid),
        forged(manifest, kid="../../../dev/null"),
        forged(manifest, kid=kid, typ="at+jwt"),
        "..",
    ):
        kept["edition.json"].write_bytes(msgspec.json.encode({**whole, "signature": signature}))
        found = await verify(kept["edition.json"], "--keys", kept["jwks.json"])
        assert (found.exit_code, "signature" in found.output) == (1, True), signature


async def test_a_copy_in_another_form_says_what_was_not_computed(kept: dict[str, Path]) -> None:
    found = await verify(
        kept["edition.csv"], "--keys", kept["jwks.json"], "--manifest", kept["manifest.json"]
    )
    assert found.exit_code == 0
    assert "its figures can be computed again from JSON only" in found.output
    assert "of jwks.json" in found.output


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.replace(b'{"content":', b'{"content":{"head":{}},"content":', 1),
        lambda it: it.replace(b',"manifest":', b',"manifest":{"number":9},"manifest":', 1),
        lambda it: it.replace(b',"manifest":{', b',"manifest":{"number":9,', 1),
        lambda it: b'{"signature":"x",' + it[1:],
        lambda it: it.rstrip()[:-1] + b',"content":{}}',
        lambda it: b" " + it,
    ],
    ids=["content", "manifest", "number", "signature", "content at the end", "space before"],
)
async def test_what_two_programs_would_read_differently_is_none(kept: dict[str, Path], change: Any) -> None:
    file = kept["edition.json"]
    file.write_bytes(change(file.read_bytes()))
    found = await verify(file, "--keys", kept["jwks.json"])
    assert found.exit_code == 1
    assert "it is no edition" in found.output


DEEP = b"[" * 50_000 + b"]" * 50_000


@pytest.mark.parametrize(
    "file",
    [
        b'{"content":{},"manifest":{"files":[]},"signature":"x"}',
        b'{"content":{},"manifest":{"files":{"JSON":"x"}},"signature":"x"}',
        b'{"content":{},"manifest":{"a":' + DEEP + b'},"signature":"x"}',
        b'{"content":' + DEEP + b',"manifest":{},"signature":"x"}',
        b'{"content":{},"manifest":{"plan":"\\ud800"},"signature":"x"}',
        b'{"content":{},"manifest":{"number":1e400},"signature":"x"}',
        b'{"content":{},"manifest":{"number":NaN},"signature":"x"}',
        b"\xff\xfe",
    ],
    ids=["list", "text", "deep manifest", "deep content", "surrogate", "huge", "NaN", "no UTF-8"],
)
async def test_rubbish_is_named_and_no_accident(kept: dict[str, Path], file: bytes) -> None:
    kept["edition.json"].write_bytes(file)
    found = await verify(kept["edition.json"], "--keys", kept["jwks.json"])
    assert (found.exit_code, isinstance(found.exception, SystemExit)) == (1, True)


@pytest.mark.parametrize("keys", [DEEP, b"\xff", b"{}", b'{"keys":[1]}', b"[]"])
async def test_keys_that_are_none_are_wrong_use(kept: dict[str, Path], keys: bytes) -> None:
    kept["jwks.json"].write_bytes(keys)
    assert (await verify(kept["edition.json"], "--keys", kept["jwks.json"])).exit_code == 2


@pytest.mark.parametrize("change", [{"x": 5}, {"crv": "P-384"}, {"x": "AAAA"}, {"y": "é"}, {"purpose": None}])
async def test_a_key_that_is_none_has_signed_nothing(kept: dict[str, Path], change: dict[str, Any]) -> None:
    keys = msgspec.json.decode(kept["jwks.json"].read_bytes())["keys"]
    kept["jwks.json"].write_bytes(msgspec.json.encode({"keys": [{**key, **change} for key in keys]}))
    assert (await verify(kept["edition.json"], "--keys", kept["jwks.json"])).exit_code == 1


async def test_a_file_does_not_write_on_the_screen(kept: dict[str, Path]) -> None:
    """A name that goes up a line and says that all is well."""
    whole = msgspec.json.decode(kept["edition.json"].read_bytes())
    whole["manifest"]["number"] = "\x1b[2J\r\u202e holds: signed"
    file = kept["edition.json"]
    file.write_bytes(msgspec.json.encode(whole))
    found = await verify(file, "--keys", kept["jwks.json"])
    assert found.exit_code == 1
    assert "\\u001b[2J\\u000d\\u202e holds" in found.output
    assert all(each.isprintable() for line in found.output.splitlines() for each in line)


async def test_what_a_file_says_at_length_is_cut(kept: dict[str, Path]) -> None:
    whole = msgspec.json.decode(kept["edition.json"].read_bytes())
    whole["content"]["head"]["plan"]["code"] = "x" * 100_000
    whole["content"]["targets"]["rows"][0][6] = "1E+999999"
    file = kept["edition.json"]
    file.write_bytes(msgspec.json.encode(whole))
    found = await verify(file, "--keys", kept["jwks.json"])
    assert (found.exit_code, len(found.output) < 20_000) == (1, True)


async def test_units_in_a_circle_are_a_fault(kept: dict[str, Path]) -> None:
    whole = msgspec.json.decode(kept["edition.json"].read_bytes())
    rows = whole["content"]["units"]["rows"]
    rows[0][4] = rows[-1][0]
    file = kept["edition.json"]
    file.write_bytes(msgspec.json.encode(whole))
    found = await verify(file, "--keys", kept["jwks.json"])
    assert (found.exit_code, "before its parent" in found.output) == (1, True)


async def test_a_file_larger_than_any_edition_is_not_read(
    kept: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with kept["edition.json"].open("r+b") as file:
        file.truncate(2_000_000_000)  # a hole: nothing is written
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
    found = await verify(kept["edition.json"])
    assert (found.exit_code, "larger than any edition" in found.output) == (1, True)
