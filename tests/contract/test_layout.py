"""Where things stand: what others rely on, and names that would shadow somebody else's module."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = {
    "src": 350,
    "graphql/vdept_graphql": 350,
    "workers": 350,
    "migrations": 350,
    "bench": 350,
    "tests": 600,
}
"""Lines of a file. A test file is a list of sentences, and may be a longer one."""

GENERATED = frozenset(
    {
        "migrations/versions/0001_the_main_job.py",
        "migrations/versions/0004_deadlines.py",
        "migrations/versions/0005_measured_judged_published.py",
    }
)
"""Long because they are a list of tables."""

TOP_LEVEL = (
    ".ci/run",
    ".dockerignore",
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "compose.yaml",
    "docs/architecture.md",
    "docs/decisions",
    "migrations/env.py",
    "pyproject.toml",
    "requirements/build.txt",
    "requirements/dev.txt",
    "requirements/production.txt",
    "src/platform/vdept",
    "graphql/vdept_graphql",
    "workers/vdept_workers",
)

FEATURES = (
    "kernel",
    "units",
    "calendars",
    "people",
    "clients",
    "identity",
    "notifications",
    "targets",
    "measurements",
    "focus",
    "sources",
    "tasks",
    "deadlines",
    "feeds",
    "outcomes",
    "verdicts",
    "warnings",
    "signals",
    "publications",
    "monitoring",
)


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_what_outside_tools_and_newcomers_look_for_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize(
    "name",
    ["src/__init__.py", "src/platform/__init__.py", "graphql/__init__.py", "tests/graphql", "tests/platform"],
)
def test_nothing_shadows_the_platform_and_graphql_modules(name: str) -> None:
    assert not (ROOT / name).exists()


def test_platform_and_graphql_are_still_python_s_and_graphql_core_s() -> None:
    code = (
        "import platform, graphql; print(platform.python_version()); print(graphql.GraphQLSchema.__module__)"
    )
    for folder in (ROOT, ROOT / "tests", ROOT / "src"):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1] == "graphql.type.schema"


def test_no_file_is_longer_than_one_thing_needs() -> None:
    long = {}
    for source, limit in LONGEST.items():
        for path in sorted((ROOT / source).rglob("*.py")):
            name, lines = str(path.relative_to(ROOT)), len(path.read_text().splitlines())
            if lines > limit and name not in GENERATED:
                long[name] = lines
    assert long == {}


def test_every_feature_says_what_it_owns() -> None:
    for feature in FEATURES:
        text = (ROOT / "src/platform/vdept" / feature / "__init__.py").read_text()
        assert text.startswith('"""'), feature
        assert "nvariant" in text, f"{feature} must name its invariants"


def test_the_core_imports_no_transport() -> None:
    """What import-linter says of direct imports, seen from outside: nothing of it is loaded either."""
    code = (
        "import sys, pkgutil, importlib, vdept\n"
        "for module in pkgutil.walk_packages(vdept.__path__, 'vdept.'):\n"
        "    importlib.import_module(module.name)\n"
        "banned = {'litestar', 'strawberry', 'graphql', 'arq', 'uvicorn', 'vdept_graphql', 'vdept_workers'}\n"
        "print(sorted(banned & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_the_order_of_the_features_is_the_order_of_the_layers() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["type"] == "layers")
    assert layers["exhaustive"] is True
    beside = [sorted(layer.split(" | ")) for layer in reversed(layers["layers"])]
    assert tuple(feature for layer in beside for feature in layer) == FEATURES


def test_no_lock_file_that_records_addresses_is_kept() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = {Path(line).name for line in tracked.stdout.splitlines()}
    assert not names & {"uv.lock", "poetry.lock", "pdm.lock", "yarn.lock", "pnpm-lock.yaml"}
    for lock in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in lock.read_text(), lock
    npm = [ROOT / line for line in tracked.stdout.splitlines() if Path(line).name == "package-lock.json"]
    assert [path.parent.name for path in npm] == ["oidc"]
    for package in json.loads(npm[0].read_text())["packages"].values():
        assert "resolved" not in package
        asked_for = {name: value for name, value in package.items() if name != "funding"}
        assert "://" not in json.dumps(asked_for), package


def test_packages_of_npm_are_locked_with_hashes_and_run_no_scripts_when_installed() -> None:
    folder = ROOT / "tests/oidc"
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert len(packages) > 5
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)
    assert "ci --ignore-scripts" in (folder / "install.sh").read_text()
    kept = (folder / ".npmrc").read_text()
    assert "omit-lockfile-registry-resolved=true" in kept
    assert "://" not in kept
