"""``GET /metrics``: what waits, runs and fails, for Prometheus; only for the networks of the settings."""

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler

from vdept.kernel.actor import system
from vdept.kernel.settings import Settings, networks
from vdept.monitoring.exposition import CONTENT_TYPE, exposition
from vdept_graphql.services import Services

ACTOR = system("metrics")
_networks = lru_cache(maxsize=8)(networks)


def metrics(services: Services) -> HTTPRouteHandler:
    """The handler. To everybody else the address is one that does not exist."""

    @get("/metrics")
    async def scrape(request: Request[Any, Any, Any]) -> Response[bytes]:
        if not _may_read(request, services.settings):
            raise NotFoundException
        async with services.database.snapshot(ACTOR) as tx:
            return Response(await exposition(tx), media_type=CONTENT_TYPE)

    return scrape


def _may_read(request: Request[Any, Any, Any], settings: Settings) -> bool:
    """By the peer itself and by nothing that a sender can write; what a proxy passes on is from outside."""
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        peer = ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in _networks(settings.metrics_networks, "VDEPT_METRICS_NETWORKS"))
