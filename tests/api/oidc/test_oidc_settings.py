"""What an operator is told of the providers in the settings: at the start, and by ``vdept doctor``."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from api.oidc.forger import Forger, as_json
from api.oidc.real import RealProvider
from vdept.kernel.db import Database
from vdept.kernel.settings import Settings
from vdept_workers import doctor
from vdept_workers.runtime import Addresses


def vdept(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VDEPT_")}
    return subprocess.run(
        [sys.executable, "-m", "vdept_workers", *arguments],
        env={**kept, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def listed(*providers: dict[str, Any]) -> str:
    return json.dumps(providers)


@pytest.mark.parametrize("command", ["serve", "up"])
def test_the_platform_does_not_start_with_a_provider_that_cannot_be(
    command: str, ministry: RealProvider
) -> None:
    wrong = ministry.settings | {"issuer": "http://id.moh.gov.vn"}
    done = vdept(command, VDEPT_OIDC_PROVIDERS=listed(wrong), VDEPT_DATA_DIR="/nowhere/at/all")
    assert done.returncode == 2
    said = (
        "settings: VDEPT_OIDC_PROVIDERS: ministry: issuer: it must begin with https:// (http:// only on this"
    )
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert ministry.settings["client_secret"] not in done.stderr + done.stdout


async def test_doctor_asks_every_provider(
    db: Database, ministry: RealProvider, province: RealProvider, forger: Forger
) -> None:
    sound = [ministry.settings, province.settings]
    away = forger.settings | {"issuer": "http://127.0.0.1:1"}
    forger.answers["/jwks"] = lambda: as_json({"keys": []})
    for providers, holds, said in (
        (listed(*sound), True, "ministry, province"),
        ("", True, "none: one-time links only"),
        ("[]", True, "none: one-time links only"),
        (listed(*sound, forger.settings), False, "evil: it has no key to sign with"),
        (listed(*sound, away), False, "evil: http://127.0.0.1:1/.well-known/openid-configuration cannot be"),
        ("{", False, "settings: VDEPT_OIDC_PROVIDERS: "),
    ):
        patient = doctor.Patient(Settings(oidc_providers=providers), Addresses("", ""), db)
        found = await doctor.CHECKS["providers"](patient)
        assert (found.holds, found.said[: len(said)]) == (holds, said)
        assert bool(found.advice) == (not holds)
