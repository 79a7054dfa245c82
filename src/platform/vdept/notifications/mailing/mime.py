"""The bytes of a letter: headers, a text and a page.

``email.message.EmailMessage``, with which single letters are made (:mod:`vdept.kernel.mail`), takes 4 ms for
one, which is more than sending it does, and folds the long address of List-Unsubscribe into encoded words
that no mail program reads. The tests read what is written here with the standard library.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from email.utils import formataddr

_ENDS = "\r\n"
_WORDS = re.compile(r"[^ ]* ?")
_FOLD = "\r\n "
LONGEST = 900
"""Characters of a header that is left on one line; a line may have 998 (RFC 5322)."""

_WORD = 45
"""Bytes of text in an encoded word, which may have 75 characters (RFC 2047, section 2)."""


def unstructured(text: str) -> str:
    """A header's text, in encoded words where it is not ASCII (RFC 2047)."""
    if text.isascii() and len(text) < LONGEST and "=?" not in text:
        return text
    return _FOLD.join(f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in _chunks(text))


def _chunks(text: str) -> Iterator[bytes]:
    """As much text as goes into one encoded word of 75: whole words if they fit, whole characters always."""
    chunk = bytearray()
    for word in _WORDS.findall(text):
        pieces = [encoded] if len(encoded := word.encode()) <= _WORD else [c.encode() for c in word]
        for piece in pieces:
            if len(chunk) + len(piece) > _WORD:
                yield bytes(chunk)
                chunk.clear()
            chunk += piece
    yield bytes(chunk)


def mailbox(name: str, address: str) -> str:
    """``Name <address>``."""
    if not address.isprintable() or any(c in address for c in ' <>,;"'):
        msg = "not an address"
        raise ValueError(msg)
    if name.isascii() and "=?" not in name:
        return formataddr((name, address))
    return f"{unstructured(name)} <{address}>"


def alternative(headers: Mapping[str, str], text: str, page: str, boundary: str) -> bytes:
    """A message that says the same as text and as a page. ``boundary`` must hold an underscore.

    Raises ValueError for a header that would become two.
    """
    parts = ((text, "plain"), (page, "html"))
    lines = [*map(_header, headers.items()), "MIME-Version: 1.0"]
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
    return _joined(lines, boundary, parts)


def _joined(lines: list[str], boundary: str, parts: Iterable[tuple[str, str]]) -> bytes:
    written = [_ENDS.join(lines).encode("utf-8"), b"\r\n"]
    for content, subtype in parts:
        head = f"\r\n--{boundary}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        written.append(f"{head}Content-Transfer-Encoding: base64\r\n\r\n".encode("ascii"))
        encoded = base64.encodebytes(content.replace("\n", _ENDS).encode("utf-8"))
        written.append(encoded.replace(b"\n", b"\r\n"))
    written.append(f"\r\n--{boundary}--\r\n".encode("ascii"))
    return b"".join(written)


def _header(item: tuple[str, str]) -> str:
    name, value = item
    if not value.replace(_FOLD, "").isprintable():
        msg = f"a control character in {name}"
        raise ValueError(msg)
    return f"{name}: {value}"
