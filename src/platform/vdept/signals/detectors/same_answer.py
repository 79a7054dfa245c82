"""SAME_ANSWER: different questions are given nearly the same answer.

What is compared are the answers of a unit's heads to early warnings; consultations join when there are any.
Nearly the same: of the groups of three letters of both, 85 % are in both (``pg_trgm``). The database knows
letters without marks only, so both sides are folded first: đ is d, ế is e. One answer that was given to
several warnings in one act is one answer.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Final, NamedTuple

from vdept.signals.detectors import Finding
from vdept.targets.rules import shown

LEAST = 40
"""Characters: two short answers are the same soon enough."""
SIMILARITY = 85
"""Percent."""
DAYS = 180
ANSWERS = 200
SHOWN = 20
EXCERPT = 160

_LETTERS: Final = "đ" + "".join(
    unicodedata.normalize("NFC", base + "".join(marks))
    for base, shapes in {
        "a": ("", "\u0306", "\u0302"),
        "e": ("", "\u0302"),
        "i": ("",),
        "o": ("", "\u0302", "\u031b"),
        "u": ("", "\u031b"),
        "y": ("",),
    }.items()
    for shape in shapes
    for tone in ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
    if (marks := (shape, tone)) != ("", "")
)
_PLAIN: Final = "".join(
    "d" if letter == "đ" else unicodedata.normalize("NFD", letter)[0] for letter in _LETTERS
)
FROM, TO = _LETTERS + _LETTERS.upper(), _PLAIN + _PLAIN
"""Every Vietnamese letter with a mark, and what it is without."""

_FOLD: Final = str.maketrans(FROM, TO)


class Answer(NamedTuple):
    """What was answered to a warning; ``question``: what it was about."""

    warning_id: int
    question: str
    at: datetime
    text: str


def trigrams(text: str) -> frozenset[str]:
    """As ``pg_trgm`` has them: of each word, two blanks before it and one after it."""
    folded = unicodedata.normalize("NFC", text).translate(_FOLD).lower()
    padded = [f"  {word} " for word in re.findall("[a-z0-9]+", folded)]
    return frozenset(word[i : i + 3] for word in padded for i in range(len(word) - 2))


def similarity(one: str, other: str) -> Decimal:
    """Percent of the trigrams of either that are in both, two decimals."""
    a, b = trigrams(one), trigrams(other)
    if not a | b:
        return Decimal(0)
    return (Decimal(100 * len(a & b)) / len(a | b)).quantize(Decimal("0.01"), ROUND_DOWN)


def find(unit_id: int, answers: Sequence[Answer]) -> list[Finding]:
    """For each answer the later ones to other questions that say nearly the same.

    One that resembles several belongs to the first of them.
    """
    long = [each for each in answers if len(each.text) >= LEAST]
    latest = sorted(long, key=lambda each: (each.at, each.warning_id))[-ANSWERS:]
    like: dict[int, list[tuple[int, Decimal]]] = {}
    for i, each in enumerate(latest):
        for first in latest[:i]:
            alike = similarity(first.text, each.text)
            if first.at < each.at and first.question != each.question and alike >= SIMILARITY:
                like.setdefault(first.warning_id, []).append((each.warning_id, alike))
                break
    text = {each.warning_id: each.text for each in latest}
    return [
        Finding(
            str(first),
            unit_id,
            None,
            None,
            None,
            max(alike for _, alike in later),
            {
                "answers": len(later) + 1,
                "similarity": shown(max(alike for _, alike in later)),
                "excerpt": text[first][:EXCERPT],
                "warning_ids": sorted([first, *[number for number, _ in later]])[:SHOWN],
            },
        )
        for first, later in like.items()
    ]


FOLDED = f"lower(translate(normalize(w.response, NFC), '{FROM}', '{TO}'))"

SQL = f"""WITH answer AS (
        SELECT u.unit_id, w.* FROM (SELECT DISTINCT unit_id FROM early_warning WHERE id = ANY (:ids)) u
        CROSS JOIN LATERAL (
            SELECT w.id, w.kind, w.subject, w.subject_id, w.acknowledged_at AS at, w.response,
                {FOLDED} AS folded
            FROM early_warning w
            WHERE w.unit_id = u.unit_id AND length(w.response) >= {LEAST}
                AND w.acknowledged_at > CAST(:now AS timestamptz) - interval '{DAYS} days'
            ORDER BY w.acknowledged_at DESC, w.id DESC LIMIT {ANSWERS}) w),
    alike AS (
        SELECT DISTINCT ON (b.unit_id, b.id) b.unit_id, a.id AS first_id, a.response, b.id,
            a.folded AS one, b.folded AS other
        FROM answer a JOIN answer b ON b.unit_id = a.unit_id AND a.at < b.at
            AND (a.kind, a.subject, a.subject_id) <> (b.kind, b.subject, b.subject_id)
        WHERE 100 * similarity(a.folded, b.folded) > {SIMILARITY} - 0.001
        ORDER BY b.unit_id, b.id, a.at, a.id),
    counted AS (
        SELECT unit_id, first_id, response, id, (
            SELECT trunc(100.0 * count(*) FILTER (WHERE n = 2) / count(*), 2) FROM (
                SELECT count(*) AS n FROM (
                    SELECT unnest(show_trgm(one)) AS t UNION ALL SELECT unnest(show_trgm(other))) b GROUP BY t
            ) c) AS alike
        FROM alike)
    SELECT CAST(first_id AS text) AS key, unit_id, CAST(NULL AS bigint) AS plan_id,
        CAST(NULL AS bigint) AS task_id, CAST(NULL AS bigint) AS indicator_id, max(alike) AS score,
        jsonb_build_object('answers', count(*) + 1, 'similarity', CAST(trim_scale(max(alike)) AS text),
            'excerpt', left(response, {EXCERPT}),
            'warning_ids', to_jsonb((array_sort(array_agg(id) || first_id))[1:{SHOWN}])) AS evidence
    FROM counted WHERE alike >= {SIMILARITY} GROUP BY unit_id, first_id, response"""
"""Of the units that answered since the last run. ``similarity`` is a float and only chooses; what is said and
compared is counted."""
