"""A neuron table that comes back: sorted, filtered, from a file, or of another model."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.table import written
from safr_lens.visible import listed, shown

FROM = "Expected a table of neuron_table(model, data)"
SHOWN = 5


def checked_table(model: HookedClassifier, table: pd.DataFrame, *, layer: int = -1) -> pd.DataFrame:
    """Return a neuron table with one row a neuron, in the order of their numbers, and lists of words.

    Rows are told by their column ``neuron``, so the table may be sorted; it may also come from a CSV file, where
    ``top_words`` is text.

    Raises:
        ConfigError: a table without a column, with neurons that are missing, twice or unknown, or of another model or
            layer, whose neurons write something else to the logits.
    """
    layer, d_mlp = checked_layer(model, layer), model.config.d_mlp
    table = table.reset_index() if table.index.name == "neuron" else table
    for column in ("neuron", "top_words"):
        if column not in table:
            raise ConfigError(f"{FROM}; this one has no column {shown(column)}, but {listed(table)}.")
    numbers = pd.to_numeric(table["neuron"], errors="coerce")
    _check_numbers(table["neuron"][numbers.isna() | (numbers % 1 != 0)].tolist(), "no numbers")
    numbers = numbers.astype("int64")
    _check_numbers(sorted(set(numbers) - set(range(d_mlp))), f"beyond the {d_mlp} of the model")
    _check_numbers(sorted(numbers[numbers.duplicated()]), "twice")
    _check_numbers(sorted(set(range(d_mlp)) - set(numbers)), "missing; names need all of them")
    words = [_words(value, number) for value, number in zip(table["top_words"], numbers, strict=True)]
    ordered = table.assign(neuron=numbers, top_words=words).sort_values("neuron", ignore_index=True)
    _check_model(model, ordered, layer)
    return ordered


def _check_numbers(wrong: Iterable[Any], what: str) -> None:
    numbers = list(wrong)
    if numbers:
        raise ConfigError(f"{FROM}; in its column 'neuron', {listed(map(shown, numbers), most=SHOWN)} are {what}.")


def _words(value: Any, number: int) -> list[str]:
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            value = None
    words: list[Any] = list(value) if isinstance(value, (list, tuple, np.ndarray)) else [None]
    if not all(isinstance(word, str) for word in words):
        raise ConfigError(f"{FROM}; the 'top_words' of neuron {number} are no list of words.")
    return words


def _check_model(model: HookedClassifier, table: pd.DataFrame, layer: int) -> None:
    columns = [f"logit_{label}" for label in model.labels]
    known = [column for column in table if str(column).startswith("logit_")]
    if not known:
        return
    same = set(known) == set(columns)
    if same:
        found = table[columns].astype(float).to_numpy()
        same = np.allclose(found, written(model, layer).numpy(), rtol=1e-2, atol=1e-3, equal_nan=True)
    if not same:
        raise ConfigError(
            f"The table is of another model or layer: its neurons write something else to the logits than those of "
            f"layer {layer} of this one. Make it with neuron_table(model, data, layer={layer})."
        )
