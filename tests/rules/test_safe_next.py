"""After signing in one lands on a page of ours, whatever the address said."""

import string
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vdept.identity.rules import HOME, safe_next

OURS = "https://vdept.gov.vn"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/account",
        "/units/46/tasks",
        "/oauth/authorize?client_id=abc&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&state=%5C%0A//x",
        "/a.b/c-d_e~f",
        "/search?q=Hu%E1%BA%BF&page=2",
        "/?",
    ],
)
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "account",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example",
        "HTTPS://evil.example/account",
        "javascript:alert(1)",
        "/javascript:alert(1)",
        "data:text/html,x",
        "%2f%2fevil.example",
        "/%2fevil.example",
        "/%5cevil.example",
        "/%09/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: vdept=x",
        "/account\r\nLocation: https://evil.example",
        "/account\n",
        "/account\x00",
        "/account?x=\n",
        " /account",
        "/account ",
        "/acc ount",
        "/.//evil.example",
        "/..//evil.example",
        "/./account",
        "/a/../b",
        "/...",
        "/a/..",
        "/a//b",
        "/;@evil.example",
        "/@evil.example",
        "/account#//evil.example",
        "/／evil.example",
        "/∕∕evil.example",
        "//evil。example",
        "/ａccount",
        "/Huế",
        "/account?q=Huế",
        "/account?q=%zz",
        "/account?q=\\evil",
        "/" + "a" * 2000,
    ],
)
def test_everything_else_leads_home(address: str | None) -> None:
    assert safe_next(address) == HOME


PIECES = st.sampled_from(
    [
        *("/", "\\", "//", "..", ".", "%2f", "%5C", "%09", "\t", "\r\n", "\x00", ":", "@", "?", "#", "／"),
        *("https:", "evil.example", "javascript:", "\u2028", "\ud800", "account", "x=1", "&", " "),
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=8).map("".join), st.text(string.printable)))
@example("/\\evil.example")
def test_no_browser_is_led_to_another_host(wanted: str) -> None:
    """As the WHATWG URL standard reads it: tabs and line breaks vanish, backslashes are slashes."""
    given_back = safe_next(wanted)
    as_read = given_back.replace("\t", "").replace("\n", "").replace("\r", "").replace("\\", "/").strip()
    target = urlsplit(urljoin(OURS, as_read))
    assert (target.scheme, target.netloc) == ("https", "vdept.gov.vn")
    assert given_back.isascii()
    assert given_back.isprintable()
    assert given_back in {wanted, HOME}


@given(
    st.lists(st.text(string.ascii_letters + string.digits + "_~-", min_size=1), max_size=5),
    st.none() | st.text(string.ascii_letters + string.digits + "=&-._~/?:@"),
)
def test_every_plain_path_passes(segments: list[str], query: str | None) -> None:
    path = "/" + "/".join(segments) + ("" if query is None else f"?{query}")
    assert safe_next(path) == path
