"""The allocation view: which tokens matter, through which neurons, which pairs share neurons, and the sum of it all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.pair_table import pair_table
from safr_lens.neurons.token_table import token_table
from safr_lens.views.components import Component, neuron_choice
from safr_lens.views.heatmaps import Heatmap, TokenHeatmap, heatmap, signed_token_heatmap, token_heatmap
from safr_lens.views.names import NeuronNames, Words
from safr_lens.views.sums import Sums, sums_of
from safr_lens.views.view import View

N_NEURONS = 20
N_PAIRS = 8
N_NAMED = 3
N_TOKENS = 40
MOST_NEURONS = 50


@dataclass(frozen=True)
class AttributedToken:
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
        tokens: in the order of the text; the ``N_TOKENS`` with the most evidence of a long one.
        sums: the logits as an exact sum.
    """

    model: str
    predicted: str
    probability: float
    n_tokens: int
    n_active: int
    n_shown: int
    importance: TokenHeatmap
    evidence: TokenHeatmap
    heatmap: Heatmap
    choice: Component
    tokens: list[AttributedToken]
    pairs: list[Pair]
    sums: Sums


@dataclass(frozen=True)
class AllocationContent:
    """What the view shows: a text, and how one or two models read it."""

    text: str
    label: str | None
    origin: str
    models: list[Allocation]


def allocation(
    model: HookedClassifier,
    text: str | TextExplanation,
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
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
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
    View('How neurons are allocated to tokens')
    """
    check_number("n_neurons", n_neurons, low=1, high=MOST_NEURONS, whole=True)
    shown = [(model, words, names[1])]
    if baseline is not None:
        shown.insert(0, (baseline, baseline_words, names[0]))
    named = [NeuronNames(one, of) for one, of, _ in shown]
    seen = explain(model, text, truncate=truncate)
    explained = [seen if one is model else explain(one, seen.text, truncate=truncate) for one, _, _ in shown]
    models = [
        _allocation(one, called, name, n_neurons)
        for one, called, (_, _, name) in zip(explained, named, shown, strict=True)
    ]
    content = AllocationContent(seen.text, label, named[-1].origin, models)
    return View("How neurons are allocated to tokens", "allocation", content)


def _allocation(seen: TextExplanation, named: NeuronNames, name: str, n_neurons: int) -> Allocation:
    tokens = token_table(seen.model, seen, top=N_NAMED)
    pairs = pair_table(seen.model, seen, top=N_NAMED)
    pairs = pairs[pairs["correlation"] > 0].head(N_PAIRS)
    kept = sorted(seen.evidence.abs().argsort(descending=True)[:N_TOKENS].tolist())
    found = seen.attribution
    top = [n for n in found.top_neurons(n_neurons) if found.evidence[:, n].any()]
    listed = [neuron for table in (tokens, pairs) for row in table["neurons"] for neuron in row]
    called = named.by_number([*top, *listed])
    labels = [called[neuron] for neuron in top] or ["no active neuron"]
    none = torch.zeros(len(tokens), 1)
    evidence, share = ((values[:, top] if top else none).cpu().numpy() for values in (found.evidence, found.share))
    return Allocation(
        model=name,
        predicted=seen.label,
        probability=seen.probability,
        n_tokens=len(tokens),
        n_active=int((found.share > 0).any(0).sum()),
        n_shown=len(top),
        importance=token_heatmap(seen.tokens, seen.importance.tolist()),
        evidence=signed_token_heatmap(seen.tokens, seen.evidence.tolist()),
        heatmap=heatmap(labels, [seen.tokens[i] for i in kept], evidence[kept].T.tolist()),
        choice=neuron_choice(seen.tokens, {"evidence": evidence, "share of the token's evidence": share}, labels),
        tokens=[_token(tokens.iloc[i], seen, called) for i in kept],
        pairs=[_pair(row, called) for _, row in pairs.iterrows()],
        sums=sums_of(seen, called, top),
    )


def _token(row: pd.Series, seen: TextExplanation, called: Mapping[int, str]) -> AttributedToken:
    total = seen.attribution.share[row["position"]].sum().item()
    return AttributedToken(
        position=row["position"],
        token=row["token"],
        importance=row["importance"],
        capacity=row["capacity"],
        evidence=seen.evidence[row["position"]].item(),
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
