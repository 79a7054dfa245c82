"""E-mail: what people are told, in letters, through the SMTP server of the settings.

``gathering`` folds what is due into one letter a person; ``post`` sends letters over kept-open connections,
``claiming`` them by lease and ``settling`` what became of them; ``letters`` writes them; ``unsubscribing``
keeps the promise at their foot.

Invariants: what is queued goes out in one letter or is not wanted any more, and then it is gone from the
queue; a letter is sent outside of any transaction, at least once and always under the same Message-ID;
nobody whose address was refused three times in a row is written to; a server that is away costs no letter an
attempt; no log and no error holds a letter's content, an address, or the words of a server.

What a person has read in the inbox by the time their letter is gathered is left out of it, whatever their
cadence: a digest tells what they do not know yet. Once gathered, a letter stays as it is, so that a repeat
is the same message; only what its person says later (no mail, not this kind) still counts.
"""
