"""One request of a browser on its way to a provider or back: what is told to people, and what to the log."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import Request, Response

from vdept.identity.providers import Provider
from vdept.kernel.errors import Refusal, Refused, Words
from vdept_graphql.addresses import client_address
from vdept_graphql.services import Services
from vdept_graphql.sign_in.oidc_http import ProviderAway
from vdept_graphql.sign_in.oidc_words import PROVIDER_AWAY
from vdept_graphql.sign_in.problems import AWAY, TooMany, problem, reader
from vdept_graphql.sign_in.session import security
from vdept_graphql.throttle import Throttle

TRIES = 100
PER = timedelta(minutes=10)
"""Sign-ins that may begin, and that may fail, at one address of the network: a whole office, perhaps."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser, and the provider it is dealing with."""

    services: Services
    throttle: Throttle
    request: Request[Any, Any, Any]
    provider: Provider

    @property
    def provider_name(self) -> Words:
        return Words(self.provider.name, self.provider.name_en or self.provider.name)

    @property
    def redirect_uri(self) -> str:
        """One for each provider: an answer that comes to the wrong one is noticed (RFC 9700, section 4.4)."""
        return f"{self.services.settings.issuer}/sign-in/oidc/{self.provider.key}/callback"

    @property
    def address(self) -> str:
        return client_address(self.request, self.services.settings)

    async def slow_down(self, what: str) -> None:
        """Count this; raises TooMany past the limit of the network's address."""
        if wait := await self.throttle.allow(f"oidc:{what}:{self.address}", limit=TRIES, per=PER):
            self.log("TOO_MANY")
            raise TooMany(wait)

    def log(self, reason: str, **more: Any) -> None:
        security.warning(
            "sign-in refused",
            method="oidc",
            provider=self.provider.key,
            reason=reason,
            address=self.address,
            **more,
        )

    def refused(self, refusal: Refusal, why: str) -> Refused:
        """The refusal with a number, by which the log's line with ``why`` is found."""
        number = secrets.token_hex(6)
        self.log(refusal.code, incident=number, detail=why)
        return refusal.at(provider=self.provider_name, incident=number)

    def away(self, error: ProviderAway) -> Response[bytes]:
        """What to do when the provider does not answer, as a page."""
        locale = reader(self.request)
        said = self.refused(PROVIDER_AWAY, str(error)).message(locale)
        return problem(locale, 503, AWAY, Words(said, said))
