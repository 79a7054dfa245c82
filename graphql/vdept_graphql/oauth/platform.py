"""What all addresses of the authorization server share."""

import structlog

from vdept.clients.keys import Keyring
from vdept.kernel.actor import system
from vdept_graphql.oauth.server import Addresses
from vdept_graphql.services import Services

log = structlog.get_logger("vdept.oauth")
security = structlog.get_logger("vdept.security")

SYSTEM = system("oauth")


class Platform:
    """The connections, addresses and keys of one API process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.settings = services.settings
        self.database = services.database
        self.addresses = Addresses(services.settings.issuer)
        self.throttle = services.throttle

    @property
    def keyring(self) -> Keyring:
        return self.services.keyring
