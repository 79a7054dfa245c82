"""The schema: every feature's queries and mutations in one contract."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from vdept_graphql import deadline_enums, outcome_enums, target_enums, task_enums
from vdept_graphql.activities import ActivityQuery
from vdept_graphql.calendar_mutations import CalendarMutation
from vdept_graphql.calendars import CalendarQuery
from vdept_graphql.client_mutations import ClientMutation
from vdept_graphql.clients import ClientQuery
from vdept_graphql.compiled import CompiledExecutor
from vdept_graphql.deadline_explanations import DeadlineExplanationQuery
from vdept_graphql.edition_mutations import EditionMutation
from vdept_graphql.editions import EditionQuery
from vdept_graphql.engine import Engine
from vdept_graphql.feed_mutations import FeedMutation
from vdept_graphql.feeds import FeedQuery
from vdept_graphql.focus import FocusQuery
from vdept_graphql.focus_mutations import FocusMutation
from vdept_graphql.identities import IdentityQuery
from vdept_graphql.identity_mutations import IdentityMutation
from vdept_graphql.measurements import MeasurementMutation, MeasurementQuery
from vdept_graphql.nodes import NodeQuery
from vdept_graphql.notification_mutations import NotificationMutation
from vdept_graphql.notifications import NotificationQuery
from vdept_graphql.people import PeopleQuery
from vdept_graphql.people_mutations import PeopleMutation
from vdept_graphql.plan_import import PlanImportMutation
from vdept_graphql.plan_mutations import PlanMutation
from vdept_graphql.reminder_mutations import ReminderMutation
from vdept_graphql.scalars import SCALARS
from vdept_graphql.segments import SegmentMutation
from vdept_graphql.series import SeriesQuery
from vdept_graphql.signal_mutations import SignalMutation
from vdept_graphql.signals import SignalQuery
from vdept_graphql.source_connector_mutations import ConnectorMutation
from vdept_graphql.source_mutations import SourceMutation
from vdept_graphql.sources import SourceQuery
from vdept_graphql.subscriptions import Subscription
from vdept_graphql.target_holding_mutations import TargetHoldingMutation
from vdept_graphql.target_mutations import TargetMutation
from vdept_graphql.target_queries import TargetQuery
from vdept_graphql.task_extension_mutations import ExtensionMutation
from vdept_graphql.task_extensions import ExtensionQuery
from vdept_graphql.task_mutations import TaskLifeMutation
from vdept_graphql.task_queries import TaskQuery
from vdept_graphql.task_recurrence import RecurrenceQuery
from vdept_graphql.task_recurrence_mutations import RecurrenceMutation
from vdept_graphql.task_sharing_mutations import TaskSharingMutation
from vdept_graphql.unit_mutations import UnitMutation
from vdept_graphql.units import UnitQuery
from vdept_graphql.verdict_explanations import OutcomeExplanationQuery
from vdept_graphql.verdicts import VerdictQuery
from vdept_graphql.warning_mutations import WarningMutation
from vdept_graphql.warnings import WarningQuery
from vdept_graphql.webhook_mutations import WebhookMutation
from vdept_graphql.webhooks import WebhookQuery

DESCRIBED = (deadline_enums, target_enums, task_enums, outcome_enums)
"""Importing these is what publishes the core's enums."""


@strawberry.type(description="What can be read. All of one request is one consistent picture of the data.")
class Query(
    NodeQuery,
    UnitQuery,
    PeopleQuery,
    TargetQuery,
    MeasurementQuery,
    SourceQuery,
    SeriesQuery,
    TaskQuery,
    ExtensionQuery,
    RecurrenceQuery,
    FeedQuery,
    ActivityQuery,
    ClientQuery,
    IdentityQuery,
    NotificationQuery,
    WebhookQuery,
    WarningQuery,
    SignalQuery,
    FocusQuery,
    CalendarQuery,
    EditionQuery,
    DeadlineExplanationQuery,
    VerdictQuery,
    OutcomeExplanationQuery,
):
    """The read side."""


@strawberry.type(
    description="What can be done. Every field is one transaction: done as a whole, or refused with nothing "
    "changed and the reason in `errors`."
)
class Mutation(
    UnitMutation,
    SegmentMutation,
    PeopleMutation,
    ClientMutation,
    IdentityMutation,
    PlanMutation,
    PlanImportMutation,
    TargetMutation,
    TargetHoldingMutation,
    MeasurementMutation,
    SourceMutation,
    ConnectorMutation,
    TaskLifeMutation,
    TaskSharingMutation,
    ExtensionMutation,
    RecurrenceMutation,
    FeedMutation,
    NotificationMutation,
    WebhookMutation,
    WarningMutation,
    EditionMutation,
    SignalMutation,
    FocusMutation,
    CalendarMutation,
    ReminderMutation,
):
    """The write side."""


schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    config=StrawberryConfig(scalar_map=SCALARS),
    execution_context_class=CompiledExecutor,
)
engine = Engine(schema)
