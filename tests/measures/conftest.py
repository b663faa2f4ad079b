"""A labelled split for the tests of measures that run a model."""

from __future__ import annotations

import pytest
from datasets import Dataset


@pytest.fixture
def split(texts):
    """24 texts of 1 to 11 tokens, of which the labels are unbalanced."""
    longer = [*texts, *(f"{text} film" for text in texts), *(f"the {text}" for text in texts), *texts]
    return Dataset.from_dict({"text": longer, "label": [int(i % 3 > 0) for i in range(len(longer))]})
