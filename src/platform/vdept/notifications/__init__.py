"""Notifications: the inbox of every person, and the ways out of the platform: e-mail and webhooks.

Verbs: ``adding`` (the one way anything gets into an inbox), ``inbox`` (read, mark read), ``preferences``.
``mailing`` and ``webhooks`` send what ``adding`` queued.

Invariants: a notification exists once per origin and person; what is queued for outside is written in the
transaction of the notification; nothing is sent inside a transaction; everything that leaves carries an id
that stays the same however often it is sent; a person reads their own inbox and nobody else's.
"""
