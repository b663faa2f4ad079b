"""The Python code blocks of the documentation run, on few texts."""

import re
from pathlib import Path

import pytest

from safr_lens import ModelConfig, measures, penalty
from safr_lens.backbones import registry

ROOT = Path(__file__).parent.parent


def blocks(path):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / path).read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def registries():
    """Registries as they were, whatever a block adds."""
    kinds = dict(registry._FACTORIES)
    yield
    measures.unregister_measure("activity_per_text")
    for term in penalty.registered_terms():
        if term.name == "square":
            penalty.unregister_term(term)
    registry._FACTORIES.clear()
    registry._FACTORIES.update(kinds)


def test_what_contributing_adds_works(registries):
    space = {}
    for block in blocks("CONTRIBUTING.md"):
        exec(compile(block, "CONTRIBUTING.md", "exec"), space)
    assert "activity_per_text" in measures.MEASURES
    assert space["penalty"].weights(0.0)["square"] == 0.1
    assert space["config"] == ModelConfig(backbone="mine")
    assert space["shout"]("good").content == {"text": "GOOD"}
