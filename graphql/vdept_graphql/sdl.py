"""The committed contract: ``python -m vdept_graphql.sdl --check`` (or ``--write``) for ``schema.graphql``."""

import difflib
import sys
from pathlib import Path

CONTRACT = Path(__file__).resolve().parents[1] / "schema.graphql"


def current() -> str:
    """The schema of the code, as SDL."""
    from vdept_graphql.schema import schema

    return schema.as_str().rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """0: the contract is the code's (or has been written); 1: it is not; 2: wrong use."""
    match arguments:
        case ["--write"]:
            CONTRACT.write_text(current(), encoding="utf-8")
            return 0
        case ["--check"]:
            kept = CONTRACT.read_text(encoding="utf-8") if CONTRACT.exists() else ""
            if kept == (now := current()):
                return 0
            changes = difflib.unified_diff(
                kept.splitlines(), now.splitlines(), "graphql/schema.graphql", "code", lineterm=""
            )
            sys.stdout.write("\n".join(changes) + "\n")
            sys.stdout.write("The contract differs: run `python -m vdept_graphql.sdl --write`.\n")
            return 1
        case _:
            sys.stderr.write("usage: python -m vdept_graphql.sdl --check|--write\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
