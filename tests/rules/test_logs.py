"""What is written to the log holds no secret, whoever logged it and however it was put."""

import base64
import io
import json
import logging
import secrets
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from vdept_workers import logs
from vdept_workers.redaction import REMOVED, text_without_secrets, without_secrets

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
WORD = st.text(BASE64URL, min_size=12, max_size=60).map(lambda word: f"Zq{word}")


def random_secret(size: int) -> "st.SearchStrategy[str]":
    """As ``secrets.token_urlsafe`` makes them."""
    return st.binary(min_size=size, max_size=size).map(
        lambda given: base64.urlsafe_b64encode(given).decode().rstrip("=")
    )


RANDOM = random_secret(32).filter(lambda word: word != word.upper() and word != word.lower())
PASSWORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30).map(
    lambda word: quote(word, safe="!$'()*,;=:@")
)
JWT = st.tuples(random_secret(12), random_secret(40), random_secret(64)).map(
    lambda parts: f"eyJ{parts[0]}.{parts[1]}.{parts[2]}"
)

# Each: what may not be seen, and a text that carries it.
CARRIED: "st.SearchStrategy[tuple[str, str]]" = st.one_of(
    RANDOM.map(lambda s: (s, f"vdept_{s}")),
    RANDOM.map(lambda s: (s, f"the client sent {s}, which nobody knows")),
    RANDOM.map(lambda s: (s, f"vdcs_{s}")),
    RANDOM.map(lambda s: (s, f"GET /sign-in/link?token={s}&next=/ HTTP/1.1")),
    RANDOM.map(lambda s: (s, f"Cookie: theme=dark; __Host-vdept={s}; x=1")),
    RANDOM.map(lambda s: (s, f"set-cookie: vdept={s}; Path=/; HttpOnly")),
    JWT.map(lambda s: (s.split(".")[2], f"bad signature in {s}")),
    JWT.map(lambda s: (s.split(".")[1], f"Authorization: Bearer {s}")),
    WORD.map(lambda s: (s, f"Authorization: Custom {s}")),
    WORD.map(lambda s: (s, f"https://app.example.vn/back?state=x&code={s}#top")),
    WORD.map(lambda s: (s, f"grant_type=authorization_code&code={s}&code_verifier={s}")),
    WORD.map(lambda s: (s, f"grant_type=refresh_token&refresh_token={s}")),
    WORD.map(lambda s: (s, f"client_id=a&client_secret={s}")),
    WORD.map(lambda s: (s, f"client_assertion={s}&client_assertion_type=x")),
    WORD.map(lambda s: (s, f"?id_token_hint={s}")),
    WORD.map(lambda s: (s, f"VDEPT_SECRET_KEY={s}")),
    WORD.map(lambda s: (s, f"dsn host=db user=vdept password={s}")),
    WORD.map(lambda s: (s, f"dsn host=db password='{s} {s}'")),
    WORD.map(lambda s: (s, json.dumps({"grant_type": "x", "refresh_token": s, "n": 1}))),
    WORD.map(lambda s: (s, repr({"client_secret": s, "client_id": "x"}))),
    WORD.map(lambda s: (s, repr({"Authorization": s}))),
    WORD.map(lambda s: (s, repr([(b"cookie", f"x={s}".encode()), (b"host", b"a")]))),
    PASSWORD.map(lambda s: (s, f"cannot connect to postgresql://vdept:{s}@db.local:5432/vdept")),
    PASSWORD.map(lambda s: (s, f"rediss://:{s}@10.0.0.1/0 is away")),
    PASSWORD.map(lambda s: (s, f"smtp://no-reply:{s}@mail.gov.vn:587")),
    WORD.map(lambda s: (s, "Basic " + base64.b64encode(f"client:{s}".encode()).decode())).map(
        lambda pair: (pair[1].removeprefix("Basic "), pair[1])
    ),
)


class Written:
    """Everything that is logged here, in one of the two forms."""

    def __init__(self, as_json: bool) -> None:
        self.stream = io.StringIO()
        self.stdlib = logging.Logger("test.logs", logging.DEBUG)  # noqa: LOG001  apart from all others
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(logs.formatter(as_json=as_json))
        self.stdlib.addHandler(handler)
        self.ours: Any = structlog.wrap_logger(
            self.stdlib, processors=logs.OURS, wrapper_class=structlog.stdlib.BoundLogger
        )

    @property
    def text(self) -> str:
        return self.stream.getvalue()


class Strange:
    """Something that shows what it holds."""

    def __init__(self, held: str) -> None:
        self.held = held

    def __repr__(self) -> str:
        return f"<Strange {self.held}>"


def fail(text: str) -> None:
    local = {"held": text}
    raise ValueError(f"cannot use {text}", local)


def by_exception(to: Written, text: str) -> None:
    try:
        fail(text)
    except ValueError:
        to.ours.exception("it failed")


def by_library_exception(to: Written, text: str) -> None:
    try:
        fail(text)
    except ValueError:
        to.stdlib.exception("a library failed")


def by_trace(to: Written, text: str) -> None:
    try:
        fail(text)
    except ValueError as error:
        to.ours.error("incident", trace="".join(traceback.format_exception(error)))


WAYS: list[Callable[[Written, str], None]] = [
    lambda to, text: to.ours.info(text),
    lambda to, text: to.ours.info("event", given=text),
    lambda to, text: to.ours.info("event", given={"deep": [{"er": (1, text)}]}),
    lambda to, text: to.ours.info("event", given={text: 1}),
    lambda to, text: to.ours.info("event", given=text.encode()),
    lambda to, text: to.ours.info("event", given={text}),
    lambda to, text: to.ours.info("event", given=Strange(text)),
    lambda to, text: to.ours.info("event", given=ValueError(text)),
    lambda to, text: to.ours.bind(request=text).info("event"),
    lambda to, text: to.stdlib.warning("a library says %s", text),
    lambda to, text: to.stdlib.warning("a library says %r", {"x": text}),
    by_exception,
    by_library_exception,
    by_trace,
]


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
@given(carried=CARRIED, way=st.sampled_from(WAYS))
@settings(max_examples=300, deadline=None)
def test_no_secret_is_written(as_json: bool, carried: tuple[str, str], way: Callable[..., None]) -> None:
    secret, text = carried
    to = Written(as_json)
    way(to, text)
    assert to.text
    assert secret not in to.text
    assert json.dumps(secret)[1:-1] not in to.text


NAMED = ("password", "Authorization", "set-cookie", "token", "client_secret", "code", "X-CSRF-Token", "sid")


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "console"])
@given(name=st.sampled_from(NAMED), value=st.one_of(WORD, WORD.map(str.encode), st.lists(WORD, min_size=1)))
@settings(max_examples=100, deadline=None)
def test_what_goes_by_the_name_of_a_secret_is_not_written(as_json: bool, name: str, value: Any) -> None:
    to = Written(as_json)
    to.ours.info("event", **{name: value})
    to.ours.info("event", headers={name: value}, pairs=[(name, value)])
    word = value[0] if isinstance(value, list) else value.decode() if isinstance(value, bytes) else value
    assert word not in to.text
    assert to.text.count(REMOVED) == 3


def test_a_private_key_is_not_written() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    to = Written(as_json=True)
    to.ours.info("event", given=pem, text=f"key: {pem.decode()}")
    assert pem.decode().splitlines()[1] not in to.text


@pytest.mark.parametrize(
    "text",
    [
        "graphql",
        "2026-03-02T03:00:00Z",
        "POST /graphql took 12.5 ms",
        "Xã Thuận Hóa: 40 phần trăm = 2/5",
        'File "/srv/vdept/graphql/vdept_graphql/http.py", line 217, in __call__',
        "vdept_graphql.sign_in.session",
        "test_what_is_refused_costs_something_and_nothing_else_happens_here",
        "https://vdept.gov.vn:8443/graphql?query={me{id}}",
        "postgresql://vdept@db.local:5432/vdept",
        "code=INSUFFICIENT_SCOPE status=403",
        "{'code': 'FORBIDDEN'}",
        "basic information and bearer of good news",
        "sqlstate code: 23505",
        "client_id=vdc_0123456789abcdef01234567",
        "0" * 64,
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert text_without_secrets(text) == text


def test_values_keep_their_shape() -> None:
    event = {"n": 1, "f": 1.5, "none": None, "yes": True, "code": "FORBIDDEN", "errors": ["NOT_FOUND"]}
    assert without_secrets(event) == event
    assert without_secrets({"kid": "A" * 20 + "b" * 23}) == {"kid": "A" * 20 + "b" * 23}
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert "…" in str(without_secrets(deep))


def test_every_secret_that_the_platform_makes_is_recognised_by_itself() -> None:
    for made in (secrets.token_urlsafe(32), secrets.token_urlsafe(48), f"vdept_{secrets.token_urlsafe(32)}"):
        assert made not in text_without_secrets(f"somebody wrote {made} here")
