"""What an API client needs for each part of the schema, on one screen; and what a document needs.

A type has a read scope: whoever selects a field that answers with it, or narrows to it by a fragment, needs
that. A mutation field has a write scope. A document is walked as a whole, whatever ``@skip`` and ``@include``
say, so that what it needs is known once and for all when it is first read. This is the first of two walls:
behind it ``visible_*`` shows a client nothing outside its scopes either.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_leaf_type,
)

from vdept.kernel.actor import Actor
from vdept.kernel.errors import Kind, Refusal
from vdept.kernel.scopes import Scope, implied, written
from vdept_graphql.documents import PerDocument

OPEN: Final = "open"
"""For every caller."""
PERSONAL: Final = "personal"
"""For a person directly; no client reaches it, whatever its scopes and whoever it acts for."""

Place = Scope | str

TYPES: Mapping[Place, str] = {
    OPEN: "Query Mutation Subscription PageInfo UserError Node Unit Indicator "
    "CalendarException CalendarDay WorkingCalendar CalendarImpact CalendarExceptionAnswer",
    Scope.PEOPLE_READ: "Person Membership",
    Scope.PLANS_READ: "Plan Objective KeyResult Milestone Target TargetOutcome UnitOutcome OutcomeFigures "
    "ReminderPolicy ReminderStep ReminderLoad Edition EditionFile EditionRequest "
    "GapHistory GapChange TargetSeries TargetLine TargetPoint PacePoint SegmentOutcome "
    "Focus FocusObjective FocusNomination "
    "Verdict VerdictInputs VerdictSource VerdictHead VerdictCounts "
    "OutcomeExplanation OutcomeLine OutcomePart "
    "Reading StatusCounts TimelinessCounts ImportedPlan EarlyWarning WarningAnswer WarningCount",
    Scope.MEASUREMENTS_READ: "IndicatorSeries IndicatorPoint Measurement Source Intake RejectedReading "
    "ReadingRejection",
    Scope.TASKS_READ: "Task Participation TaskAssignee TaskPerson TaskTarget TaskActivity TaskAnswer "
    "CreatedTask Comment Evidence TaskExtension TaskRecurrence PlannedOccurrence "
    "DeadlineExplanation DeadlineLine Reminder Escalation",
    Scope.ACTIVITIES_READ: "Activity ActivityFeed",
    Scope.NOTIFICATIONS_READ: "Notification InboxSubject InboxChange UnreadCount UnreadOfKind "
    "NotificationPreferences",
    PERSONAL: "ApiClient ClientAuthorization Identity CalendarFeed WebhookEndpoint WebhookDelivery Signal "
    "SourceConnector TriedReading",
}
"""Every type that has fields, once. A connection and its edges are placed with what they list; a payload is
open, because the mutation that answers with it is not."""

MUTATIONS: Mapping[Place, str] = {
    Scope.UNITS_WRITE: "createUnit updateUnit importUnits setUnitSegments addCalendarException "
    "addCalendarExceptions revokeCalendarException",
    Scope.PLANS_WRITE: "createIndicator updateIndicator createPlan addObjective renameObjective addKeyResult "
    "updateKeyResult removeKeyResult issuePlan closePlan importPlans assignTargets acknowledgeTargets "
    "updateTarget pauseTarget resumeTarget withdrawTarget reinstateTarget setReminderPolicy "
    "nominateFocus askForFocus agreeFocus returnFocus resetReminderPolicy publishEdition",
    Scope.MEASUREMENTS_WRITE: "recordMeasurement correctMeasurement recordMeasurements "
    "pushReadings replayRejectedReadings dismissRejectedReadings",
    Scope.TASKS_WRITE: "createTask createTasks updateTask offerTask reopenTask volunteerForTask acceptTask "
    "acceptTasks declineTask startTask deliverTask verifyTask sendBackTask pauseTask resumeTask cancelTask "
    "extendTask reportProgress reportProgressMany inviteParticipants acceptInvitation declineInvitation "
    "leaveTask setParticipants assignPeople unassignPerson linkTargets unlinkTarget acceptLink declineLink "
    "addDependency removeDependency setParentTask commentOnTask addEvidence requestExtension "
    "withdrawExtension grantExtension refuseExtension repeatTask changeRecurrence stopRepeating "
    "acknowledgeWarning acknowledgeWarnings",
    Scope.NOTIFICATIONS_WRITE: "markNotificationsRead markAllNotificationsRead markNotificationsUnread "
    "setNotificationPreferences resumeEmail",
    PERSONAL: "registerSource updateSource setSourceIndicators pauseSource resumeSource closeSource "
    "setConnector removeConnector pollSource tryConnector "
    "createPerson updatePerson grantMembership endMembership registerClient updateClient "
    "rotateClientSecret revokeClient revokeAuthorization linkIdentity unlinkIdentity createCalendarFeed "
    "revokeCalendarFeed registerWebhook updateWebhook rotateWebhookSecret disableWebhook enableWebhook "
    "sendTestWebhook replayWebhookDeliveries answerSignal dismissSignal",
}
"""Every mutation field, once."""

# Not in the registry: they refuse a request, never a mutation, and are no part of its error enum.
INSUFFICIENT_SCOPE = Refusal(
    "INSUFFICIENT_SCOPE",
    Kind.FORBIDDEN,
    vi="Ứng dụng chưa được cấp phạm vi {missing} mà yêu cầu này cần. Hãy xin mã truy cập có phạm vi đó.",
    en="The client was not granted the scope this request needs: {missing}. Ask for an access token that "
    "has it.",
)
NOT_FOR_CLIENTS = Refusal(
    "NOT_FOR_CLIENTS",
    Kind.FORBIDDEN,
    vi="Chỉ người dùng tự đăng nhập mới làm được việc này; ứng dụng không làm thay được, với phạm vi nào "
    "cũng vậy.",
    en="Only a person who signs in directly may do this; no client may, with whatever scope.",
)


def _by_name(table: Mapping[Place, str]) -> dict[str, Place]:
    return {name: place for place, names in table.items() for name in names.split()}


_TYPES, _MUTATIONS = _by_name(TYPES), _by_name(MUTATIONS)


def place_of_type(name: str) -> Place:
    """Where a type stands; one that the table forgot is out of every client's reach."""
    if name.endswith("Payload"):
        return OPEN
    return _TYPES.get(name.removesuffix("Connection").removesuffix("Edge"), PERSONAL)


def place_of_mutation(name: str) -> Place:
    """Where a mutation field stands; one that the table forgot is out of every client's reach."""
    return _MUTATIONS.get(name, PERSONAL)


class Needs(NamedTuple):
    """What an operation needs of a client."""

    scopes: frozenset[Scope]
    personal: bool


def needs_of(places: Iterable[Place]) -> Needs:
    found = set(places)
    return Needs(frozenset(place for place in found if isinstance(place, Scope)), PERSONAL in found)


_known: PerDocument[tuple[int, str], Needs] = PerDocument()


def needs(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Needs:
    """What ``operation`` of the valid ``document`` needs; worked out once, in time linear in the document."""
    known, key = _known.of(document), (id(schema), operation.name.value if operation.name else "")
    if key not in known:
        known[key] = needs_of(_places(schema, document, operation))
    return known[key]


def require(actor: Actor, needed: Needs) -> None:
    """Refuse a client what it has no scope for (INSUFFICIENT_SCOPE) or no client may (NOT_FOR_CLIENTS)."""
    if actor.client_id is not None and needed.personal:
        raise NOT_FOR_CLIENTS.at()
    missing = frozenset(scope for scope in needed.scopes if not actor.may(scope))
    if missing:
        raise INSUFFICIENT_SCOPE.at(missing=written(smallest(missing)))


def require_node(actor: Actor, type_name: str) -> None:
    """The same for an object by its id, whose type no document tells."""
    if actor.client_id is not None or actor.scopes is not None:
        require(actor, needs_of([place_of_type(type_name)]))


def smallest(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """The scopes without those that others among them include."""
    return frozenset(scope for scope in scopes if scope not in implied(scopes - {scope}))


def challenge(needed: Needs) -> str:
    """``WWW-Authenticate`` of the refusal (RFC 6750, section 3.1)."""
    scope = "" if needed.personal else f', scope="{written(smallest(needed.scopes))}"'
    return f'Bearer error="insufficient_scope"{scope}'


# -- walking -------------------------------------------------------------------------------------------


def _places(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> set[Place]:
    """The places that ``operation`` touches, through every fragment that it spreads."""
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    places: set[Place] = set()
    root = schema.get_root_type(operation.operation)
    waiting, spread = [(operation.selection_set, root)], set[str]()
    while waiting:
        selection_set, parent = waiting.pop()
        for selection in selection_set.selections:
            if isinstance(selection, FieldNode):
                waiting += _field(schema, selection, parent, places)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                narrowed = _narrowed(schema, condition.name.value, places) if condition else parent
                waiting.append((selection.selection_set, narrowed))
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                fragment = fragments[selection.name.value]
                narrowed = _narrowed(schema, fragment.type_condition.name.value, places)
                waiting.append((fragment.selection_set, narrowed))
    return places


def _narrowed(schema: GraphQLSchema, name: str, places: set[Place]) -> Any:
    places.add(place_of_type(name))
    return schema.get_type(name)


def _field(
    schema: GraphQLSchema, node: FieldNode, parent: Any, places: set[Place]
) -> list[tuple[SelectionSetNode, Any]]:
    """Note what one field needs; what is selected below it is still to be walked."""
    name = node.name.value
    if name.startswith("__") or not isinstance(parent, (GraphQLObjectType, GraphQLInterfaceType)):
        return []  # the schema itself is open
    if parent is schema.mutation_type:
        places.add(place_of_mutation(name))
    answer = get_named_type(parent.fields[name].type)
    if is_leaf_type(answer):
        return []
    places.add(place_of_type(answer.name))
    return [(node.selection_set, answer)] if node.selection_set else []
