"""Sparse probing: whether a few neurons detect a concept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from safr_lens.activations.stream import Data
from safr_lens.checks import check_number, check_seed
from safr_lens.errors import DataError
from safr_lens.measures.nulls import N_PROBE_SHUFFLES
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.concept import MIN_EACH, Concept, Samples, concept_samples, labeller_of
from safr_lens.neurons.sampling import token_draws
from safr_lens.neurons.scores import best_threshold, bootstrap, column_aucs, f1_score

N_RESAMPLES = 500
FIGURES = ("f1", "auc", "f1_null", "auc_null", "f1_above_null", "auc_above_null", "f1_interval", "auc_interval")
COUNTS = ("n_train", "n_test", "n_positive", "n_positive_test", "n_shuffles", "n_resamples")


@dataclass(frozen=True)
class Probe:
    """A classifier of a concept on a few neurons, and how well it does on texts that it has not seen.

    Attributes:
        neurons: the neurons it reads, the most discriminative first.
        weights: of each, on activations standardised on the training side; negative where the neuron is more active
            without the concept.
        threshold: of the scores; above it a sample is called positive.
        layer: of the neurons.
        level: whether a sample is a ``"text"`` or a ``"token"``.
        n_train, n_test: samples on either side.
        n_positive: samples with the concept, on both sides.
        f1, auc: on the test side.
        f1_interval, auc_interval: 95 %, over resamples of whole test texts; NaN where too few could be measured.
        f1_null, auc_null: the same figures after the labels were shuffled on either side, means over ``n_shuffles``.
        n_shuffles: how often.
        n_resamples: resamples with samples of both kinds, of 500.
        train_auc: AUC of each neuron alone on the training side, 1/2 for one that is dead there.
        scores, labels, texts: of the test samples: log-odds, whether they have the concept, number of the text.
    """

    neurons: tuple[int, ...]
    weights: tuple[float, ...]
    threshold: float
    layer: int
    level: str
    n_train: int
    n_test: int
    n_positive: int
    f1: float
    auc: float
    f1_interval: tuple[float, float]
    auc_interval: tuple[float, float]
    f1_null: float
    auc_null: float
    n_shuffles: int
    n_resamples: int
    train_auc: Float[Tensor, " d_mlp"] = field(repr=False)
    scores: Float[Tensor, " n_test"] = field(repr=False)
    labels: Bool[Tensor, " n_test"] = field(repr=False)
    texts: Int[Tensor, " n_test"] = field(repr=False)

    @property
    def f1_above_null(self) -> float:
        """F1 minus its null."""
        return self.f1 - self.f1_null

    @property
    def auc_above_null(self) -> float:
        """AUC minus its null."""
        return self.auc - self.auc_null

    @property
    def n_positive_test(self) -> int:
        """Test samples with the concept."""
        return int(self.labels.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return all but the tensors as JSON holds it."""
        kept = ("neurons", "weights", "threshold", "layer", "level", *COUNTS, *FIGURES)
        values = {name: getattr(self, name) for name in kept}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class Fit:
    """A logistic regression on a few standardised neurons.

    Attributes:
        neurons: their numbers, the most discriminative first.
        mean, deviation: of each on the training side.
        weights, bias: of the standardised activations.
        threshold: of the scores; above it a sample is called positive.
    """

    neurons: tuple[int, ...]
    mean: Float[Tensor, " k"]
    deviation: Float[Tensor, " k"]
    weights: Float[Tensor, " k"]
    bias: float
    threshold: float

    def scores(self, neurons: Float[Tensor, "n_samples d_mlp"]) -> Float[Tensor, " n_samples"]:
        """Return the log-odds of each sample."""
        standard = (neurons[:, list(self.neurons)].double() - self.mean) / self.deviation
        return standard @ self.weights + self.bias


def sparse_probe(
    model: HookedClassifier,
    data: Data,
    concept_labels: Concept,
    k: int = 1,
    *,
    layer: int = -1,
    max_samples: int = 20_000,
    test_share: float = 0.3,
    n_shuffles: int = N_PROBE_SHUFFLES,
    seed: int = 0,
) -> Probe:
    r"""Find the ``k`` neurons that detect a concept best, and test on other texts how well they do.

    .. math:: s(x) = b + \sum_{n \in K} w_n \frac{h_n(x) - \bar h_n}{\sigma_n}, \qquad
              K = \text{the } k \text{ neurons of largest } |AUC_n - 1/2|

    Neurons, weights (logistic regression, balanced classes) and the threshold of the best F1 come from the training
    side alone; texts stand on one side only, and activations that agree to five digits count as equal. F1 and AUC are
    in [0, 1], **higher means that fewer neurons suffice**: a concept with a high value at k = 1 has a neuron of its
    own, one that needs many is spread. What labels that say nothing reach is in ``f1_null`` and ``auc_null``: about
    2p / (1 + p) or less for a share p of positives, and near 1/2; report the differences. With shuffled tokens the null
    does not know that words repeat, so it is a low bar for concepts of words: a neuron that answers to one word of a
    set beats it. The share p is that of the samples kept, which decides F1. Use some 50 positives on the test side; the
    intervals tell whether there are enough.

    Args:
        model: a classifier.
        data: texts, or rows with ``text``, streamed once.
        concept_labels: which samples have the concept:

            - one bool (or 0 or 1) a text: samples are texts, with the mean of each neuron over their tokens;
            - one sequence of bools a text, one for each token: samples are tokens. Labels of a text that was cut to the
              context may be cut or not;
            - a set of words, or a function from a word to a bool: samples are tokens, labelled by their lower-cased
              vocabulary entry.
        k: how many neurons.
        layer: by default the last.
        max_samples: how many texts or tokens are kept at most; positives up to half of them, the rest of the others.
        test_share: share of the texts on the test side, of those with a positive and of the others alike.
        n_shuffles: how often the whole procedure is repeated with shuffled labels, at least once.
        seed: of the sample, the split, the shuffles and the resamples.

    Returns:
        The probe; it reads fewer than ``k`` neurons where fewer vary on the training side.

    Raises:
        ConfigError: a ``k`` that is not from 1 to d_mlp, other settings without meaning, or labels of an unknown form.
        DataError: labels that do not fit the data, fewer than 4 samples with or without the concept, or a side that
            has only one kind of them.
        TextError: a text without a token.

    Source: after Gurnee et al. 2023, "Finding Neurons in a Haystack" (arXiv 2305.01610), who rank neurons by several
    other methods.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> texts = ["a good film", "a dull film", "good", "dull and long"] * 10
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=train_tokenizer(texts), labels=["negative", "positive"])
    >>> probe = sparse_probe(model, texts, {"good"})
    >>> probe.level, probe.n_positive, probe.auc > probe.auc_null
    ('token', 20, True)
    """
    layer = checked_layer(model, layer)
    check_number("k", k, low=1, high=model.config.d_mlp, whole=True)
    check_number("max_samples", max_samples, low=4 * MIN_EACH, whole=True)
    check_number("test_share", test_share, low=0.01, high=0.99)
    check_number("n_shuffles", n_shuffles, low=1, whole=True)
    labeller = labeller_of(model, concept_labels)
    samples = concept_samples(model, data, labeller, layer=layer, max_samples=max_samples, seed=seed)
    train, test = split_by_text(samples, test_share, seed)
    check_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    train_labels, test_labels = (with_shuffles(side.labels, n_shuffles, generator) for side in (train, test))
    aucs = column_aucs(train.neurons, train_labels)
    fits = [fit_probe(train.neurons, labels, auc, k) for labels, auc in zip(train_labels, aucs, strict=True)]
    tested = [_tested(fit, test.neurons, labels) for fit, labels in zip(fits, test_labels, strict=True)]
    f1, auc, *null = *tested[0], *torch.tensor(tested[1:], dtype=torch.float64).mean(0).tolist()
    fit, scores = fits[0], fits[0].scores(test.neurons)
    intervals = bootstrap(scores, test.labels, test.texts, threshold=fit.threshold, n_resamples=N_RESAMPLES, seed=seed)
    return Probe(
        neurons=fit.neurons,
        weights=tuple(fit.weights.tolist()),
        threshold=fit.threshold,
        layer=layer,
        level=labeller.level,
        n_train=len(train.labels),
        n_test=len(test.labels),
        n_positive=int(samples.labels.sum()),
        f1=f1,
        auc=auc,
        f1_interval=intervals.f1,
        auc_interval=intervals.auc,
        f1_null=null[0],
        auc_null=null[1],
        n_shuffles=n_shuffles,
        n_resamples=intervals.n_resamples,
        train_auc=aucs[0],
        scores=scores,
        labels=test.labels,
        texts=test.texts,
    )


def split_by_text(samples: Samples, test_share: float, seed: int) -> tuple[Samples, Samples]:
    """Part samples into a training and a test side with no text on both, each with its share of texts with a positive.

    Raises:
        DataError: a side that has only one kind of samples.
    """
    texts, of_sample = samples.texts.unique(return_inverse=True)
    has_positive = torch.zeros(len(texts), dtype=torch.bool)
    has_positive[of_sample[samples.labels]] = True
    # another seed than that of the sample, whose draws are smaller in texts that were kept
    draws = token_draws(texts, torch.zeros_like(texts), seed=seed + 1)
    on_test_side = torch.zeros(len(texts), dtype=torch.bool)
    for kind in (has_positive, ~has_positive):
        ordered = kind.nonzero().flatten()[draws[kind].argsort()]
        n_test = min(max(1, round(test_share * len(ordered))), len(ordered) - 1)
        on_test_side[ordered[: max(0, n_test)]] = True
    sides = samples.where(~on_test_side[of_sample]), samples.where(on_test_side[of_sample])
    for side in sides:
        if not 0 < int(side.labels.sum()) < len(side.labels):
            raise DataError(
                f"The {len(texts)} texts, {int(has_positive.sum())} of them with the concept, cannot be parted into "
                "two sides that both have samples with and without it. Pass more texts."
            )
    return sides


def with_shuffles(
    labels: Bool[Tensor, " n_samples"], n_shuffles: int, generator: torch.Generator
) -> Bool[Tensor, "n_labelings n_samples"]:
    """Return labels, and below them the same labels in random orders."""
    shuffled = [labels[torch.randperm(len(labels), generator=generator)] for _ in range(n_shuffles)]
    return torch.stack([labels, *shuffled])


def fit_probe(
    neurons: Float[Tensor, "n_samples d_mlp"],
    labels: Bool[Tensor, " n_samples"],
    aucs: Float[Tensor, " d_mlp"],
    k: int,
) -> Fit:
    """Choose the ``k`` neurons whose AUC is farthest from 1/2 among those that vary, and fit a classifier on them.

    Raises:
        DataError: no neuron varies.
    """
    varies = neurons.amax(0) > neurons.amin(0)
    distance = (aucs - 0.5).abs().where(varies, -1.0)
    chosen = distance.sort(descending=True, stable=True).indices[: min(k, int(varies.sum()))]
    if not len(chosen):
        raise DataError("No neuron of the layer varies over the training side; there is nothing to probe.")
    values = neurons[:, chosen].double()
    mean, deviation = values.mean(0), values.std(0, correction=0)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(((values - mean) / deviation).numpy(), labels.numpy())
    fit = Fit(
        tuple(chosen.tolist()), mean, deviation, torch.from_numpy(model.coef_[0]), float(model.intercept_[0]), 0.0
    )
    return replace(fit, threshold=best_threshold(fit.scores(neurons), labels))


def _tested(fit: Fit, neurons: Float[Tensor, "n_test d_mlp"], labels: Bool[Tensor, " n_test"]) -> tuple[float, float]:
    scores = fit.scores(neurons)
    return f1_score(scores > fit.threshold, labels), column_aucs(scores.unsqueeze(1), labels.unsqueeze(0)).item()
