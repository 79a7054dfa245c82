"""The public keys that a client signs its assertions with (RFC 7517, RFC 7523)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from joserfc import jwk
from joserfc.errors import JoseError
from joserfc.util import base64_to_int

from vdept.kernel.errors import Refused, invalid

MAX_KEYS = 5
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members that only the client itself may know; a key set that has one is refused whole, and not kept."""

ALGORITHMS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("RSA", None): ("RS256", "PS256"),
    ("OKP", "Ed25519"): ("EdDSA", "Ed25519"),
}
"""The keys that are taken, by type and curve, and what an assertion may be signed with by each."""

_KEPT = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"})
_RSA_BITS = 2048
_LONGEST = 1024
"""Characters of a member, an RSA modulus of 6,144 bits: what checking a signature costs grows with it, and
joserfc reads no longer signature."""
_RSA_EXPONENTS = range(3, 2**32)
"""Whatever makes keys takes 65,537. One as long as the modulus makes a check cost a hundred times as much."""


def clean_jwks(jwks: object, *path: str) -> dict[str, Any]:
    """The key set as it is kept: known members only, every key with a kid of its own and a sound value."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= MAX_KEYS:
        raise invalid(
            *path,
            vi=f'tập khóa có dạng {{"keys": […]}} với 1–{MAX_KEYS} khóa',
            en=f'a key set has the form {{"keys": […]}} with 1–{MAX_KEYS} keys',
        )
    kept = [_clean_key(key, *path, "keys", position) for position, key in enumerate(keys)]
    if len({key["kid"] for key in kept}) < len(kept):
        raise invalid(*path, vi="mỗi khóa cần một kid riêng", en="every key needs a kid of its own")
    return {"keys": kept}


def _clean_key(key: object, *path: str | int) -> dict[str, str]:
    if not isinstance(key, dict):
        raise _unfit(*path)
    if PRIVATE & key.keys():
        raise invalid(
            *path,
            vi="đây là khóa riêng: chỉ gửi khóa công khai, và thay khóa này vì nó đã bị lộ",
            en="this is a private key: send public keys only, and replace this one, for it has been shown",
        )
    kept = {name: value for name, value in key.items() if name in _KEPT}
    if not all(isinstance(value, str) and value.isprintable() for value in kept.values()):
        raise _unfit(*path)
    algorithms = ALGORITHMS.get((kept.get("kty", ""), kept.get("crv")), ())
    known = algorithms and kept.get("alg", algorithms[0]) in algorithms and kept.get("use", "sig") == "sig"
    if not known or not 1 <= len(kept.get("kid", "")) <= 100 or max(map(len, kept.values())) > _LONGEST:
        raise _unfit(*path)
    try:
        if kept["kty"] == "RSA" and (
            base64_to_int(kept["n"]).bit_length() < _RSA_BITS
            or base64_to_int(kept["e"]) not in _RSA_EXPONENTS
        ):
            raise _unfit(*path)
        jwk.import_key(dict(kept))
    except (JoseError, ValueError, TypeError, KeyError):
        raise _unfit(*path) from None
    return kept


def _unfit(*path: str | int) -> Refused:
    return invalid(
        *path,
        vi="khóa cần có kid, dùng để ký (sig), loại EC (P-256, P-384), RSA (từ 2048 bit) hoặc OKP (Ed25519)",
        en="a key has a kid, is for signing (sig), and EC (P-256, P-384), RSA (2048 bits) or OKP (Ed25519)",
    )


def key_set(jwks: Mapping[str, Any]) -> jwk.KeySet:
    """The keys ready for use. Reading them costs milliseconds, so it is done once for each key set."""
    return _key_set(msgspec.json.encode(jwks, order="deterministic"))


@lru_cache(maxsize=1024)
def _key_set(jwks: bytes) -> jwk.KeySet:
    return jwk.KeySet.import_key_set(msgspec.json.decode(jwks))
