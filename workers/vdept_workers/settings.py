"""Every job and every schedule of the platform, on one screen.

arq has no catch-up for a time it missed, so a daily job is tried every hour and does nothing when it is
done; its clock is local, so the first try of a day is at midnight in Vietnam. A worker also runs the daily
jobs when it starts and every hour from then on, so that they do not depend on Redis.
"""

from arq import cron, func

from vdept.kernel.clock import LOCAL
from vdept_workers import jobs
from vdept_workers.doorbell import decode, encode
from vdept_workers.gaps import keep_gaps
from vdept_workers.publishing import publish_editions, publish_wanted
from vdept_workers.signals import detect_signals, remind_focus
from vdept_workers.verdicts import issue_verdicts
from vdept_workers.warnings import detect_warnings

DAILY = (
    *(jobs.keep_calendars, jobs.reevaluate, issue_verdicts, detect_warnings, keep_gaps, publish_editions),
    *(remind_focus, detect_signals),
)
"""Jobs that belong to a new day; each leaves alone what is done."""


class WorkerSettings:
    """What ``arq`` is given; ``vdept worker`` runs it beside the sweep and the heartbeat."""

    functions = (
        # One job id for all rings: results must not be kept, or the next ring would be taken for a repeat.
        func(jobs.refresh_outcomes, name="refresh_outcomes", timeout=5, keep_result=0, max_tries=3),
        func(jobs.send_out, name="send_out", timeout=5, keep_result=0, max_tries=3),
        func(jobs.create_occurrences, name="create_occurrences", timeout=5, keep_result=0, max_tries=3),
        func(jobs.deliver_reminders, name="deliver_reminders", timeout=5, keep_result=0, max_tries=3),
        func(jobs.follow_calendar, name="follow_calendar", timeout=5, keep_result=0, max_tries=3),
        func(publish_wanted, name="publish_wanted", timeout=5, keep_result=0, max_tries=3),
    )
    cron_jobs = (
        cron(jobs.keep_calendars, name="keep_calendars", minute=0, timeout=300),
        cron(jobs.reevaluate, name="reevaluate", minute=0, timeout=300),
        cron(detect_warnings, name="detect_warnings", minute=set(range(0, 60, 10)), timeout=300),
        cron(keep_gaps, name="keep_gaps", minute={0, 29, 58}, timeout=300),
        cron(issue_verdicts, name="issue_verdicts", minute={0, *range(3, 60, 10)}, timeout=300),
        cron(publish_editions, name="publish_editions", minute=0, timeout=300),
        cron(remind_focus, name="remind_focus", minute=0, timeout=60),
        cron(detect_signals, name="detect_signals", minute={0, 35}, timeout=300),
        cron(jobs.scan_reminders, name="scan_reminders", minute=5, timeout=300),
        cron(jobs.audit_outcomes, name="audit_outcomes", hour=2, minute=30, timeout=300),
        cron(jobs.forget_idempotency_keys, name="forget_idempotency_keys", minute=17, timeout=60),
        cron(jobs.forget_mail, name="forget_mail", minute=37, timeout=60),
        cron(jobs.forget_credentials, name="forget_credentials", minute=47, timeout=60),
    )
    timezone = LOCAL
    poll_delay = 0.05
    max_jobs = 100
    job_timeout = 60
    keep_result = 0
    health_check_interval = 30
    job_serializer = encode
    job_deserializer = decode
    log_results = False
