"""Vietnamese text: a sort key for names and a folded form for search.

The embedded PostgreSQL has no ICU, so the alphabetical order of Vietnamese names (a ă â b c d đ e ê …,
then the tone: level, falling, asking, tumbling, sharp, heavy) is stored as a key beside the name.
"""

import unicodedata
from typing import Any

import sqlalchemy as sa

_LETTERS = {letter: f"{i:02d}" for i, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")}
_TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}


def sort_key(name: str) -> str:
    """A string whose byte order is the Vietnamese dictionary order of ``name``, syllable by syllable."""
    return " ".join(_syllable_key(word) for word in unicodedata.normalize("NFC", name.casefold()).split())


def _syllable_key(word: str) -> str:
    """Base letters first, tones after: ``ma`` < ``mà`` < ``mai``."""
    letters: list[str] = []
    tones: list[str] = []
    for char in word:
        base, tone = _split_tone(char)
        if base.isalpha():
            letters.append(_LETTERS.get(base, "99" + base))
            tones.append(tone)
        elif base.isdigit():
            letters.append(f"!{base}")
    return "".join(letters) + "\x01" + "".join(tones)


def _split_tone(char: str) -> tuple[str, str]:
    parts = unicodedata.normalize("NFD", char)
    tone = next((_TONES[p] for p in parts if p in _TONES), "0")
    return unicodedata.normalize("NFC", "".join(p for p in parts if p not in _TONES)), tone


def fold(text: str) -> str:
    """``text`` without marks and case, for search: ``Đà Nẵng`` is found by ``da nang``."""
    plain = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def matches(search: Any, text: str) -> "sa.ColumnElement[bool]":
    """Whether every word of ``text`` stands somewhere in the folded column ``search`` (trigram-indexed)."""
    return sa.and_(sa.true(), *[search.contains(word, autoescape=True) for word in fold(text)[:200].split()])
