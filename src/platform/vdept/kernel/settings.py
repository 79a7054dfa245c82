"""Settings: ``VDEPT_*`` environment variables, all with defaults that make an empty machine work."""

import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

import msgspec
import platformdirs

Network: TypeAlias = IPv4Network | IPv6Network
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that nobody listens in on: the only ones that may be spoken to without TLS."""


SECRET = frozenset({"database_url", "redis_url", "migration_url", "secret_key", "oidc_providers", "smtp_url"})
"""Settings that are secret, or are addresses with a password in them."""


def default_data_dir() -> Path:
    """Outside root's home: the embedded PostgreSQL runs as a helper user and must be able to enter it."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/vdept")
    return Path(platformdirs.user_data_dir("vdept", appauthor=False))


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set. An empty ``database_url`` or ``redis_url`` means: start the embedded server."""

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: str = msgspec.field(default_factory=lambda: str(default_data_dir()))
    database_url: str = ""
    redis_url: str = ""
    pool_size: int = 20
    log_level: str = "INFO"
    log_json: bool = False
    max_body_bytes: int = 16_000_000
    public_url: str = ""
    """Where people and clients reach the API from outside, without a path: the OAuth issuer."""
    secret_key: str = ""
    """What secrets in the database are encrypted with; a file in the data folder takes its place."""
    migration_url: str = ""
    """Whoever owns the tables; ``database_url`` unless given."""
    oidc_providers: str = ""
    """JSON: the identity providers people sign in with (docs/security.md)."""
    smtp_url: str = ""
    """``smtp://user:password@host:587`` or ``smtps://…``; without it no mail is sent."""
    mail_from: str = "vdept <no-reply@localhost>"
    trusted_proxies: str = ""
    """Networks, comma-separated, whose X-Forwarded-For is believed."""
    webhook_networks: str = ""
    """Networks, comma-separated, that are not public and that webhooks may be sent to all the same."""
    source_networks: str = ""
    """Networks, comma-separated, that are not public and that connectors of sources may ask all the same."""
    metrics_networks: str = "127.0.0.0/8,::1/128"
    """Networks, comma-separated, that may read ``/metrics``."""
    session_idle_minutes: AtLeastOne = 30
    session_hours: AtLeastOne = 12
    budget_points: Annotated[int, msgspec.Meta(ge=0)] = 600_000
    """Points of query cost a person or client may spend a minute; 0: no limit."""

    def __repr__(self) -> str:
        """Without the secrets and the addresses that hold passwords: it may end up in a log."""
        shown = {name: getattr(self, name) for name in self.__struct_fields__ if name not in SECRET}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir)

    @property
    def issuer(self) -> str:
        """The address that people and clients know the platform by; the name tokens are issued under."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. ``VDEPT_X_FILE`` names a file that holds ``VDEPT_X``: how secrets are mounted.

    Raises ValueError naming the variable whose value cannot be used, and what it must be.
    """
    names = {f"VDEPT_{field.upper()}": field for field in Settings.__struct_fields__}
    given = {names[key]: value for key, value in environ.items() if key in names and value != ""}
    for key, field in names.items():
        if path := environ.get(f"{key}_FILE"):
            try:
                given.setdefault(field, Path(path).read_text().strip())
            except OSError as error:
                msg = f"settings: {key}_FILE cannot be read ({error})"
                raise ValueError(msg) from error
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        msg = f"settings: {error} (variables are named VDEPT_…)"
        raise ValueError(msg) from error
    _require_public_url(settings.public_url)
    for variable in ("trusted_proxies", "webhook_networks", "source_networks", "metrics_networks"):
        networks(getattr(settings, variable), f"VDEPT_{variable.upper()}")
    return settings


def networks(text: str, variable: str = "VDEPT_TRUSTED_PROXIES") -> tuple[Network, ...]:
    """The networks of a setting; ValueError says which one is none."""
    found: list[Network] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as error:
            msg = f"settings: {variable}: {error}; write networks such as 10.0.0.0/8, 10.1.2.3"
            raise ValueError(msg) from error
    return tuple(found)


def _require_public_url(url: str) -> None:
    """Tokens are issued under it and cookies depend on it: nothing but an origin, and only over TLS."""
    if not url:
        return
    problem = None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port is what checks it
    except ValueError as error:
        problem = f"is no address ({error})"
    else:
        if parts.scheme not in {"https", "http"} or not host or set(url) & set(" \t\r\n\\"):
            problem = "is no address"
        elif parts.username is not None or parts.path not in {"", "/"} or set(url) & set("?#"):
            problem = "has more than scheme, host and port"
        elif parts.scheme == "http" and host not in LOOPBACK:
            problem = "is not https: only this machine itself may be reached without TLS"
    if problem is not None:
        msg = f"settings: VDEPT_PUBLIC_URL {problem}; write it as https://vdept.example.gov.vn"
        raise ValueError(msg)
