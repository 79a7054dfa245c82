"""Who may be what, and who may say so. Pure: plain values and an actor in, a refusal or nothing out."""

import re
from datetime import date, timedelta

from vdept.kernel.actor import MANAGING, Actor, Role
from vdept.kernel.errors import Words, invalid
from vdept.people.errors import BACKDATED, MEMBERSHIP_DATES, MEMBERSHIP_ENDED, TOKEN_LIFETIME

APPOINTED = frozenset({Role.HEAD, Role.DEPUTY})
"""Roles that only the level above gives: who answers for a unit is not chosen inside it."""

LONGEST_TOKEN = timedelta(days=366)
SHORTEST_TOKEN = timedelta(minutes=1)
_EMAIL = re.compile(r"[^\s@<>,;\"]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def clean_email(email: str, *path: str) -> str:
    """An address as it was typed, trimmed; two addresses that differ in case only are the same."""
    cleaned = email.strip()
    if len(cleaned) > 254 or not cleaned.isprintable() or not _EMAIL.fullmatch(cleaned):
        raise invalid(*path, vi="địa chỉ thư điện tử dạng ten@coquan.gov.vn", en="an e-mail address")
    return cleaned


def clean_label(label: str, *path: str) -> str:
    """What a token is for, in a few words."""
    cleaned = " ".join(label.split())
    if not 1 <= len(cleaned) <= 100 or not cleaned.isprintable():
        raise invalid(*path, vi="nhãn gồm 1–100 ký tự", en="a label has 1–100 characters")
    return cleaned


def require_may_appoint(actor: Actor, role: Role, unit_path: list[int], *path: str) -> None:
    """Refuse unless ``actor`` may give or end ``role`` in the unit at ``unit_path``.

    Heads and deputies: the head of a unit above. Other roles: who manages the unit or a unit above it.
    Firms and associations have nothing above them, so their heads are entered by an administrator. No client
    gives roles, whoever it acts for: the people it let in would act without its scopes.
    """
    actor.require(
        actor.client_id is None,
        Words("chính một người, không qua ứng dụng", "a person, and not a program"),
        *path,
    )
    if role in APPOINTED:
        actor.require(
            actor.has_above(unit_path[:-1], {Role.HEAD}),
            Words(
                "người đứng đầu cấp trên hoặc quản trị viên", "the head of a unit above, or an administrator"
            ),
            *path,
        )
    else:
        actor.require(
            actor.has_above(unit_path, MANAGING),
            Words(
                "lãnh đạo, điều phối viên của đơn vị hoặc cấp trên",
                "a manager of the unit or of one above it",
            ),
            *path,
        )


def require_dates(starts_on: date, ends_on: date | None) -> None:
    """Both days count, so a membership of one day starts and ends on it."""
    if ends_on is not None and ends_on < starts_on:
        raise MEMBERSHIP_DATES.at("endsOn", starts_on=starts_on, ends_on=ends_on)


def require_not_backdated(actor: Actor, day: date, earliest: date, *path: str) -> None:
    """Who was head on a past day decides whose verdict it is: only an administrator corrects that."""
    if day < earliest and not actor.sees_everything:
        raise BACKDATED.at(*path, earliest=earliest)


def require_shortening(current: date | None, ends_on: date) -> None:
    """Ending brings the last day forward; it never prolongs."""
    if current is not None and ends_on > current:
        raise MEMBERSHIP_ENDED.at("endsOn", ends_on=current)


def require_lifetime(ttl: timedelta, *path: str) -> None:
    if not SHORTEST_TOKEN <= ttl <= LONGEST_TOKEN:
        raise TOKEN_LIFETIME.at(*path, limit=LONGEST_TOKEN.days)
