"""Who migrates and who works: logins, the application's role, and a server with several databases."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from vdept.kernel import embedded


@pytest.fixture
def server() -> Iterator[embedded.EmbeddedServers]:
    """A server of its own: roles belong to all databases of a server."""
    with tempfile.TemporaryDirectory(prefix="vdept-test-", ignore_cleanup_errors=True) as folder:
        running = embedded.start(Path(folder), settings=embedded.FAST_AND_FORGETFUL)
        try:
            yield running
        finally:
            running.stop()


def url_of(server: embedded.EmbeddedServers, login: str, database: str) -> str:
    return f"postgresql://{login}:@/{database}?host={quote(str(server.postgres.socket_dir))}"


def vdept(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VDEPT_")}
    return subprocess.run(
        [sys.executable, "-m", "vdept_workers", *arguments],
        env={**kept, "COLUMNS": "200", **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_an_owner_who_may_not_make_roles_is_told_what_to_do(server: embedded.EmbeddedServers) -> None:
    server.postgres.psql("CREATE ROLE boss LOGIN; CREATE ROLE api LOGIN; CREATE DATABASE apart OWNER boss;")
    given = {
        "VDEPT_DATABASE_URL": url_of(server, "api", "apart"),
        "VDEPT_MIGRATION_URL": url_of(server, "boss", "apart"),
        "VDEPT_REDIS_URL": server.redis_url,
    }
    done = vdept("migrate", **given)
    assert done.returncode == 1
    assert done.stderr == (
        "vdept: The database cannot be migrated: the role vdept_app is missing and boss may not make roles: "
        'let a superuser run "CREATE ROLE vdept_app NOLOGIN; GRANT vdept_app TO boss", then migrate again.\n'
    )
    server.postgres.psql("CREATE ROLE vdept_app NOLOGIN; GRANT vdept_app TO api;")
    assert vdept("migrate", **given).returncode == 0
    seen = vdept("doctor", "--only", "row security", **given)
    assert (seen.returncode, "the login api has no way around it" in seen.stdout) == (0, True), seen.stdout
    verified = vdept("activity", "verify", **given)
    assert verified.stdout == "0 activities, append-only, in sound order.\n", verified.stderr

    # The owner's login alone does, too, and the doctor says what could be better.
    alone = {"VDEPT_DATABASE_URL": given["VDEPT_MIGRATION_URL"], "VDEPT_REDIS_URL": server.redis_url}
    refused = vdept("activity", "verify", **alone)
    assert (refused.returncode, "permission denied to set role" in refused.stderr) == (1, True)
    server.postgres.psql("GRANT vdept_app TO boss;")
    assert vdept("activity", "verify", **alone).returncode == 0
    seen = vdept("doctor", "--only", "row security", **alone)
    assert seen.returncode == 0
    assert "the login boss owns the tables" in seen.stdout
    assert "VDEPT_MIGRATION_URL" in seen.stdout


def test_several_databases_of_a_server_are_migrated_at_once(server: embedded.EmbeddedServers) -> None:
    urls = [embedded.ensure_database(server.postgres, f"one_of_{n}") for n in range(3)]
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda url: vdept("migrate", VDEPT_DATABASE_URL=url), urls))
    assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 3
    answer = server.postgres.psql(
        "\\t\n\\a\nSELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = 'vdept_app';"
    )
    assert answer.split() == ["f|f|f"]
