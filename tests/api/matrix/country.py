"""The country in which the matrix is played, and its columns: one caller of every kind.

Everything happens around one unit, the city of Huế. Five people hold its five roles; the others are heads:
of the government above it, of a commune below it, of a city that has nothing to do with it, of the ministry
on the other side of its tasks, of a firm that takes part in them, and of a firm that does not. Nobody is
somebody who has signed in and holds no role today.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import factories
from vdept.clients.models import ApiClient, ClientAuthentication, ClientAuthorization
from vdept.feeds.models import CalendarFeed
from vdept.identity.models import Identity
from vdept.kernel.actor import Actor, Role
from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Tx
from vdept.kernel.scopes import Scope
from vdept.notifications.models import (
    Notification,
    NotificationKind,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookState,
)
from vdept.people.actors import actor_for
from vdept.people.models import AccessToken, Membership, Person
from vdept.tasks.models import ExtensionState, OnDayOff, Task, TaskExtension, TaskRecurrence
from vdept.units.models import Unit, UnitKind

OWN = ("observer", "member", "coordinator", "deputy", "head")
OTHERS = ("above", "below", "unrelated", "partner", "firm", "rival", "nobody", "administrator")
COLUMNS = (*OWN, *OTHERS)

UNIT_OF = {
    **dict.fromkeys(OWN, "hue"),
    "above": "government",
    "below": "commune",
    "unrelated": "danang",
    "partner": "ministry",
    "firm": "firm",
    "rival": "rival",
}
"""For which unit each column speaks; nobody and the administrator speak for none."""

TODAY = local_date(utc_now())
STARTS, ENDS = TODAY - timedelta(days=60), TODAY + timedelta(days=200)
DUE = TODAY + timedelta(days=60)
SUNDAY = TODAY + timedelta(days=202 - TODAY.weekday())
"""One that lies ahead, and no exception holds on it or on those after it."""


def token_of(column: str) -> str:
    """The same in every copy of the country."""
    return f"vdept_matrix_{column}"


@dataclass
class Country:
    """Units and people by their names in the table."""

    units: dict[str, Unit] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    seats: dict[str, Membership] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    authorizations: dict[str, ClientAuthorization] = field(default_factory=dict)
    """What each of them has let a client of Huế's do."""
    identities: dict[str, Identity] = field(default_factory=dict)
    unread: dict[str, Notification] = field(default_factory=dict)
    noticed: dict[str, Notification] = field(default_factory=dict)
    """What each of them has been told: something unread, and something that they have read."""
    client: ApiClient = None  # type: ignore[assignment]
    """Huế's, with every scope there is."""
    consents: dict[str, ClientAuthorization] = field(default_factory=dict)
    """By which it acts for the head and for the administrator."""

    def unit(self, name: str) -> Unit:
        return self.units[name]

    def unit_id(self, name: str) -> int:
        return self.units[name].id


async def found(tx: Tx) -> Country:
    """Units, people, and a token for each column."""
    country = Country()
    add = factories.unit
    made = country.units
    made["government"] = await add(tx, "Chính phủ", UnitKind.GOVERNMENT)
    made["ministry"] = await add(tx, "Bộ Khoa học và Công nghệ", UnitKind.MINISTRY, made["government"])
    made["hue"] = await add(tx, "Thành phố Huế", UnitKind.PROVINCE, made["government"])
    made["danang"] = await add(tx, "Thành phố Đà Nẵng", UnitKind.PROVINCE, made["government"])
    made["commune"] = await add(tx, "Phường Thuận Hóa", UnitKind.COMMUNE, made["hue"])
    made["commune2"] = await add(tx, "Phường Phú Xuân", UnitKind.COMMUNE, made["hue"])
    made["firm"] = await add(tx, "Công ty Sao Khuê", UnitKind.FIRM)
    made["rival"] = await add(tx, "Công ty Đối Thủ", UnitKind.FIRM)
    for column in COLUMNS:
        who = await factories.person(tx, f"Người {column}", administrator=column == "administrator")
        country.people[column] = who
        if column in UNIT_OF:
            role = Role(column.upper()) if column in OWN else Role.HEAD
            country.seats[column] = await factories.membership(tx, who, made[UNIT_OF[column]], role)
        country.actors[column] = await actor_for(tx.session, who, tx.today)
        give_token(tx, who, column)
    country.client = await add_client(tx, made["hue"], Scope)
    for column in ("head", "administrator"):
        given = await add_authorization(tx, country.client, country.people[column], Scope)
        country.consents[column] = given
    return country


def give_token(tx: Tx, who: Person, column: str) -> None:
    tx.session.add(
        AccessToken(
            person_id=who.id,
            digest=hashlib.sha256(token_of(column).encode()).digest(),
            label="matrix",
            created_at=utc_now(),
            expires_at=utc_now() + timedelta(days=1),
        )
    )


async def add_client(tx: Tx, unit: Unit, scopes: Iterable[Scope]) -> ApiClient:
    """A client of the unit that acts for it and asks people."""
    row = ApiClient(
        client_id=f"vdc_{secrets.token_hex(12)}",
        unit_id=unit.id,
        name="Hệ thống",
        authentication=ClientAuthentication.SECRET,
        secret_digest=bytes(32),
        machine=True,
        redirect_uris=["https://example.vn/"],
        scopes=[scope.value for scope in scopes],
        created_at=utc_now(),
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def add_authorization(
    tx: Tx, client: ApiClient, who: Person, scopes: Iterable[Scope]
) -> ClientAuthorization:
    """What somebody lets a client do for them."""
    row = ClientAuthorization(
        client_id=client.id,
        person_id=who.id,
        scopes=[scope.value for scope in scopes],
        created_at=utc_now(),
        expires_at=utc_now() + timedelta(days=30),
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def add_webhook(tx: Tx, unit: Unit, **more: Any) -> tuple[WebhookEndpoint, WebhookDelivery]:
    """An endpoint of the unit, and a delivery to it that was given up."""
    endpoint = WebhookEndpoint(
        unit_id=unit.id,
        url="https://hook.example.vn/",
        kinds=[],
        secret=bytes(32),
        created_at=utc_now(),
        **more,
    )
    tx.session.add(endpoint)
    await tx.session.flush()
    delivery = WebhookDelivery(
        endpoint_id=endpoint.id, state=WebhookState.DEAD, created_at=utc_now(), next_at=utc_now()
    )
    tx.session.add(delivery)
    await tx.session.flush()
    return endpoint, delivery


async def add_feed(tx: Tx, who: Person, unit: Unit | None = None) -> CalendarFeed:
    """Somebody's calendar address."""
    unit_id = None if unit is None else unit.id
    row = CalendarFeed(
        person_id=who.id, unit_id=unit_id, digest=secrets.token_bytes(32), created_at=utc_now()
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def add_extension(tx: Tx, of: Task, **more: Any) -> TaskExtension:
    """A later date that the lead asks for."""
    row = TaskExtension(
        task_id=of.id,
        unit_id=of.lead_unit_id,
        requested_at=utc_now(),
        due_on=of.due_on,
        wanted_due_on=of.due_on + timedelta(days=2),
        reason="Lý do",
        state=more.pop("state", ExtensionState.REQUESTED),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def add_series(tx: Tx, of: Task) -> TaskRecurrence:
    """The task comes once more, a week later."""
    row = TaskRecurrence(
        task_id=of.id,
        rule="FREQ=WEEKLY;COUNT=2",
        starts_on=of.due_on,
        days_before=0,
        on_day_off=OnDayOff.KEEP,
        next_on=of.due_on + timedelta(days=7),
        create_on=of.due_on + timedelta(days=7),
        created_at=utc_now(),
    )
    tx.session.add(row)
    await tx.session.flush()
    of.recurrence_id, of.occurrence_on = row.id, of.due_on
    await tx.session.flush()
    return row


async def add_notification(
    tx: Tx, who: Person, number: int, kind: NotificationKind = NotificationKind.REMINDER, **more: Any
) -> Notification:
    """Something that somebody is told."""
    row = Notification(
        person_id=who.id,
        kind=kind,
        subject_type=more.pop("subject_type", "Task"),
        subject_id=more.pop("subject_id", 1),
        data={"title": "Việc"},
        origin="matrix",
        origin_id=number,
        created_at=utc_now(),
        **more,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row


async def add_identity(tx: Tx, who: Person | None) -> Identity:
    """Somebody's identity at a provider; or one that waits."""
    row = Identity(
        issuer="https://id.example.vn",
        subject=secrets.token_hex(8),
        person_id=who.id if who else None,
        first_seen_at=utc_now(),
        last_seen_at=utc_now(),
        linked_at=utc_now() if who else None,
    )
    tx.session.add(row)
    await tx.session.flush()
    return row
