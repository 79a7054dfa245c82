"""What a token is granted: never more than was asked for, let, and registered."""

from collections.abc import Collection

from vdept.clients.rules import known_scopes
from vdept.kernel.scopes import Scope, parse


def granted(asked: str | None, *held: Collection[str]) -> frozenset[Scope] | None:
    """The scopes of a new token, or None: refuse (RFC 6749, sections 3.3 and 6).

    ``asked``: the request's list, None for all. ``held``: what was let or registered, each of which the token
    must stay within. A scope that is unknown or goes beyond is refused, not left out: a client that believes
    it holds it would fail later and elsewhere.
    """
    within = frozenset.intersection(*(known_scopes(names) for names in held))
    if asked is None:
        return frozenset(scope for scope in within if scope.value in held[0]) or None
    wanted = parse(asked)
    return wanted if wanted and wanted <= within else None
