"""The address behind a request: what our own proxies say is believed, what the sender says is not."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.testing import RequestFactory

from vdept.kernel.settings import Settings, networks
from vdept_graphql.addresses import address_behind, client_address

OURS = networks("10.0.0.0/8, 192.0.2.7, fd00::/8")
HOP = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["10.1.1.1", "192.0.2.7", "fd00::1", "unknown", "", "_x", " "]),
)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        # Nobody in between: whatever the sender claims is not looked at.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("203.0.113.9", ["10.0.0.1, 127.0.0.1"], "203.0.113.9"),
        # One proxy of ours; the sender's own claims stand to the left.
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["10.9.9.9, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        # Two of ours in a row.
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 192.0.2.7"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9,192.0.2.7,10.3.3.3"], "203.0.113.9"),
        # Nothing, or nothing readable, was passed on: it is the proxy itself.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        # IPv6: a subscriber has a /64 and may take any address of it.
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::/64"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (None, ["203.0.113.9"], "unknown"),
        ("", [], "unknown"),
        ("testclient", ["203.0.113.9"], "unknown"),
    ],
)
def test_the_address_behind_a_request(peer: str | None, forwarded: list[str], address: str) -> None:
    assert address_behind(peer, forwarded, OURS) == address


@given(peer=st.ip_addresses().map(str), forwarded=st.lists(st.text(max_size=60), max_size=4))
def test_without_trusted_proxies_the_peer_is_all_that_counts(peer: str, forwarded: Sequence[str]) -> None:
    assert address_behind(peer, forwarded, ()) == address_behind(peer, [], ())


@given(claims=st.lists(HOP, max_size=6), real=st.ip_addresses(network="203.0.113.0/24").map(str))
def test_what_the_sender_claims_changes_nothing_behind_our_proxy(claims: list[str], real: str) -> None:
    assert address_behind("10.0.0.1", [", ".join([*claims, real])], OURS) == real
    assert address_behind("10.0.0.1", [*claims, f"{real}, 10.2.2.2"], OURS) == real


@given(peer=st.text(max_size=40), forwarded=st.lists(st.text(max_size=60), max_size=3))
def test_garbage_is_an_address_or_unknown(peer: str, forwarded: list[str]) -> None:
    answer = address_behind(peer, forwarded, OURS)
    assert answer == "unknown" or ip_address(answer.partition("/")[0]) in ip_network(answer)


def test_the_settings_say_whom_to_believe() -> None:
    request = RequestFactory().get("/", headers={"x-forwarded-for": "198.51.100.1, 203.0.113.9"})
    request.scope["client"] = ("10.0.0.1", 4711)
    assert client_address(request, Settings()) == "10.0.0.1"
    assert client_address(request, Settings(trusted_proxies="10.0.0.0/8")) == "203.0.113.9"
    request.scope["client"] = None
    assert client_address(request, Settings()) == "unknown"
