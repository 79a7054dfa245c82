"""Webhooks: what a unit's people are told, sent to the unit's own system (Standard Webhooks).

``addresses`` says where anything may be sent at all; ``registering`` and ``replaying`` are the verbs of
whoever manages the unit; ``payloads`` and ``signing`` make what is sent; ``posting`` sends one to an address
that it has looked up and checked itself; ``sending`` claims what is due (``claims``), sends it and marks what
came of it, each endpoint at its own ``pace``; ``health`` disables endpoints that answer nobody any more.

Invariants: nothing is sent to an address that is not public, whatever a name or a redirect says, unless the
operator has listed its network; an endpoint is sent only what is addressed to its unit's people; nothing is
sent inside a transaction; a webhook-id stands for one notification and one endpoint, for ever; one endpoint
that does not answer holds up nobody else's deliveries.
"""
