"""The questions of the matrix, each with what it answers to somebody who sees everything.

A question is a way through the schema, a field a step; what is read at its end is filled in. ``$Plan/shared``
is that thing's global id. An answer is a list of names of ``reading.SEES``; a caller gets those that they
see, and none at all unless they see everything that the question names: a filter tells nothing of what
hangs on a hidden thing (``$?`` names without that). ``*`` is everything there is, ``a&b`` is ``a`` for those
who see ``b`` as well, ``~a_word`` is plain text.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from api.matrix.asked import READS as ASKED
from api.matrix.country import COLUMNS, DUE, SUNDAY, UNIT_OF
from api.matrix.reading import Things, is_logged
from api.matrix.verdicts import VERDICTS
from vdept_graphql.schema import engine

HUE_PEOPLE = "Person/observer Person/member Person/coordinator Person/deputy Person/head Person/worker"
OTHER_PEOPLE = "Person/above Person/below Person/unrelated Person/partner Person/firm Person/rival"
SHARED_UNITS = " ".join(
    f"Unit/{name}&Outcome/shared.{name}"
    for name in ("government", "hue", "commune", "firm", "ministry", "danang", "rival")
)
SHARED_TARGETS = "Target/shared.government Target/shared.hue Target/shared.commune Target/shared.firm"
INNER_TARGETS = "Target/inner.government Target/inner.hue"
PUBLIC_TARGETS = "Target/public.government Target/public.hue"
SHARED_SEGMENTS = " ".join(f"~{units}&Target/shared.government" for units in (0, 0, 0, 0, 0, 4))
OTHER_TARGETS = (
    "Target/government.government Target/ministry.ministry Target/former.government Target/former.danang"
)
ISSUED = "Plan/public Plan/government Plan/shared Plan/ministry Plan/former"
WARNINGS = (
    "EarlyWarning/public.hue EarlyWarning/shared.hue EarlyWarning/task.hue EarlyWarning/task.danang "
    "EarlyWarning/source.hue"
)
ORDERED = "Task/public Task/government Task/hue Task/ministry Task/rival Task/declined"
CONSENTS = "ClientAuthorization/nobody ClientAuthorization/hue.head ClientAuthorization/hue.administrator"
LINES = 'indicatorId: "$Indicator/share", unitIds: ["$Unit/hue", "$Unit/firm", "$Unit/rival"]'
SUNDAYS = f'from: "{SUNDAY}", to: "{SUNDAY + timedelta(days=7)}"'
TASKS = f"{ORDERED} Task/commune Task/danang Task/firm"

TOLD = " ".join(f"Notification/{one}" for one in COLUMNS)

READS = f"""
unit(id: "$Unit/danang") = Unit/danang
unit(id: "$Unit/hue") > parent = Unit/government
unit(id: "$Unit/hue") > children = Unit/commune Unit/commune2
unit(id: "$Unit/hue") > head = Person/head
unit(id: "$Unit/firm") > head = Person/firm
unit(id: "$Unit/hue") > outcome(planId: "$Plan/public") = Unit/hue&Outcome/public.hue
unit(id: "$Unit/hue") > outcome(planId: "$Plan/shared") = Unit/hue&Outcome/shared.hue
unit(id: "$Unit/firm") > outcome(planId: "$Plan/shared") = Unit/firm&Outcome/shared.firm
unit(id: "$Unit/ministry") > outcome(planId: "$Plan/ministry") = Unit/ministry&Outcome/ministry.ministry
unit(id: "$Unit/rival") > outcome(planId: "$?Plan/shared") = Unit/rival&Outcome/shared.rival
unit(id: "$Unit/hue") > gapHistory(planId: "$Plan/shared") = ~False&Outcome/shared.hue
unit(id: "$Unit/firm") > gapHistory(planId: "$Plan/shared") = ~False&Outcome/shared.firm
unit(id: "$Unit/hue") > memberships = {HUE_PEOPLE.replace("Person", "Membership")}
unit(id: "$Unit/firm") > memberships = Membership/firm Membership/engineer
unit(id: "$Unit/firm") > memberships(on: "2020-01-01") = Membership/firm Membership/engineer Membership/former
unit(id: "$Unit/hue") > tasks = Task/hue
unit(id: "$Unit/firm") > tasks = Task/hue Task/firm
unit(id: "$Unit/danang") > tasks = Task/public Task/government Task/danang
unit(id: "$Unit/danang") > tasks(filter: {{text: "danang"}}) = Task/danang
unit(id: "$Unit/danang") > tasks(filter: {{planId: "$Plan/shared"}}) = Task/public Task/government Task/danang
unit(id: "$Unit/hue") > targets = Target/public.hue Target/shared.hue Target/inner.hue
unit(id: "$Unit/firm") > targets = Target/shared.firm
unit(id: "$Unit/danang") > targets = Target/former.danang
units > parent = Unit/government Unit/government Unit/government Unit/hue Unit/hue
unit(id: "$Unit/firm") > memberships(on: "2020-01-01") > person = Person/firm&Membership/firm \
Person/engineer&Membership/engineer Person/former&Membership/former
unit(id: "$Unit/firm") > memberships > unit = Unit/firm&Membership/firm Unit/firm&Membership/engineer
units(filter: {{belowId: "$Unit/hue"}}) = Unit/commune Unit/commune2
units(filter: {{text: "sao khue"}}) = Unit/firm

me = {" ".join(f"Person/{one}&Only/{one}" for one in COLUMNS)}
me > memberships = {" ".join(f"Membership/{one}&Only/{one}" for one in UNIT_OF)}
person(id: "$Person/worker") = Person/worker
person(id: "$Person/former") = Person/former
person(id: "$Person/worker") > memberships = Membership/worker
person(id: "$Person/engineer") > memberships = Membership/engineer
person(id: "$Person/worker") > tasks = Task/hue Task/danang
person(id: "$Person/engineer") > tasks = Task/hue
persons = {HUE_PEOPLE} {OTHER_PEOPLE} Person/engineer Person/former Person/nobody Person/administrator
persons(filter: {{unitId: "$Unit/hue"}}) = {HUE_PEOPLE}
persons(filter: {{unitId: "$Unit/firm"}}) = Person/firm Person/engineer
persons(filter: {{role: HEAD}}) = Person/head {OTHER_PEOPLE}
persons(filter: {{text: "worker"}}) = Person/worker
persons(filter: {{text: "former"}}) = Person/former

indicator(id: "$Indicator/share") = Indicator/share
indicators = Indicator/share
measurements(unitId: "$Unit/hue", indicatorId: "$Indicator/share") = Measurement/hue Measurement/hue.old
measurements(unitId: "$Unit/firm", indicatorId: "$Indicator/share") = Measurement/firm
measurements(unitId: "$Unit/rival", indicatorId: "$Indicator/share") = Measurement/rival
measurements(unitId: "$Unit/firm", indicatorId: "$Indicator/share") > recordedBy = \
Person/firm&Measurement/firm
indicatorSeries({LINES}) > unit = Unit/hue Unit/firm Unit/rival
indicatorSeries({LINES}) > points = ~50&Measurement/hue ~50&Measurement/firm ~50&Measurement/rival
measurements(unitId: "$Unit/hue", indicatorId: "$Indicator/share") > supersedes = Measurement/hue.old
measurements(unitId: "$Unit/hue", indicatorId: "$Indicator/share") > measuredBy = Source/hue
measurements(unitId: "$Unit/hue", indicatorId: "$Indicator/share") > intake = Intake/hue
source(id: "$Source/hue") = Source/hue
source(id: "$Source/firm") > unit = Unit/firm
source(id: "$Source/firm") > indicators = Indicator/share
source(id: "$Source/hue") > connector = ~https://hue.example.vn&Intake/hue
source(id: "$Source/firm") > connector = ~https://firm.example.vn&Intake/firm
source(id: "$Source/hue") > intakes = Intake/hue
source(id: "$Source/firm") > intakes > source = Source/firm&Intake/firm
source(id: "$Source/firm") > rejectedReadings(state: OPEN) = RejectedReading/firm
source(id: "$Source/hue") > intakes > rejectedReadings(state: REPLAYED) = RejectedReading/hue.done&Intake/hue
source(id: "$Source/hue") > rejectedReadings = RejectedReading/hue RejectedReading/hue.done
source(id: "$Source/firm") > rejectedReadings > intake = Intake/firm&RejectedReading/firm
source(id: "$Source/firm") > rejectedReadings > source = Source/firm&RejectedReading/firm
source(id: "$Source/hue") > rejectedReadings > resolvedBy = Person/head&RejectedReading/hue.done
source(id: "$Source/hue") > rejectedReadings > measurement = Measurement/hue&RejectedReading/hue.done
sources = Source/hue Source/firm
sources(filter: {{unitId: "$Unit/firm"}}) = Source/firm
sources(filter: {{indicatorId: "$Indicator/share", way: PUSH}}) = Source/hue Source/firm
unit(id: "$Unit/hue") > sources = Source/hue
indicator(id: "$Indicator/share") > sources = Source/hue Source/firm
measurements(unitId: "$Unit/hue", indicatorId: "$Indicator/share") > supersededBy = Measurement/hue
measurements(unitId: "$Unit/firm", indicatorId: "$Indicator/share") > unit = Unit/firm&Measurement/firm
measurements(unitId: "$Unit/firm", indicatorId: "$Indicator/share") > indicator = \
Indicator/share&Measurement/firm

plan(id: "$Plan/draft") = Plan/draft
plan(id: "$Plan/shared") = Plan/shared
plan(code: "KH-draft") = Plan/draft
plan(code: "KH-ministry") = Plan/ministry
plan(code: "KH-shared") = Plan/shared
plan(id: "$Plan/shared") > issuer = Unit/government
plan(id: "$Plan/shared") > outcome = Unit/government&Outcome/shared.government
plan(id: "$Plan/shared") > unitOutcomes = {SHARED_UNITS}
plan(id: "$Plan/public") > unitOutcomes = \
Unit/government&Outcome/public.government Unit/hue&Outcome/public.hue
plan(id: "$Plan/shared") > unitOutcomes > gapHistory = ~False&Outcome/shared.hue ~False&Outcome/shared.firm
plan(id: "$Plan/public") > segmentOutcomes = ~0 ~0 ~0 ~0 ~0 ~2
plan(id: "$Plan/shared") > segmentOutcomes = {SHARED_SEGMENTS}
plan(id: "$Plan/shared") > objectives = Objective/shared Objective/inner
plan(id: "$Plan/shared") > keyResults = KeyResult/shared KeyResult/inner
plan(id: "$Plan/shared") > keyResults > targets = {SHARED_TARGETS} {INNER_TARGETS}
plan(id: "$Plan/shared") > keyResults > outcomes = {SHARED_TARGETS} {INNER_TARGETS}
plan(id: "$Plan/public") > keyResults > targets = {PUBLIC_TARGETS}
plan(id: "$Plan/former") > keyResults > targets = Target/former.government Target/former.danang
plan(id: "$Plan/shared") > objectives > keyResults = KeyResult/shared KeyResult/inner
plan(id: "$Plan/shared") > objectives > plan = Plan/shared&Objective/shared Plan/shared&Objective/inner
plan(id: "$Plan/public") > keyResults > plan = Plan/public
plan(id: "$Plan/public") > keyResults > objective = Objective/public
plan(id: "$Plan/public") > keyResults > indicator = Indicator/share
plan(id: "$Plan/shared") > unitOutcomes > plan = {SHARED_UNITS.replace("Unit/", "Plan/shared&Unit/")}
plan(id: "$Plan/shared") > editions = Edition/shared Edition/shared.corrected
plan(id: "$Plan/shared") > editions > corrects = Edition/shared.corrected
plan(id: "$Plan/shared") > editions > correctedBy = Edition/shared
plan(id: "$Plan/shared") > lastEditionRequest = EditionRequest/shared
plan(id: "$Plan/shared") > lastEditionRequest > edition = Edition/shared&EditionRequest/shared
plan(id: "$Plan/shared") > lastEditionRequest > plan = Plan/shared&EditionRequest/shared
plan(id: "$Plan/shared") > lastEditionRequest > requestedBy = Person/partner&EditionRequest/shared
editions = Edition/public Edition/shared Edition/shared.corrected
editions(planId: "$Plan/shared") = Edition/shared Edition/shared.corrected
editions(planId: "$Plan/public") > plan = Plan/public
editions(planId: "$Plan/public") > publishedBy = Person/partner
editions(planId: "$Plan/public") > files = ~JSON ~CSV ~EXCEL ~HTML
plans = {ISSUED} Plan/draft
plans(filter: {{states: [DRAFT]}}) = Plan/draft
plans(filter: {{issuerUnitId: "$Unit/ministry"}}) = Plan/ministry
plans(filter: {{issuerUnitId: "$Unit/hue"}}) = Plan/draft
plans(filter: {{holderUnitId: "$Unit/hue"}}) = Plan/public&Target/public.hue Plan/shared&Target/shared.hue
plans(filter: {{holderUnitId: "$Unit/firm"}}) = Plan/shared&Target/shared.firm
plans(filter: {{holderUnitId: "$Unit/danang"}}) = Plan/former&Target/former.danang
plans(filter: {{codes: ["KH-draft", "KH-ministry", "KH-public"]}}) = Plan/draft Plan/ministry Plan/public

target(id: "$Target/shared.hue") = Target/shared.hue
target(id: "$Target/shared.firm") = Target/shared.firm
target(id: "$Target/shared.firm") > parent = Target/shared.government
target(id: "$Target/shared.government") > children = \
Target/shared.hue Target/shared.commune Target/shared.firm
target(id: "$Target/shared.firm") > unit = Unit/firm
target(id: "$Target/shared.firm") > assignedByUnit = Unit/government
target(id: "$Target/shared.firm") > assignedBy = Person/above
target(id: "$Target/shared.firm") > acknowledgedBy = Person/head
target(id: "$Target/shared.firm") > plan = Plan/shared
target(id: "$Target/shared.firm") > keyResult = KeyResult/shared
target(id: "$Target/shared.firm") > keyResult > targets = {SHARED_TARGETS}
target(id: "$Target/shared.firm") > keyResult > outcomes = {SHARED_TARGETS}
target(id: "$Target/shared.firm") > indicator = Indicator/share
target(id: "$Target/shared.firm") > outcome = Target/shared.firm
target(id: "$Target/shared.firm") > outcome > unit = Unit/firm
target(id: "$Target/shared.firm") > outcome > keyResult = KeyResult/shared
target(id: "$Target/shared.firm") > tasks = Task/hue Task/danang
target(id: "$Target/shared.hue") > tasks = Task/hue Task/public
target(id: "$Target/shared.hue") > series = ~MONTH
target(id: "$Target/public.hue") > series > measured > points = ~50
target(id: "$Target/shared.firm") > series > measured > points = ~50
target(id: "$Target/shared.firm") > series > reported = ~HISTORY
target(id: "$Target/shared.hue") > series(from: "2999-01-01", to: "2999-01-01") > pace = ~1
target(id: "$Target/shared.hue") > gapHistory = ~False
target(id: "$Target/shared.firm") > gapHistory > changes = ~50
targets = {PUBLIC_TARGETS} {SHARED_TARGETS} {INNER_TARGETS} {OTHER_TARGETS}
targets(filter: {{planId: "$Plan/shared"}}) = {SHARED_TARGETS} {INNER_TARGETS}
targets(filter: {{keyResultId: "$KeyResult/shared"}}) = {SHARED_TARGETS}
targets(filter: {{unitId: "$Unit/firm"}}) = Target/shared.firm
targets(filter: {{belowUnitId: "$Unit/hue"}}) = Target/shared.commune
targets(filter: {{parentId: "$Target/shared.government"}}) = \
Target/shared.hue Target/shared.commune Target/shared.firm
targets(filter: {{states: [WITHDRAWN]}}) = Target/former.danang
targets(filter: {{kinds: [FIRM]}}) = Target/shared.firm

task(id: "$Task/danang") = Task/danang
task(id: "$Task/declined") = Task/declined
task(id: "$Task/hue") > plan = Plan/shared
task(id: "$Task/hue") > parent = Task/ministry
task(id: "$Task/hue") > ownerUnit = Unit/ministry
task(id: "$Task/hue") > leadUnit = Unit/hue
task(id: "$Task/hue") > createdBy = ~Người_partner
task(id: "$Task/hue") > createdBy > person = Person/partner
task(id: "$Task/hue") > verifiedBy = ~Người_partner
task(id: "$Task/hue") > participants = Unit/hue Unit/firm
task(id: "$Task/danang") > participants = Unit/danang Unit/firm Unit/hue
task(id: "$Task/hue") > assignees = ~Người_worker ~Người_engineer
task(id: "$Task/hue") > assignees > person = Person/worker Person/engineer
task(id: "$Task/hue") > assignees > unit = Unit/hue Unit/firm
task(id: "$Task/hue") > targets = Target/shared.hue Target/shared.firm
task(id: "$Task/public") > targets = Target/shared.hue
task(id: "$Task/hue") > blockedBy = Task/ministry Task/public
task(id: "$Task/public") > blocks = Task/hue
task(id: "$Task/hue") > subtasks = Task/commune
task(id: "$Task/hue") > comments = Comment/hue
task(id: "$Task/hue") > comments > author = ~Người_head
task(id: "$Task/hue") > comments > author > person = Person/head
task(id: "$Task/hue") > comments > unit = Unit/hue
task(id: "$Task/hue") > comments > task = Task/hue
task(id: "$Task/danang") > comments = Comment/danang
task(id: "$Task/hue") > evidence = ~Ảnh_hue
task(id: "$Task/hue") > evidence > addedBy = ~Người_head
task(id: "$Task/hue") > evidence > unit = Unit/hue
task(id: "$Task/hue") > reminders = ~1&Only/officials
task(id: "$Task/hue") > reminders > person = ~Người_head&Only/officials
task(id: "$Task/hue") > reminders > person > person = Person/head
task(id: "$Task/hue") > reminders > unit = Unit/hue&Only/officials
task(id: "$Task/hue") > reminders > vacantUnits = Unit/commune&Only/officials
task(id: "$Task/hue") > escalations = ~1 ~3 ~5 ~10
task(id: "$Task/hue") > escalations > person = ~Người_head&Only/officials \
~Người_partner&Only/officials ~Người_partner&Only/officials ~Người_above&Only/officials
task(id: "$Task/hue") > escalations > person > person = Person/head Person/partner Person/partner Person/above
task(id: "$Task/hue") > escalations > unit = Unit/hue&Only/officials \
Unit/ministry&Only/officials Unit/ministry&Only/officials Unit/government&Only/officials
task(id: "$Task/hue") > escalations > vacantUnits = Unit/commune&Only/officials
task(id: "$Task/hue") > extensionHistory = TaskExtension/hue TaskExtension/hue.old
task(id: "$Task/hue") > extensionHistory > task = Task/hue Task/hue
task(id: "$Task/hue") > extensionHistory > unit = Unit/hue Unit/hue
task(id: "$Task/hue") > extensionHistory > requestedBy = ~Người_head ~Người_head
task(id: "$Task/hue") > extensionHistory > decidedBy = ~Người_partner
task(id: "$Task/danang") > extensionHistory = TaskExtension/danang
extensionRequests(unitId: "$Unit/ministry") = TaskExtension/hue
extensionRequests(unitId: "$Unit/danang") = TaskExtension/danang
task(id: "$Task/public") > recurrence = TaskRecurrence/hue
task(id: "$Task/public") > recurrence > task = Task/hue
task(id: "$Task/hue") > recurrence > occurrences = Task/hue Task/public
task(id: "$Task/danang") > recurrence > coming = ~{DUE + timedelta(days=7)}
recurrencePreview(rule: "FREQ=WEEKLY;COUNT=2", startsOn: "{DUE}", unitId: "$Unit/hue") = \
~{DUE + timedelta(days=7)}
task(id: "$Task/hue") > history = ~matrix.seen
task(id: "$Task/hue") > history > by = ~Người_partner
task(id: "$Task/hue") > history > by > person = Person/partner
task(id: "$Task/hue") > history > unit = Unit/ministry
tasks = {TASKS}
tasks(filter: {{planId: "$Plan/shared"}}) = {TASKS}
tasks(filter: {{targetId: "$Target/shared.firm"}}) = Task/hue Task/danang
tasks(filter: {{ownerUnitId: "$Unit/ministry"}}) = {ORDERED}
tasks(filter: {{ownerUnitId: "$Unit/firm"}}) = Task/firm
tasks(filter: {{leadUnitId: "$Unit/hue"}}) = Task/hue Task/declined
tasks(filter: {{participantUnitId: "$Unit/firm"}}) = Task/hue Task/firm
tasks(filter: {{participantUnitId: "$Unit/danang"}}) = Task/public Task/government Task/danang
tasks(filter: {{participantUnitId: "$Unit/danang"}}, orderBy: NEWEST_FIRST) = \
Task/public Task/government Task/danang
tasks(filter: {{assigneeId: "$Person/worker"}}) = Task/hue Task/danang
tasks(filter: {{parentId: "$Task/ministry"}}) = Task/hue
tasks(filter: {{parentId: "$Task/hue"}}) = Task/commune
tasks(filter: {{states: [DECLINED]}}) = Task/declined
tasks(filter: {{text: "viec danang"}}) = Task/danang
tasks(filter: {{text: "viec"}}, orderBy: DUE_LATEST_FIRST) = {TASKS}
tasks > targets > target = Target/shared.hue&Task/public Target/shared.hue&Task/hue \
Target/shared.firm&Task/hue Target/shared.firm&Task/danang Target/shared.commune&Task/commune

activities(first: 100) = * SigningKey/made
activities(first: 100) > subject = *
activities(first: 100, subjectId: "$Task/danang") = Task/danang
activities(first: 100, subjectId: "$Task/danang") > by = Person/partner
activities(first: 100, subjectId: "$Task/danang") > unit = Unit/ministry
activities(first: 100, subjectId: "$Target/shared.hue") = Target/shared.hue
activities(first: 100, subjectId: "$Person/worker") = Person/worker&Only/officials
activities(first: 100, subjectId: "$Task/hue") > client = ApiClient/hue

calendarExceptions = CalendarException/hue CalendarException/hue.off CalendarException/national
calendarExceptions(filter: {{unitId: "$Unit/hue"}}) = CalendarException/hue CalendarException/hue.off
calendarExceptions(filter: {{scope: NATIONAL}}) = CalendarException/national
calendarExceptions > unit = Unit/hue Unit/hue
calendarExceptions > createdBy = Person/head Person/head Person/head
calendarExceptions > revokedBy = Person/above
workingCalendar(unitId: "$Unit/hue", {SUNDAYS}) > unit = Unit/hue
workingCalendar(unitId: "$Unit/hue", {SUNDAYS}) > days > exception = \
CalendarException/hue CalendarException/hue.off
workingCalendar(unitId: "$Unit/danang", {SUNDAYS}) > namedDays > exception = CalendarException/national
workingCalendar(unitId: "$Unit/hue", {SUNDAYS}) > daysOff > exception = CalendarException/hue.off
explainDeadline(taskId: "$Task/hue") > task = Task/hue
explainDeadline(taskId: "$Task/danang") > task = Task/danang
explainDeadline(taskId: "$Task/hue") > lines > unit = Unit/ministry&Task/hue Unit/hue&Task/hue
explainDeadline(taskId: "$Task/hue") > lines > by = ~Người_partner
explainDeadline(taskId: "$Task/hue") > lines > by > person = Person/partner

myCalendarFeeds = CalendarFeed/head
myCalendarFeeds(revoked: true) > unit = Unit/hue&CalendarFeed/head

warning(id: "$EarlyWarning/shared.hue") = EarlyWarning/shared.hue
warning(id: "$EarlyWarning/task.danang") = EarlyWarning/task.danang
warning(id: "$EarlyWarning/task.danang") > unit = Unit/danang
warning(id: "$EarlyWarning/public.hue") > plan = Plan/public
warning(id: "$EarlyWarning/task.hue") > plan = Plan/shared
warning(id: "$EarlyWarning/shared.hue") > target = Target/shared.hue
warning(id: "$EarlyWarning/task.hue") > task = Task/hue
warning(id: "$EarlyWarning/source.hue") > source = Source/hue
warning(id: "$EarlyWarning/shared.hue") > acknowledgedBy = Person/head
warning(id: "$EarlyWarning/shared.hue") > answers = ~Bổ_sung
warning(id: "$EarlyWarning/shared.hue") > answers > by = Person/head
warnings = {WARNINGS}
warnings(filter: {{unitId: "$Unit/danang"}}) = EarlyWarning/task.danang
warnings(filter: {{unitId: "$Unit/government", below: true}}) = {WARNINGS}
warnings(filter: {{planId: "$Plan/shared"}}) = EarlyWarning/shared.hue EarlyWarning/task.hue \
EarlyWarning/task.danang
warningCounts(planId: "$Plan/public") = ~1&EarlyWarning/public.hue
warningCounts(unitId: "$Unit/hue", planId: "$Plan/shared") = ~1&EarlyWarning/shared.hue \
~1&EarlyWarning/task.hue
target(id: "$Target/shared.hue") > warnings = EarlyWarning/shared.hue
target(id: "$Target/public.hue") > warnings = EarlyWarning/public.hue
task(id: "$Task/hue") > warnings = EarlyWarning/task.hue
task(id: "$Task/danang") > warnings = EarlyWarning/task.danang

{ASKED}

inbox = {TOLD}
inbox(filter: {{unreadOnly: true, kinds: [REMINDER]}}) = {TOLD}
inbox(filter: {{subjectId: "$?Task/hue"}}) = {TOLD}
inbox > subject = {TOLD.replace("Notif", "Task/hue&Notif")}
inbox > unit = {TOLD.replace("Notif", "Unit/hue&Notif")}
inbox > plan = {TOLD.replace("Notif", "Plan/shared&Notif")}
inboxBySubject = {TOLD.replace("Notif", "~1&Notif")}
inboxBySubject > latest = {TOLD}
inboxBySubject > subject = {TOLD.replace("Notif", "Task/hue&Notif")}
unreadCount > kinds = {TOLD.replace("Notif", "~1&Notif")}
notificationPreferences = {TOLD.replace("Notif", "~0&Notif")}

identities = Identity/head Identity/waiting
identities(filter: {{waiting: true}}) = Identity/waiting
identities(filter: {{personId: "$Person/head"}}) = Identity/head
identities > person = Person/head&Identity/head

client(id: "$ApiClient/hue") = ApiClient/hue
client(id: "$ApiClient/ministry") > unit = Unit/ministry
client(id: "$ApiClient/hue") > authorizations = {CONSENTS}
client(id: "$ApiClient/hue") > authorizations > person = Person/nobody&ClientAuthorization/nobody \
Person/head&ClientAuthorization/hue.head Person/administrator&ClientAuthorization/hue.administrator
client(id: "$ApiClient/hue") > authorizations > client = \
{CONSENTS.replace("ClientAuth", "ApiClient/hue&ClientAuth")}
webhookEndpoints = WebhookEndpoint/hue WebhookEndpoint/firm
webhookEndpoints(unitId: "$Unit/hue") = WebhookEndpoint/hue
webhookEndpoints(disabled: false) > unit = Unit/hue&WebhookEndpoint/hue Unit/firm&WebhookEndpoint/firm
webhookEndpoints > deliveries = WebhookDelivery/hue WebhookDelivery/firm
webhookDeliveries(endpointId: "$WebhookEndpoint/hue") = WebhookDelivery/hue
webhookDeliveries(endpointId: "$WebhookEndpoint/firm", state: DEAD) = WebhookDelivery/firm
webhookDeliveries(endpointId: "$WebhookEndpoint/hue") > endpoint = WebhookEndpoint/hue
clients = ApiClient/hue ApiClient/ministry ApiClient/firm
clients(filter: {{unitId: "$Unit/ministry"}}) = ApiClient/ministry
myAuthorizations = ClientAuthorization/head&Only/head ClientAuthorization/nobody&Only/nobody \
ClientAuthorization/hue.head&Only/head ClientAuthorization/hue.administrator&Only/administrator
"""
READS += VERDICTS

ENDS_IN = {
    "UnitOutcome": "unit { id }",
    "TargetOutcome": "target { id }",
    "IndicatorPoint": "value",
    "TargetSeries": "every",
    "TargetLine": "origin",
    "TargetPoint": "value",
    "PacePoint": "expected",
    "GapHistory": "hasEarlier",
    "GapChange": "measured",
    "SegmentOutcome": "units",
    "Participation": "unit { id }",
    "TaskTarget": "target { id }",
    "Activity": "subjectId",
    "TaskActivity": "verb",
    "TaskPerson": "name",
    "TaskAssignee": "name",
    "WarningAnswer": "response",
    "VerdictSource": "name",
    "VerdictCounts": "targetsMet",
    "SourceConnector": "origin",
    "OutcomeLine": "kind",
    "FocusNomination": "unit { id }",
    "FocusObjective": "method",
    "InboxSubject": "total",
    "UnreadOfKind": "count",
    "NotificationPreferences": "version",
    "WarningCount": "number",
    "EditionFile": "format",
    "Evidence": "title",
    "PlannedOccurrence": "day",
    "Reminder": "step",
    "Escalation": "step",
}
"""By what a thing without an id is named."""


SCOPES = {
    "people:read": "Person Membership Only/officials",
    "plans:read": "TargetSeries TargetLine TargetPoint PacePoint GapHistory GapChange SegmentOutcome "
    "Plan Objective KeyResult Target TargetOutcome UnitOutcome Outcome EarlyWarning "
    "Edition EditionFile EditionRequest WarningAnswer WarningCount Focus FocusObjective FocusNomination "
    "Verdict VerdictInputs VerdictSource VerdictHead VerdictCounts "
    "OutcomeExplanation OutcomeLine OutcomePart",
    "measurements:read": "IndicatorSeries IndicatorPoint Measurement Source Intake RejectedReading "
    "EarlyWarning/source.hue",
    "tasks:read": "Task Participation TaskAssignee TaskPerson TaskTarget TaskActivity Comment Evidence "
    "TaskExtension TaskRecurrence PlannedOccurrence "
    "DeadlineExplanation DeadlineLine Reminder Escalation "
    "EarlyWarning/task.hue EarlyWarning/task.danang "
    "Outcome/shared.ministry Outcome/shared.danang Outcome/shared.rival",
    "activities:read": "Activity ActivityFeed",
    "notifications:read": "Notification InboxSubject UnreadCount UnreadOfKind NotificationPreferences",
    "nobody": "ApiClient ClientAuthorization Identity CalendarFeed WebhookEndpoint WebhookDelivery Signal "
    "SourceConnector",
}
"""What a client needs for a type, or for one thing beside its type: who has only tasks to show in a plan is a
figure of tasks. What is not here is open; for "nobody" no scope is enough."""


def scopes_of(*names: str) -> set[str]:
    """What a client needs for types, or for things by their names."""
    asked = {part for name in names for part in (name, name.partition("/")[0])}
    return {scope for scope, those in SCOPES.items() if asked & set(those.split())}


class Read(NamedTuple):
    """One question and its whole answer."""

    steps: tuple[str, ...]
    answer: tuple[str, ...]

    @property
    def named(self) -> list[str]:
        """The things that the question names and that must be seen for an answer."""
        return [name for step in self.steps for name in re.findall(r'"\$([A-Z][^"]+)"', step)]

    def owners(self) -> list[Any]:
        """On which type each step is taken, and what the last one leads to."""
        types: list[Any] = [engine.core.query_type]
        for step in self.steps:
            found = get_named_type(types[-1].fields[field_of(step)].type)
            types.append(get_named_type(found.fields["nodes"].type) if _is_list(found) else found)
        return types

    def fields(self) -> set[str]:
        """The fields that it asks for, as ``Type.field``."""
        types = self.owners()
        ways = [*zip(types, self.steps, strict=False), (types[-1], ENDS_IN.get(types[-1].name, "id"))]
        return {f"{owner.name}.{field_of(step)}" for owner, step in ways}

    def scopes(self) -> set[str]:
        """What a client needs to ask it."""
        types = self.owners()
        if end := ENDS_IN.get(types[-1].name, "").partition(" {")[0]:
            types.append(get_named_type(types[-1].fields[end].type))
        return scopes_of(*[owner.name for owner in types])

    def query(self, things: Things) -> str:
        """The root field: the steps with global ids, and at the end what names what is there."""
        types = self.owners()
        text = f"{{ {ENDS_IN.get(types[-1].name, 'id')} }}"
        for owner, step in zip(reversed(types[:-1]), reversed(self.steps), strict=True):
            found = get_named_type(owner.fields[field_of(step)].type)
            if _is_list(found):
                text = f"{{ {'totalCount' if 'totalCount' in found.fields else 'hasMore'} nodes {text} }}"
            text = f"{_with_ids(step, things)} {text}"
            if owner is not types[0]:
                text = f"{{ {text} }}"
        return text

    def expected(self, seen: Mapping[str, bool], things: Things) -> list[str]:
        """The names that somebody gets who sees these things."""
        if not all(seen[name] for name in self.named):
            return []
        everything = [_in_the_feed(name) for name in things.rows if is_logged(name)]
        answer = [name for one in self.answer for name in (everything if one == "*" else [one])]
        wanted = [one.split("&") for one in answer]
        return sorted(one[0] for one in wanted if all(seen[name] for name in one if not name.startswith("~")))

    def found(self, answer: Any, things: Things) -> tuple[list[str], int]:
        """The names in an answer, and how many the last lists say that there are (−1: they do not say)."""
        values, count = _taken([{"": answer}], "")
        for step in self.steps[1:]:
            values, count = _taken(values, field_of(step))
        ends, names = [_end(value) for value in values], things.names()
        return sorted(names.get(end, f"~{end.replace(' ', '_')}") for end in ends), count


def _taken(values: list[Any], field: str) -> tuple[list[Any], int]:
    taken: list[Any] = []
    counts = []
    for value in (one[field] for one in values):
        if isinstance(value, dict) and "nodes" in value:
            assert value.get("hasMore") in (None, False)
            counts.append(value.get("totalCount", -1))
            taken += value["nodes"]
        else:
            taken += value if isinstance(value, list) else [] if value is None else [value]
    return taken, sum(counts) if counts else -1


def _end(value: Any) -> str:
    while isinstance(value, dict):
        (value,) = value.values()
    return str(value)


def _is_list(found: Any) -> bool:
    return found.name.endswith(("Connection", "Feed"))


HANGS_ON = {"Comment", "EarlyWarning", "Identity"}


def _in_the_feed(name: str) -> str:
    """What is done to people is told to officials; to what hangs on other things, to administrators."""
    kind = name.partition("/")[0]
    if kind in {"Person", "Membership"}:
        return f"{name}&Only/officials"
    return f"{name}&Only/administrators" if kind in HANGS_ON else name


def field_of(step: str) -> str:
    found = re.match(r"\w+", step)
    assert found, step
    return found[0]


def _with_ids(step: str, things: Things) -> str:
    return re.sub(r'"\$\??([A-Z][^"]+)"', lambda found: f'"{things.id(found[1])}"', step)


def read() -> dict[str, Read]:
    """The questions as they stand above, by themselves."""
    found: dict[str, Read] = {}
    for line in READS.strip().splitlines():
        if line:
            question, _, answer = f"{line} ".partition(" = ")
            assert question not in found, f"asked twice: {question}"
            found[question] = Read(tuple(question.split(" > ")), tuple(answer.split()))
    return found


VALUES = {"Milestone", "OutcomeFigures", "PageInfo", "Reading", "ReminderPolicy", "StatusCounts"}
VALUES |= {"TimelinessCounts", "UserError"}
"""Types that are values of the thing they belong to and lead nowhere."""


def fields_to_ask() -> set[str]:
    """Every field that leads from one thing to another, of all types that a question can come to."""
    found: set[str] = set()
    waiting, known = [engine.core.query_type], set()
    while waiting:
        owner: Any = waiting.pop()
        for name, one in owner.fields.items():
            led: Any = get_named_type(one.type)
            if not isinstance(led, (GraphQLObjectType, GraphQLInterfaceType)) or led.name in VALUES:
                continue
            if not _is_list(owner) and not owner.name.endswith("Edge"):
                found.add(f"{owner.name}.{name}")
            if led.name not in known:
                known.add(led.name)
                waiting.append(led)
    return found
