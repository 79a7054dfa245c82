"""What is sent: a notification as JSON, the same bytes however often."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from vdept.kernel.errors import Locale
from vdept.notifications.models import NotificationKind
from vdept.notifications.webhooks.rules import event_type
from vdept.notifications.words import sentence

Encode: TypeAlias = Callable[[str, int], str]
"""Makes the global id of a row, by its type's name: ids are the API's, and the API lends us how."""


class Told(NamedTuple):
    """What is told; without a notification it is a test."""

    delivery_id: int
    endpoint_id: int
    unit_id: int
    queued_at: datetime
    notification_id: int | None
    kind: str | None
    person_id: int | None
    subject_type: str | None
    subject_id: int | None
    plan_id: int | None
    data: Mapping[str, Any] | None
    created_at: datetime | None


def message_id(delivery_id: int) -> str:
    """The webhook-id: by it a receiver knows what it has had already."""
    return f"msg_{delivery_id}"


def body(told: Told, encode: Encode) -> bytes:
    """The payload (Standard Webhooks, "Payload structure")."""
    return msgspec.json.encode(
        {
            "type": event_type(told.kind),
            "timestamp": told.created_at or told.queued_at,
            "data": _test(told, encode) if told.kind is None else _notification(told, encode),
        },
        order="deterministic",
    )


def _notification(told: Told, encode: Encode) -> dict[str, Any]:
    kind, data = NotificationKind(told.kind or ""), told.data or {}
    return {
        "id": encode("Notification", told.notification_id or 0),
        "kind": kind,
        "message": {locale.value: sentence(kind, data, locale) for locale in Locale},
        "subject": {
            "type": told.subject_type,
            "id": encode(told.subject_type or "", told.subject_id or 0),
        },
        "unitId": encode("Unit", told.unit_id),
        "personId": encode("Person", told.person_id or 0),
        "planId": None if told.plan_id is None else encode("Plan", told.plan_id),
        "data": {_camel(name): value for name, value in data.items()},
    }


def _test(told: Told, encode: Encode) -> dict[str, Any]:
    return {
        "id": encode("WebhookDelivery", told.delivery_id),
        "message": {
            "vi": "Đây là tin thử: điểm nhận đã nhận được. Không cần làm gì.",
            "en": "This is a test: the endpoint has received it. There is nothing to do.",
        },
        "unitId": encode("Unit", told.unit_id),
        "endpointId": encode("WebhookEndpoint", told.endpoint_id),
    }


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)
