"""The commands that a newcomer, CI and a packager use."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("run", "test", "check", "bench", "format", "lock", "clean", "help")


def make(*arguments: str) -> str:
    """What make prints; CI's own variables must not leak into it."""
    clean = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, env=clean
    )
    return done.stdout


def test_make_alone_shows_what_there_is_to_make() -> None:
    shown = make()
    assert shown == make("help")
    for target in TARGETS:
        assert re.search(rf"^  make {target} +\S", shown, re.MULTILINE), target


def test_ci_runs_what_a_developer_runs() -> None:
    lines = [
        line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert lines == ['cd "$(dirname "$0")/.." && exec make check']
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_check_is_format_lint_types_imports_schema_migrations_and_tests() -> None:
    plan = make("--dry-run", "--assume-old=.venv/.ready", "check")
    commands = [line.removeprefix("exec ") for line in plan.splitlines() if not line.startswith("echo")]
    assert [command for command in commands if "install.sh" not in command and "touch" not in command] == [
        ".venv/bin/ruff format --check .",
        ".venv/bin/ruff check .",
        ".venv/bin/mypy",
        ".venv/bin/lint-imports",
        ".venv/bin/python -m vdept_graphql.sdl --check",
        ".venv/bin/vdept migrate --check",
        ".venv/bin/python -m pytest -n 2 --dist worksteal ",
    ]


def test_every_dependency_is_locked_with_hashes() -> None:
    for name in ("dev", "production", "build"):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        entries = re.findall(r"^(\S+==\S+.*?)(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
        assert len(entries) > 5
        assert all("--hash=sha256:" in entry for entry in entries), name


def test_the_readme_says_what_the_makefile_does() -> None:
    readme = (ROOT / "README.md").read_text()
    for target in TARGETS:
        assert f"make {target}" in readme, target


def test_the_wheel_holds_the_code_the_migrations_and_the_registry(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "vdept",
        "vdept_graphql",
        "vdept_workers",
        "vdept_migrations",
    }
    sources = {
        str(path.relative_to(ROOT / root))
        for root in ("src/platform", "graphql", "workers")
        for path in (ROOT / root).rglob("*.py")
    }
    assert sources <= names
    assert {"vdept_migrations/env.py", "vdept_migrations/versions/0001_the_main_job.py"} <= names
    data = [name for name in names if name.startswith("vdept/units/data/")]
    assert len(data) == len(list((ROOT / "src/platform/vdept/units/data").iterdir())) > 0


@pytest.mark.parametrize("heavy", ["sqlalchemy", "litestar", "strawberry", "arq", "alembic", "rich"])
def test_help_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, vdept_workers.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
