"""How faithful a model's scores are on a split, text by text, beside random rankings."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.checks import check_choice, check_number
from safr_lens.data.batching import pad
from safr_lens.data.rows import Data, texts_of
from safr_lens.data.tokenizer import Encoding
from safr_lens.errors import DataError
from safr_lens.measures.faithfulness.bounds import Bounds, normalised_aopc
from safr_lens.measures.faithfulness.deletion import (
    OPERATORS,
    MeasuredText,
    RankedText,
    bounds_of,
    measured,
    unknown_id,
)
from safr_lens.measures.faithfulness.formulas import BINS, checked_bins
from safr_lens.measures.faithfulness.rankings import Scores, drawn_order, named_scores, ranked, scores_of
from safr_lens.measures.nulls import N_RANDOM_RANKINGS
from safr_lens.models.classifier import HookedClassifier
from safr_lens.processes import gathered_in_order, process_share

BY_ORDER = ("comprehensiveness", "sufficiency", "aopc")
MEASURES = (*BY_ORDER, "naopc")
ORDERS = (slice(0, 1), slice(1, None))  # the tested one, random ones
ROUNDING = 1e-6
TEXTS_AT_ONCE = 16
Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class RankingValues:
    """The measures of a ranking, one value a text, in the order of the data.

    Attributes:
        comprehensiveness: see :func:`comprehensiveness`; higher is more faithful.
        sufficiency: see :func:`sufficiency`; lower is more faithful.
        aopc: see :func:`aopc`; higher is more faithful, and not comparable across models.
        naopc: see :func:`normalised_aopc`; higher is more faithful, of the first texts alone, NaN where undefined.
    """

    comprehensiveness: Float[Tensor, " n_texts"]
    sufficiency: Float[Tensor, " n_texts"]
    aopc: Float[Tensor, " n_texts"]
    naopc: Float[Tensor, " n_naopc_texts"]

    def mean(self, measure: str) -> float:
        """Return the mean over the texts where a measure is defined; NaN where it is for none."""
        return getattr(self, measure).nanmean().item()


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How faithful scores of tokens are, and random rankings of the same texts.

    Attributes:
        tested: the values of the scores' ranking.
        random: those of random rankings, the mean of ``n_random`` for each text.
        full: probability of the predicted class on the full text.
        lower, upper: AOPC of the worst and the best order of each text that has a ``naopc``.
        exact: whether all orders were considered; elsewhere a beam search.
        scores: name of the scores.
        operator: what deleting a token is.
        bins: shares of the tokens behind comprehensiveness and sufficiency.
        n_random: random rankings of each text.
        beam: width of the beam search.
        seed: of the random rankings and of ties.
        n_cut: texts that were longer than the context and were cut.
    """

    tested: RankingValues
    random: RankingValues
    full: Float[Tensor, " n_texts"]
    lower: Float[Tensor, " n_naopc_texts"]
    upper: Float[Tensor, " n_naopc_texts"]
    exact: Bool[Tensor, " n_naopc_texts"]
    scores: str
    operator: str
    bins: tuple[float, ...]
    n_random: int
    beam: int
    seed: int
    n_cut: int

    @property
    def n_beyond_bounds(self) -> int:
        """How many tested rankings are better or worse than all orders that the beam search found."""
        naopc = self.tested.naopc
        return int(((naopc < -ROUNDING) | (naopc > 1 + ROUNDING)).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return means, counts and settings as JSON holds them; a mean over no text is NaN."""
        means = {
            measure: {
                "tested": self.tested.mean(measure),
                "random": self.random.mean(measure),
                "n_texts": len(getattr(self.tested, measure)),
                "n_undefined": int(getattr(self.tested, measure).isnan().sum()),
            }
            for measure in MEASURES
        }
        means["naopc"] |= {"n_exact": int(self.exact.sum()), "n_beyond_bounds": self.n_beyond_bounds}
        return {
            **means,
            "scores": self.scores,
            "operator": self.operator,
            "bins": list(self.bins),
            "n_random": self.n_random,
            "beam": self.beam,
            "seed": self.seed,
            "n_cut": self.n_cut,
        }


def faithfulness(
    model: HookedClassifier,
    split: Data,
    *,
    scores: str | Scores = "importance",
    operator: str = "remove",
    bins: Sequence[float] = BINS,
    n_random: int = N_RANDOM_RANKINGS,
    max_texts: int | None = 500,
    naopc_texts: int = 50,
    beam: int = 5,
    seed: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> Faithfulness:
    """Delete tokens in the order of their scores, and in random orders, and measure what the prediction loses.

    Only the distance between scores and random rankings speaks of faithfulness, and all of it rests on texts with
    holes, the like of which the model has not seen in training. Hooks of a surrounding ``with model.hooks(...)`` apply.

    In several processes (a launch by ``accelerate`` or ``torchrun``) all must call it; each measures its share of the
    texts, and all get the whole result.

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
    >>> result = faithfulness(model, [{"text": "a good film", "label": 1}, {"text": "bad", "label": 0}])
    >>> result.tested.comprehensiveness.shape, result.to_dict()["naopc"]["n_exact"]
    (torch.Size([2]), 2)
    """
    name, score = named_scores(scores)
    bins = checked_bins(bins)
    _check(model, operator, n_random=n_random, max_texts=max_texts, naopc_texts=naopc_texts, beam=beam)
    encodings = _first_texts(model, split, max_texts)
    n_bounded = min(naopc_texts, len(encodings))
    n_steps = len(encodings) + n_bounded
    process, n_processes = process_share()
    numbers = range(len(encodings))[process::n_processes]
    bounded = range(n_bounded)[process::n_processes]
    done = 0

    def report(n_done: int) -> None:
        nonlocal done
        done += n_done
        if on_step:
            on_step(min(done * n_processes, n_steps), n_steps)

    log_odds = model.type_log_odds()
    texts: list[MeasuredText] = []
    for chunk in _chunks([encodings[number] for number in numbers]):
        drawn = _ranked_texts(model, chunk, score, n_random=n_random, seed=seed)
        texts += measured(model, drawn, operator=operator, bins=bins, log_odds=log_odds)
        report(len(chunk))
    bounds: list[Bounds] = []
    settings = {"operator": operator, "beam": beam, "log_odds": log_odds}
    for part in _chunks(texts[: len(bounded)]):
        bounds += bounds_of(model, part, on_found=lambda: report(1), **settings)
    full, *by_order = gathered_in_order(numbers, _rows(texts, 1 + 2 * len(BY_ORDER))).unbind(1)
    limits = torch.tensor([(one.lower, one.upper, one.exact) for one in bounds], dtype=torch.float64)
    lower, upper, exact = gathered_in_order(bounded, limits.view(-1, 3)).unbind(1)
    return Faithfulness(
        tested=_values(by_order[: len(BY_ORDER)], lower, upper),
        random=_values(by_order[len(BY_ORDER) :], lower, upper),
        full=full,
        lower=lower,
        upper=upper,
        exact=exact.bool(),
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


def _first_texts(model: HookedClassifier, split: Data, max_texts: int | None) -> list[Encoding]:
    texts = list(itertools.islice(texts_of(split, split="test"), max_texts))
    if not texts:
        raise DataError("The split holds no texts; there is nothing to measure.")
    return model.tokenizer.encode_batch(texts, n_ctx=model.config.n_ctx, truncate=True)


def _ranked_texts(
    model: HookedClassifier, encodings: list[Encoding], score: Scores, *, n_random: int, seed: int
) -> list[RankedText]:
    """Return texts with the ranking that is tested, and random ones behind it."""
    tokens, mask = pad([one.ids for one in encodings], pad_id=model.tokenizer.pad_id)
    texts = []
    of_text = model.adapter.text_positions(tokens, mask)
    for row, scores, real in zip(tokens, scores_of(model, score, tokens, mask), of_text, strict=True):
        text = row[real]
        for_ties, *random = (drawn_order(text, seed=seed, draw=draw) for draw in range(1 + n_random))
        texts.append(RankedText(text, [ranked(scores[real], for_ties), *random]))
    return texts


def _chunks(items: list[Item]) -> list[list[Item]]:
    return [items[start : start + TEXTS_AT_ONCE] for start in range(0, len(items), TEXTS_AT_ONCE)]


def _rows(texts: list[MeasuredText], width: int) -> Float[Tensor, "n_texts width"]:
    """Return of each text the full probability, the measures of the tested order, and their means over random ones."""
    rows = [
        torch.stack([text.full, *(getattr(text, name)[one].mean() for one in ORDERS for name in BY_ORDER)])
        for text in texts
    ]
    return torch.stack(rows) if rows else torch.empty(0, width, dtype=torch.float64)


def _values(by_order: Sequence[Tensor], lower: Tensor, upper: Tensor) -> RankingValues:
    values = dict(zip(BY_ORDER, by_order, strict=True))
    return RankingValues(**values, naopc=normalised_aopc(values["aopc"][: len(lower)], lower, upper))
