"""The cells of the study: methods, weights, seeds and data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# at the default patience of 3 the second epoch was the best one in every run: two epochs of five were for nothing
RUN = {"patience": 1}
START = {"embedding_start": "words"}
GROUPS = {**START, "neuron_start": "words"}
SAFR = {"site": "neurons", "l1_ratio": 1.0}
ACROSS = {**SAFR, "scope": "batch"}
RELATED = {**ACROSS, "pairs": "words", **START}
ONCE = {**RELATED, "counted_pairs": "words"}
REVIEWS = {"word_vectors_from": "imdb"}
BASELINE = "unregularised"
DATA = ("rotten_tomatoes", "sst2", "imdb")
SEEDS = {"ablate": (0, 1), "choose": (0, 1), "final": (2, 3, 4, 5, 6)}
IMDB_SEEDS = 3
# seconds of one cell on one CPU core of its own, to plan with
SECONDS = {"rotten_tomatoes": 170, "sst2": 170, "imdb": 470}


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


def _weights(name: str, *values: float) -> dict[str, dict[str, float]]:
    return {f"{value:g}": {name: value} for value in values}


def _late(weight: float) -> dict[str, float]:
    return {"start": 0.0, "end": weight, "delay": 1.0, "epochs": 1.0}


def _informed(weight: float) -> dict[str, float]:
    return {"start": 1.0, "end": weight, "delay": 1.0, "epochs": 0.0}


PAIRS = {f"{a:g}/{b:g}": _pair(a, b) for a, b in ((0.1, 0.1), (0.3, 0.3), (1.0, 1.0), (3.0, 3.0))}
STRONG = {label: PAIRS[label] for label in ("0.3/0.3", "1/1")}
METHODS = (
    Method(BASELINE, {"site": "none", **START}, {"-": {}}),
    Method("unregularised, random start", {"site": "none"}, {"-": {}}),
    Method("L1", {"site": "none", **START}, _weights("l1_weight", 1.0, 3.0, 10.0)),
    Method("SoLU", {"site": "none", "act_fn": "solu_ln", **START}, {"-": {}}),
    Method("MonoLoss", {"site": "none", **START}, _weights("mono_weight", 0.3, 1.0, 3.0)),
    Method("release", {"site": "embedding", **START}, {"1/1": _pair(1, 1), "0.1/0.1": _pair(0.1, 0.1)}),
    Method("SAFR, default", {**START}, {"-": {}}),
    Method("SAFR, words", RELATED, PAIRS),
    Method("SAFR, words + MonoLoss", {**RELATED, **_pair(0.3, 0.3)}, _weights("mono_weight", 0.3, 1.0)),
    Method("SAFR, both", {**RELATED, "pairs": "both"}, {"0.3/0.3": _pair(0.3, 0.3)}),
    Method("unregularised, group start", {"site": "none", **GROUPS}, {"-": {}}),
    Method("L1, group start", {"site": "none", **GROUPS}, _weights("l1_weight", 1.0, 3.0)),
    Method("SAFR, words once", ONCE, STRONG),
    Method("SAFR, words once, group start", {**ONCE, **GROUPS}, STRONG),
    Method("SAFR, words once, more reviews", {**ONCE, **REVIEWS}, STRONG),
    Method("unregularised, more reviews", {"site": "none", **START, **REVIEWS}, {"-": {}}),
    Method("unregularised, residual", {"site": "none", "readout": "residual", **START}, {"-": {}}),
    Method("release, residual", {"site": "embedding", "readout": "residual"}, {"1/1": _pair(1, 1)}),
    Method("SAFR, residual", {**RELATED, "readout": "residual"}, {"0.3/0.3": _pair(0.3, 0.3)}),
)
BASE = {**RELATED, **_pair(0.3, 0.3)}
# levers of SAFR one at a time, against "SAFR, words" at 0.3/0.3
ABLATIONS = (
    Method(
        "occurrences of a word",
        BASE,
        {"2": {"batch_occurrences": 2}, "2, at 1/1": {"batch_occurrences": 2, **_pair(1, 1)}},
    ),
    Method("random start", BASE, {"-": {"embedding_start": "random"}}),
    Method("pairs", BASE, {"attention": {"pairs": "attention"}}),
    Method("within texts", BASE, {"-": {"scope": "text"}}),
    Method("weights", RELATED, {"0.3/0": _pair(0.3, 0), "0.3/1": _pair(0.3, 1), "1/0.3": _pair(1, 0.3)}),
    Method("l1_ratio", BASE, _weights("l1_ratio", 0.0, 0.3, 3.0)),
    Method("no overlap part", BASE, _weights("overlap_ratio", 0.0)),
    Method("word_threshold", BASE, _weights("word_threshold", 0.3, 0.7)),
    Method("sparsity of all tokens", BASE, {"-": {"sparse_tokens": "all"}}),
    Method("pairs of words count once", BASE, {"-": {"counted_pairs": "words"}}),
    Method("redundancy", BASE, _weights("redundancy_weight", 0.3, 1.0)),
    Method("later start", RELATED, {"epoch 2": {"importance_weight": _late(0.3), "interaction_weight": _late(0.3)}}),
    Method("d_mlp", BASE, _weights("d_mlp", 256, 4096)),
    Method("vectors of more reviews", BASE, {"-": REVIEWS}),
    Method("information weight", BASE, {"0.3": {"information_weight": _informed(0.3)}}),
)


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
        return "test" if self.stage == "final" else "validation"

    @property
    def file(self) -> str:
        """Name of its file; other settings have another name."""
        settings = json.dumps(dict(self.settings), sort_keys=True)
        name = f"{self.data}-{self.method}-{self.weight}-{self.seed}".replace("/", "+").replace(", ", "_")
        return f"{name.replace(' ', '_')}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}.json"


def cells(
    stage: str, data: tuple[str, ...], seeds: tuple[int, ...] | None, chosen: Mapping[str, Mapping[str, str]]
) -> Iterator[Cell]:
    """Yield the cells of a stage, the cheapest data first and seed by seed, so that a part of it is of use.

    Args:
        stage: ``"ablate"``: the levers of SAFR; ``"choose"``: every weight of every method, both measured on
            validation; ``"final"``: the chosen weight, on test.
        data: which data sets.
        seeds: by default those of the stage (three on imdb).
        chosen: for ``"final"``: the label of the weight by data and method; imdb takes that of rotten_tomatoes.
    """
    for name in (one for one in DATA if one in data):
        if stage != "final" and name == "imdb":
            continue
        default = SEEDS[stage][:IMDB_SEEDS] if name == "imdb" else SEEDS[stage]
        for seed in seeds or default:
            for method in ABLATIONS if stage == "ablate" else METHODS:
                labels = list(method.weights)
                if stage == "final":
                    picked = chosen.get(name if name in chosen else "rotten_tomatoes", {}).get(method.name)
                    labels = [picked] if picked in method.weights else labels[:1] if len(labels) == 1 else []
                for label in labels:
                    settings = {**RUN, **method.settings, **method.weights[label]}
                    yield Cell(stage, name, method.name, label, seed, settings)
