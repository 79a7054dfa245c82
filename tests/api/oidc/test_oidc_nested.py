"""JSON nested without end, from a provider: refused like all that is no use, and no error of ours."""

import base64
import json

from joserfc import jws

from api.oidc.conftest import Victim
from api.sign_in_scene import logged

DEEP = "[" * 20_000 + "]" * 20_000


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def test_a_token_that_is_nested_without_end_is_not_trusted(victim: Victim) -> None:
    sent = await victim.begin()
    claims = json.dumps(victim.forger.claims(sent["nonce"])).removesuffix("}") + f', "x": {DEEP}}}'
    header = encoded(b'{"alg": "RS256", "kid": "rsa"}')
    signed = f"{header}.{encoded(claims.encode())}"
    signature = jws.JWSRegistry.algorithms["RS256"].sign(signed.encode(), victim.forger.rsa)
    victim.forger.gives(f"{signed}.{encoded(signature)}")
    with logged() as entries:
        page = await victim.back(sent)
    assert (page.status_code, victim.browser.session) == (403, None)
    assert not [entry for entry in entries if entry["event"] == "incident"]


async def test_a_token_response_that_is_nested_without_end_is_none(victim: Victim) -> None:
    sent = await victim.begin()
    body = f'{{"access_token": "a", "x": {DEEP}}}'.encode()
    victim.forger.answers["/token"] = lambda: (200, {"content-type": "application/json"}, body)
    with logged() as entries:
        page = await victim.back(sent)
    assert (page.status_code, victim.browser.session) == (503, None)
    assert not [entry for entry in entries if entry["event"] == "incident"]
