"""The cells of the study: methods, weights, seeds and data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# cells name what differs from the defaults of the time when the study began
STARTED_FROM = {"preset": "attention", "average_weights": False}
# the second epoch is the best one in most runs; with the default patience of 3, two epochs of five were for nothing
RUN = {"patience": 1}
START = {"embedding_start": "words", "word_vectors_from": "imdb"}
UNREGULARISED = {"site": "none", **START}
GROUPS = {**START, "neuron_start": "words"}
SAFR = {"site": "neurons", "l1_ratio": 1.0}
RELATED = {**SAFR, "scope": "batch", "pairs": "words", **START}
ONCE = {**RELATED, "counted_pairs": "words"}
APART = {"gates": "apart"}
DENSE = {**ONCE, **APART, "l1_ratio": 0.0}
# stands for the file that --vectors names, so that no cell names a place on somebody's disk
FILE = "file"
# what the settings of all cells of a stage are changed by
OWN = {"word_vectors_from": None}
AVERAGED = {"average_weights": True}
CHANGES = {"own": OWN, "few": AVERAGED, "final": AVERAGED}
BASELINE = "unregularised"
DATA = ("rotten_tomatoes", "sst2", "imdb", "imdb_6000")
SEEDS = {
    "own": (0, 1),
    "ablate": (0, 1),
    "choose": (0, 1),
    "few": (10, 11),
    "final": (2, 3, 4, 5, 6),
    "last_step": (2, 3, 4, 5, 6),
}
ON_TEST = ("final", "last_step")
# rejected by the study and removed since; cells that set one of them are kept as data
REMOVED = (
    "redundancy_weight",
    "class_tolerance",
    "neuron_start",
    "sparse_tokens",
    "batch_occurrences",
    "overlap_ratio",
    "correlation_grad",
    "importance_grad",
)
REMOVED_VALUES = {"pairs": "both"}
REMOVED_AFTER = "d81c328"
IMDB_SEEDS = 3
# seconds of one cell on one CPU core of its own, to plan with
SECONDS = {"rotten_tomatoes": 105, "sst2": 105, "imdb": 380, "imdb_6000": 600}


@dataclass(frozen=True)
class Method:
    """A way to train, and the settings among which one is chosen on the validation split.

    Attributes:
        name: as tables and figures call it.
        settings: that all its weights share.
        weights: label of each setting, and what it sets.
    """

    name: str
    settings: Mapping[str, Any]
    weights: Mapping[str, Mapping[str, Any]]


def _pair(importance: float, interaction: float) -> dict[str, float]:
    return {"importance_weight": importance, "interaction_weight": interaction}


def _pairs(*pairs: tuple[float, float]) -> dict[str, dict[str, float]]:
    return {f"{importance:g}/{interaction:g}": _pair(importance, interaction) for importance, interaction in pairs}


def _weights(name: str, *values: float) -> dict[str, dict[str, float]]:
    return {f"{value:g}": {name: value} for value in values}


def _late(weight: float) -> dict[str, float]:
    return {"start": 0.0, "end": weight, "delay": 1.0, "epochs": 1.0}


def _late_pair(importance: float, interaction: float) -> dict[str, dict[str, float]]:
    return {name: _late(weight) for name, weight in _pair(importance, interaction).items()}


def _fading(weight: float, left: float = 0.0, epochs: float = 1.0) -> dict[str, float]:
    return {"start": weight, "end": round(left * weight, 6), "delay": 1.0, "epochs": epochs}


def _fading_pair(importance: float, interaction: float, **kept: float) -> dict[str, dict[str, float]]:
    return {name: _fading(weight, **kept) for name, weight in _pair(importance, interaction).items()}


def _informed(weight: float) -> dict[str, float]:
    return {"start": 1.0, "end": weight, "delay": 1.0, "epochs": 0.0}


PAIRS = _pairs((0.3, 0.3), (1.0, 1.0), (3.0, 1.0), (3.0, 3.0), (3.0, 6.0), (3.0, 9.0))
DISTINCT = {
    f"{label}/{redundancy:g}": {**PAIRS[label], "redundancy_weight": redundancy}
    for label, redundancy in (("0.3/0.3", 0.3), ("1/1", 0.3), ("1/1", 1.0), ("3/3", 1.0))
}
METHODS = (
    Method(BASELINE, UNREGULARISED, {"-": {}}),
    Method("L1", UNREGULARISED, _weights("l1_weight", 1.0, 3.0)),
    Method("SoLU", {"site": "none", "act_fn": "solu_ln", **START}, {"-": {}}),
    Method("MonoLoss", UNREGULARISED, _weights("mono_weight", 0.3, 1.0, 3.0)),
    Method("release", {"site": "embedding", **START}, {"1/1": _pair(1, 1)}),
    Method("SAFR, attention", START, {"-": {}}),
    Method("SAFR, words", RELATED, PAIRS),
    Method("SAFR, words once", ONCE, PAIRS),
    Method("SAFR, distinct", ONCE, DISTINCT),
    Method("SAFR, words once, gates apart", {**ONCE, **APART}, {label: PAIRS[label] for label in ("1/1", "3/3")}),
    Method("unregularised, residual", {"site": "none", "readout": "residual", **START}, {"-": {}}),
    Method("release, residual", {"site": "embedding", "readout": "residual", **START}, {"1/1": _pair(1, 1)}),
    Method("SAFR, residual", {**DENSE, "readout": "residual"}, {"6/3": _pair(6, 3)}),
    Method("SAFR, sparse, residual", {**ONCE, **APART, "readout": "residual"}, {"3/3": _pair(3, 3)}),
)
# measured on test, whatever the stage "choose" says: what the package recommends
RECOMMENDED = (
    Method("SAFR, light", DENSE, {"2/1": _pair(2, 1)}),
    Method("SAFR, strong", DENSE, {"6/3": _pair(6, 3)}),
)
SMALL, TOP, BATCH_TOP = {"d_mlp": 256}, {"act_fn": "topk"}, {"act_fn": "batch_topk"}
K_FROM_DENSE = {"k": 32, "k_epochs": 2}
EVIDENCE = {"overlap_of": "evidence"}
FROM_FILE = {"word_vectors_from": FILE}
# few neurons of a token: searched with averaged weights on validation
FEW = (
    Method(BASELINE, UNREGULARISED, {"-": {}}),
    Method("TopK", {**UNREGULARISED, **TOP}, _weights("k", 16, 32, 64)),
    Method("SAFR, strong", DENSE, {"6/3": _pair(6, 3)}),
    Method("strong, k", {**DENSE, **TOP, **_pair(6, 3)}, _weights("k", 16, 32, 64)),
    Method("strong, k, evidence", {**DENSE, **TOP, **EVIDENCE, **_pair(6, 3)}, _weights("k", 16, 32, 64)),
    Method("strong, d_mlp 256, k", {**DENSE, **TOP, **SMALL, **_pair(6, 3)}, _weights("k", 16, 32)),
    Method("strong, d_mlp", {**DENSE, **_pair(6, 3)}, _weights("d_mlp", 128, 256)),
    Method("later start, d_mlp 256", {**DENSE, **SMALL}, {"20/10": _late_pair(20, 10), "60/30": _late_pair(60, 30)}),
    Method("unregularised, d_mlp 256", {**UNREGULARISED, **SMALL}, {"-": {}}),
    Method("L1, d_mlp 256", {**UNREGULARISED, **SMALL}, _weights("l1_weight", 1.0)),
    Method("weights, d_mlp 256", {**DENSE, **SMALL}, _pairs((2, 1), (3, 1.5), (10, 5))),
    Method(
        "fading, d_mlp 256", {**DENSE, **SMALL}, {f"{2 * one}/{one}": _fading_pair(2 * one, one) for one in (3, 5, 10)}
    ),
    Method("fading, d_mlp 192", {**DENSE, "d_mlp": 192}, {"10/5": _fading_pair(10, 5), "14/7": _fading_pair(14, 7)}),
    Method("evidence, d_mlp 256", {**DENSE, **SMALL, **EVIDENCE, **_pair(6, 3)}, {"-": {}}),
    Method("word_threshold, d_mlp 256", {**DENSE, **SMALL, **_pair(6, 3)}, _weights("word_threshold", 0.3, 0.7)),
    Method("k from dense, d_mlp 256", {**DENSE, **TOP, **SMALL, **_pair(6, 3), "k": 32}, _weights("k_epochs", 2)),
    Method(
        "fading, k from dense, d_mlp 256",
        {**DENSE, **TOP, **SMALL, **K_FROM_DENSE},
        {
            **{f"{2 * one}/{one}": _fading_pair(2 * one, one) for one in (5, 7, 10)},
            "10/5, over two epochs": _fading_pair(10, 5, epochs=2.0),
            "10/5 to 2/1": _fading_pair(10, 5, left=0.2),
            "6/3 to 2/1": _fading_pair(6, 3, left=1 / 3),
            "10/5, k 16": {**_fading_pair(10, 5), "k": 16},
        },
    ),
    Method(
        "fading, k from dense for a batch, d_mlp 256",
        {**DENSE, **BATCH_TOP, **SMALL, **K_FROM_DENSE},
        {"10/5": _fading_pair(10, 5)},
    ),
    Method(
        "later start, k from dense, d_mlp 256", {**DENSE, **TOP, **SMALL, **K_FROM_DENSE}, {"20/10": _late_pair(20, 10)}
    ),
    Method("TopK from dense, d_mlp 256", {**UNREGULARISED, **TOP, **SMALL, **K_FROM_DENSE}, {"32": {}}),
    # their word vectors come from a file of the user's: see --vectors
    Method("unregularised, vectors of a file, d_mlp 256", {**UNREGULARISED, **SMALL, **FROM_FILE}, {"-": {}}),
    Method("strong, vectors of a file, d_mlp 256", {**DENSE, **SMALL, **FROM_FILE}, _pairs((6, 3))),
    Method("later start, d_mlp 128", {**DENSE, "d_mlp": 128}, {"20/10": _late_pair(20, 10)}),
)
# what came of that search, and what it is compared to: measured on test
CRISP = (
    Method("TopK", {**UNREGULARISED, **TOP}, {"32": {"k": 32}}),
    Method("unregularised, 256 neurons", {**UNREGULARISED, **SMALL}, {"-": {}}),
    Method("SAFR, strong, 256 neurons", {**DENSE, **SMALL}, {"6/3": _pair(6, 3)}),
    Method("SAFR, late, 256 neurons", {**DENSE, **SMALL}, {"20/10": _late_pair(20, 10)}),
    Method("SAFR, fading, 256 neurons", {**DENSE, **SMALL}, {"10/5": _fading_pair(10, 5)}),
    Method("SAFR, light, 256 neurons", {**DENSE, **SMALL}, {"2/1": _pair(2, 1)}),
    Method("TopK from dense, 256 neurons", {**UNREGULARISED, **TOP, **SMALL, **K_FROM_DENSE}, {"32": {}}),
    Method("SAFR, strong, k from dense", {**DENSE, **TOP, **SMALL, **K_FROM_DENSE}, {"6/3": _pair(6, 3)}),
    Method("SAFR, fading, k from dense", {**DENSE, **TOP, **SMALL, **K_FROM_DENSE}, {"10/5": _fading_pair(10, 5)}),
    Method("SAFR + TopK", {**DENSE, **TOP, **EVIDENCE}, {"32": {"k": 32, **_pair(6, 3)}}),
)
# drawn in the figures; the others stand in tables alone
DRAWN = tuple(method.name for method in (*METHODS, *RECOMMENDED, *CRISP) if "residual" not in method.name)
BASE = {**ONCE, **APART, **_pair(1, 1)}
LIGHT = {**DENSE, **_pair(2, 1)}
# one change of SAFR at a time, against "SAFR, words once, gates apart" at 1/1, and some of them against "light"
ABLATIONS = (
    Method("class_tolerance", BASE, _weights("class_tolerance", 0.15, 0.25, 0.5)),
    Method(
        "class_tolerance 0.25",
        {**ONCE, **APART, "class_tolerance": 0.25},
        _pairs((0.5, 0.5), (1, 0.5), (2, 1), (2, 2), (3, 3), (1, 3), (3, 6)),
    ),
    Method(
        "no sparsity part",
        DENSE,
        _pairs((2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (6, 3), (10, 5), (10, 10), (20, 10)),
    ),
    Method(
        "no sparsity part, class_tolerance 0.25",
        {**DENSE, "class_tolerance": 0.25},
        _pairs((1, 1), (2, 1), (3, 1), (3, 3), (6, 3)),
    ),
    Method(
        "no sparsity part, without other texts",
        {**DENSE, **_pair(3, 1), "word_vectors_from": None},
        {
            "attention": {"pairs": "attention", "embedding_start": "random"},
            "own vectors": {"embedding_start": "random"},
            "own vectors, and start": {},
            "own vectors, 6/3": {"embedding_start": "random", **_pair(6, 3)},
        },
    ),
    Method(
        "sparsity part 0.1",
        {**ONCE, **APART, "l1_ratio": 0.1},
        _pairs((1, 1), (3, 3)),
    ),
    Method(
        "weights",
        {**ONCE, **APART},
        _pairs((0.3, 0.3), (0.5, 0.5), (0.5, 1), (1, 0.5), (1, 2), (1, 0)),
    ),
    Method("later start", {**ONCE, **APART}, {"epoch 2": dict.fromkeys(_pair(1, 1), _late(1.0))}),
    Method("l1_ratio", BASE, _weights("l1_ratio", 0.0, 0.3, 3.0)),
    Method("no overlap part", BASE, _weights("overlap_ratio", 0.0)),
    Method("word_threshold", BASE, _weights("word_threshold", 0.3, 0.4, 0.6, 0.7)),
    Method("pairs", BASE, {"attention": {"pairs": "attention"}, "both": {"pairs": "both"}}),
    Method("within texts", BASE, {"-": {"scope": "text"}}),
    Method("sparsity of all tokens", BASE, {"-": {"sparse_tokens": "all"}}),
    Method("d_mlp", BASE, _weights("d_mlp", 256)),
    Method("information weight", BASE, {"0.3": {"information_weight": _informed(0.3)}}),
    Method("redundancy", BASE, _weights("redundancy_weight", 0.3, 1.0)),
    Method("random start", BASE, {"-": {"embedding_start": "random"}}),
    Method("occurrences of a word", BASE, {"2": {"batch_occurrences": 2}}),
    Method("with MonoLoss", BASE, _weights("mono_weight", 0.3)),
    Method("neurons start at groups", BASE, {"-": GROUPS}),
    Method("light, word_threshold", LIGHT, _weights("word_threshold", 0.3, 0.7)),
    Method("light, tokens of a batch", LIGHT, _weights("batch_tokens", 2048)),
    Method("light, later start", DENSE, {"epoch 2": _late_pair(2, 1)}),
    Method("light, d_mlp", LIGHT, _weights("d_mlp", 256)),
    Method("light, information weight", LIGHT, {"0.3": {"information_weight": _informed(0.3)}}),
    Method("light, averaged weights", LIGHT, {"-": AVERAGED}),
    Method("no sparsity part, averaged weights", {**DENSE, **AVERAGED}, _pairs((4, 2), (6, 3), (10, 5), (20, 10))),
    Method("unregularised, averaged weights", UNREGULARISED, {"-": AVERAGED}),
    Method("strong, averaged weights, later start", {**DENSE, **AVERAGED}, {"epoch 2": _late_pair(6, 3)}),
    Method("light, with MonoLoss", LIGHT, _weights("mono_weight", 0.3)),
    Method("unregularised, information weight", UNREGULARISED, {"0.3": {"information_weight": _informed(0.3)}}),
    Method("unregularised, d_mlp 256", {"site": "none", **START, "d_mlp": 256}, {"-": {}}),
    Method("unregularised, random start", {"site": "none"}, {"-": {}}),
)


SCREENED_AT = {**RELATED, **_pair(0.3, 0.3)}
# tried at an earlier time with word vectors of the training split alone
SCREENED = (
    *(method for method in METHODS if "residual" not in method.name),
    Method("L1", UNREGULARISED, _weights("l1_weight", 10.0)),
    Method("L1, group start", {"site": "none", **GROUPS}, _weights("l1_weight", 3.0)),
    Method("release", {"site": "embedding", **START}, {"0.1/0.1": _pair(0.1, 0.1)}),
    Method("SAFR, words", RELATED, {"0.1/0.1": _pair(0.1, 0.1)}),
    Method("SAFR, both", {**RELATED, "pairs": "both"}, {"0.3/0.3": _pair(0.3, 0.3)}),
    Method("SAFR, words once, neurons start at groups", {**ONCE, **GROUPS}, PAIRS),
    Method("neurons start at groups, unregularised", {"site": "none", **GROUPS}, {"-": {}}),
    Method("SAFR, words 0.3/0.3, random start", SCREENED_AT, {"-": {"embedding_start": "random"}}),
    Method("SAFR, words 0.3/0.3, pairs", SCREENED_AT, {"attention": {"pairs": "attention"}}),
    Method("SAFR, words 0.3/0.3, within texts", SCREENED_AT, {"-": {"scope": "text"}}),
    Method(
        "SAFR, words 0.3/0.3, weights",
        RELATED,
        {"0.3/0": _pair(0.3, 0), "0.3/1": _pair(0.3, 1), "1/0.3": _pair(1, 0.3)},
    ),
    Method("SAFR, words 0.3/0.3, word_threshold", SCREENED_AT, _weights("word_threshold", 0.3, 0.7)),
    Method("SAFR, words 0.3/0.3, redundancy", SCREENED_AT, _weights("redundancy_weight", 0.3, 1.0)),
)
# what was recommended before the sparsity part was left out, and before gates were kept apart: measured on test
EARLIER = (
    Method("SAFR, sparse, light", {**ONCE, **APART}, {"1/1": PAIRS["1/1"]}),
    Method("SAFR, sparse, strong", {**ONCE, **APART}, {"3/3": PAIRS["3/3"]}),
    Method("SAFR, sparse, light, gates shared", ONCE, {"1/1": PAIRS["1/1"]}),
    Method("SAFR, sparse, strong, gates shared", ONCE, {"3/3": PAIRS["3/3"]}),
)
DENSE_ALONE = {**DENSE, "word_vectors_from": None, "embedding_start": "random"}
# what needs the training split alone: SafrPenalty() as it is, and no penalty from the same random start
ALONE = (
    Method("unregularised, random start", {"site": "none"}, {"-": {}}),
    Method("SAFR, default", DENSE_ALONE, {"2/1": _pair(2, 1)}),
    Method("SAFR, default, strong", DENSE_ALONE, {"6/3": _pair(6, 3)}),
)
RESIDUAL, RANDOM_START = ", residual", ", random start"


def baseline_of(method: str) -> str:
    """Return the method without a penalty that a method is compared to: of the same readout and the same start."""
    if method in {one.name for one in ALONE}:
        return BASELINE + RANDOM_START
    return BASELINE + RESIDUAL if method.endswith(RESIDUAL) else BASELINE


METHODS_OF = {
    "own": SCREENED,
    "ablate": ABLATIONS,
    "choose": METHODS,
    "few": FEW,
    "final": (*METHODS, *RECOMMENDED, *CRISP, *ALONE),
    "last_step": (*METHODS, *RECOMMENDED, *EARLIER, *ALONE),
}


@dataclass(frozen=True)
class Cell:
    """One training and its measurement."""

    stage: str
    data: str
    method: str
    weight: str
    seed: int
    settings: Mapping[str, Any]

    @property
    def split(self) -> str:
        """Which split is measured: settings are chosen without a look at the test split."""
        return "test" if self.stage in ON_TEST else "validation"

    @property
    def name(self) -> str:
        """What it is called; with other settings it is called otherwise."""
        settings = json.dumps(dict(self.settings), sort_keys=True)
        name = f"{self.data}-{self.method}-{self.weight}-{self.seed}".replace("/", "+").replace(", ", "_")
        return f"{name.replace(' ', '_')}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"

    @property
    def removed(self) -> list[str]:
        """Which of its settings the package no longer has: it cannot be run again."""
        values = [f"{name}={value}" for name, value in REMOVED_VALUES.items() if self.settings.get(name) == value]
        return [name for name in REMOVED if name in self.settings] + values


def cells(
    stage: str, data: tuple[str, ...], seeds: tuple[int, ...] | None, chosen: Mapping[str, Mapping[str, str]]
) -> Iterator[Cell]:
    """Yield the cells of a stage, the cheapest data first and seed by seed, so that a part of it is of use.

    Args:
        stage: ``"ablate"``: ablations of SAFR; ``"choose"``: every weight of every method; ``"own"``: the first
            screening, with word vectors of the training split alone; ``"few"``: what makes a token's evidence that of
            few neurons, with averaged weights; these are measured on validation. ``"final"``: the chosen weight of each
            method and what is recommended, with averaged weights, on test. ``"last_step"``: the same with the weights
            of the last step, as in all other stages.
        data: which data sets.
        seeds: by default those of the stage (three on imdb).
        chosen: for the stages on test: the label of the weight by data and method; without one, rotten_tomatoes's.
    """
    for name in (one for one in DATA if one in data):
        if stage in ("own", "choose", "few") and name.startswith("imdb"):
            continue
        default = SEEDS[stage][:IMDB_SEEDS] if name.startswith("imdb") else SEEDS[stage]
        for seed in seeds or default:
            for method in METHODS_OF[stage]:
                labels = list(method.weights)
                if stage in ON_TEST:
                    picked = {**chosen.get("rotten_tomatoes", {}), **chosen.get(name, {})}.get(method.name)
                    labels = [picked] if picked in method.weights else labels[:1] if len(labels) == 1 else []
                for label in labels:
                    settings = {**RUN, **method.settings, **method.weights[label], **CHANGES.get(stage, {})}
                    yield Cell(stage, name, method.name, label, seed, settings)
