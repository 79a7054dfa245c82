"""Alembic environment: run by ``vdept migrate`` with a connection in ``config.attributes``."""

from alembic import context
from sqlalchemy.dialects.postgresql.base import ischema_names

# every table must be known before the comparison
import vdept.calendars.models
import vdept.clients.models
import vdept.deadlines.models
import vdept.feeds.models
import vdept.focus.models
import vdept.identity.models
import vdept.kernel.activity
import vdept.kernel.idempotency
import vdept.kernel.job_runs
import vdept.kernel.leases
import vdept.measurements.models
import vdept.notifications.models
import vdept.outcomes.models
import vdept.people.models
import vdept.publications.models
import vdept.signals.models
import vdept.sources.models
import vdept.targets.models
import vdept.tasks.models
import vdept.units.models
import vdept.verdicts.models
import vdept.warnings.models
from vdept.kernel.models import Base

if context.is_offline_mode():
    msg = "migrations need a connection: run `vdept migrate`"
    raise SystemExit(msg)

ischema_names["xid8"] = vdept.kernel.activity.Xid8  # SQLAlchemy does not know it when it reads a database
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    transaction_per_migration=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
