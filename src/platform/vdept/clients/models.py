"""Clients, authorizations, codes, refresh tokens, used assertions, revoked tokens and signing keys."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vdept.kernel.models import Base, Id, Timestamp, one_of, ref


class ClientAuthentication(StrEnum):
    """How a client proves who it is at the token endpoint (RFC 8414 names)."""

    SECRET = "client_secret_basic"  # noqa: S105  the name of a method
    PRIVATE_KEY = "private_key_jwt"
    NONE = "none"
    """A public client, such as an app on a phone: it has PKCE and no secret."""


class ApiClient(Base):
    """A program that calls the platform for the unit it belongs to, or for people who let it.

    ``client_id`` is its public name. ``machine`` lets it act for its unit (client_credentials);
    ``redirect_uris``, where not empty, let it ask people (authorization_code).
    """

    __tablename__ = "api_client"
    __table_args__ = (sa.Index("ix_api_client_unit_id", "unit_id", "id"),)

    id: Mapped[Id]
    client_id: Mapped[str] = mapped_column(unique=True)
    unit_id: Mapped[int] = mapped_column(sa.BigInteger, ref("unit.id"))
    name: Mapped[str]
    authentication: Mapped[ClientAuthentication] = mapped_column(
        one_of(ClientAuthentication, "authentication")
    )
    secret_digest: Mapped[bytes | None]
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    machine: Mapped[bool]
    redirect_uris: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    scopes: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    created_at: Mapped[Timestamp]
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    version: Mapped[int] = mapped_column(server_default=sa.text("1"), default=1)


class ClientAuthorization(Base):
    """What a person let a client do for them: the family of codes and tokens that comes of one consent."""

    __tablename__ = "client_authorization"
    __table_args__ = (
        sa.Index("ix_client_authorization_person_id", "person_id", "id"),
        sa.Index("ix_client_authorization_client_id", "client_id", "id"),
    )

    id: Mapped[Id]
    client_id: Mapped[int] = mapped_column(sa.BigInteger, ref("api_client.id"))
    person_id: Mapped[int] = mapped_column(sa.BigInteger, ref("person.id"))
    scopes: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    created_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp]
    revoked_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class AuthorizationCode(Base):
    """A code on its way through a browser: one use, one minute, bound to its PKCE challenge."""

    __tablename__ = "authorization_code"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    authorization_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("client_authorization.id", ondelete="CASCADE"), index=True
    )
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class RefreshToken(Base):
    """One link of an authorization's chain of refresh tokens: each is used once, for the next."""

    __tablename__ = "refresh_token"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    authorization_id: Mapped[int] = mapped_column(
        sa.BigInteger, ref("client_authorization.id", ondelete="CASCADE"), index=True
    )
    scopes: Mapped[list[str]] = mapped_column(sa.ARRAY(sa.Text))
    issued_at: Mapped[Timestamp]
    expires_at: Mapped[Timestamp] = mapped_column(index=True)
    used_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))


class UsedAssertion(Base):
    """The ``jti`` of a client's assertion, kept until the assertion expires: it is taken once."""

    __tablename__ = "used_assertion"

    client_id: Mapped[int] = mapped_column(sa.BigInteger, ref("api_client.id"), primary_key=True)
    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[Timestamp] = mapped_column(index=True)


class RevokedToken(Base):
    """The ``jti`` of an access token that ended before its time, kept until it would have expired."""

    __tablename__ = "revoked_token"

    jti: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[Timestamp] = mapped_column(index=True)


class SigningKey(Base):
    """A key that access tokens are signed with. Published from its making, used from ``signs_from`` on.

    ``private`` is encrypted with the platform's secret key. A token is accepted until its key's
    ``retired_at``.
    """

    __tablename__ = "signing_key"

    id: Mapped[Id]
    kid: Mapped[str] = mapped_column(unique=True)
    """Its thumbprint (RFC 7638)."""
    public: Mapped[dict[str, Any]] = mapped_column(JSONB)
    private: Mapped[bytes]
    created_at: Mapped[Timestamp]
    signs_from: Mapped[Timestamp]
    retired_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
