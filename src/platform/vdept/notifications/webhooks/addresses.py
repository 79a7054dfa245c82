"""Where webhooks may be sent: rules on an endpoint's URL, and on the addresses that its name leads to.

Pure. The platform stands inside networks that the internet cannot reach, and whoever registers an endpoint
chooses what it connects to: nothing but public addresses, unless the operator has listed their network
(``VDEPT_WEBHOOK_NETWORKS``).
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

import httpx

from vdept.kernel.errors import Refused
from vdept.kernel.settings import Network
from vdept.notifications.webhooks.errors import WEBHOOK_URL

Address: TypeAlias = IPv4Address | IPv6Address

MAX_URL = 2_000

NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        # IPv4: this network, private, carrier-grade NAT, loopback, link-local, IETF, documentation, 6to4
        # relays, benchmarks, multicast, reserved and broadcast
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # within 2000::/3: Teredo and other IETF protocols, documentation, 6to4
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
"""Beside what ``ipaddress`` knows: its list has changed from one Python to the next."""

GLOBAL_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is public. Outside are loopback, link-local, unique local, multicast, and what hides an
IPv4 address: mapped, compatible, NAT64."""

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NEVER_PUBLIC = frozenset(
    {"localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "onion",
     "test", "invalid", "arpa"}
)  # fmt: skip
"""Last labels that no public name ends in (RFC 6761, RFC 6762, RFC 8375, and ICANN's reservations)."""


def may_reach(address: Address, networks: Iterable[Network] = ()) -> bool:
    """Whether anything may be sent to this address."""
    if any(address in network for network in networks):
        return True
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC)


def clean_url(url: str, networks: Iterable[Network], *path: str) -> str:
    """The URL as it is stored and asked, letter by letter; refuses where nothing may be sent."""
    if not 1 <= len(url) <= MAX_URL or url != url.strip() or set(url) & set("\\\t\r\n"):
        raise _refused(
            path,
            f"địa chỉ dài 1–{MAX_URL} ký tự, không có khoảng trắng ở đầu cuối hay dấu \\",
            f"an address has 1–{MAX_URL} characters, no blanks around it and no backslash",
        )
    try:
        parsed = httpx.URL(url)
        host = parsed.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        raise _not_an_address(path) from None
    if parsed.scheme not in {"https", "http"} or not host:
        raise _not_an_address(path)
    if parsed.userinfo or "@" in re.split("[/?]", url.partition("://")[2])[0]:
        raise _refused(
            path, "địa chỉ không được chứa tên đăng nhập hay mật khẩu", "it must not hold a user or password"
        )
    if "#" in url:
        raise _refused(path, "địa chỉ không được có phần #", "it must have no fragment (#)")
    if parsed.port is not None and not 1 <= parsed.port <= 65535:
        raise _refused(path, "cổng phải từ 1 đến 65535", "a port is from 1 to 65535")
    listed = _require_host(host, tuple(networks), path)
    if parsed.scheme == "http" and not listed:
        raise _refused(
            path,
            "phải dùng https; http chỉ dành cho địa chỉ IP trong mạng mà người vận hành đã cho phép",
            "use https: http is only for addresses of a network that the operator has listed",
        )
    cleaned = str(parsed)
    if len(cleaned) > MAX_URL:
        raise _refused(path, f"địa chỉ dài quá {MAX_URL} ký tự", f"it is longer than {MAX_URL} characters")
    return cleaned


def _require_host(host: str, networks: tuple[Network, ...], path: tuple[str, ...]) -> bool:
    """Whether the host is an address of a listed network; refuses an address or name that cannot be public.

    Whatever ends in a number would be read as an IPv4 address by one program or another, also in octal, in
    hexadecimal or with parts left out: it must be one, in its plain form.
    """
    labels = host.split(".")
    if ":" in host or _NUMBER.fullmatch(labels[-1]):
        try:
            address = ip_address(host)
        except ValueError:
            raise _refused(
                path,
                "địa chỉ IP phải viết đầy đủ như 203.0.113.7 hoặc [2001:db8::7]",
                "write an IP address in full, such as 203.0.113.7 or [2001:db8::7]",
            ) from None
        if not may_reach(address, networks):
            raise _refused(
                path,
                "đây không phải địa chỉ công cộng; hãy dùng tên miền công cộng",
                "this is no public address; use a public host name",
            )
        return any(address in network for network in networks)
    whole = len(host) <= 253 and len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels)
    if not whole or labels[-1] in _NEVER_PUBLIC:
        raise _refused(
            path,
            "tên máy phải là tên miền công cộng đầy đủ như hook.hue.gov.vn",
            "the host must be a full public name such as hook.hue.gov.vn",
        )
    return False


def origin(url: str) -> str:
    """Scheme, host and port only: what may be shown to more people than manage the endpoint."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"


def _not_an_address(path: tuple[str, ...]) -> Refused:
    return _refused(
        path,
        "hãy viết đầy đủ như https://hook.hue.gov.vn/vdept",
        "write it in full, such as https://hook.hue.gov.vn/vdept",
    )


def _refused(path: tuple[str, ...], vi: str, en: str) -> Refused:
    return WEBHOOK_URL.at(*path, reason_vi=vi, reason=en)
