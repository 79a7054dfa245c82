"""What was worked out of a document, kept for as long as the document itself is."""

import weakref
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from graphql import DocumentNode

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class PerDocument(Generic[K, V]):
    """By identity: the parser cache hands out the same document for the same text."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, dict[K, V]]] = {}

    def of(self, document: DocumentNode) -> dict[K, V]:
        """What is known of ``document``, to be filled in; gone when nobody else has the document."""
        identity = id(document)
        known = self._known.get(identity)
        if known is None:
            gone = weakref.ref(document, lambda _: self._known.pop(identity, None))
            known = self._known[identity] = (gone, {})
        return known[1]

    def __len__(self) -> int:
        return len(self._known)
