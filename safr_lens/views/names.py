"""Neurons by name: their number and the words that they answer to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeAlias

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.data.tokenizer import UNK
from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.read_table import checked_table
from safr_lens.visible import as_word

Words: TypeAlias = "pd.DataFrame | Sequence[Sequence[str]]"
N_WORDS = 3
CHUNK = 4096
MOST_TYPES = 3000  # more would take minutes with a pretrained encoder


def layer_name(model: HookedClassifier, layer: int) -> str:
    """Return what to call a layer of neurons: a neuron head has one, which is none of the encoder's."""
    return "the head" if model.config.backbone == "neuron_head" else f"layer {layer}"


DOUBTED = (
    "A name in grey italics does not hold: its words hardly tell at which other words the neuron is active. The "
    "number in brackets is its name fidelity, which is under 0.7 or not clearly above that of other neurons' names. "
    "Names of neurons that are active at nearly every word or at hardly any, or whose words have no vector, could not "
    "be tested and are not grey."
)


class NeuronName(str):
    """What a neuron is called; ``doubted`` where its words were tested and do not hold."""

    doubted: bool = False


def is_doubted(row: Mapping[str, Any]) -> bool:
    """Whether the name in a row of the neuron table was tested and does not hold.

    >>> is_doubted({"name_fidelity": 0.55, "name_holds": False}), is_doubted({"top_words": []})
    (True, False)
    """
    return not math.isnan(row.get("name_fidelity", math.nan)) and not row["name_holds"]


class NeuronNames:
    """What to call the neurons of a layer: number and words, and the name fidelity where it says not to trust them.

    Args:
        model: a classifier.
        words: the words of each neuron: a table of :func:`safr_lens.neuron_table` (its ``top_words``, measured on a
            corpus), in any order and also from a CSV file, or a list for each neuron. By default the vocabulary words
            at which it is most active when they stand alone, which needs no corpus but knows nothing of context; with a
            pretrained encoder the first 3,000 whole words of its vocabulary.
        layer: whose neurons; by default the last.

    Raises:
        ConfigError: words of another number of neurons, or a table that is incomplete or of another model or layer.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=2, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> NeuronNames(model, [["good", "fine"], []]).of([0, 1])
    ['0: good, fine', '1: no word']
    """

    def __init__(self, model: HookedClassifier, words: Words | None = None, *, layer: int = -1) -> None:
        self.model, self.layer = model, checked_layer(model, layer)
        table = checked_table(model, words, layer=self.layer) if isinstance(words, pd.DataFrame) else None
        self.words = table["top_words"].tolist() if table is not None else _listed(model, words)
        tested = table is not None and {"name_fidelity", "name_holds"} <= set(table)
        self.rows = table[["name_fidelity", "name_holds"]].to_dict("records") if tested and table is not None else None

    @property
    def origin(self) -> str:
        """Where the words come from, and which of them hold, in a few sentences."""
        tested = self.rows is not None and any(map(is_doubted, self.rows))
        return f"{self._source} {DOUBTED}" if tested else self._source

    def origin_beside(self, baseline: NeuronNames, name: str) -> str:
        """Return where the words come from, and those of a baseline's neurons where they come from elsewhere."""
        of_both = self.origin
        if (self._source, self.rows is None) != (baseline._source, baseline.rows is None):
            untested = "" if baseline.rows is not None else " Its names were not tested, so that none is grey."
            of_both += f" Not so in {name}: {baseline.origin}{untested}"
        return of_both

    @property
    def _source(self) -> str:
        if self.words is None:
            return "Neurons are labelled with the vocabulary words that activate them most when read in isolation."
        if self.model.config.encoder is not None:
            return (
                "Neurons are labelled with the words, or pieces of words, of highest mean activation in the corpus; "
                "brackets hold the rest of the word in which a piece occurs most often."
            )
        return (
            "Neurons are labelled with the words of highest mean activation in the corpus; "
            f"{UNK} stands for out-of-vocabulary words."
        )

    def of(self, neurons: Sequence[int]) -> list[NeuronName]:
        """Return the name of each of some neurons."""
        words = self._alone(neurons) if self.words is None else [self.words[neuron] for neuron in neurons]
        return [self._name(neuron, listed[:N_WORDS]) for neuron, listed in zip(neurons, words, strict=True)]

    def _name(self, neuron: int, words: Sequence[str]) -> NeuronName:
        row = {} if self.rows is None else self.rows[neuron]
        doubted = is_doubted(row)
        # the number ahead of the words, so that it is never cut off
        score = f" ({row['name_fidelity']:.2f})" if doubted else ""
        name = NeuronName(f"{neuron}{score}: {', '.join(map(as_word, words)) or 'no word'}")
        name.doubted = doubted
        return name

    def by_number(self, neurons: Iterable[int]) -> dict[int, NeuronName]:
        """Return the names of some neurons by their numbers, which may repeat."""
        numbers = list(dict.fromkeys(neurons))
        return dict(zip(numbers, self.of(numbers), strict=True))

    def _alone(self, neurons: Sequence[int]) -> list[list[str]]:
        tokenizer = self.model.tokenizer
        types = torch.tensor(_types(self.model))
        values = _alone(self.model, types, self.layer)[:, list(neurons)]
        best, order = values.topk(min(N_WORDS, len(types)), dim=0)
        return [
            [tokenizer.word(int(types[i])) for value, i in zip(column, places, strict=True) if value > 0]
            for column, places in zip(best.T.tolist(), order.T.tolist(), strict=True)
        ]


def _types(model: HookedClassifier) -> list[int]:
    """Return the words to try: all, or the first few thousand of an encoder's vocabulary, its most frequent."""
    tokenizer = model.tokenizer
    special = {tokenizer.pad_id, tokenizer.tokenizer.token_to_id(UNK), *tokenizer.special_ids}
    types = [word for word in range(tokenizer.d_vocab) if word not in special]
    if model.config.encoder is None:
        return types
    whole = (word for word in types if len(tokenizer.word(word)) > 1 and tokenizer.word(word).isalpha())
    return list(islice(whole, MOST_TYPES)) or types


def _alone(model: HookedClassifier, types: Tensor, layer: int) -> Float[Tensor, "n_types d_mlp"]:
    name = model.adapter.readable_neurons(layer)
    values = []
    with evaluating(model):
        for chunk in types.split(CHUNK):
            texts = [model.tokenizer.with_special([word]) for word in chunk.tolist()]
            tokens = torch.tensor(texts, device=model.device)
            seen = model.activations(tokens, torch.ones_like(tokens, dtype=torch.bool), names=[name])
            values.append(seen[name][:, len(model.tokenizer.prefix)].float().cpu())
    return torch.cat(values)


def _listed(model: HookedClassifier, words: Sequence[Sequence[str]] | None) -> list[list[str]] | None:
    if words is None:
        return None
    if isinstance(words, str) or any(isinstance(of_neuron, str) for of_neuron in words):
        raise ConfigError("Expected a table of neuron_table or a list of words for each neuron; got text.")
    if len(words) != model.config.d_mlp:
        raise ConfigError(f"Expected the words of {model.config.d_mlp} neurons; got {len(words)}.")
    return [list(of_neuron) for of_neuron in words]
