"""The faithfulness of a model's scores on a split."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from safr_lens.data.batching import pad
from safr_lens.data.tokenizer import Encoding
from safr_lens.errors import DataError
from safr_lens.measures.erasure.bounds import Bounds, normalised_aopc
from safr_lens.measures.erasure.deletion import OPERATORS, unknown_id
from safr_lens.measures.erasure.formulas import BINS, checked_bins
from safr_lens.measures.erasure.one_text import MeasuredText, RankedText, bounds_of, measured
from safr_lens.measures.erasure.rankings import Scores, drawn_order, named_scores, ranked, scores_of
from safr_lens.measures.erasure.result import Faithfulness, RankingValues
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import check_choice, check_number

TEXTS_AT_ONCE = 16


def faithfulness(
    model: HookedClassifier,
    split: Iterable[dict[str, Any]],
    *,
    scores: str | Scores = "importance",
    operator: str = "remove",
    bins: Sequence[float] = BINS,
    n_random: int = 5,
    max_texts: int | None = 500,
    naopc_texts: int = 50,
    beam: int = 5,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> Faithfulness:
    """Delete tokens in the order of their scores, and in random orders, and measure what the prediction loses.

    Only the distance between scores and random rankings speaks of faithfulness, and all of it rests on texts with
    holes, the like of which the model has not seen in training. Hooks of a surrounding ``with model.hooks(...)`` apply.

    Texts of n tokens cost n forward passes for each of the ``1 + n_random`` rankings; the bounds of NAOPC cost up to
    ``beam * n ** 2`` more, which is much where texts are long.

    Args:
        model: a classifier.
        split: rows with ``text``, a data set or a stream; the first ``max_texts`` of them are used.
        scores: ``"importance"`` (VMASK's keep-probability), ``"evidence"`` (what a position adds to the predicted
            class), ``"random"``, or a function of model, tokens [batch pos] and mask [batch pos] that returns scores
            [batch pos], higher for what matters more. Ties are broken at random.
        operator: what deleting a token is: ``"remove"`` (the rest closes up; an empty text has all classes alike),
            ``"unk"`` (the unknown token in its place) or ``"gate"`` (VMASK's gate closed, the position stays).
        bins: shares of the tokens for comprehensiveness and sufficiency, rounded up.
        n_random: random rankings a text; drawn from the seed and the text alone.
        max_texts: at most so many texts; None for all.
        naopc_texts: how many of them get a NAOPC; 0 for none.
        beam: width of the beam search for the bounds of texts of more than 10 tokens; shorter ones are exact.
        seed: of random rankings and ties.
        on_step: called with the steps done and their number, after every few texts.

    Raises:
        ConfigError: a setting without meaning, or scores of another shape.
        DataError: an empty split.

    Source: DeYoung et al. 2020 (arXiv 1911.03429), Edin et al. 2024 (arXiv 2408.08137).

    >>> from safr_lens import ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film", "a bad film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> found = faithfulness(model, [{"text": "a good film", "label": 1}, {"text": "bad", "label": 0}])
    >>> found.tested.comprehensiveness.shape, found.to_dict()["naopc"]["n_exact"]
    (torch.Size([2]), 2)
    """
    name, score = named_scores(scores)
    bins = checked_bins(bins)
    _check(model, operator, n_random=n_random, max_texts=max_texts, naopc_texts=naopc_texts, beam=beam)
    encodings = _first_texts(model, split, max_texts)
    n_bounded = min(naopc_texts, len(encodings))
    n_steps = len(encodings) + n_bounded
    report = on_step or (lambda done, total: None)
    texts: list[MeasuredText] = []
    for start in range(0, len(encodings), TEXTS_AT_ONCE):
        chunk = _ranked_texts(model, encodings[start : start + TEXTS_AT_ONCE], score, n_random=n_random, seed=seed)
        texts += measured(model, chunk, operator=operator, bins=bins)
        report(len(texts), n_steps)
    bounds: list[Bounds] = []
    for text in texts[:n_bounded]:
        bounds.append(bounds_of(model, text, operator=operator, beam=beam))
        report(len(texts) + len(bounds), n_steps)
    lower = torch.tensor([found.lower for found in bounds], dtype=torch.float64)
    upper = torch.tensor([found.upper for found in bounds], dtype=torch.float64)
    return Faithfulness(
        tested=_values(texts, slice(0, 1), lower, upper),
        random=_values(texts, slice(1, None), lower, upper),
        full=torch.stack([text.full for text in texts]),
        lower=lower,
        upper=upper,
        exact=torch.tensor([found.exact for found in bounds], dtype=torch.bool),
        scores=name,
        operator=operator,
        bins=bins,
        n_random=n_random,
        beam=beam,
        seed=seed,
        n_cut=sum(encoding.n_cut > 0 for encoding in encodings),
    )


def _check(model: HookedClassifier, operator: str, **numbers: int | None) -> None:
    check_choice("operator", operator, OPERATORS)
    if operator == "unk":
        unknown_id(model.tokenizer)
    for name, value in numbers.items():
        if not (name == "max_texts" and value is None):
            check_number(name, value, low=0 if name == "naopc_texts" else 1, whole=True)


def _first_texts(model: HookedClassifier, split: Iterable[dict[str, Any]], max_texts: int | None) -> list[Encoding]:
    texts = [row["text"] for row in itertools.islice(split, max_texts)]
    if not texts:
        raise DataError("The split holds no texts; there is nothing to measure.")
    return model.tokenizer.encode_batch(texts, n_ctx=model.config.n_ctx, truncate=True)


def _ranked_texts(
    model: HookedClassifier, encodings: list[Encoding], score: Scores, *, n_random: int, seed: int
) -> list[RankedText]:
    """Return texts with the ranking that is tested, and random ones behind it."""
    tokens, mask = pad([one.ids for one in encodings], pad_id=model.tokenizer.pad_id)
    found = []
    for row, scores, real in zip(tokens, scores_of(model, score, tokens, mask), mask, strict=True):
        text = row[real]
        for_ties, *random = (drawn_order(text, seed=seed, draw=draw) for draw in range(1 + n_random))
        found.append(RankedText(text, [ranked(scores[real], for_ties), *random]))
    return found


def _values(texts: list[MeasuredText], orders: slice, lower: Tensor, upper: Tensor) -> RankingValues:
    def mean(name: str) -> Tensor:
        return torch.stack([getattr(text, name)[orders].mean() for text in texts])

    found = mean("aopc")
    return RankingValues(
        comprehensiveness=mean("comprehensiveness"),
        sufficiency=mean("sufficiency"),
        aopc=found,
        naopc=normalised_aopc(found[: len(lower)], lower, upper),
    )
