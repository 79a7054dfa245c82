"""Identity providers as the settings list them. Nothing is asked of a provider here.

``VDEPT_OIDC_PROVIDERS`` (or the file that ``VDEPT_OIDC_PROVIDERS_FILE`` names) is a JSON list::

    [{"key": "moh", "name": "Bộ Y tế", "name_en": "Ministry of Health", "issuer": "https://id.moh.gov.vn",
      "client_id": "vdept", "client_secret_file": "/run/secrets/moh", "email_domains": ["moh.gov.vn"]}]

With the provider, register three addresses of ours: ``/sign-in/oidc/{key}/callback`` to redirect to after
signing in, ``/sign-in/signed-out`` after signing out, ``/sign-in/oidc/{key}/back-channel`` for its sign-outs.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vdept.kernel.settings import LOOPBACK, Settings

CREDENTIALS = ("client_secret", "client_secret_file", "private_key", "private_key_file")

_Key = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](-?[a-z0-9])*$", max_length=40)]
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_DOMAIN = re.compile(r"([a-z0-9](-*[a-z0-9])*\.)+[a-z][a-z0-9-]*[a-z0-9]")
_KINDS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One identity provider: a ministry's or a province's."""

    key: _Key
    """Its name in our addresses."""
    name: _Text
    name_en: str = ""
    issuer: str
    """As the provider's discovery document and ID tokens spell it, to the letter."""
    client_id: _Text
    client_secret: str = ""
    client_secret_file: str = ""
    private_key: str = ""
    """PEM or JWK: the platform proves who it is by signing (private_key_jwt) and shares no secret."""
    private_key_file: str = ""
    email_domains: tuple[str, ...] = ()
    """The provider answers for addresses of these domains, and of no domain below or above them."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")

    def __repr__(self) -> str:
        """Without a secret: it may end up in a log."""
        return f"Provider(key={self.key!r}, issuer={self.issuer!r})"


def of(settings: Settings) -> tuple[Provider, ...]:
    """The providers that the settings list, with what their files hold.

    Raises ValueError with one sentence that names the provider and what is wrong with it.
    """
    if not settings.oidc_providers.strip():
        return ()
    try:
        listed = msgspec.json.decode(settings.oidc_providers, type=tuple[Provider, ...])
    except msgspec.DecodeError as error:  # ValidationError is one: `… - at `$[1].issuer``
        raise _wrong(str(error)) from error
    for provider in listed:
        if fault := _fault(provider):
            raise _wrong(f"{provider.key}: {fault}")
    for name in ("key", "issuer"):
        values = [getattr(provider, name) for provider in listed]
        if len(set(values)) < len(values):
            raise _wrong(f"two providers have the same {name}")
    complete = tuple(_with_files(provider) for provider in listed)
    for provider in complete:
        if provider.private_key:
            private_key(provider)
    return complete


def find(providers: Sequence[Provider], key: str) -> Provider | None:
    """The provider of this key."""
    return next((provider for provider in providers if provider.key == key), None)


def private_key(provider: Provider) -> RSAKey | ECKey | OKPKey:
    """What the platform signs with towards a provider that shares no secret with it. Raises ValueError."""
    text = provider.private_key
    try:
        key: RSAKey | ECKey | OKPKey
        if text.startswith("{"):
            jwk = msgspec.json.decode(text, type=dict[str, Any])
            key = _KINDS[jwk["kty"]].import_key(jwk)
        else:
            found = load_pem_private_key(text.encode(), None)
            of_curve = ECKey if isinstance(found, EllipticCurvePrivateKey) else OKPKey
            key = (RSAKey if isinstance(found, RSAPrivateKey) else of_curve).import_key(text)
    except (JoseError, ValueError, TypeError, KeyError):  # what they say may quote the key
        raise _wrong(f"{provider.key}: private_key: it is neither a PEM nor a JWK") from None
    if key.is_private and algorithm(key):
        return key
    raise _wrong(f"{provider.key}: private_key: give an RSA, P-256 or Ed25519 private key")


def algorithm(key: RSAKey | ECKey | OKPKey) -> str | None:
    """The JWS algorithm that goes with a key; None for curves that are not used."""
    if isinstance(key, RSAKey):
        return "RS256"
    return {"P-256": "ES256", "Ed25519": "EdDSA"}.get(key.curve_name)


def address_fault(url: str, *, loopback: bool) -> str | None:
    """What keeps ``url`` from being a provider's address; http passes where ``loopback`` and on it only."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "it is not an address"
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        return "it is not an address"
    if parts.username is not None or "#" in url:
        return "an address with a name, a password or a fragment is not used"
    if parts.scheme == "https" or (parts.scheme == "http" and loopback and host in LOOPBACK):
        return None
    return "it must begin with https:// (http:// only on this machine)"


def on_loopback(provider: Provider) -> bool:
    """A provider on this machine, as in development and tests: the only one that may do without TLS."""
    return urlsplit(provider.issuer).hostname in LOOPBACK


def _fault(provider: Provider) -> str | None:
    issuer = address_fault(provider.issuer, loopback=True)
    if issuer is None and "?" in provider.issuer:
        issuer = "an issuer has no query"
    if issuer is not None:
        return f"issuer: {issuer}"
    if sum(bool(getattr(provider, field)) for field in CREDENTIALS) != 1:
        return f"give one of {', '.join(CREDENTIALS)}"
    for domain in provider.email_domains:
        if not _DOMAIN.fullmatch(domain):
            return f"email_domains: {domain!r} is not a domain in small letters such as moh.gov.vn"
    if "openid" not in provider.scopes or not all(_SCOPE.fullmatch(scope) for scope in provider.scopes):
        return 'scopes: a list of words that has "openid"'
    return None


def _with_files(provider: Provider) -> Provider:
    return msgspec.structs.replace(
        provider,
        client_secret=provider.client_secret or _content(provider, "client_secret_file"),
        private_key=provider.private_key or _content(provider, "private_key_file"),
    )


def _content(provider: Provider, field: str) -> str:
    path: str = getattr(provider, field)
    if not path:
        return ""
    try:
        content = Path(path).read_text().strip()
    except (OSError, UnicodeError) as error:
        raise _wrong(f"{provider.key}: {field}: it cannot be read ({error})") from error
    if not content:
        raise _wrong(f"{provider.key}: {field}: {path} is empty")
    return content


def _wrong(what: str) -> ValueError:
    return ValueError(f"settings: VDEPT_OIDC_PROVIDERS: {what}")
