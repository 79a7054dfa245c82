"""Where a request comes from: the address that limits are counted by.

``X-Forwarded-For`` is what the sender says, except for what our own proxies have added at its right end:
read from the right, the first hop that is not one of them is the client (RFC 7239, section 7.1, says why).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from litestar.connection import ASGIConnection

from vdept.kernel.settings import Network, Settings, networks

UNKNOWN = "unknown"
"""There is no peer address, as on a local socket."""

LONGEST = 100
"""Characters of an address: brackets, port and zone are in it."""

_networks = lru_cache(maxsize=8)(networks)


def client_address(request: ASGIConnection[Any, Any, Any, Any], settings: Settings) -> str:
    """The address behind ``request``, as :func:`counted` writes it."""
    peer = request.client.host if request.client else None
    forwarded = request.headers.getall("x-forwarded-for", [])
    return address_behind(peer, forwarded, _networks(settings.trusted_proxies))


def address_behind(peer: str | None, forwarded: Sequence[str], trusted: Iterable[Network]) -> str:
    """The rightmost address that is not a trusted proxy's, from the peer on through X-Forwarded-For.

    A hop that is no address ends the walk: then it is the proxy that passed it on.
    """
    address = _parsed(peer or "")
    if address is None:
        return UNKNOWN
    believed = list(trusted)
    hops = [hop for line in forwarded for hop in line.split(",")]
    while hops and any(address in network for network in believed):
        hop = _parsed(hops.pop())
        if hop is None:
            break
        address = hop
    return counted(address)


def counted(address: IPv4Address | IPv6Address) -> str:
    """IPv6 by /64, which is what one subscriber has; IPv4 as it is."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    """An address with or without a port; IPv4 written as IPv6 is IPv4."""
    text = hop.strip()
    return _read(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=4096)
def _read(text: str) -> IPv4Address | IPv6Address | None:
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
