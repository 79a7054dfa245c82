"""Which requests come from a page of ours, told by the headers that no page can forge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdept_graphql.csrf import same_origin

HERE = "https://vdept.gov.vn"
LOCAL = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("origins", "sites", "issuer", "ours"),
    [
        ([HERE], ["same-origin"], HERE, True),
        ([HERE], [], HERE, True),
        ([], ["same-origin"], HERE, True),
        (["null"], ["same-origin"], HERE, True),
        (["HTTPS://VDEPT.gov.vn:443"], [], HERE, True),
        ([], [], HERE, False),
        (["null"], [], HERE, False),
        ([""], [], HERE, False),
        (["https://evil.example"], [], HERE, False),
        (["https://evil.example"], ["same-origin"], HERE, False),
        ([HERE], ["cross-site"], HERE, False),
        ([HERE], ["same-site"], HERE, False),
        ([HERE], ["none"], HERE, False),
        ([], ["none"], HERE, False),
        (["http://vdept.gov.vn"], [], HERE, False),
        (["https://vdept.gov.vn:8443"], [], HERE, False),
        (["https://vdept.gov.vn.evil.example"], [], HERE, False),
        (["https://evil.example/https://vdept.gov.vn"], [], HERE, False),
        (["https://vdept.gov.vn@evil.example"], [], HERE, False),
        (["https://x.vdept.gov.vn"], [], HERE, False),
        ([HERE, HERE], [], HERE, False),
        ([HERE], ["same-origin", "same-origin"], HERE, False),
        (["https://vdept.gov.vn:port"], [], HERE, False),
        (["https://["], [], HERE, False),
        (["file://"], [], HERE, False),
        (["http://localhost:8000"], [], LOCAL, True),
        (["http://[::1]:8000"], [], LOCAL, True),
        (["http://localhost:8001"], [], LOCAL, False),
        (["http://localhost"], [], LOCAL, False),
        (["http://localhost.evil.example:8000"], [], LOCAL, False),
    ],
)
def test_only_our_own_pages_are_ours(origins: list[str], sites: list[str], issuer: str, ours: bool) -> None:
    assert same_origin(origins, sites, issuer) is ours


@given(origin=st.text(max_size=40), site=st.none() | st.text(max_size=15))
def test_nothing_made_up_is_ours_and_nothing_breaks_it(origin: str, site: str | None) -> None:
    assert same_origin([origin], [] if site is None else [site], HERE) is False
    assert same_origin([f"https://{origin}"], [], HERE) in (False, origin.lower().startswith("vdept.gov.vn"))
