"""The ``vdept`` command. Everything heavy is imported by the command that needs it.

Exit codes: 0 done, 1 the thing checked does not hold, 2 wrong use.
"""

import re
import sys
from datetime import timedelta

import click

from vdept.kernel.errors import Locale, Refused, RefusedMany
from vdept_workers import board, credentials, edition_files
from vdept_workers.runtime import (
    Failure,
    Stopped,
    bring_up_to_date,
    first_line,
    hold_lifeline,
    migrated,
    on_database,
    say,
    servers,
    settings,
    settings_to_serve,
    settings_to_work,
    stop_on_signals,
)
from vdept_workers.sign_in import sign_in_link
from vdept_workers.working_calendar import working_calendar


class Ttl(click.ParamType[timedelta]):
    """A span of time: a number and m, h or d."""

    name = "30d"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is not a span like 90m, 12h or 30d.", param, ctx)
        return (
            int(found[1])
            * {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}[found[2]]
        )


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vdept")
def cli() -> None:
    """Virtual departments: the platform on which a government runs its programmes.

    Settings are VDEPT_* environment variables. Without VDEPT_DATABASE_URL and VDEPT_REDIS_URL the embedded
    PostgreSQL and Valkey are used, in VDEPT_DATA_DIR.
    """


@cli.command()
@click.option("--host", help="Address to listen on (default: VDEPT_HOST, 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: VDEPT_PORT, 8000).")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
def serve(host: str | None, port: int | None, workers: int) -> None:
    """Serve the API until asked to stop."""
    from vdept_workers import serving

    chosen = settings_to_serve()
    sock = serving.listen(host or chosen.host, chosen.port if port is None else port)
    with sock, servers(chosen) as addresses:
        migrated(addresses.database_url, embedded=not chosen.database_url)
        where = sock.getsockname()
        say(f"serving on http://{where[0]}:{where[1]}")
        serving.serve(sock, addresses, workers=workers)


@cli.command()
def worker() -> None:
    """Roll up outcomes and run the background jobs until asked to stop."""
    from vdept_workers import logs
    from vdept_workers.worker import work

    chosen = settings_to_work()
    logs.configure(chosen)
    with servers(chosen) as addresses:
        migrated(addresses.database_url, embedded=not chosen.database_url)
        work(*addresses)


@cli.command()
@click.option("--demo/--no-demo", default=True, show_default=True, help="Load the demonstration data.")
def up(demo: bool) -> None:
    """Everything on one machine: servers, migrations, demo data, API and worker (`make run`)."""
    from vdept_workers.supervisor import run

    try:
        run(settings_to_serve(), with_demo=demo)
    except Stopped:
        say("stopped")


@cli.command()
@click.option("--check", is_flag=True, help="Only check that the migrations build exactly the models.")
def migrate(check: bool) -> None:
    """Bring the database to the current schema."""
    from vdept_workers import operations

    chosen = settings()
    if check:
        operations.check_migrations(chosen)
        click.echo("The migrations build exactly what the models say.")
        return
    if chosen.migration_url:
        bring_up_to_date(chosen.migration_url)
    else:
        with servers(chosen, redis=False) as addresses:
            bring_up_to_date(addresses.database_url)
    click.echo("The database is up to date.")


@cli.command()
def demo() -> None:
    """Load the demonstration data; what is there already is left alone."""
    from vdept_workers.demo import load_demo

    personas = on_database(load_demo)
    for persona in personas:
        click.echo(f"{persona.email}\t{persona.name}\t{persona.title}")


@cli.command()
@click.argument("email", required=False)
@click.option(
    "--ttl", type=Ttl(), default="30d", show_default=True, help="How long it is valid: 90m, 12h, 30d."
)
@click.option(
    "--label", default="vdept token", show_default=True, help="What it is for, for its owner to see."
)
@click.option("--list", "show", is_flag=True, help="List the person's tokens instead (id, label, end).")
@click.option("--revoke", type=click.IntRange(1), metavar="ID", help="End the token with this id instead.")
def token(email: str | None, ttl: timedelta, label: str, show: bool, revoke: int | None) -> None:
    """Print a new bearer token for the person with this EMAIL, and nothing else."""
    from vdept_workers import operations

    if (email is None) == (revoke is None):
        msg = "give either EMAIL or --revoke ID."
        raise click.UsageError(msg)
    if revoke is not None:
        on_database(lambda db: operations.revoke(db, revoke))
        return
    if show:
        for line in on_database(lambda db: operations.tokens(db, email or "")):
            click.echo(line)
        return
    click.echo(on_database(lambda db: operations.mint(db, email or "", label=label, ttl=ttl)))


cli.add_command(sign_in_link)
cli.add_command(credentials.keys)
cli.add_command(credentials.client)
cli.add_command(board.jobs)
cli.add_command(working_calendar)
cli.add_command(edition_files.editions)


@cli.group()
def outcomes() -> None:
    """The derived figures: rebuild them, or prove them right."""


@outcomes.command()
@click.option("--plan", metavar="CODE", help="Only the plan with this code.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if a rebuild would change anything.")
def rebuild(plan: str | None, check: bool) -> None:
    """Compute outcomes from nothing and rewrite what differs."""
    from vdept_workers import operations

    wrong = 0
    for code, rows in on_database(lambda db: operations.rebuild(db, plan, check=check)):
        click.echo(f"{code}: {rows} {'would be ' if check else ''}rewritten")
        wrong += rows
    if check and wrong:
        msg = f"{wrong} derived rows differ from a rebuild: run `vdept outcomes rebuild`."
        raise Failure(msg)


@cli.group()
def activity() -> None:
    """The activity log."""


@activity.command()
def verify() -> None:
    """Check that the log is append-only and its order is sound.

    It finds missing triggers and impossible ids, transactions and times. It cannot yet prove that no row
    was changed by somebody with the rights of the database's owner: that needs the sealed chain, which is
    to come.
    """
    from vdept_workers import operations

    found, count = on_database(operations.verify_activity)
    for line in found:
        click.echo(line)
    if found:
        msg = "The activity log does not hold."
        raise Failure(msg)
    click.echo(f"{count} activities, append-only, in sound order.")


@cli.command()
@click.option("--only", multiple=True, metavar="CHECK", help="Only this check; may be repeated.")
def doctor(only: tuple[str, ...]) -> None:
    """Check everything that the platform stands on; exit 1 when something does not hold."""
    from vdept_workers import doctor as examination

    unknown = set(only) - set(examination.CHECKS)
    if unknown:
        msg = f"no such check: {', '.join(sorted(unknown))} (there are {', '.join(examination.CHECKS)})."
        raise click.UsageError(msg)
    if not examination.run(settings(), only or tuple(examination.CHECKS)):
        sys.exit(1)


def main() -> None:
    """Entry point: no traceback for what can be expected."""
    stop_on_signals()
    hold_lifeline()
    try:
        cli.main(prog_name="vdept", standalone_mode=False)
    except click.exceptions.Exit as asked:
        sys.exit(asked.exit_code)
    except click.Abort:
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Refused as refused:
        click.echo(f"vdept: {refused.message(Locale.EN)}", err=True)
        sys.exit(1)
    except RefusedMany as refused:
        click.echo(f"vdept: {refused}", err=True)
        sys.exit(1)
    except Stopped as stopped:
        sys.exit(128 + stopped.number)
    except (OSError, TimeoutError) as error:
        click.echo(f"vdept: a server is away ({first_line(error)}). `vdept doctor` says which.", err=True)
        sys.exit(1)
