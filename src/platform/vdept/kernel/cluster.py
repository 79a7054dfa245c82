"""One PostgreSQL cluster in a folder: made, started, and opened to the account it runs as.

``home`` is where PostgreSQL is installed (``bin``, ``lib``, ``share``); ``pgdata`` is the cluster's folder.
"""

import contextlib
import hashlib
import os
import pwd
import shlex
import shutil
import subprocess
import time
from pathlib import Path

HELPER_USER = "embedded_postgres"
"""PostgreSQL refuses to run as root; there it runs as this account, which is created when missing."""

MAJOR = "18"
START_SECONDS = 60


class EmbeddedServersError(Exception):
    """The embedded servers cannot be used; the message is one sentence that says why and what to do."""


def create(home: Path, pgdata: Path) -> None:
    """A new cluster; text compares by code point and knows Unicode letters, whatever the machine speaks."""
    pgdata.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        _open_to_helper(home, pgdata)
    _run(
        pgdata,
        str(home / "bin" / "initdb"),
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    )


def start(home: Path, pgdata: Path, settings: dict[str, str]) -> None:
    """Start the server and wait until it takes connections over its Unix socket (there is no port)."""
    major = (pgdata / "PG_VERSION").read_text().strip()
    if major != MAJOR:
        msg = f"{pgdata} is of PostgreSQL {major}, this is {MAJOR}: set VDEPT_DATA_DIR to another folder."
        raise EmbeddedServersError(msg)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)  # of a server that is gone; its pid may be reused
    (pgdata / "server.log").unlink(missing_ok=True)
    if os.geteuid() == 0:
        _open_to_helper(home, pgdata)
    wanted = {
        "listen_addresses": "",
        "unix_socket_directories": str(_socket_dir(pgdata)),
        "unix_socket_permissions": "0700",
        **settings,
    }
    options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in wanted.items())
    log = str(pgdata / "server.log")
    _run(pgdata, str(home / "bin" / "pg_ctl"), "-w", f"-t{START_SECONDS}", "-l", log, "-o", options, "start")


def ready_socket(pgdata: Path) -> Path:
    """The socket folder, once the server takes connections: a server taken over may still be starting."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            lines = (pgdata / "postmaster.pid").read_text().splitlines()
            if len(lines) > 7 and lines[7].strip() == "ready":
                return Path(lines[4].strip())
        time.sleep(0.02)
    msg = f"PostgreSQL did not become ready in {START_SECONDS} seconds: see {pgdata / 'server.log'}."
    raise EmbeddedServersError(msg)


def _socket_dir(pgdata: Path) -> Path:
    """The data folder itself, unless its name is too long for a Unix socket (about 100 bytes)."""
    if len(os.fsencode(pgdata / ".s.PGSQL.5432")) < 100:
        return pgdata
    short = Path("/tmp") / f"vdept-{hashlib.sha256(os.fsencode(pgdata)).hexdigest()[:12]}"  # noqa: S108
    with contextlib.suppress(FileExistsError):
        short.mkdir(mode=0o700)
        shutil.chown(short, pgdata.stat().st_uid, pgdata.stat().st_gid)
    if short.stat().st_uid != pgdata.stat().st_uid:
        msg = f"{short} belongs to somebody else: set VDEPT_DATA_DIR to a folder with a shorter name."
        raise EmbeddedServersError(msg)
    return short


def _run(pgdata: Path, program: str, *arguments: str) -> None:
    """Run a PostgreSQL program as the folder's owner; its own log or output explains a failure."""
    root = os.geteuid() == 0
    output = pgdata.with_name("postgres.out")
    with output.open("w+") as out:
        done = subprocess.run(
            [program, "-D", str(pgdata), *arguments],
            user=HELPER_USER if root else None,
            group=pwd.getpwnam(HELPER_USER).pw_gid if root else None,
            extra_groups=[] if root else None,
            cwd=pgdata,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
        out.seek(0)
        said = out.read()
    output.unlink(missing_ok=True)
    if done.returncode != 0:
        log = pgdata / "server.log"
        why = (log.read_text(errors="replace") if log.exists() else said).strip().splitlines()[-1:]
        msg = f"{Path(program).name} failed on {pgdata}: {' '.join(why) or f'exit code {done.returncode}'}"
        raise EmbeddedServersError(msg)


def _open_to_helper(home: Path, pgdata: Path) -> None:
    """As root: give the helper account its folder, and let it pass through the folders above."""
    try:
        pwd.getpwnam(HELPER_USER)
    except KeyError:
        useradd = shutil.which("useradd")
        if useradd is None:
            msg = "PostgreSQL does not run as root and `useradd` is missing: run as an ordinary user."
            raise EmbeddedServersError(msg) from None
        subprocess.run([useradd, "--system", "--no-create-home", HELPER_USER], check=True)
    for folder in (*pgdata.parents, home, *home.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
    if (home / "bin" / "postgres").stat().st_mode & 0o005 != 0o005:
        for path in home.rglob("*"):
            mode = path.stat().st_mode
            path.chmod(mode | (0o005 if path.is_dir() or mode & 0o100 else 0o004))
    if pgdata.stat().st_uid != pwd.getpwnam(HELPER_USER).pw_uid:
        for path in (pgdata, *pgdata.rglob("*")):
            shutil.chown(path, HELPER_USER, pwd.getpwnam(HELPER_USER).pw_gid)
