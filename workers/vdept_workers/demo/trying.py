"""Things to try, as commands that a newcomer pastes."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from vdept.kernel.db import Database
from vdept.tasks.models import Task
from vdept.units.models import Unit
from vdept_graphql.ids import encode
from vdept_workers.demo.people import HUE, HUE_HEAD, OBSERVER, SYSTEM
from vdept_workers.demo.tasks import CLEANING

STANDINGS = """{
 province: unit(code: "46") { ...Held } nation: unit(code: "TTCP") { ...Held } }
fragment Held on Unit {
 name targets(filter: {dueFrom: "2025-01-01"}, first: 5) { nodes { keyResult { title } value outcome {
  status measured { value } reported { value } gap attainment expected completion
  children childrenMet } } } }"""

OVERDUE = """{
 unit(code: "46") { name tasks(filter: {overdue: true}, orderBy: DUE, first: 10) { nodes {
  title dueOn timeliness progress assignees { name }
  participants { unit { name } role share progress } } } } }"""

INBOX = """{
 unreadCount { total }
 inbox(filter: {unreadOnly: true}, first: 10) { nodes { kind message subject { ... on Task {
  title dueOn extensionHistory { wantedDueOn reason state }
  escalations { on state person { name } unit { name } } } } } }
 warnings(filter: {unitId: "%s", kinds: [GAP, PACE, SILENCE]}, first: 3) { nodes {
  kind severity sentence openedOn } } }"""

EXPLAIN = """{
 explainDeadline(taskId: "%s") { dueOn workingDays lines { on sentence } } }"""


class Try(NamedTuple):
    """One thing to try: what it shows, and the command."""

    shows: str
    command: str


async def things_to_try(database: Database, url: str, tokens: dict[str, str]) -> list[Try]:
    """Commands on this database; ``tokens`` is by e-mail address."""
    async with database.snapshot(SYSTEM) as tx:
        hue = await tx.session.scalar(sa.select(Unit.id).where(Unit.code == HUE))
        late = await tx.session.scalar(sa.select(Task.id).where(Task.title == CLEANING))
    assert hue is not None  # noqa: S101 -- the demonstration has just been loaded
    assert late is not None  # noqa: S101
    return [
        Try(
            "Where a province stands and where the nation does: reported, measured, and the gap:",
            curl(url, tokens[OBSERVER], STANDINGS),
        ),
        Try(
            "What is overdue in Huế, in due order, with everybody who shares it:",
            curl(url, tokens[HUE_HEAD], OVERDUE),
        ),
        Try(
            "What the head of Huế is told today: escalations, a request for more time, early warnings:",
            curl(url, tokens[HUE_HEAD], INBOX % encode("Unit", hue)),
        ),
        Try(
            "How the date of the overdue task came about, and whom it reaches next:",
            curl(url, tokens[HUE_HEAD], EXPLAIN % encode("Task", late)),
        ),
    ]


def curl(url: str, token: str, query: str) -> str:
    """One command in one line; nothing in it is special between a shell's single quotes."""
    body = msgspec.json.encode({"query": " ".join(query.split())}).decode()
    return (
        f"curl -s {url} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' "
        f"-H 'Accept-Language: en' -d '{body}'"
    )
