"""The table of writes: who may do what. A line is a pattern of answers, whose act it is, and its rows.

The columns are those of ``country.COLUMNS``::

    observer, member, coordinator, deputy and head of Huế, whose task, target or plan it is
    ·     the heads of the government above, the commune below, an unrelated city, the ministry across
    ·     ·    the head of the firm that takes part, and of one that does not
    ·     ·    ·  somebody without a role today; an administrator
    ·     ·    ·  ·
    FF+++ FNNF FN N+

The answers: ``+`` is done; F, N, O, H, L, M are refused with the code below. Nobody writes anonymously.
Plans and tasks are for their participants only; what is public is FORBIDDEN instead of NOT_FOUND (see
``HIDDEN_ANYWAY``). A row is a mutation field, or ``field:what`` for a special case of it.

The heading says which scope a client needs. With it, a client of Huế's does what its coordinator does, and a
client that somebody lets act for them what they do, but for what only an administrator does.

Whose act it is stands in the log: ``-`` no unit's, a unit's whoever does it, or the caller's own unit's
(``own/hue``: for an administrator, who has none, Huế's).
"""

import re
from typing import NamedTuple

from api.matrix.country import COLUMNS

CODES = {
    "F": "FORBIDDEN",
    "N": "NOT_FOUND",
    "O": "TASK_OWN_VERIFICATION",
    "H": "TASK_HEAD_VERIFIES",
    "L": "TASK_LEAD_STAYS",
    "M": "MEASURED_NEEDS_SOURCE",
}

WRITES = """
  units:write
    FFFFF FFFF FF F+  -             createUnit importUnits
    FFFFF FFFF FF F+  hue           updateUnit:division
    FF+++ FFFF FF F+  hue           updateUnit
    FFFFF +FFF FF F+  hue           setUnitSegments
    FFFF+ +FFF FF F+  hue           addCalendarException addCalendarExceptions revokeCalendarException
    FFFFF FFFF FF F+  hue           addCalendarException:region revokeCalendarException:region
    FFFFF FFFF FF F+  -             addCalendarException:national revokeCalendarException:national

  nobody but people themselves: not for clients
    +++++ ++++ ++ ++  -             updatePerson:oneself
    FFFFF FFFF FF F+  -             updatePerson:own_name
    FFFFF FFFF NN N+  -             updatePerson
    FFFFF FFFF FF F+  hue           createPerson:administrator
    FF+++ +FFF FF F+  hue           createPerson
    FFFFF +FFF FF F+  hue           createPerson:deputy
    FF+++ +FFF NN N+  hue           grantMembership endMembership
    FFFFF +FFF NN N+  hue           grantMembership:deputy endMembership:deputy
    FF+++ FFFF FF F+  hue           registerSource
    FF+++ FFFF NN N+  hue           updateSource setSourceIndicators pauseSource resumeSource closeSource
    FF+++ FFFF NN N+  hue           setConnector removeConnector pollSource tryConnector
    FF+F+ FFFF FF F+  hue           registerClient
    FF+F+ FNNN NN N+  hue           updateClient rotateClientSecret revokeClient
    NN+N+ NNNN NN N+  hue           revokeAuthorization
    +++++ ++++ ++ ++  hue           revokeAuthorization:own
    FF+++ FFFF FF F+  hue           registerWebhook
    NN+++ NNNN NN N+  hue           updateWebhook rotateWebhookSecret disableWebhook enableWebhook
    NN+++ NNNN NN N+  hue           sendTestWebhook replayWebhookDeliveries replayWebhookDeliveries:since
    NF+++ FNNN NN N+  hue           answerSignal
    NFFFF +NNN NN N+  hue           dismissSignal
    NNNNN NNNN NN N+  -             linkIdentity unlinkIdentity
    FFFFF FFFF FF F+  -             unlinkIdentity:own

    +++++ ++++ ++ ++  -             createCalendarFeed
    +++++ FFFF FF FF  hue           createCalendarFeed:unit
    NNNN+ NNNN NN NN  -             revokeCalendarFeed

  notifications:write on one's own
    +++++ ++++ ++ ++  -             markNotificationsRead markAllNotificationsRead markNotificationsUnread
    +++++ ++++ ++ ++  -             setNotificationPreferences resumeEmail

  plans:write
    FFFFF +FF+ FF F+  -             createIndicator updateIndicator
    FF+++ FFFF FF F+  hue           createPlan importPlans
    FF+++ NNNN NN N+  hue           addObjective renameObjective addKeyResult updateKeyResult removeKeyResult
    FF+++ NNNN NN N+  hue           issuePlan
    FF+++ FFNN FN N+  hue           closePlan setReminderPolicy resetReminderPolicy publishEdition
    FF+++ FFNN NN N+  hue           acknowledgeTargets
    FF+++ FFNN FN N+  hue           nominateFocus
    FF+++ FFNN FN N+  hue           askForFocus
    FF+++ FFNN NN N+  commune       agreeFocus returnFocus
    FFFF+ FFNN NN N+  hue           pauseTarget resumeTarget
    FF+++ FFNN NN N+  commune2      assignTargets
    FF+++ FFNN NN N+  commune       updateTarget withdrawTarget reinstateTarget

  measurements:write
    F++++ +FFF FF F+  hue           recordMeasurement recordMeasurements
    MMMMM MMMM MM MM  hue           recordMeasurement:measured recordMeasurements:measured
    MMMMM MMMM NN NM  hue           correctMeasurement:measured
    FFFFF FFFF NN NF  hue           pushReadings
    NF+++ NNNN NN N+  hue           replayRejectedReadings dismissRejectedReadings
    FF+++ FFFF NN N+  hue           replayRejectedReadings:source
    F++++ +FFF NN N+  hue           correctMeasurement

  tasks:write as the one who sets a task
    FF+++ +FFF FF F+  own/hue       createTask createTask:part createTasks
    FF+++ +NN+ FN F+  own/hue       createTask:own_part
    FF+++ +NNF FN N+  own/hue       updateTask offerTask cancelTask extendTask linkTargets unlinkTarget
    FF+++ +NNF FN N+  own/hue       grantExtension refuseExtension repeatTask changeRecurrence stopRepeating
    FF+++ +NNN FN N+  own/hue       reopenTask
    FF+++ +NNO FN N+  own/hue       verifyTask sendBackTask
    FFHH+ +NNF FN N+  own/hue       verifyTask:own_work sendBackTask:own_work

  tasks:write as the lead
    FF+++ FNNF FN N+  hue           acceptTask acceptTasks declineTask startTask deliverTask volunteerForTask
    FF+++ FNNF FN N+  hue           requestExtension withdrawExtension
    FF+++ FNNN NN N+  hue           acceptLink declineLink
    FFFF+ +NN+ FN N+  own/hue       pauseTask resumeTask
    FFFF+ FNNF FN N+  hue           acknowledgeWarning acknowledgeWarnings
    FF+++ +NN+ FN N+  own/hue       inviteParticipants setParticipants
    FF+++ +NN+ FN N+  own/hue       addDependency removeDependency setParentTask

  tasks:write as one who takes part
    FF+++ +NN+ ON N+  own/ministry  verifyTask:own_problem sendBackTask:own_problem
    FF+++ FNNF FN N+  hue           acceptInvitation declineInvitation leaveTask assignPeople unassignPerson
    FF+++ FNNL +N NF  own           acceptInvitation:own declineInvitation:own leaveTask:own
    F++++ FNNF FN N+  hue           reportProgress reportProgressMany
    F++++ FNN+ +N NF  own           reportProgress:own reportProgressMany:own
    F++++ +NN+ +N N+  own/ministry  commentOnTask addEvidence
"""

HIDDEN_ANYWAY = """
    addObjective renameObjective addKeyResult updateKeyResult removeKeyResult issuePlan
    linkIdentity unlinkIdentity revokeCalendarFeed
    updateClient rotateClientSecret revokeClient revokeAuthorization
    answerSignal dismissSignal updateWebhook rotateWebhookSecret disableWebhook enableWebhook sendTestWebhook
    replayWebhookDeliveries replayWebhookDeliveries:since
    updatePerson grantMembership endMembership grantMembership:deputy endMembership:deputy correctMeasurement
    updateSource setSourceIndicators pauseSource resumeSource closeSource pushReadings
    setConnector removeConnector pollSource tryConnector
    replayRejectedReadings replayRejectedReadings:source dismissRejectedReadings correctMeasurement:measured
"""
"""Drafts are their issuer's until they are issued; people, clients, identities, values have none."""


OWN_INBOX = """
    markNotificationsRead markAllNotificationsRead markNotificationsUnread
    setNotificationPreferences resumeEmail
"""
AS_CLIENT = {"updatePerson:oneself": "F", "pushReadings": "+", **dict.fromkeys(OWN_INBOX.split(), "F")}
"""A client that acts for its unit is no person; and only such a one sends what a source measured."""
ALSO_NEEDS = {
    **dict.fromkeys(("linkTargets", "acceptLink", "declineLink"), "plans:read"),
    "assignPeople": "people:read",
}
"""What a client names in the input it must be allowed to see."""


class Write(NamedTuple):
    """One row: the answer for each column, whose act it is, and what a client needs ("nobody": is none)."""

    answers: dict[str, str]
    scope: str
    whose: str

    def unit_for(self, own: str | None) -> str | None:
        """For which unit the log says it was done, by somebody who speaks for ``own``."""
        if self.whose == "-":
            return None
        mine, _, otherwise = self.whose.partition("/")
        return mine if mine != "own" else own or otherwise


def read(text: str) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """The answers by row and column, with the first word of the heading and what stands before the names."""
    rows: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {}
    heading = ""
    for line in text.splitlines():
        if not line.startswith("    "):
            heading = line.split()[0] if line.strip() else heading
            continue
        pattern, *words, names = re.split(r"  +", line.strip())
        marks = pattern.replace(" ", "")
        assert len(marks) == len(COLUMNS), f"{len(marks)} answers for {len(COLUMNS)} columns: {line}"
        for name in names.split():
            assert name not in rows, f"{name} stands in the table twice"
            rows[name] = dict(zip(COLUMNS, marks, strict=True)), (heading, *words)
    return rows


def writes() -> dict[str, Write]:
    return {row: Write(answers, *words) for row, (answers, words) in read(WRITES).items()}
