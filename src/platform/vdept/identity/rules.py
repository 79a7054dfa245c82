"""Pure rules of signing in."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

HOME = "/account"
"""Where a person goes who signed in without having been on the way to anything."""

_SEGMENT = r"(?!\.+(?:[/?]|\Z))[A-Za-z0-9._~-]+"
_OUR_PATH = re.compile(
    rf"/(?:{_SEGMENT}(?:/{_SEGMENT})*)?(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{{2}})*)?"
)
_LONGEST_NEXT = 2000


def safe_next(wanted: str | None) -> str:
    """Where to go after signing in: a path of ours, or :data:`HOME` for everything else.

    Addresses are read in too many ways to list the bad ones (``//evil``, ``/\\evil``, ``/%09/evil``): only
    plain segments of ASCII letters, digits and ``._~-`` pass, and none that climbs; a query may hold what
    RFC 3986, section 3.4 lets it hold. There is no fragment.
    """
    if wanted is None or len(wanted) > _LONGEST_NEXT or not _OUR_PATH.fullmatch(wanted):
        return HOME
    return wanted


class Why(StrEnum):
    """Why a subject of a provider is nobody here yet."""

    NO_EMAIL = "NO_EMAIL"
    UNVERIFIED = "UNVERIFIED"
    FOREIGN_DOMAIN = "FOREIGN_DOMAIN"
    UNKNOWN_PERSON = "UNKNOWN_PERSON"
    ADMINISTRATOR = "ADMINISTRATOR"
    OTHER_IDENTITY = "OTHER_IDENTITY"
    UNLINKED = "UNLINKED"
    INACTIVE = "INACTIVE"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a provider says of who has just proved themselves to it, its signature already checked.

    ``email_verified`` is the claim as it came: only JSON's ``true`` counts, not ``"true"`` and not ``1``.
    """

    issuer: str
    subject: str
    name: str | None = None
    email: str | None = None
    email_verified: object = None


class Owner(NamedTuple):
    """The person to whom the subject belongs already."""

    person_id: int
    active: bool
    administrator: bool
    by_email: bool
    """Found by e-mail, and confirmed by no administrator since."""


class Candidate(NamedTuple):
    """An active person with the address that the provider vouches for."""

    person_id: int
    administrator: bool
    has_identity: bool
    """Another subject of the same issuer is this person's, or was until an administrator took it away."""


class Decision(NamedTuple):
    """Who it is. Without a person, ``why`` not; ``link``: the subject becomes this person's now."""

    person_id: int | None = None
    link: bool = False
    why: Why | None = None


_VOUCHED = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9.-]{1,189})")


def vouched_email(claims: Claims, domains: Collection[str]) -> str | Why:
    """The address, in small letters, that the provider answers for; or why there is none.

    ASCII only: letters that look alike, or that become ASCII in small letters (U+212A), never match anybody.
    """
    if not claims.email:
        return Why.NO_EMAIL
    if claims.email_verified is not True:
        return Why.UNVERIFIED
    found = _VOUCHED.fullmatch(claims.email)
    if found is None or found[1].lower() not in domains:
        return Why.FOREIGN_DOMAIN
    return claims.email.lower()


def decide(
    claims: Claims,
    domains: Collection[str],
    *,
    owner: Owner | None,
    unlinked: bool,
    candidates: Sequence[Candidate],
) -> Decision:
    """Whose subject it is. ``unlinked``: an administrator has once taken it from somebody.

    A provider vouches for its own domains' people only. An administrator is never found by e-mail, nor comes
    in by what was found before they became one: whoever runs a ministry's provider, or takes it over, could
    otherwise run the platform. What an administrator took
    away only an administrator gives back. And one provider knows a person under one subject: a second one
    with the same address may be somebody who was given a used address.
    """
    if owner is not None:
        if owner.administrator and owner.by_email:
            return Decision(why=Why.ADMINISTRATOR)
        return Decision(owner.person_id) if owner.active else Decision(why=Why.INACTIVE)
    if unlinked:
        return Decision(why=Why.UNLINKED)
    email = vouched_email(claims, domains)
    if isinstance(email, Why):
        return Decision(why=email)
    if len(candidates) != 1:
        return Decision(why=Why.UNKNOWN_PERSON)
    (person,) = candidates
    if person.administrator:
        return Decision(why=Why.ADMINISTRATOR)
    if person.has_identity:
        return Decision(why=Why.OTHER_IDENTITY)
    return Decision(person.person_id, link=True)
