"""The documents we publish: each valid, within the limits, and affordable with its default variables."""

from pathlib import Path

import pytest
from graphql import OperationDefinitionNode

from vdept_graphql.costs import MAX_COST
from vdept_graphql.schema import engine

OPERATIONS = sorted((Path(__file__).parents[2] / "graphql" / "operations").glob("*.graphql"))


def test_there_are_documents_to_run() -> None:
    assert len(OPERATIONS) >= 6


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_a_document_is_valid_and_affordable(path: Path) -> None:
    document = engine.document(path.read_text(encoding="utf-8"))
    named = [d.name.value for d in document.definitions if isinstance(d, OperationDefinitionNode) and d.name]
    assert named
    assert len(set(named)) == len(named)
    for name in named:
        assert 0 < engine.cost(document, name, {}) <= MAX_COST
