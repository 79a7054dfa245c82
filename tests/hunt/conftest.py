"""Databases for hunts: copies of the template that stay for as long as a test needs them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def databases(servers: Any, template: str, count: int) -> Iterator[list[str]]:
    """The URLs of as many empty databases, dropped afterwards."""
    names = [f"h_{uuid.uuid4().hex[:12]}" for _ in range(count)]
    copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy;\n"
    servers.postgres.psql("".join(copy.format(name, template) for name in names))
    try:
        yield [str(servers.postgres.get_uri(database=name)) for name in names]
    finally:
        servers.postgres.psql("".join(f"DROP DATABASE {name} WITH (FORCE);\n" for name in names))
