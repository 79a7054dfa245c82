"""A malicious identity provider: serves what a test tells it to, and signs whatever it likes."""

import asyncio
import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey

CLIENT, SECRET = "vdept", "the secret that both of them know"
DOMAIN = "evil.vn"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
Answer = tuple[int, dict[str, str], bytes]


def half_hash(text: str) -> str:
    """``at_hash`` for SHA-256 (OpenID Connect Core 1.0, section 3.1.3.6)."""
    return _encoded(hashlib.sha256(text.encode()).digest()[:16])


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(body: object, status: int = 200) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(body).encode()


class Forger:
    """One such provider; what it answers at each path can be replaced."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"
        self.rsa, self.ec = RSA, EC
        self.keys: list[Key] = [self.rsa, self.ec]
        self.metadata: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        self.asked: list[str] = []
        self.given: list[dict[str, str]] = []
        """Forms that came to the token endpoint."""
        self.answers: dict[str, Callable[[], Answer]] = {
            "/.well-known/openid-configuration": lambda: as_json(self.metadata),
            "/jwks": lambda: as_json({"keys": [key.as_dict(private=False) for key in self.keys]}),
        }

    @property
    def settings(self) -> dict[str, Any]:
        """Its entry in ``VDEPT_OIDC_PROVIDERS``."""
        return {
            "key": "evil",
            "name": "Nhà cung cấp <b>lạ</b>",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "email_domains": [DOMAIN],
        }

    def claims(self, nonce: str, **changed: Any) -> dict[str, Any]:
        """Those of a sound ID token, changed; None leaves one out."""
        now = int(time.time())
        sound = {
            "iss": self.issuer,
            "sub": "mallory",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": f"mallory@{DOMAIN}",
            "email_verified": True,
        } | changed
        return {name: value for name, value in sound.items() if value is not None}

    def sign(self, claims: dict[str, Any], alg: str = "RS256", key: Key | None = None, **header: Any) -> str:
        """A token with these claims, by one of our keys unless another is given."""
        key = key or (self.ec if alg == "ES256" else self.rsa)
        protected = {"alg": alg, "kid": key.kid} | header
        named = {name: value for name, value in protected.items() if value is not None}
        # Not by jws.serialize_compact: it refuses to sign some of what it would refuse to trust.
        signed = f"{_encoded(json.dumps(named).encode())}.{_encoded(json.dumps(claims).encode())}"
        signature = jws.JWSRegistry.algorithms[alg].sign(signed.encode(), key)
        return f"{signed}.{_encoded(signature)}"

    def unsigned(self, claims: dict[str, Any], alg: str = "none") -> str:
        parts = [json.dumps({"alg": alg, "typ": "JWT"}), json.dumps(claims)]
        return ".".join([*[_encoded(part.encode()) for part in parts], ""])

    def gives(self, id_token: str | None, **more: Any) -> None:
        """What the token endpoint answers from now on."""
        body = {"access_token": "an access token", "token_type": "Bearer", "expires_in": 60} | more
        if id_token is not None:
            body["id_token"] = id_token
        self.answers["/token"] = lambda: as_json(body)


def _handler(forger: Callable[[], Forger]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            known = forger()
            path = self.path.partition("?")[0]
            known.asked.append(path)
            answer = known.answers.get(path, lambda: as_json({"error": "not_found"}, 404))
            status, headers, body = answer()
            self.send_response(status)
            for name, value in ({"content-length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            forger().given.append(form | {"authorization": self.headers.get("authorization", "")})
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def forging() -> Iterator[Forger]:
    """A malicious provider on a port of its own: nothing that was kept of another one is about it."""
    made: list[Forger] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: made[0]))
    server.daemon_threads = True
    made.append(Forger(server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def soon(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
