"""Sending what is due: claim, post outside any transaction, mark.

At least once, and every time under the same webhook-id.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from vdept.kernel.actor import system
from vdept.kernel.clock import utc_now
from vdept.kernel.db import Database
from vdept.kernel.settings import Network
from vdept.kernel.vault import Vault, VaultError
from vdept.notifications.webhooks import claims, health
from vdept.notifications.webhooks.claims import LEASE, Claim, Outcome
from vdept.notifications.webhooks.pace import Pace
from vdept.notifications.webhooks.payloads import Encode, body, message_id
from vdept.notifications.webhooks.posting import NotDelivered, Post
from vdept.notifications.webhooks.rules import Failure, failure_of, retry_after, retry_in
from vdept.notifications.webhooks.signing import Signer

PLACES = 64
"""Deliveries that one process has on their way at once."""
GATHERED = 0.25
"""Seconds to wait at most for the next answer before looking for more that is due."""
TIDIED = 10.0
GONE = 410
HEADERS = {"content-type": "application/json", "user-agent": "vdept-webhooks/1"}

ACTOR = system("send_webhooks")
log = logging.getLogger("vdept.webhooks")


class Report(NamedTuple):
    """What one step did. ``idle``: nothing is due, nothing on its way, nothing left to write down."""

    claimed: int
    marked: int
    idle: bool


class Sender:
    """Sends deliveries, as many at once as there are places. Any number of processes may have one each."""

    def __init__(
        self,
        database: Database,
        vault: Callable[[], Vault],
        encode: Encode,
        networks: Iterable[Network] = (),
        *,
        post: Post | None = None,
        places: int = PLACES,
        lease: timedelta = LEASE,
    ) -> None:
        self._database = database
        self._signer = Signer(vault)
        self._encode = encode
        self._post = post or Post(networks)
        self._lease = lease
        self._pace = Pace(places)
        self._flying: dict[asyncio.Task[Outcome], Claim] = {}
        self._ended: list[Outcome] = []
        self._beyond = 0
        self._tidied_at = 0.0

    async def step(self, now: datetime | None = None) -> Report:
        """Write down what has ended, take as much more as there are places, and wait for the next answer.

        ``now``: an instant to take for the present one, instead of the database's clock.
        """
        self._gather()
        marked = await self._mark(now)
        claimed = await self._claim(now)
        if self._flying:
            await asyncio.wait(self._flying, timeout=GATHERED, return_when=asyncio.FIRST_COMPLETED)
            self._gather()
            marked += await self._mark(now)
        await self._tidy()
        return Report(claimed, marked, not (claimed or marked or self._flying or self._ended))

    async def close(self) -> None:
        """Leave what is on its way to the next claim."""
        for task in self._flying:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._flying, return_exceptions=True)
        self._flying.clear()
        await self._post.close()

    async def _claim(self, now: datetime | None) -> int:
        free = self._pace.free
        if free <= 0:
            return 0
        taken = 0
        for attempt in range(2):
            from_the_first = self._beyond == 0
            async with self._database.begin(ACTOR) as tx:
                got = await claims.claim(
                    tx, free, self._pace.rooms(), beyond=self._beyond, lease=self._lease, now=now
                )
            self._beyond = got.beyond
            for one in got.claims:
                self._pace.started(one.told.endpoint_id)
                self._flying[asyncio.create_task(self._send(one, now))] = one
            taken = len(got.claims)
            if taken or from_the_first or attempt:
                break
        return taken

    def _gather(self) -> None:
        for task in [task for task in self._flying if task.done()]:
            claim = self._flying.pop(task)
            outcome = task.result()
            self._ended.append(outcome)
            self._pace.ended(
                claim.told.endpoint_id, answered=outcome.status is not None, delivered=outcome.delivered
            )

    async def _send(self, claim: Claim, now: datetime | None) -> Outcome:
        told, asked, status = claim.told, None, None
        failure: Failure | None
        try:
            content = body(told, self._encode)
            sent_at = utc_now()
            signed = self._signer.headers(
                _secrets(claim, sent_at), message_id(told.delivery_id), sent_at, content
            )
            answer = await self._post(claim.url, {**HEADERS, **signed}, content)
            status, failure = answer.status, failure_of(answer.status)
            asked = retry_after(answer.retry_after, utc_now())
        except NotDelivered as error:
            failure = error.failure
        except VaultError:
            log.exception("the secret of webhook endpoint %s cannot be read", told.endpoint_id)
            failure = Failure.SECRET_UNREADABLE
        except Exception:
            log.exception("webhook delivery %s cannot be sent", told.delivery_id)
            failure = Failure.INTERNAL
        delay = None
        if failure is not None and status != GONE:
            age = (now or utc_now()) - claim.queued_at
            delay = retry_in(claim.attempts + 1, age, random.random(), asked)  # noqa: S311  only spreads load
        return Outcome(
            told.delivery_id, claim.token, told.endpoint_id, failure is None, delay, status, failure
        )

    async def _mark(self, now: datetime | None) -> int:
        if not self._ended:
            return 0
        ended = list(self._ended)
        async with self._database.begin(ACTOR) as tx:
            marked = await claims.mark(tx, ended, now)
        del self._ended[: len(ended)]
        said = {one.endpoint_id: _said(one) for one in ended if not one.delivered}
        gone = {one.endpoint_id: _said(one) for one in ended if one.status == GONE}
        concerned = health.concerned(marked, gone.keys(), now or utc_now())
        if concerned:
            async with self._database.begin(ACTOR, now=now) as tx:
                await health.note(tx, {key: marked[key] for key in concerned}, gone, said)
        return sum(it.deliveries for it in marked.values())

    async def _tidy(self) -> None:
        clock = asyncio.get_running_loop().time()
        if clock - self._tidied_at > TIDIED:
            self._tidied_at = clock
            await self._post.tidy()
            async with self._database.begin(ACTOR) as tx:
                await claims.give_up(tx)


def _said(outcome: Outcome) -> str:
    return str(outcome.error or "") if outcome.status is None else f"HTTP {outcome.status}"


def _secrets(claim: Claim, at: datetime) -> list[bytes]:
    """The secrets that sign: the one, and the one before it as long as that counts."""
    previous, until = claim.previous_secret, claim.previous_until
    both = previous is not None and until is not None and at < until
    return [claim.secret, previous] if both and previous is not None else [claim.secret]
