"""Where webhooks may go, when they are tried again, and how many are on their way at once."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from vdept.kernel.errors import Locale, Refused
from vdept.kernel.vault import Vault
from vdept.notifications.models import NotificationKind
from vdept.notifications.webhooks import rules
from vdept.notifications.webhooks.addresses import NOT_PUBLIC, clean_url, may_reach, origin
from vdept.notifications.webhooks.pace import FRESH, MOST, Pace
from vdept.notifications.webhooks.payloads import Told, body
from vdept.notifications.webhooks.signing import Signer, new_secret, seal

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
LISTED = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))

# -- addresses ---------------------------------------------------------------------------------------------

PUBLIC = ("8.8.8.8", "203.162.0.1", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.128.0.1", "192.169.0.1")
PUBLIC_V6 = ("2001:4860:4860::8888", "2405:4800::1", "2606:4700:4700::1111")
HIDDEN = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1"),
    *("192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),
    *("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1"),
    *("fe80::1%eth0", "fec0::1", "ff02::1"),
)


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_V6])
def test_public_addresses_may_be_reached(address: str) -> None:
    assert may_reach(ip_address(address))


@pytest.mark.parametrize("address", HIDDEN)
def test_no_other_address_may_be_reached(address: str) -> None:
    assert not may_reach(ip_address(address))


def test_the_operator_lists_networks_that_may_be_reached_all_the_same() -> None:
    assert may_reach(ip_address("10.1.2.3"), LISTED)
    assert may_reach(ip_address("fd00:1::7"), LISTED)
    assert not may_reach(ip_address("10.2.0.1"), LISTED)
    assert not may_reach(ip_address("::ffff:10.1.2.3"), LISTED), "not in disguise"


@given(st.ip_addresses())
def test_what_may_be_reached_is_public_by_every_account(address: IPv4Address | IPv6Address) -> None:
    if may_reach(address):
        assert address.is_global
        assert not address.is_private
        assert not address.is_link_local
        assert not address.is_multicast
        assert not address.is_reserved
        assert isinstance(address, IPv4Address) or (address.ipv4_mapped, address.sixtofour) == (None, None)


@given(st.sampled_from(NOT_PUBLIC).flatmap(lambda network: st.ip_addresses(network=network)))
def test_nothing_within_a_special_network_may_be_reached(address: IPv4Address | IPv6Address) -> None:
    assert not may_reach(address)


GOOD = {
    "https://hook.hue.gov.vn/vdept": "https://hook.hue.gov.vn/vdept",
    "https://hook.hue.gov.vn": "https://hook.hue.gov.vn",
    "HTTPS://Hook.Hue.Gov.VN/A?b=%41&c=d": "https://hook.hue.gov.vn/A?b=%41&c=d",
    "https://hook.hue.gov.vn:443/": "https://hook.hue.gov.vn/",
    "https://hook.hue.gov.vn:8443/": "https://hook.hue.gov.vn:8443/",
    "https://huế.vn/đường?tên=a b": "https://xn--hu-mja.vn/%C4%91%C6%B0%E1%BB%9Dng?t%C3%AAn=a%20b",
    "https://8.8.8.8/": "https://8.8.8.8/",
    "https://[2405:4800::1]:8443/x": "https://[2405:4800::1]:8443/x",
    "https://10.1.2.3/": "https://10.1.2.3/",
    "http://10.1.2.3:9000/": "http://10.1.2.3:9000/",
    "http://[fd00:1::7]/": "http://[fd00:1::7]/",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_sound_url_is_kept_in_one_spelling(url: str) -> None:
    cleaned = clean_url(url, LISTED, "url")
    if "xn--" in GOOD[url]:
        assert cleaned.startswith("https://xn--")
        assert cleaned.endswith(GOOD[url].partition(".vn")[2])
    else:
        assert cleaned == GOOD[url]
    assert clean_url(cleaned, LISTED, "url") == cleaned, "and stays what it is"


BAD = (
    # no address, or another kind of one
    *("", "hook.hue.gov.vn", "//hook.hue.gov.vn/", "https:", "https:///x", "ftp://hook.hue.gov.vn/"),
    *("file:///etc/passwd", "gopher://hook.hue.gov.vn/", "unix:///run/x", "javascript:alert(1)"),
    *("https://hook.hue.gov.vn/" + "a" * 2000, " https://hook.hue.gov.vn/", "https://hook.hue.gov.vn/\n"),
    *("https://hook.hue.gov.vn/\r\nX: y", "https://hook.hue.gov.vn\\@127.0.0.1/", "https://a b.vn/"),
    # http, credentials, fragments, ports
    *("http://hook.hue.gov.vn/", "http://8.8.8.8/", "https://user@hook.hue.gov.vn/"),
    *("https://user:password@hook.hue.gov.vn/", "https://@hook.hue.gov.vn/", "https://:@hook.hue.gov.vn/"),
    *("https://hook.hue.gov.vn/#part", "https://hook.hue.gov.vn/#", "https://hook.hue.gov.vn:0/"),
    *("https://hook.hue.gov.vn:65536/", "https://hook.hue.gov.vn:-1/", "https://hook.hue.gov.vn:x/"),
    # addresses that are not public, in their plain form
    *(f"https://{address}/" for address in HIDDEN if ":" not in address),
    *(f"https://[{address}]/" for address in HIDDEN if ":" in address),
    # the same in odd spellings
    *("https://127.1/", "https://127.0.1/", "https://2130706433/", "https://017700000001/"),
    *("https://0177.0.0.1/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://0x7f.1/", "https://0/"),
    *("https://127.0.0.1./", "https://127.0.0.0x1/", "https://0X7F.1/", "https://1.2.3.4.5/", "https://0x/"),
    *("https://１２７.0.0.1/", "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://%31%32%37.0.0.1/"),
    *("https://8.8.8.08/", "https://[::ffff:7f00:1]/", "https://[fe80::1%25eth0]/", "https://[127.0.0.1]/"),
    # names that are never public
    *("https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/"),
    *("https://receiver/", "https://printer.local/", "https://db.internal/", "https://router.lan/"),
    *("https://x.onion/", "https://1.0.0.127.in-addr.arpa/", "https://hook..vn/", "https://-hook.vn/"),
    *("https://hook.hue.gov.vn./", f"https://{'a' * 64}.vn/", f"https://{'a.' * 130}vn/"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_any_other_url_is_refused_with_what_to_do(number: int) -> None:
    with pytest.raises(Refused) as refused:
        clean_url(BAD[number], LISTED, "url")
    assert (refused.value.code, refused.value.path) == ("WEBHOOK_URL", ("url",))
    assert refused.value.message(Locale.VI) != refused.value.message(Locale.EN)


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"https://{text}/"))
def test_whatever_is_sent_it_is_refused_or_a_plain_https_url(url: str) -> None:
    try:
        cleaned = clean_url(url, (), "url")
    except Refused:
        return
    assert cleaned.startswith("https://")
    assert cleaned.isascii()
    assert cleaned.isprintable()
    assert not set(cleaned) & set(" #\\@")
    assert clean_url(cleaned, (), "url") == cleaned


def test_the_log_shows_where_it_leads_and_no_secret() -> None:
    assert origin("https://hook.hue.gov.vn:8443/s3cret?key=s3cret") == "https://hook.hue.gov.vn:8443"


# -- trying again ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "most"),
    [(1, "0:00:05"), (2, "0:05:00"), (3, "0:30:00"), (4, "2:00:00"), (5, "5:00:00"), (6, "10:00:00")],
    ids=str,
)
def test_each_failure_waits_longer_at_most(attempts: int, most: str) -> None:
    assert str(rules.retry_in(attempts, timedelta(), 1.0)) == most
    assert rules.retry_in(attempts, timedelta(), 0.0) == rules.SHORTEST
    half = rules.retry_in(attempts, timedelta(), 0.5)
    assert half == rules.STEPS[attempts - 1] / 2


def test_the_last_attempt_is_a_day_after_the_first_and_there_is_none_after_it() -> None:
    assert rules.retry_in(7, timedelta(hours=23), 1.0) == timedelta(hours=1)
    assert rules.retry_in(7, timedelta(days=1), 1.0) is None
    assert rules.retry_in(6, timedelta(days=1), 0.5) is None


def test_what_could_not_be_tried_in_its_day_is_tried_six_times_at_least() -> None:
    for attempts in range(1, 6):
        assert rules.retry_in(attempts, timedelta(days=9), 0.5) is not None


@given(st.lists(st.floats(0, 1), min_size=200, max_size=200))
def test_whatever_the_draws_it_ends_within_a_day_and_a_little(draws: list[float]) -> None:
    age, waits = timedelta(), []
    for attempt, draw in enumerate(draws, start=1):
        wait = rules.retry_in(attempt, age, draw)
        if wait is None:
            break
        assert rules.SHORTEST <= wait <= rules.STEPS[-1]
        waits.append(wait)
        age += wait
    assert age <= rules.IN_ALL + rules.SHORTEST
    assert wait is None or len(waits) == 200
    assert wait is not None or len(waits) >= len(rules.STEPS)


def test_an_endpoint_is_left_alone_as_long_as_it_asks_but_for_an_hour_at_most() -> None:
    assert rules.retry_in(1, timedelta(), 1.0, timedelta(minutes=2)) == timedelta(minutes=2)
    assert rules.retry_in(1, timedelta(), 1.0, timedelta(days=2)) == timedelta(hours=1)
    assert rules.retry_in(3, timedelta(), 1.0, timedelta(seconds=1)) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("Mon, 02 Mar 2026 03:01:00 GMT", 60),
        ("Mon, 02 Mar 2026 02:00:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("9" * 400, 10**6),
        ("Mon, 99 Mar 2026 03:01:00 GMT", None),
    ],
    ids=range(12),
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert rules.retry_after(header, NOW) == expected


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_deliveries(status: int) -> None:
    assert rules.failure_of(status) is None


@pytest.mark.parametrize(
    "status", [100, 199, 301, 302, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503, 999]
)
def test_nothing_else_is(status: int) -> None:
    assert rules.failure_of(status) is (
        rules.Failure.REDIRECT if 300 <= status < 400 else rules.Failure.STATUS
    )


# -- signing -----------------------------------------------------------------------------------------------


def test_the_library_verifies_what_is_signed_with_one_secret_or_two() -> None:
    vault, old, new = Vault("v" * 32), new_secret(), new_secret()
    now = datetime.now(UTC)
    headers = Signer(lambda: vault).headers(
        [seal(vault, new), seal(vault, old)], "msg_7", now, b'{"a":"\xc4\x91"}'
    )
    for secret in (old, new):
        assert Webhook(secret).verify(b'{"a":"\xc4\x91"}', headers) == {"a": "đ"}
    assert old != new
    assert old.startswith("whsec_")


def test_the_same_notification_is_the_same_bytes_every_time() -> None:
    told = Told(9, 4, 3, NOW, 8, "ESCALATION", 5, "Task", 6, None, {"days_late": 1, "a": [1]}, NOW)
    first = body(told, lambda name, number: f"{name}:{number}")
    assert first == body(told, lambda name, number: f"{name}:{number}")
    assert b'"planId":null' in first
    assert b'"daysLate":1' in first


@pytest.mark.parametrize("kind", list(NotificationKind), ids=str)
def test_every_kind_has_a_type_and_words(kind: NotificationKind) -> None:
    told = Told(9, 4, 3, NOW, 8, kind.value, 5, "Task", 6, 7, {}, NOW)
    sent = body(told, lambda name, number: f"{name}:{number}").decode()
    assert f'"type":"notification.{kind.value.lower()}"' in sent


# -- how many at once --------------------------------------------------------------------------------------


def test_an_endpoint_that_answers_is_sent_more_and_more_and_a_silent_one_a_single_one() -> None:
    pace = Pace(64)
    for _ in range(5):
        pace.started(1)
        pace.ended(1, answered=True, delivered=True)
        pace.started(2)
        pace.ended(2, answered=False, delivered=False)
    assert pace.rooms() == {1: MOST, 2: 1}
    pace.started(1)
    pace.ended(1, answered=True, delivered=False)
    assert pace.rooms()[1] == MOST // 2


def test_silent_endpoints_together_have_a_quarter_of_the_places() -> None:
    pace = Pace(16)
    for endpoint in range(10):
        pace.started(endpoint)
        pace.ended(endpoint, answered=False, delivered=False)
    for endpoint in range(4):
        pace.started(endpoint)
    assert not any(pace.rooms().values())
    pace.ended(0, answered=True, delivered=True)
    assert sum(pace.rooms().values()) > 0


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans(), st.booleans()), max_size=200))
def test_places_are_counted_right_whatever_happens(events: list[tuple[int, bool, bool]]) -> None:
    pace = Pace(8)
    for endpoint, answered, delivered in events:
        room = pace.rooms().get(endpoint, FRESH)
        if pace.free and room:
            pace.started(endpoint)
        elif pace.flying[endpoint]:
            pace.ended(endpoint, answered=answered or delivered, delivered=delivered)
        assert 0 <= pace.free <= 8
        assert all(0 <= room <= MOST for room in pace.rooms().values())
