"""Whose inbox an actor opens: their own, and nobody else's; administrators have one of their own, too."""

from typing import Any

import sqlalchemy as sa

from vdept.kernel.actor import Actor, ActorKind
from vdept.kernel.errors import FORBIDDEN, Words
from vdept.kernel.scopes import Scope
from vdept.notifications.models import Notification, NotificationPreference

A_PERSON = Words(
    "một người đã đăng nhập, hoặc ứng dụng thay mặt người đó", "a person, or a client that acts for one"
)


def visible_notifications(actor: Actor) -> "sa.ColumnElement[bool]":
    """The condition on ``notification`` that this actor's reads start from."""
    return _own(actor, Notification.person_id)


def visible_preferences(actor: Actor) -> "sa.ColumnElement[bool]":
    """The same on ``notification_preference``."""
    return _own(actor, NotificationPreference.person_id)


def _own(actor: Actor, person_id: Any) -> "sa.ColumnElement[bool]":
    if actor.kind is ActorKind.SYSTEM:
        return sa.true()
    if actor.person_id is None or not actor.may(Scope.NOTIFICATIONS_READ):
        return sa.false()
    own: sa.ColumnElement[bool] = person_id == actor.person_id
    return own


def require_own_inbox(actor: Actor) -> int:
    """The person whose inbox the actor may follow; refuses who has none, and a client without the scope."""
    return _require(actor, Scope.NOTIFICATIONS_READ)


def require_own(actor: Actor) -> int:
    """The person whose inbox the actor may change; refuses who has none, and a client without the scope."""
    return _require(actor, Scope.NOTIFICATIONS_WRITE)


def _require(actor: Actor, scope: Scope) -> int:
    if actor.person_id is None:
        raise FORBIDDEN.at(needs=A_PERSON)
    actor.require(actor.may(scope), Words(f"phạm vi {scope.value}", f"the scope {scope.value}"))
    return actor.person_id
