"""The statements that create occurrences, each for any number of series at once.

An occurrence is made like the task of its series (``t``) as that is now: terms, units with their roles and
shares, targets. Every unit but the one that sets it is asked anew, the lead by an offer.
"""

import sqlalchemy as sa

from vdept.units.models import BESIDE_THE_TREE

IDS = sa.bindparam("ids", type_=sa.ARRAY(sa.BigInteger()))
DAY, NOW = sa.Date(), sa.DateTime(timezone=True)
TODAY_IS = sa.bindparam("today", type_=DAY)
NOW_IS = sa.bindparam("now", type_=NOW)

IN_FORCE = "(u.valid_from <= :today AND (u.valid_to IS NULL OR u.valid_to >= :today))"
BESIDE = ", ".join(f"'{kind.value}'" for kind in sorted(BESIDE_THE_TREE))

LOOK = (
    sa.text(
        f"""
        SELECT r.id, r.task_id, r.rule, r.starts_on, r.days_before, r.on_day_off, r.next_on,
            t.plan_id, t.owner_unit_id, coalesce(t.lead_unit_id, t.owner_unit_id) AS calendar_unit_id,
            p.state AS plan_state, p.ends_on AS plan_ends_on,
            (SELECT {IN_FORCE} FROM unit u WHERE u.id = t.owner_unit_id) AS owner_in_force
        FROM task_recurrence r JOIN task t ON t.id = r.task_id LEFT JOIN plan p ON p.id = t.plan_id
        WHERE r.id = ANY (:ids) ORDER BY r.id
        """
    )
    .bindparams(IDS, TODAY_IS)
    .columns(starts_on=DAY, next_on=DAY, plan_ends_on=DAY)
)
"""What decides what a series brings."""

CREATE = (
    sa.text(
        f"""
        INSERT INTO task (plan_id, title, description, search, kind, audience, state, owner_unit_id,
            lead_unit_id, created_at, updated_at, due_on, original_due_on, recurrence_id, occurrence_on)
        SELECT t.plan_id, t.title, t.description, t.search, t.kind, t.audience,
            CASE WHEN l.id IS NULL THEN 'OPEN' WHEN l.id = t.owner_unit_id THEN 'ACCEPTED' ELSE 'OFFERED' END,
            t.owner_unit_id, l.id, :now, :now, w.due_on, w.due_on, r.id, w.day
        FROM unnest(:ids, :days, :dues) AS w (recurrence_id, day, due_on)
        JOIN task_recurrence r ON r.id = w.recurrence_id
        JOIN task t ON t.id = r.task_id
        LEFT JOIN LATERAL (SELECT u.id FROM unit u WHERE u.id = t.lead_unit_id AND {IN_FORCE}) l ON true
        ORDER BY w.recurrence_id, w.day
        ON CONFLICT (recurrence_id, occurrence_on) WHERE recurrence_id IS NOT NULL DO NOTHING
        RETURNING id, plan_id, title, kind, audience, state, owner_unit_id, lead_unit_id, due_on,
            recurrence_id, occurrence_on
        """
    )
    .bindparams(
        IDS,
        sa.bindparam("days", type_=sa.ARRAY(DAY)),
        sa.bindparam("dues", type_=sa.ARRAY(DAY)),
        TODAY_IS,
        NOW_IS,
    )
    .columns(due_on=DAY, occurrence_on=DAY)
)

SHARE = sa.text(
    f"""
    INSERT INTO participation (task_id, unit_id, role, state, share, progress, due_on, open, updated_at)
    SELECT n.id, p.unit_id, p.role,
        CASE WHEN p.unit_id = n.owner_unit_id THEN 'ACCEPTED' ELSE 'INVITED' END,
        p.share, 0, n.due_on, true, :now
    FROM task n
    JOIN task_recurrence r ON r.id = n.recurrence_id
    JOIN participation p ON p.task_id = r.task_id
    JOIN unit u ON u.id = p.unit_id AND {IN_FORCE}
    WHERE n.id = ANY (:ids) AND (p.state IN ('INVITED', 'ACCEPTED') OR p.unit_id = n.lead_unit_id)
    ORDER BY n.id, p.unit_id
    RETURNING task_id, unit_id, role, share
    """
).bindparams(IDS, TODAY_IS, NOW_IS)

LINK = sa.text(
    f"""
    INSERT INTO task_target (task_id, target_id, weight, state)
    SELECT n.id, x.target_id, x.weight,
        CASE WHEN h.id = n.owner_unit_id THEN 'ACCEPTED' ELSE 'PROPOSED' END
    FROM task n
    JOIN task_recurrence r ON r.id = n.recurrence_id
    JOIN task_target x ON x.task_id = r.task_id AND x.state <> 'DECLINED'
    JOIN target g ON g.id = x.target_id AND g.plan_id = n.plan_id AND g.state <> 'WITHDRAWN'
    JOIN unit h ON h.id = g.unit_id
    JOIN unit o ON o.id = n.owner_unit_id
    WHERE n.id = ANY (:ids) AND (h.id = ANY (o.path)
        OR o.id = ANY (h.path) AND n.audience <> 'PARTICIPANTS' OR EXISTS (
        SELECT FROM participation p WHERE p.task_id = n.id AND p.unit_id = h.id
            AND (o.kind NOT IN ({BESIDE}) OR p.state = 'ACCEPTED')))
    ORDER BY n.id, x.target_id
    RETURNING task_id, target_id, weight, state
    """
).bindparams(IDS)
"""By the rule of ``linking``: a holder stands in line with the owner or has a part, accepted for a firm's."""

ADVANCE = sa.text(
    """
    UPDATE task_recurrence r SET next_on = w.next_on, create_on = w.create_on,
        ended_at = CASE WHEN w.ended THEN CAST(:now AS timestamptz) END
    FROM unnest(:ids, :next, :create, :ended) AS w (id, next_on, create_on, ended)
    WHERE r.id = w.id
    """
).bindparams(
    IDS,
    sa.bindparam("next", type_=sa.ARRAY(DAY)),
    sa.bindparam("create", type_=sa.ARRAY(DAY)),
    sa.bindparam("ended", type_=sa.ARRAY(sa.Boolean())),
    NOW_IS,
)
