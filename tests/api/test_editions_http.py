"""Editions at their addresses: who reads them, how they are cached, and that what was downloaded verifies."""

import asyncio
import csv
import io
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from joserfc import jws
from joserfc.jwk import ECKey

import editions_scene as scenes
from api.conftest import Api
from editions_scene import VAULT, Scene
from factories import NOW, SYSTEM
from vdept.clients import keys as token_keys
from vdept.clients.access_tokens import audience
from vdept.kernel.clock import utc_now
from vdept.publications import checking, signing
from vdept.publications.findings import Findings
from vdept.publications.models import EditionFormat
from vdept.publications.tabular import COLUMNS, safe
from vdept.targets.models import Audience
from vdept_graphql import published
from vdept_graphql.published.asked import Asked, asked_for
from vdept_workers.edition_files import editions as command

SUFFIXES = ("json", "csv", "xlsx", "html")


@pytest.fixture
async def public(api: Api) -> Scene:
    scene = await scenes.build(api.database, audience=Audience.PUBLIC, code="57-NQ/TW")
    await scenes.publish(api.database, scene)
    return scene


@pytest.fixture
async def internal(api: Api) -> Scene:
    scene = await scenes.build(api.database)
    await scenes.publish(api.database, scene)
    return scene


def where(scene: Scene, rest: str = "1.json") -> str:
    return f"/editions/{scene.plan.code.replace('/', '%2F')}/{rest}"


async def verify(*arguments: str | Path) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, command, ["verify", *map(str, arguments)])


async def saved(api: Api, scene: Scene, folder: Path, suffix: str = "json") -> Path:
    path = folder / f"edition.{suffix}"
    path.write_bytes((await api.http.get(where(scene, f"1.{suffix}"))).content)
    return path


async def keys(api: Api, folder: Path) -> Path:
    path = folder / "jwks.json"
    path.write_bytes((await api.http.get("/oauth/jwks")).content)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_an_edition_of_a_public_plan_is_read_by_everybody_and_kept_for_ever(
    api: Api, public: Scene, suffix: str
) -> None:
    answer = await api.http.get(where(public, f"1.{suffix}"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert int(answer.headers["content-length"]) == len(answer.content)
    tag = answer.headers["etag"]
    again = await api.http.get(where(public, f"1.{suffix}"), headers={"if-none-match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = await api.http.head(where(public, f"1.{suffix}"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))


async def test_the_page_says_both_languages_runs_nothing_and_tells_no_task(api: Api, public: Scene) -> None:
    answer = await api.http.get(where(public, "1.html"))
    page = answer.text
    assert "Xếp hạng đơn vị" in page
    assert "Units ranked" in page
    assert "Việc mật" not in page
    assert "<script" not in page
    assert "@media print" in page
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("frame-ancestors 'none'")


async def test_a_source_named_like_a_formula_is_text(api: Api, public: Scene) -> None:
    table = (await api.http.get(where(public, "1.csv"))).content
    assert table.startswith(b"\xef\xbb\xbfrecord,unit,")
    assert b"'=H" in table
    assert b",=H" not in table
    book = zipfile.ZipFile(io.BytesIO((await api.http.get(where(public, "1.xlsx"))).content))
    assert not any(b"<f>" in book.read(name) for name in book.namelist())
    assert [safe(text) for text in ("Tên;=1", "a;b", "a; b", "a\n=1", "＝1", "5 - 3", "x\r@y")] == [
        *("Tên;'=1", "a;b", "a; b", "a\n'=1", "'＝1", "5 - 3", "x\r'@y")
    ]
    assert [safe(text) for text in ("=1", "+1", "-1", "@x", "\tx", "1=", "")] == [
        *("'=1", "'+1", "'-1", "'@x", "'\tx", "1=", "")
    ]


async def test_the_last_edition_and_the_list(api: Api, public: Scene) -> None:
    await scenes.publish(api.database, public, corrects=1, note="Sửa")
    latest = await api.http.get(where(public, "latest"))
    assert (latest.status_code, latest.headers["location"]) == (302, "/editions/57-NQ%2FTW/2.html")
    assert latest.headers["cache-control"] == "public, max-age=300"
    assert (await api.http.get(where(public, "latest.csv"))).headers["location"].endswith("/2.csv")
    listed = await api.http.get("/editions/57-NQ%2FTW")
    assert listed.status_code == 200
    assert "/editions/57-NQ%2FTW/2.html" in listed.text
    assert "đính chính ấn bản 1" in listed.text


async def test_one_that_is_not_public_is_there_for_whoever_sees_the_plan_whole(
    api: Api, internal: Scene
) -> None:
    async def read(who: Any = None, rest: str = "1.json") -> tuple[int, str]:
        headers = {} if who is None else {"authorization": f"Bearer {await api.token(who)}"}
        answer = await api.http.get(where(internal, rest), headers=headers)
        return answer.status_code, answer.headers["cache-control"]

    assert await read(internal.official) == (200, "private, no-cache")
    for rest in ("1.json", "1.html", "1/manifest", "latest", ""):
        answer = await api.http.get(
            where(internal, rest), headers={"authorization": f"Bearer {await api.token(internal.official)}"}
        )
        assert answer.headers["cache-control"] == "private, no-cache", rest
        assert {"Authorization", "Cookie"} <= set(answer.headers["vary"].split(", ")), rest
    for rest in ("1.json", "1/manifest", "latest", "", "2.json"):
        assert (await read(None, rest))[0] == 404
        assert (await read(internal.citizen, rest))[0] == 404
    assert (await read(internal.official, "2.json"))[0] == 404


async def test_a_bad_token_is_told_so_and_an_ended_session_reads_what_is_public(
    api: Api, public: Scene
) -> None:
    bad = await api.http.get(where(public), headers={"authorization": "Bearer vdept_nothing"})
    assert bad.status_code == 401
    ended = await api.http.get(where(public), headers={"cookie": "vdept=ended"})
    assert ended.status_code == 200


async def test_asking_too_often_must_wait(api: Api, public: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "READS", 2)
    statuses = [(await api.http.get(where(public, "latest"))).status_code for _ in range(3)]
    assert statuses == [302, 302, 429]


@pytest.mark.parametrize("value", ["{0}", "W/{0}", '"x", {0}', "*", '"x",W/{0}'])
async def test_whoever_has_it_already_is_told_so(api: Api, public: Scene, value: str) -> None:
    tag = (await api.http.head(where(public, "1.csv"))).headers["etag"]
    answer = await api.http.get(where(public, "1.csv"), headers={"if-none-match": value.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    other = await api.http.get(where(public, "1.csv"), headers={"if-none-match": tag.strip('"')})
    assert other.status_code == 200


async def test_a_part_of_a_file_is_answered_with_the_whole(api: Api, public: Scene) -> None:
    whole = await api.http.get(where(public, "1.csv"))
    part = await api.http.get(where(public, "1.csv"), headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (200, whole.content)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_address_that_makes_no_sense_has_nothing(api: Api, method: str) -> None:
    for path in (
        "%00/1.json",
        "KH%00",
        "%FF/1.json",
        "%ED%A0%80",
        "x" * 5_000,
        "../1.json",
        "1.json",
        "a//b",
    ):
        assert (await api.http.request(method, f"/editions/{path}")).status_code == 404, path


async def test_a_file_is_saved_under_a_name_that_every_system_takes(api: Api) -> None:
    scene = await scenes.build(api.database, audience=Audience.PUBLIC, code='Kế hoạch "57"/NQ')
    await scenes.publish(api.database, scene)
    answer = await api.http.get("/editions/K%E1%BA%BF%20ho%E1%BA%A1ch%20%2257%22%2FNQ/1.csv")
    assert answer.headers["content-disposition"] == (
        'attachment; filename="K__ho_ch__57_-NQ-1.csv"; '
        "filename*=UTF-8''K%E1%BA%BF%20ho%E1%BA%A1ch%20%2257%22-NQ-1.csv"
    )


async def test_names_that_mean_something_elsewhere_are_text_in_every_form(api: Api) -> None:
    scene = await scenes.build(api.database, audience=Audience.PUBLIC, code="KH-X")
    name = "Xã <script>alert(1)</script>&amp;\"';=1+1\x01\x1b\ufffe\nHai"
    async with api.database.begin(SYSTEM) as tx:
        await tx.session.execute(sa.text("UPDATE unit SET name = :name"), {"name": name})
    await scenes.publish(api.database, scene, note="</style><script>1</script>")
    page = (await api.http.get("/editions/KH-X/1.html")).text
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    book = zipfile.ZipFile(io.BytesIO((await api.http.get("/editions/KH-X/1.xlsx")).content))
    for part in book.namelist():
        ET.fromstring(book.read(part))
    rows = list(csv.reader(io.StringIO((await api.http.get("/editions/KH-X/1.csv")).text, newline="")))
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[1][2] == name.replace(";=", ";'=")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("KH-1/3.json", Asked("KH-1", 3, EditionFormat.JSON)),
        ("57-NQ/TW/3/manifest", Asked("57-NQ/TW", 3, None)),
        ("57-NQ/TW/latest", Asked("57-NQ/TW", None, EditionFormat.HTML)),
        ("KH-1/latest.xlsx", Asked("KH-1", None, EditionFormat.EXCEL)),
        ("57-NQ/TW", Asked("57-NQ/TW", listing=True)),
        ("KH-1/0.json", Asked("KH-1/0.json", listing=True)),
        ("KH-1/3.exe", Asked("KH-1/3.exe", listing=True)),
        ("KH-1/٣.json", Asked("KH-1/٣.json", listing=True)),
        ("2026", Asked("2026", listing=True)),
    ],
    ids=range(9),
)
def test_an_address_is_read(path: str, asked: Asked) -> None:
    assert asked_for(f"/{path}") == asked


# What was downloaded --------------------------------------------------------------------------------------


async def test_a_download_verifies_offline(api: Api, public: Scene, tmp_path: Path) -> None:
    file, known = await saved(api, public, tmp_path), await keys(api, tmp_path)
    good = await verify(file, "--keys", known)
    assert (good.exit_code, "50 targets, 10 units computed again" in good.output) == (0, True), good.output
    alone = await verify(file)  # anybody may have made it: that is no yes
    assert (alone.exit_code, "holds" in alone.output) == (2, False)
    assert "Who has signed it was NOT checked" in alone.output


@pytest.mark.parametrize("suffix", SUFFIXES[1:])
async def test_the_other_formats_verify_with_the_manifest_beside(
    api: Api, public: Scene, tmp_path: Path, suffix: str
) -> None:
    file, known = await saved(api, public, tmp_path, suffix), await keys(api, tmp_path)
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes((await api.http.get(where(public, "1/manifest"))).content)
    assert (await verify(file, "--keys", known)).exit_code == 2
    assert (await verify(file, "--keys", known, "--manifest", manifest)).exit_code == 0
    file.write_bytes(file.read_bytes().replace(b"0", b"1", 1))
    assert (await verify(file, "--keys", known, "--manifest", manifest)).exit_code == 1


async def test_one_digit_is_enough(api: Api, public: Scene, tmp_path: Path) -> None:
    file, known = await saved(api, public, tmp_path), await keys(api, tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b'"30"', b'"31"', 1))
    spoiled = await verify(file, "--keys", known)
    assert spoiled.exit_code == 1
    assert "its hash differs" in spoiled.output
    assert "follows from the inputs" in spoiled.output
    for rubbish in (b"", b"{}", b"<html>", whole[:-20], b"[" * 100_000):
        file.write_bytes(rubbish)
        assert (await verify(file, "--keys", known)).exit_code == 1
    assert (await verify(file.with_suffix(".txt"))).exit_code == 2


async def test_an_edition_forged_with_another_key_is_none(api: Api, public: Scene, tmp_path: Path) -> None:
    """Even one whose figures and hashes are all in order."""
    file, known = await saved(api, public, tmp_path), await keys(api, tmp_path)
    whole = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
    manifest, mine = msgspec.json.decode(whole["manifest"]), ECKey.generate_key("P-256")
    kid = signing.kid_of(msgspec.json.decode(whole["signature"]))
    header = {"alg": "ES256", "typ": "edition+jws", "kid": kid}
    forged = jws.serialize_compact(header, signing.payload(manifest), mine)
    file.write_bytes(msgspec.json.encode({**whole, "signature": forged}))
    found = await verify(file, "--keys", known)
    assert (found.exit_code, "does not hold for this manifest" in found.output) == (1, True)


# Two kinds of keys in one JWKS ----------------------------------------------------------------------------


async def test_the_jwks_holds_the_keys_of_editions_for_ever(api: Api, public: Scene) -> None:
    async with api.database.begin(SYSTEM, now=NOW) as tx:
        await signing.rotate(tx, VAULT)
    found = (await api.http.get("/oauth/jwks")).json()["keys"]
    of_editions = [key for key in found if key.get("purpose") == "edition"]
    assert len(of_editions) == 2
    assert len(found) == 3
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg", "purpose"} for key in of_editions)


async def test_a_key_for_editions_signs_no_access_token(api: Api, public: Scene) -> None:
    async with api.database.begin(SYSTEM, now=NOW) as tx:
        row = await signing.signing_key(tx, VAULT)
    key, now = ECKey.import_key(msgspec.json.decode(VAULT.decrypt(row.private))), int(utc_now().timestamp())
    issuer = "http://127.0.0.1:8000"
    claims = {
        "iss": issuer,
        "aud": audience(issuer),
        "sub": "client:x",
        "client_id": "x",
        "scope": "plans:read",
        "jti": "x",
        "iat": now,
        "exp": now + 60,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": row.kid}
    token = jws.serialize_compact(header, msgspec.json.encode(claims), key)
    answer = await api.gql("{ me { id } }", authorization=f"Bearer {token}")
    assert answer.status == 401


async def test_a_key_for_access_tokens_signs_no_edition(api: Api, public: Scene) -> None:
    published_keys = (await api.http.get("/oauth/jwks")).json()["keys"]
    other = next(key for key in published_keys if "purpose" not in key)
    manifest = {"number": 1}
    async with api.database.begin(SYSTEM) as tx:
        row = await tx.session.scalar(sa.select(token_keys.SigningKey))
    assert row is not None
    assert row.kid == other["kid"]
    mine = ECKey.generate_key("P-256")
    public_part = {**mine.as_dict(private=False), "kid": other["kid"], "use": "sig", "alg": "ES256"}
    header = {"alg": "ES256", "typ": "edition+jws", "kid": other["kid"]}
    signature = jws.serialize_compact(header, signing.payload(manifest), mine)
    findings = Findings()
    checking.check_signature(manifest, signature, [public_part], findings)
    said = f"the signature is by kid {other['kid']}, which is no key for editions among the keys given"
    assert findings.faults == [said]
    assert signing.signed_by(signature, manifest, {**public_part, "purpose": "edition"})
