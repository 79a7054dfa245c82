"""API clients: machine clients and third-party apps, what they were let do, and their tokens.

Invariants: a client belongs to a unit and never holds more than its scopes; a secret, code or refresh token
is kept as a hash and shown once; a code or refresh token used twice ends the whole authorization; a revoked
client or authorization is refused from the next request on; private keys are kept encrypted.
"""
