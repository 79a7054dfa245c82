"""The demonstration: a year of the national plan on the real registry, and who to be when trying it.

Everything goes through the verbs of the core, by the people who would do it and on the days they would; what
is there already is left alone, so that it can be loaded again and again.
"""

from vdept.kernel.clock import local_date, utc_now
from vdept.kernel.db import Database
from vdept.units.registry import load_registry
from vdept_workers.demo.deadlines import last_working_day, load_deadlines, load_warnings, working_days
from vdept_workers.demo.editions import load_edition
from vdept_workers.demo.figures import load_figures, load_figures_of_2021
from vdept_workers.demo.people import PERSONAS, SYSTEM, Persona, load_people
from vdept_workers.demo.plans import key_result_of, load_closed_plan, load_national_plan, targets_by_unit
from vdept_workers.demo.program import as_a_program
from vdept_workers.demo.season import season
from vdept_workers.demo.segments import load_segments
from vdept_workers.demo.tasks import load_tasks
from vdept_workers.demo.training import load_campaign, load_verdicts
from vdept_workers.demo.trying import Try, things_to_try
from vdept_workers.demo.work import Stage
from vdept_workers.runtime import say

__all__ = ["Persona", "Try", "as_a_program", "load_demo", "things_to_try"]


async def load_demo(database: Database) -> list[Persona]:
    """Load what is missing of the demonstration and return its people."""
    now = season(local_date(utc_now()))
    say("demonstration: 34 provinces, 3,321 communes, ministries, firms, associations")
    async with database.begin(SYSTEM) as tx:
        await load_registry(tx)
    say("demonstration: people and their roles")
    cast = await load_people(database)
    say("demonstration: the working calendar")
    calendar = await working_days(cast, now)
    await load_segments(cast, now)
    say(f"demonstration: the national plan, from {now.starts_on} to {now.ends_on}")
    plan = await load_national_plan(cast, now)
    say("demonstration: what was measured and what was reported")
    await load_figures(cast, now, plan)
    say("demonstration: shared tasks")
    online = await key_result_of(cast, plan, "CS-HSTT")
    stage = Stage(cast, now, plan, online, await targets_by_unit(cast, online))
    await load_tasks(stage, late=calendar.step(last_working_day(calendar, now.today), -1))
    say("demonstration: deadlines, and the reminders of the last working day")
    await load_deadlines(stage, calendar)
    say("demonstration: the closed plan of 2021")
    await load_figures_of_2021(cast, now, await load_closed_plan(cast, now))
    say("demonstration: a campaign that is over, and its verdicts")
    campaign = await load_campaign(cast, now)
    await load_warnings(cast, now)
    await load_verdicts(cast, now, campaign)
    say("demonstration: an edition of the national plan is asked for; the worker publishes it")
    await load_edition(cast, now, plan.id)
    return list(PERSONAS)
