"""Sparse probing: whether a few neurons tell a concept."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.activations.stream import Data
from safr_lens.checks import check_number
from safr_lens.models.choose import checked_layer
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.concept import Concept, labeller_of
from safr_lens.neurons.probe_fit import Fit, fit_probe, split_by_text, with_shuffles
from safr_lens.neurons.probe_result import Probe
from safr_lens.neurons.samples import MIN_EACH, concept_samples
from safr_lens.neurons.scores import bootstrap, column_aucs, f1_score

N_RESAMPLES = 500


def sparse_probe(
    model: HookedClassifier,
    data: Data,
    concept_labels: Concept,
    k: int = 1,
    *,
    layer: int = -1,
    max_samples: int = 20_000,
    test_share: float = 0.3,
    n_shuffles: int = 5,
    seed: int = 0,
) -> Probe:
    r"""Find the ``k`` neurons that tell a concept best, and test on other texts how well they do.

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


def _tested(fit: Fit, neurons: Float[Tensor, "n_test d_mlp"], labels: Bool[Tensor, " n_test"]) -> tuple[float, float]:
    scores = fit.scores(neurons)
    return f1_score(scores > fit.threshold, labels), column_aucs(scores.unsqueeze(1), labels.unsqueeze(0)).item()
