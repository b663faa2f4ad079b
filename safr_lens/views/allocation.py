"""The allocation view: which tokens matter, through which neurons, which pairs share neurons, and the sum of it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.pair_table import pairs_of
from safr_lens.neurons.shown_pairs import N_PAIRS, ShownPairs, shown_pairs
from safr_lens.neurons.token_table import token_table
from safr_lens.views.components import neuron_choice
from safr_lens.views.heatmaps import heatmap, signed_token_heatmap, token_heatmap
from safr_lens.views.names import NeuronName, NeuronNames, Words
from safr_lens.views.sums import MOST_NEURONS, N_NEURONS, neuron_sum, signed_shares
from safr_lens.views.view import View
from safr_lens.word_vectors import Embeddings

N_NAMED, MOST_NAMED = 3, 6
N_TOKENS = 40


def allocation(
    model: HookedClassifier,
    text: str | TextExplanation,
    baseline: HookedClassifier | None = None,
    *,
    words: Words | None = None,
    baseline_words: Words | None = None,
    label: str | None = None,
    pairs: str | None = None,
    threshold: float | None = None,
    word_vectors: Embeddings | None = None,
    names: tuple[str, str] = ("baseline", "model"),
    n_neurons: int = N_NEURONS,
    truncate: bool = False,
) -> View:
    """Show how the neurons of the last layer are allocated to the tokens of a text.

    For each token VMASK's importance (where the model has VMASK), what it adds to the prediction and the neurons behind
    that; for the most relevant neurons where in the text they add it; for the pairs that the model's training compared
    (related words, or tokens that attend to each other) the neurons that they share; and the logits as the exact sum of
    all contributions. Evidence is the contribution to the predicted class's logit minus the mean of those to the other
    classes.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        baseline: another classifier, shown beside it, usually the unregularised one.
        words: names for the neurons, see :class:`safr_lens.views.NeuronNames`.
        baseline_words: the same for the baseline's neurons; the view says where one has a table and the other none.
        label: the true class, if it is known.
        pairs, threshold, word_vectors: which pairs, as in :func:`safr_lens.pair_table`; the same for the baseline.
            Where word vectors are missing, the view says so.
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
    compared = shown_pairs(model, pairs=pairs, threshold=threshold, word_vectors=word_vectors)
    named = [NeuronNames(one, of) for one, of, _ in shown]
    seen = explain(model, text, truncate=truncate)
    explained = [seen if one is model else explain(one, seen.text, truncate=truncate) for one, _, _ in shown]
    models = [
        _allocation(one, called, name, n_neurons, compared if one.model is model else compared.of(model, one.model))
        for one, called, (_, _, name) in zip(explained, named, shown, strict=True)
    ]
    content = {
        "text": seen.text,
        "label": label,
        "origin": named[-1].origin_beside(named[0], names[0]),
        "models": models,
    }
    return View("How neurons are allocated to tokens", "allocation", content)


def _allocation(
    seen: TextExplanation, named: NeuronNames, name: str, n_neurons: int, compared: ShownPairs
) -> dict[str, Any]:
    """Return how one model reads the text; a token's shares and their ``rest`` sum to 1, or to 0 without a neuron."""
    tokens = token_table(seen.model, seen, top=MOST_NAMED)
    pairs, reading = _pairs(seen, compared)
    strongest = seen.evidence.abs().argsort(descending=True, stable=True)[:N_TOKENS].tolist()
    kept = sorted(strongest)
    by_neuron, share = seen.attribution.evidence, seen.attribution.share
    top = [n for n in seen.attribution.top_neurons(n_neurons) if by_neuron[:, n].any()]
    called = named.by_number(
        [*top, *(neuron for table in (tokens, pairs) for row in table["neurons"] for neuron in row)]
    )
    labels = [called[neuron] for neuron in top] or [NeuronName("no active neuron")]
    none = torch.zeros(len(tokens), 1)
    evidence, of_token = ((values[:, top] if top else none).cpu().numpy() for values in (by_neuron, share))

    def token(row: dict[str, Any]) -> dict[str, Any]:
        place, half = row["position"], row["neurons_for_half"]
        named = signed_shares(seen, row, called)[: half if half <= MOST_NAMED else N_NAMED]
        rest = max(share[place].sum().item() - sum(abs(part) for _, part in named), 0.0)
        return row | {"evidence": seen.evidence[place].item(), "named": named, "rest": rest}

    return {
        "name": name,
        "seen": seen,
        "n_active": int((share > 0).any(0).sum()),
        "n_shown": len(top),
        "importance": None
        if seen.model.vmask is None
        else token_heatmap(seen.tokens, seen.importance.tolist(), unknown=seen.unknown),
        "sums": (seen.evidence.clamp_min(0).sum().item(), seen.evidence.clamp_max(0).sum().item()),
        "evidence": signed_token_heatmap(seen.tokens, seen.evidence.tolist(), unknown=seen.unknown),
        "heatmap": heatmap(labels, [seen.tokens[i] for i in kept], evidence[kept].T.tolist()),
        "choice": neuron_choice(seen.tokens, {"evidence": evidence, "share of the token's evidence": of_token}, labels),
        "tokens": [token(row) for row in tokens.iloc[strongest].to_dict("records")],
        "compared": compared,
        "reading": reading,
        "pairs": [row | {"named": _of_overlap(row, called)} for row in pairs.to_dict("records")],
        "neuron_sum": neuron_sum(seen, called, top),
    }


def _of_overlap(row: dict[str, Any], called: Mapping[int, NeuronName]) -> list[tuple[NeuronName, float]]:
    whole = row["overlap"]
    return [(called[n], part / whole) for n, part in zip(row["neurons"], row["shares"], strict=True) if whole > 0]


def _pairs(seen: TextExplanation, compared: ShownPairs) -> tuple[pd.DataFrame, str]:
    """Return the most correlated pairs, and what the overlap of all of them says; none without word vectors.

    Each pair of different words counts once: that two occurrences of one word share neurons says nothing.
    """
    if compared.missing:
        return pd.DataFrame({"neurons": []}), ""
    table = pairs_of(seen, compared, top=N_NAMED)
    if compared.pairs == "words":
        ids = np.sort(seen.ids.cpu().numpy()[table[["first", "second"]].to_numpy(dtype=int)], axis=1)
        table = table[(ids[:, 0] != ids[:, 1]) & ~pd.DataFrame(ids).duplicated().to_numpy()]
    correlated = table["correlation"] > 0
    reading = _reading(table["overlap"][correlated], table["overlap"][~correlated], trained=compared.trained)
    return table[correlated].head(N_PAIRS), reading


def _reading(correlated: pd.Series, others: pd.Series, *, trained: bool) -> str:
    """Return in a sentence whether correlated pairs share neurons more than others, as they were trained to or not.

    >>> _reading(pd.Series([0.8]), pd.Series([0.1, 0.3]), trained=True)
    'Mean overlap of the 1 pair: 0.80; of the 2 others: 0.20. These pairs overlap more than others, as SAFR wants.'
    """
    if not len(correlated):
        return ""
    said = f"Mean overlap of the {len(correlated):,} pair{'' if len(correlated) == 1 else 's'}: {correlated.mean():.2f}"
    if not len(others):
        return f"{said}."
    more = correlated.mean() > others.mean()
    verdict = f"more than others{', as SAFR wants' if trained else ''}" if more else "no more than others"
    return f"{said}; of the {len(others):,} others: {others.mean():.2f}. These pairs overlap {verdict}."
