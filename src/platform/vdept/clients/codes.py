"""Authorization codes: one use, one minute, bound to a client, a redirect address and a PKCE challenge.

RFC 6749, section 4.1; RFC 7636; RFC 9700, section 2.1.1. Synchronous, inside ``tx.session.run_sync``.
"""

from vdept.clients import rules
from vdept.clients.models import ApiClient, AuthorizationCode, ClientAuthorization
from vdept.clients.single_use import Held, hold
from vdept.kernel.db import Tx
from vdept.people.tokens import digest


def keep_code(
    tx: Tx, authorization: ClientAuthorization, code: str, *, redirect_uri: str, challenge: str
) -> None:
    """Keep what must be known of a new code, which itself goes to the client through the browser.

    ``challenge``: the S256 code challenge, 43 characters of base64url.
    """
    tx.session.add(
        AuthorizationCode(
            digest=digest(code),
            authorization_id=authorization.id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            expires_at=tx.now + rules.CODE,
        )
    )


def hold_code(tx: Tx, client: ApiClient, code: str) -> Held[AuthorizationCode] | None:
    """The code, if ``client`` may exchange it now; a code used before ends its authorization."""
    return hold(tx, AuthorizationCode, client, code)


def use_code(tx: Tx, held: Held[AuthorizationCode]) -> None:
    """Mark it used, once everything about the request was right.

    A wrong verifier or redirect address leaves it as it is: whoever stole a code cannot take it from its
    owner, and cannot use it either.
    """
    held.row.used_at = tx.now
