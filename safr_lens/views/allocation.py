"""The allocation view: which tokens matter, which neurons serve them, which pairs share them, and the sum of it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.pair_table import pair_table
from safr_lens.neurons.token_table import token_table
from safr_lens.views.components import Component, neuron_choice
from safr_lens.views.heat import Heat, heat
from safr_lens.views.names import NeuronNames, Words
from safr_lens.views.reading import Reading, read_text
from safr_lens.views.strips import Strip, evidence_strip, share_strip
from safr_lens.views.sums import Sums, sums_of
from safr_lens.views.view import View

N_NEURONS = 20
N_PAIRS = 8
N_SERVING = 3
N_TOKENS = 40
MOST_NEURONS = 50


@dataclass(frozen=True)
class ServedToken:
    """One token: how important it is, what it adds, and the neurons behind it.

    Attributes:
        evidence: what it adds to the predicted class over the mean of the others, in logits.
        neurons_for_half: the fewest neurons that make up half of the neurons' evidence at it.
        neurons: the strongest by name, with their share of it.
        rest: the share of all others; the shares sum to 1, or to 0 at a token without an active neuron.
    """

    position: int
    token: str
    importance: float
    capacity: float
    evidence: float
    neurons_for_half: int
    neurons: list[tuple[str, float]]
    rest: float


@dataclass(frozen=True)
class Pair:
    """Two tokens at two places: how much attention correlates them, and which neurons they share."""

    first: str
    second: str
    places: tuple[int, int]
    correlation: float
    overlap: float
    shared: int
    neurons: list[tuple[str, float]]


@dataclass(frozen=True)
class Allocation:
    """How one model reads one text.

    Attributes:
        n_tokens, n_active, n_shown: of the text; neurons with evidence somewhere in it; those shown one by one.
        served: in the order of the text; the ``N_TOKENS`` with the most evidence of a long one.
        sums: the logits as an exact sum.
    """

    model: str
    predicted: str
    probability: float
    n_tokens: int
    n_active: int
    n_shown: int
    importance: Strip
    evidence: Strip
    map: Heat
    choice: Component
    served: list[ServedToken]
    pairs: list[Pair]
    sums: Sums


@dataclass(frozen=True)
class AllocationContent:
    """What the view shows: a text, and one or two models' readings of it."""

    text: str
    label: str | None
    origin: str
    readings: list[Allocation]


def allocation(
    model: HookedClassifier,
    text: str,
    baseline: HookedClassifier | None = None,
    *,
    words: Words | None = None,
    baseline_words: Words | None = None,
    label: str | None = None,
    names: tuple[str, str] = ("baseline", "model"),
    n_neurons: int = N_NEURONS,
    truncate: bool = False,
) -> View:
    """Show how the neurons of the last layer are allocated to the tokens of a text.

    For each token VMASK's importance, what it adds to the prediction and the neurons behind that; for the most relevant
    neurons where in the text they add it; for the pairs that attention correlates the neurons that they share; and the
    logits as the exact sum of all contributions. Evidence is the contribution to the predicted class's logit minus the
    mean of those to the other classes.

    Args:
        model: a classifier.
        text: the text.
        baseline: another classifier, shown beside it, usually the unregularised one.
        words: names for the neurons, see :class:`safr_lens.views.NeuronNames`.
        baseline_words: the same for the baseline's neurons.
        label: the true class, if it is known.
        names: what to call baseline and model.
        n_neurons: how many neurons to show, 1 to 50.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: ``n_neurons`` out of range, or words of another number of neurons.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> allocation(model, "a good film")
    View('Which neurons serve which tokens')
    """
    check_number("n_neurons", n_neurons, low=1, high=MOST_NEURONS, whole=True)
    shown = [(model, words, names[1])]
    if baseline is not None:
        shown.insert(0, (baseline, baseline_words, names[0]))
    named = [(NeuronNames(one, of), name) for one, of, name in shown]
    readings = [
        read_allocation(one, text, named=names_of, name=name, n_neurons=n_neurons, truncate=truncate)
        for (one, _, _), (names_of, name) in zip(shown, named, strict=True)
    ]
    content = AllocationContent(text, label, named[-1][0].origin, readings)
    return View("Which neurons serve which tokens", "allocation", content)


def read_allocation(
    model: HookedClassifier,
    text: str,
    *,
    named: NeuronNames,
    name: str,
    n_neurons: int = N_NEURONS,
    truncate: bool = False,
) -> Allocation:
    """Collect what the view shows of one model; arguments as for :func:`allocation`."""
    reading = read_text(model, text, truncate=truncate)
    tokens = token_table(model, text, top=N_SERVING, truncate=truncate)
    pairs = pair_table(model, text, top=N_SERVING, truncate=truncate)
    pairs = pairs[pairs["correlation"] > 0].head(N_PAIRS)
    kept = sorted(reading.evidence.abs().argsort(descending=True)[:N_TOKENS].tolist())
    top = [n for n in reading.served.top_neurons(n_neurons) if reading.served.evidence[:, n].any()]
    called = _names(named, top, tokens, pairs)
    labels = [called[neuron] for neuron in top] or ["no active neuron"]
    evidence = reading.served.evidence[:, top].numpy() if top else np.zeros((len(tokens), 1))
    return Allocation(
        model=name,
        predicted=model.labels[reading.predicted],
        probability=reading.probabilities[reading.predicted].item(),
        n_tokens=len(tokens),
        n_active=int((reading.served.share > 0).any(0).sum()),
        n_shown=len(top),
        importance=share_strip(reading.tokens, reading.importance.tolist()),
        evidence=evidence_strip(reading.tokens, reading.evidence.tolist()),
        map=heat(labels, [reading.tokens[i] for i in kept], evidence[kept].T.tolist()),
        choice=neuron_choice(
            reading.tokens, {"evidence": evidence, "share of the token's evidence": _shares(reading, top)}, labels
        ),
        served=[_served(tokens.iloc[i], reading, called) for i in kept],
        pairs=[_pair(row, called) for _, row in pairs.iterrows()],
        sums=sums_of(reading, called, top),
    )


def _names(named: NeuronNames, top: list[int], tokens: pd.DataFrame, pairs: pd.DataFrame) -> dict[int, str]:
    listed = [neuron for table in (tokens, pairs) for row in table["neurons"] for neuron in row]
    neurons = list(dict.fromkeys([*top, *listed]))
    return dict(zip(neurons, named.of(neurons), strict=True))


def _shares(reading: Reading, top: list[int]) -> np.ndarray:
    return reading.served.share[:, top].numpy() if top else np.zeros((len(reading.tokens), 1))


def _served(row: pd.Series, reading: Reading, called: Mapping[int, str]) -> ServedToken:
    total = reading.served.share[row["position"]].sum().item()
    return ServedToken(
        position=row["position"],
        token=row["token"],
        importance=row["importance"],
        capacity=row["capacity"],
        evidence=reading.evidence[row["position"]].item(),
        neurons_for_half=row["neurons_for_half"],
        neurons=[(called[n], share) for n, share in zip(row["neurons"], row["shares"], strict=True)],
        rest=max(total - sum(row["shares"]), 0.0),
    )


def _pair(row: pd.Series, called: Mapping[int, str]) -> Pair:
    overlap = row["overlap"]
    return Pair(
        first=row["token_first"],
        second=row["token_second"],
        places=(row["first"], row["second"]),
        correlation=row["correlation"],
        overlap=overlap,
        shared=row["shared"],
        neurons=[
            (called[n], part / overlap) for n, part in zip(row["neurons"], row["shares"], strict=True) if overlap > 0
        ],
    )
