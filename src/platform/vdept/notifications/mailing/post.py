"""The post office of one worker: claims letters, has them on their way, and writes down what became of them.

A round claims as many letters as fit, waits until half of those in hand have been answered (a second at
most), writes the answers down in one transaction and renews its hold on the others. So a slow letter holds
up none but itself, and is nobody else's for as long as its sender lives; of a sender that dies or is halted
the letters are free within ``LEASE``.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from vdept.kernel.db import Database
from vdept.notifications.mailing import claiming, settling
from vdept.notifications.mailing.claiming import LEASE, Claimed
from vdept.notifications.mailing.connections import Connections
from vdept.notifications.mailing.letters import Letters
from vdept.notifications.mailing.rules import Answer, Fate, quiet_until
from vdept.notifications.mailing.settling import Outcome, Settled

DEADLINE = 30.0
"""Seconds that the server may take for one letter, over all steps."""

ROUND = 1.0
"""Seconds after which a round ends whatever is still on its way; well below a third of the lease."""

MOST = 400
"""Letters in hand at once; fewer where the server is slow, so that other workers have some, too."""

PAUSES = (1.0, 60.0)
"""Seconds without trying after a server turned out to be away, at first and at most."""

MARGIN = 2.0
"""Seconds before the end of a lease in which nothing is begun any more."""

_log = logging.getLogger(__name__)


class Round(NamedTuple):
    """What a round did, and whether there is more to do at once."""

    outcome: Outcome
    more: bool
    pause: float
    """Seconds for which there is no use in trying: the server is away."""


@dataclass(eq=False, slots=True)
class Hand:
    """A letter in hand. Past ``until`` (this machine's clock) it may be somebody else's."""

    letter: Claimed
    until: float
    task: "asyncio.Task[Settled | None]" = field(init=False)


class Post:
    """Sends letters, round by round."""

    def __init__(
        self,
        database: Database,
        connections: Connections,
        letters: Letters,
        *,
        deadline: float = DEADLINE,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._connections = connections
        self._letters = letters
        self._deadline = deadline
        self._luck = luck
        self._hands: dict[int, Hand] = {}
        self._size = 2 * connections.size
        self._flying = 0
        self._threshold = 0
        self._low = asyncio.Event()
        self._closing = False
        self._away = False
        self._resume = 0.0
        self._pause = PAUSES[0]
        self._unanswered = 0

    async def round(self, now: datetime | None = None) -> Round:
        """One round; raises what the database raises, and then no answer is lost."""
        clock = asyncio.get_running_loop().time
        more = await self._take(now)
        self._threshold = self._size // 2 if more else 0
        began = clock()
        in_time = await self._wait()
        if in_time and more and clock() - began < ROUND / 2:
            self._size = min(MOST, 2 * self._size)
        elif not in_time:
            self._size = max(self._connections.size, self._size // 2)
        outcome = await self._write_down(now)
        await self._renew(now)
        return Round(outcome, more or bool(self._hands), max(0.0, self._resume - clock()))

    async def close(self, patience: float = 1.0) -> None:
        """Finish what is on its way, give the rest back, and say goodbye to the server.

        What the server has not answered by then may have arrived: it is left to its lease.
        """
        self._closing = True
        if tasks := [hand.task for hand in self._hands.values()]:
            _, unanswered = await asyncio.wait(tasks, timeout=patience)
            for task in unanswered:
                task.cancel()
        await self._write_down(None)
        await self._connections.close()

    async def _take(self, now: datetime | None) -> bool:
        """Claim what fits; whether there may be more."""
        clock = asyncio.get_running_loop().time
        if clock() < self._resume:
            return False
        room = (1 if self._away else self._size) - len(self._hands)
        if room <= 0:
            return True
        until = clock() + LEASE.total_seconds() - MARGIN
        claimed = await claiming.claim(self._database, room, now)
        for letter in claimed:
            hand = self._hands[letter.id] = Hand(letter, until)
            hand.task = asyncio.create_task(self._deliver(hand))
            hand.task.add_done_callback(self._landed)
            self._flying += 1
        return len(claimed) == room

    async def _wait(self) -> bool:
        """Until few enough are on their way; False when the round's time was up first."""
        self._low.clear()
        if self._flying <= self._threshold:
            return True
        try:
            await asyncio.wait_for(self._low.wait(), ROUND)
        except TimeoutError:
            return False
        return True

    def _landed(self, _task: object) -> None:
        self._flying -= 1
        if self._flying <= self._threshold:
            self._low.set()

    async def _deliver(self, hand: Hand) -> Settled | None:
        """One letter's way; None if it is not ours to send any more."""
        letter = hand.letter
        if not letter.wanted:
            return Settled(letter, Answer(Fate.UNWANTED))
        if (end := quiet_until(letter.quiet_from, letter.quiet_until, letter.at)) is not None:
            return Settled(letter, Answer(Fate.QUIET), end)
        async with self._connections.slots:
            clock = asyncio.get_running_loop().time
            if clock() >= hand.until:
                return None
            if self._closing or clock() < self._resume:
                return Settled(letter, Answer(Fate.AWAY))
            try:
                content = self._letters.write(letter)
            except Exception as error:  # noqa: BLE001  one letter must not stop the others
                # Neither its text nor its traceback: they quote the letter.
                _log.error("letter %s could not be written: %s", letter.id, type(error).__name__)
                return Settled(letter, Answer(Fate.FAILED, type(error).__name__))
            try:
                answer = await self._connections.send(letter.email, content, self._deadline)
            except Exception as error:  # noqa: BLE001  nor may what nobody has thought of; it is tried again
                _log.error("letter %s could not be sent: %s", letter.id, type(error).__name__)
                return Settled(letter, Answer(Fate.RETRY, type(error).__name__))
        self._learn(answer)
        return Settled(letter, answer)

    def _learn(self, answer: Answer) -> None:
        """Whether the server is there: it is, whatever it answers; it is not when it says nothing at all."""
        if answer.fate is Fate.AWAY:
            self._go_away(answer.reason)
        elif answer.fate is Fate.UNANSWERED:
            self._unanswered += 1
            if self._unanswered >= self._connections.size:
                self._go_away(answer.reason)
        else:
            if self._away:
                _log.info("the mail server works again")
            self._away, self._unanswered, self._pause = False, 0, PAUSES[0]

    def _go_away(self, reason: str | None) -> None:
        clock = asyncio.get_running_loop().time
        if clock() < self._resume:
            return  # others of the same moment
        if not self._away:
            _log.warning("the mail server is away (%s), trying again", reason)
        self._away = True
        self._resume = clock() + self._pause * (0.5 + self._luck() / 2)
        self._pause = min(2 * self._pause, PAUSES[1])

    async def _write_down(self, now: datetime | None) -> Outcome:
        done = [hand for hand in self._hands.values() if hand.task.done()]
        settled = [each for hand in done if (each := hand.task.result()) is not None]
        outcome = await settling.settle(self._database, settled, now, self._luck)
        for hand in done:
            del self._hands[hand.letter.id]
        return outcome

    async def _renew(self, now: datetime | None) -> None:
        """Hold on to what is still on its way; let go of what somebody else has taken over."""
        if not self._hands:
            return
        until = asyncio.get_running_loop().time() + LEASE.total_seconds() - MARGIN
        ours = await claiming.renew(self._database, [hand.letter for hand in self._hands.values()], now)
        for hand in list(self._hands.values()):
            if hand.letter.id in ours:
                hand.until = until
            elif not hand.task.done():
                _log.warning("letter %s was taken over", hand.letter.id)
                hand.task.cancel()
                del self._hands[hand.letter.id]
