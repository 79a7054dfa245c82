"""A provider that is down, slow, or answers with something else: a page says what to do, nothing hangs."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.oidc.conftest import Build, Victim
from api.oidc.forger import Answer, Forger, as_json
from api.oidc.real import RealProvider
from vdept.identity.providers import Provider
from vdept_graphql.sign_in import oidc_http, oidc_provider
from vdept_graphql.sign_in.oidc_http import ProviderAway
from vdept_graphql.sign_in.oidc_provider import Remote, remote

ROOT = Path(__file__).resolve().parents[3]
DISCOVERY = "/.well-known/openid-configuration"
HTML = (200, {"content-type": "text/html"}, b"<html><h1>Under maintenance</h1></html>")


def redirect(to: str) -> Answer:
    return 302, {"location": to}, b""


def slow(answer: Answer, seconds: float = 1.5) -> Answer:
    time.sleep(seconds)
    return answer


def changed(forger: Forger, **fields: Any) -> Answer:
    return as_json({name: value for name, value in (forger.metadata | fields).items() if value is not None})


BAD: dict[str, Callable[[Forger], Answer]] = {
    "an error": lambda _: as_json({"error": "x"}, 500),
    "nothing there": lambda _: as_json({}, 404),
    "HTML": lambda _: HTML,
    "nothing": lambda _: (200, {}, b""),
    "a list": lambda _: as_json([]),
    "deeply nested": lambda _: (200, {}, b'{"a":' * 50_000),
    "not UTF-8": lambda _: (200, {}, b'{"issuer": "\xff"}'),
    "ten megabytes": lambda forger: changed(forger, filler="x" * 10_000_000),
    "compressed, unasked": lambda _: (200, {"content-encoding": "gzip"}, b"\x1f\x8b"),
    "elsewhere": lambda forger: redirect(f"{forger.issuer}/elsewhere"),
    "another issuer": lambda forger: changed(forger, issuer="https://id.moh.gov.vn"),
    "the issuer with a slash": lambda forger: changed(forger, issuer=forger.issuer + "/"),
    "no issuer": lambda forger: changed(forger, issuer=None),
    "no endpoint": lambda forger: changed(forger, authorization_endpoint=None),
    "an endpoint that is a number": lambda forger: changed(forger, token_endpoint=7),
    "an endpoint without TLS": lambda forger: changed(forger, token_endpoint="http://id.moh.gov.vn/token"),
    "an endpoint inside": lambda forger: changed(forger, jwks_uri="http://169.254.169.254/keys"),
    "a script": lambda forger: changed(forger, authorization_endpoint="javascript:alert(1)"),
    "a file": lambda forger: changed(forger, jwks_uri="file:///etc/passwd"),
    "line breaks": lambda forger: changed(forger, authorization_endpoint=f"{forger.issuer}/a\r\nx: y"),
    "a password": lambda forger: changed(forger, end_session_endpoint="https://a:b@id.moh.gov.vn/"),
}


async def test_a_provider_whose_discovery_document_cannot_be_used_is_away(
    victim: Victim, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, bad in BAD.items():
        remote.cache_clear()
        victim.forger.answers[DISCOVERY] = lambda bad=bad: bad(victim.forger)
        page = await victim.browser.step("/sign-in/oidc/evil")
        assert page.status_code == 503, name
        assert "does not answer as it should" in page.text
        number = page.text.split("the code ")[1].split(".")[0].split("<")[0]
        assert number in capsys.readouterr().out
    assert set(victim.forger.asked) == {DISCOVERY}


async def test_the_others_still_let_people_in(victim: Victim, ministry: RealProvider) -> None:
    victim.forger.answers[DISCOVERY] = lambda: HTML
    assert (await victim.browser.step("/sign-in/oidc/evil")).status_code == 503
    assert (await victim.browser.sign_in("ministry", "an")).status_code == 200


async def test_a_provider_that_is_not_running_is_away(
    browsers: Callable[..., Any], build: Build, forger: Forger
) -> None:
    nowhere = forger.settings | {"issuer": "http://127.0.0.1:1"}
    page = await (await browsers(build(nowhere))).step("/sign-in/oidc/evil")
    assert page.status_code == 503


async def test_a_slow_provider_is_given_up_and_people_do_not_queue_up_behind_it(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_http, "PATIENCE", 0.3)
    victim.forger.answers[DISCOVERY] = lambda: slow(as_json(victim.forger.metadata))
    started = time.monotonic()
    pages = await asyncio.gather(*[victim.browser.step("/sign-in/oidc/evil") for _ in range(6)])
    assert [page.status_code for page in pages] == [503] * 6
    assert victim.forger.asked == [DISCOVERY]
    assert time.monotonic() - started < 1.2  # one wait, and not six


async def test_an_answer_that_drips_is_given_up(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; the whole does not."""
    monkeypatch.setattr(oidc_http, "PATIENCE", 0.4)

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(ProviderAway, match="took longer"):
        await oidc_http.call("GET", f"http://127.0.0.1:{port}/")
    server.close()
    await server.wait_closed()


HALF_WAY: tuple[tuple[str, Answer], ...] = (
    ("/token", HTML),
    ("/token", as_json({"error": "server_error"}, 503)),
    ("/token", redirect("https://evil.vn/token")),
    ("/token", as_json([])),
    ("/jwks", HTML),
    ("/jwks", as_json({})),
    ("/jwks", as_json({"keys": "x"})),
    ("/jwks", as_json({"keys": [{"kty": "RSA", "n": "x" * 600_000}]})),
    ("/userinfo", HTML),
    ("/userinfo", as_json({"error": "invalid_token"}, 401)),
)


async def test_a_provider_that_fails_half_way_leads_to_a_page_and_no_session(victim: Victim) -> None:
    forger = victim.forger
    forger.metadata["userinfo_endpoint"] = f"{forger.issuer}/userinfo"
    sound = dict(forger.answers)
    for path, answer in HALF_WAY:
        remote.cache_clear()
        forger.answers = dict(sound)
        sent = await victim.begin()
        forger.gives(forger.sign(forger.claims(sent["nonce"], email=None)))
        forger.answers[path] = lambda answer=answer: answer
        page = await victim.back(sent)
        assert (page.status_code, victim.browser.session) == (503, None), (path, answer)
        assert "does not answer as it should" in page.text


# What is kept of a provider.


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def at(forger: Forger, clock: list[float]) -> Remote:
    return Remote(Provider(**{**forger.settings, "email_domains": ()}), lambda: clock[0])


async def test_the_discovery_document_is_asked_for_once_an_hour(
    at: Remote, forger: Forger, clock: list[float]
) -> None:
    for later, asked in ((0, 1), (oidc_provider.FRESH - 1, 1), (1, 2)):
        clock[0] += later
        await at.metadata()
        assert forger.asked.count(DISCOVERY) == asked


async def test_a_provider_that_was_away_is_asked_again_after_a_moment_and_is_back_then(
    at: Remote, forger: Forger, clock: list[float]
) -> None:
    sound = forger.answers[DISCOVERY]
    forger.answers[DISCOVERY] = lambda: HTML
    for _ in range(3):
        with pytest.raises(ProviderAway, match="not a JSON object"):
            await at.metadata()
    assert len(forger.asked) == 1
    forger.answers[DISCOVERY] = sound
    clock[0] += oidc_provider.SULKING - 0.1
    with pytest.raises(ProviderAway):
        await at.metadata()
    clock[0] += 0.2
    assert (await at.metadata()).issuer == forger.issuer


async def test_keys_are_looked_up_once_more_and_then_not_for_a_while(
    at: Remote, forger: Forger, clock: list[float]
) -> None:
    await at.keys()
    assert await at.newer_keys() is not None
    clock[0] += oidc_provider.KEYS_AGAIN - 1
    assert await at.newer_keys() is None
    assert forger.asked.count("/jwks") == 2
    clock[0] += 1
    assert await at.newer_keys() is not None
    assert forger.asked.count("/jwks") == 3


async def test_a_look_for_keys_that_failed_is_made_up_for_soon(
    at: Remote, forger: Forger, clock: list[float]
) -> None:
    await at.keys()
    sound = forger.answers["/jwks"]
    forger.answers["/jwks"] = lambda: HTML
    with pytest.raises(ProviderAway):
        await at.newer_keys()
    assert len(list(await at.keys())) == 2  # those that were known are still good
    forger.answers["/jwks"] = sound
    clock[0] += oidc_provider.SULKING
    assert await at.newer_keys() is not None


def test_the_provider_of_these_tests_ends_with_them_even_when_they_are_killed() -> None:
    code = (
        "import sys, time; sys.path.insert(0, 'tests')\n"
        "from api.oidc import real\n"
        "made = real.subprocess.Popen\n"
        "def noted(*a, **k):\n"
        "    process = made(*a, **k); print(process.pid, flush=True); return process\n"
        "real.subprocess.Popen = noted\n"
        "with real.running('a', 'http://localhost:1', {}, {'client_secret': 'secret'}, {}):\n"
        "    print('running', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        node = int(tests.stdout.readline())
        assert tests.stdout.readline() == "running\n"
        tests.kill()
    deadline = time.monotonic() + 10
    while _runs(node):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Whether it is there and no zombie, which nobody buries where there is no init."""
    try:
        os.kill(process, 0)
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
