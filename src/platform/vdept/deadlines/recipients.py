"""Whom a step is for, set-based: pieces of the statements that scan, estimate and show what is to come.

All start from a relation ``due`` with the columns :data:`STATION`: the unit where somebody is looked for, the
unit where the search goes on (0: nowhere), and whether only a head will do. From there:

* A unit's coordinators, where it has none its deputies, where it has none its head; or its head alone. Only
  memberships in force on ``:today`` count, of active persons, in a unit that exists.
* Where a unit has nobody, the unit above it on its path; what is passed over is ``vacant_unit_ids``.
* A firm or an association has nobody above it: from the lead the search goes on at the unit that set the
  task and above it, from the assigner at the lead.
* ``ASSIGNEES`` are those whose membership in the unit they work for still holds; where nobody is left, the
  step goes to the lead's coordinators.
"""

from vdept.deadlines.models import Recipient
from vdept.deadlines.rules import ACCOUNTABILITY, WANTS_HEAD
from vdept.tasks.rules import OPEN_STATES
from vdept.units.models import BESIDE_THE_TREE


def words(values: "frozenset[str] | tuple[str, ...]") -> str:
    """Our own words as a list of SQL literals."""
    return ", ".join(f"'{value}'" for value in sorted(values))


OPEN = f"({words(OPEN_STATES)})"
_BESIDE = f"({words(frozenset(BESIDE_THE_TREE))})"
_OF_ASSIGNER = f"({words((Recipient.ASSIGNER_COORDINATOR, Recipient.ASSIGNER_HEAD))})"
_HEADS = f"({words(frozenset(WANTS_HEAD))})"
RANK = f"array_position(CAST('{{{','.join(ACCOUNTABILITY)}}}' AS text[]), CAST(recipient AS text))"
"""The place of a recipient among those found in several roles; the first is the most accountable."""

ISSUER = "coalesce(plan.issuer_unit_id, o.path[1])"
"""Whose head is the last to hear: the plan's issuer, without a plan the top of the owner's line."""

STATION = f"""
    CASE WHEN s.recipient IN {_OF_ASSIGNER} THEN o.id WHEN s.recipient = 'ISSUER_HEAD' THEN {ISSUER}
        ELSE l.id END AS main_unit_id,
    CASE WHEN l.id = o.id THEN 0
        WHEN s.recipient IN {_OF_ASSIGNER} OR s.recipient = 'ISSUER_HEAD' AND {ISSUER} = o.id
            THEN CASE WHEN o.kind IN {_BESIDE} THEN l.id ELSE 0 END
        WHEN s.recipient = 'ISSUER_HEAD' THEN 0
        WHEN l.kind IN {_BESIDE} THEN o.id ELSE 0 END AS second_unit_id,
    s.recipient IN {_HEADS} AS wants_head"""
"""Where the search for a row of ``s`` (recipient, lead_unit_id, owner_unit_id, plan_id) begins."""

STATION_JOINS = """
    JOIN unit l ON l.id = s.lead_unit_id
    JOIN unit o ON o.id = s.owner_unit_id
    LEFT JOIN plan ON plan.id = s.plan_id"""

_IN_FORCE = "m.starts_on <= :today AND (m.ends_on IS NULL OR m.ends_on >= :today)"
_EXISTS = "u.valid_from <= :today AND (u.valid_to IS NULL OR u.valid_to >= :today)"

CONTACTS = f"""
    line AS MATERIALIZED (
        SELECT s.main_unit_id, s.second_unit_id, s.wants_head,
            array_reverse(m.path) || coalesce(array_reverse(x.path), '{{}}') AS units
        FROM (SELECT DISTINCT main_unit_id, second_unit_id, wants_head FROM due) s
        JOIN unit m ON m.id = s.main_unit_id
        LEFT JOIN unit x ON x.id = s.second_unit_id),
    seat AS MATERIALIZED (
        SELECT DISTINCT m.unit_id, m.person_id,
            CASE m.role WHEN 'COORDINATOR' THEN 1 WHEN 'DEPUTY' THEN 2 ELSE 3 END AS rank
        FROM membership m
        JOIN person p ON p.id = m.person_id AND p.active
        JOIN unit u ON u.id = m.unit_id AND {_EXISTS}
        WHERE m.role IN ('COORDINATOR', 'DEPUTY', 'HEAD') AND {_IN_FORCE}
            AND m.unit_id IN (SELECT unnest(units) FROM line)),
    post AS MATERIALIZED (
        SELECT unit_id, min(rank) AS rank, bool_or(rank = 3) AS has_head FROM seat GROUP BY unit_id),
    reached AS (
        SELECT DISTINCT ON (n.main_unit_id, n.second_unit_id, n.wants_head)
            n.main_unit_id, n.second_unit_id, n.wants_head, n.units, a.unit_id, a.place,
            CASE WHEN n.wants_head THEN 3 ELSE p.rank END AS rank
        FROM line n
        CROSS JOIN LATERAL unnest(n.units) WITH ORDINALITY a (unit_id, place)
        JOIN post p ON p.unit_id = a.unit_id AND (p.has_head OR NOT n.wants_head)
        ORDER BY n.main_unit_id, n.second_unit_id, n.wants_head, a.place),
    contact AS MATERIALIZED (
        SELECT r.main_unit_id, r.second_unit_id, r.wants_head, r.unit_id, s.person_id,
            r.units[1:CAST(r.place AS int) - 1] AS vacant_unit_ids
        FROM reached r JOIN seat s ON s.unit_id = r.unit_id AND s.rank = r.rank)"""
"""``contact``: who is found from each station, in which unit, and the units passed over on the way."""

CONTACT_KEY = "(main_unit_id, second_unit_id, wants_head)"

AT_WORK = f"""EXISTS (SELECT FROM person p WHERE p.id = a.person_id AND p.active)
    AND EXISTS (SELECT FROM membership m JOIN unit u ON u.id = m.unit_id AND {_EXISTS}
        WHERE m.person_id = a.person_id AND m.unit_id = a.unit_id AND {_IN_FORCE})"""
"""An assignee ``a`` whose membership still holds."""

_SUBJECT = "d.subject, d.subject_id, d.plan_id, d.due_on, d.step, d.day, d.recipient"

TOLD = f"""
    assigned AS MATERIALIZED (
        SELECT {_SUBJECT}, a.person_id, a.unit_id
        FROM due d JOIN assignee a ON a.task_id = d.subject_id
        WHERE d.recipient = 'ASSIGNEES' AND {AT_WORK}),
    told AS (
        SELECT {_SUBJECT}, c.person_id, c.unit_id, c.vacant_unit_ids
        FROM due d JOIN contact c USING {CONTACT_KEY}
        WHERE d.recipient <> 'ASSIGNEES'
        UNION ALL
        SELECT {_SUBJECT}, c.person_id, c.unit_id, c.vacant_unit_ids
        FROM due d JOIN contact c USING {CONTACT_KEY}
        WHERE d.recipient = 'ASSIGNEES'
            AND NOT EXISTS (SELECT FROM assigned a WHERE a.subject_id = d.subject_id)
        UNION ALL
        SELECT d.*, '{{}}' FROM assigned d)"""
"""``told``: a row for every person whom a row of ``due`` is for, in every role they are found in."""
