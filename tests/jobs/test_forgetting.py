"""Every hour the platform forgets what can no longer matter, and nothing that still can."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

import factories
from factories import SYSTEM
from vdept.clients.models import RevokedToken
from vdept.identity.models import SignInLink
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.notifications.mailing.upkeep import KEPT
from vdept.notifications.models import Mail, MailState
from vdept_workers import jobs
from vdept_workers.settings import WorkerSettings

DAY = timedelta(days=1)


async def test_expired_credentials_are_forgotten_every_hour(db: Database) -> None:
    [schedule] = [job for job in WorkerSettings.cron_jobs if job.coroutine is jobs.forget_credentials]
    assert (schedule.hour, schedule.minute) == (None, 47)
    now = utc_now()
    async with db.begin(SYSTEM) as tx:
        person = await factories.person(tx)
        for name, end in (("old", now - DAY), ("live", now + DAY)):
            tx.session.add(RevokedToken(jti=name, expires_at=end))
            made: dict[str, Any] = {"created_at": end - DAY, "expires_at": end - DAY}
            tx.session.add(SignInLink(digest=name.encode(), person_id=person.id, **made))
    for _ in range(2):
        await jobs.forget_credentials({"database": db, "holder": "test"})
        async with db.snapshot(SYSTEM) as tx:
            assert list(await tx.session.scalars(sa.select(RevokedToken.jti))) == ["live"]
            assert [bytes(each) for each in await tx.session.scalars(sa.select(SignInLink.digest))] == [
                b"live"
            ]


async def test_letters_are_forgotten_after_months_unless_they_still_have_to_go_out(db: Database) -> None:
    now = utc_now()
    async with db.begin(SYSTEM) as tx:
        for number, (state, age) in enumerate(
            [
                (MailState.SENT, KEPT + DAY),
                (MailState.FAILED, KEPT + DAY),
                (MailState.PENDING, KEPT + DAY),
                (MailState.SENT, KEPT - DAY),
            ]
        ):
            made = {"created_at": now - age, "next_at": now - age}
            tx.session.add(Mail(person_id=number, notification_ids=[1], state=state, **made))
    for _ in range(2):
        await jobs.forget_mail({"database": db, "holder": "test"})
        async with db.snapshot(SYSTEM) as tx:
            assert list(await tx.session.scalars(sa.select(Mail.person_id).order_by(Mail.id))) == [2, 3]
