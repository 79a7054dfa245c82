"""What is found when an edition is checked: faults, each in one sentence, and what was looked at."""

from dataclasses import dataclass, field
from decimal import Decimal

from vdept.publications import layout

ENOUGH = 50
"""Faults that are named; a file with more is not better understood by naming all of them."""

LONGEST = 300
"""Characters of a fault: what a file says may be of any length."""


@dataclass
class Findings:
    """What does not hold, each in one sentence; ``about``: what was checked."""

    faults: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    more: int = 0
    unsigned: bool = False
    """Nobody knows whose signature it is: without faults the file agrees with itself, and no more."""

    def fault(self, sentence: str) -> None:
        if len(self.faults) < ENOUGH:
            self.faults.append(sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST]}…")
        else:
            self.more += 1

    def differs(self, where: str, figure: str, said: object, right: object) -> None:
        if said != right:
            self.fault(f"{where}: {figure} is {_shown(said)}, but {_shown(right)} follows from the inputs")


def _shown(value: object) -> str:
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < LONGEST:
        return str(layout.plain(value))
    return str(value)
