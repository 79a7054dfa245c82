"""The bytes of a letter: headers, a text and a page.

``email.message.EmailMessage``, with which single letters are made (:mod:`vdept.kernel.mail`), takes 4 ms for
one, and folds the long address of List-Unsubscribe into encoded words that no mail program reads. The
encodings themselves are the standard library's.
"""

import base64
from collections.abc import Iterable, Mapping
from email.charset import BASE64, Charset
from email.header import Header
from email.utils import formataddr

_UTF8 = Charset("utf-8")
_UTF8.header_encoding = BASE64
_ENDS = "\r\n"


def unstructured(name: str, text: str) -> str:
    """A header's text, in encoded words where it is not ASCII (RFC 2047)."""
    if text.isascii() and len(name) + len(text) < 900 and "=?" not in text:
        return text
    return Header(text, _UTF8, maxlinelen=75, header_name=name).encode(linesep=_ENDS)


def mailbox(header: str, name: str, address: str) -> str:
    """``Name <address>``."""
    if not address.isprintable() or any(c in address for c in ' <>,;"'):
        msg = "not an address"
        raise ValueError(msg)
    if name.isascii() and "=?" not in name:
        return formataddr((name, address))
    return f"{unstructured(header, name)} <{address}>"


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
    if any(not c.isprintable() for c in value.replace("\r\n ", "")):
        msg = f"a control character in {name}"
        raise ValueError(msg)
    return f"{name}: {value}"
