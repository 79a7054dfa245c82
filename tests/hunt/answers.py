"""GraphQL answered by the policy: documents run over plain rows, for one viewer of one world."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from unittest.mock import ANY

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.utilities import value_from_ast_untyped

from hunt import lists
from hunt.figures import Figures
from hunt.lists import Given, Order, Page, said
from hunt.policy import Sight
from hunt.world import World

KINDS = {
    "Unit": ("units", "unit"),
    "Person": ("persons", "person"),
    "Membership": ("memberships", "membership"),
    "Indicator": ("indicators", "indicator"),
    "Plan": ("plans", "plan"),
    "Objective": ("objectives", "objective"),
    "KeyResult": ("key_results", "key_result"),
    "Target": ("targets", "target"),
    "Measurement": ("measurements", "measurement"),
    "Task": ("tasks", "task"),
    "Comment": ("comments", "comment"),
    "ApiClient": ("clients", "client"),
    "Identity": ("identities", "identity"),
    "ClientAuthorization": ("authorizations", "authorization"),
    "TaskExtension": ("extensions", "extension"),
    "TaskRecurrence": ("recurrences", "recurrence"),
    "Notification": ("notifications", "notification"),
    "EarlyWarning": ("warnings", "warning"),
    "WebhookEndpoint": ("endpoints", "endpoint"),
    "WebhookDelivery": ("deliveries", "delivery"),
    "CalendarFeed": ("feeds", "feed"),
    "CalendarException": ("exceptions", "exception"),
    "Source": ("sources", "source"),
    "Intake": ("intakes", "intake"),
    "RejectedReading": ("rejected", "rejected_reading"),
    "Verdict": ("verdicts", "verdict"),
    "Edition": ("editions", "edition"),
    "EditionRequest": ("edition_requests", "edition_request"),
    "Signal": ("signals", "signal"),
    "Focus": ("focuses", "focus"),
}
"""Every kind of node: its rows in a world, and its question in the policy."""

Resolve: TypeAlias = "Callable[[Answers, Any, Given], Any]"
FIELDS: dict[str, dict[str, tuple[str, Resolve]]] = defaultdict(dict)


class Fitting:
    """What an answer is compared with where it need not be just one: equal to whatever fits."""


@dataclass(frozen=True)
class Outcome:
    """A target's or a unit's outcome: whose, and what is said of it."""

    row: Any
    said: Mapping[str, Any]
    place: tuple[Any, ...] = ()


@dataclass
class Answers:
    """What one viewer is to be answered in one world."""

    sight: Sight
    figures: Figures
    _known: dict[tuple[str, int], bool] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.sight.world

    def sees(self, kind: str, row: Any) -> bool:
        key = kind, row.id
        if key not in self._known:
            self._known[key] = bool(getattr(self.sight, KINDS[kind][1])(row))
        return self._known[key]

    def one(self, kind: str, number: int | None) -> Any:
        row = self.world.get(KINDS[kind][0], number)
        return row if row is not None and self.sees(kind, row) else None

    def seen(self, kind: str, rows: Iterable[Any] | None = None) -> list[Any]:
        every = getattr(self.world, KINDS[kind][0]) if rows is None else rows
        return [row for row in every if self.sees(kind, row)]

    def page(self, kind: str, rows: Iterable[Any], order: Order, args: Given) -> Page:
        return lists.page(kind, self.seen(kind, rows), order, args)

    # Executing ----------------------------------------------------------------------------------------------

    def run(self, operation: OperationDefinitionNode, variables: Given) -> dict[str, Any]:
        return self.select(operation.selection_set, "Query", None, variables)

    def select(self, selections: SelectionSetNode, kind: str, row: Any, variables: Given) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for chosen in selections.selections:
            if isinstance(chosen, InlineFragmentNode):
                if chosen.type_condition is None or chosen.type_condition.name.value == kind:
                    out |= self.select(chosen.selection_set, kind, row, variables)
                continue
            assert not isinstance(chosen, FragmentSpreadNode)
            assert isinstance(chosen, FieldNode)
            name = chosen.name.value
            args = {
                each.name.value: value_from_ast_untyped(each.value, dict(variables))
                for each in chosen.arguments or ()
            }
            if name == "__typename":
                out[name] = kind
            else:
                leads, resolve = FIELDS[kind][name]
                out[name] = self._complete(leads, resolve(self, row, args), chosen.selection_set, variables)
        return out

    def _complete(self, leads: str, value: Any, below: SelectionSetNode | None, variables: Given) -> Any:
        if value is None or value is ANY or isinstance(value, Fitting) or below is None:
            return said(value)
        if leads == "*":
            return self._plain(value, below)
        if isinstance(value, Page):
            return self._connection(value, below, variables)
        kind = leads.strip("[]")
        if isinstance(value, list):
            return [
                None if one is None else self.select(below, *_typed(kind, one), variables) for one in value
            ]
        return self.select(below, *_typed(kind, value), variables)

    def _connection(self, page: Page, below: SelectionSetNode, variables: Given) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for chosen in below.selections:
            assert isinstance(chosen, FieldNode)
            match chosen.name.value:
                case "totalCount":
                    out["totalCount"] = page.total
                case "nodes":
                    assert chosen.selection_set is not None
                    out["nodes"] = [
                        self.select(chosen.selection_set, page.kind, row, variables) for row in page.rows
                    ]
                case "pageInfo":
                    assert chosen.selection_set is not None
                    stands = {"hasNextPage": page.has_next, "hasPreviousPage": page.has_previous}
                    asked = [
                        each.name.value
                        for each in chosen.selection_set.selections
                        if isinstance(each, FieldNode)
                    ]
                    out["pageInfo"] = {name: stands.get(name, ANY) for name in asked}
        return out

    def _plain(self, value: Any, below: SelectionSetNode | None) -> Any:
        if value is None or value is ANY or isinstance(value, Fitting) or below is None:
            return said(value)
        if isinstance(value, list):
            return [self._plain(one, below) for one in value]
        out = {}
        for chosen in below.selections:
            assert isinstance(chosen, FieldNode)
            out[chosen.name.value] = self._plain(value[chosen.name.value], chosen.selection_set)
        return out


def _typed(kind: str, value: Any) -> tuple[str, Any]:
    """What is of any type says itself of which: ``(type, row)``."""
    return value if kind == "Node" else (kind, value)
