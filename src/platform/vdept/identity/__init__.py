"""Identity: how a person proves who they are. There are no passwords.

A person signs in through an identity provider (OpenID Connect) or with a one-time link, and is then known by
a session. Invariants: a provider's subject is a person's only by verified e-mail of a domain that the
provider answers for, or by an administrator; a link is single-use, short-lived and kept as a hash; a session
has a new name at every sign-in, ends when idle, and ends for good after its absolute lifetime.
"""
