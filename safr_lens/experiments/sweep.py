"""The strongest setting that keeps accuracy: one training a strength, judged on the validation split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safr_lens.atomic import write_json
from safr_lens.checks import check_seed
from safr_lens.data.dataset import TextData
from safr_lens.data.label_mapping import merged
from safr_lens.data.rows import Data
from safr_lens.errors import ConfigError
from safr_lens.json_values import without_nan
from safr_lens.measures.measurement import Inputs
from safr_lens.measures.predictions import evaluate
from safr_lens.measures.registry import measurements
from safr_lens.measures.reliance import reliance
from safr_lens.measures.statistics import collect_statistics
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.runs.settings import Settings
from safr_lens.runs.train_run import finished_run, given_data, run_vectors, train_run
from safr_lens.training.config import uses_words
from safr_lens.visible import shown
from safr_lens.word_vectors.vectors import WordVectors

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
BASELINE = "unregularised"
SUMMARY = "sweep.json"


@dataclass(frozen=True)
class Step:
    """The trainings of one strength, on the validation split.

    Attributes:
        strength: by which both SAFR weights are multiplied; 0 for the unregularised classifier.
        runs: their folders.
        accuracy: mean over seeds.
        lost: accuracy of the unregularised classifier minus it.
        reliance: mean accuracy lost when the MLPs are set to 0.
        neurons: measures of each run by name, above their nulls where they have one.
        within_budget: whether no more accuracy is lost than the budget.
    """

    strength: float
    runs: tuple[str, ...]
    accuracy: float
    lost: float
    reliance: float
    neurons: tuple[dict[str, float], ...]
    within_budget: bool

    def mean(self, name: str) -> float:
        """Return the mean over runs of a measure of their neurons."""
        return sum(one[name] for one in self.neurons) / len(self.neurons)


@dataclass(frozen=True)
class Sweep:
    """What a sweep found: the baseline, the strengths in rising order, and the strongest within the budget.

    ``label_mapping`` has the class that each label of the data means.
    """

    steps: tuple[Step, ...]
    budget: float
    seeds: tuple[int, ...]
    label_mapping: Mapping[str, str] = field(default_factory=dict)

    @property
    def chosen(self) -> Step | None:
        """The strongest step within the budget; None where every strength costs more."""
        within = [step for step in self.steps if step.strength > 0 and step.within_budget]
        return max(within, key=lambda step: step.strength, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        steps = [
            dataclasses.asdict(step)
            | {"capacity": step.mean("capacity"), "token_selectivity": step.mean("token_selectivity")}
            for step in self.steps
        ]
        chosen = self.chosen
        return without_nan(
            {
                "split": "validation",
                "budget": self.budget,
                "seeds": list(self.seeds),
                "label_mapping": dict(self.label_mapping),
                "chosen": None if chosen is None else {"strength": chosen.strength, "runs": list(chosen.runs)},
                "steps": steps,
            }
        )


def sweep(
    settings: Settings,
    *,
    out: Path,
    strengths: Sequence[float] = STRENGTHS,
    budget: float = 0.005,
    seeds: Sequence[int] = (0,),
    data: TextData | Data | None = None,
    vectors_folder: Path | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Sweep:
    """Train the unregularised classifier and SAFR at several strengths, and keep the strongest within the budget.

    A strength multiplies the importance and the interaction weight of ``settings``. Trainings that are finished in
    ``out`` are not repeated and an unfinished one is resumed, so an interrupted sweep resumes when called again.

    Args:
        settings: of data, model, training and penalty.
        out: a folder; one run a strength and seed, and ``sweep.json``.
        strengths: multiples of the weights, above 0.
        budget: how much accuracy may be lost, as a share: 0.005 is half a point. Differences of single seeds are often
            larger than that; give several seeds.
        seeds: of the trainings.
        data: the data, if it is loaded or in memory already.
        vectors_folder: where token vectors of a frozen encoder are kept, as in :func:`safr_lens.train`; all trainings
            read the same.
        overwrite: train anew.
        progress: show progress on standard error.

    Raises:
        ConfigError: no strength, one that is not above 0, no seed, or a penalty without SAFR terms.
    """
    _check(settings, strengths, budget, seeds)
    data = given_data(settings.data, data)
    vectors = run_vectors(settings, data)
    options: dict[str, Any] = {"vectors_folder": vectors_folder, "overwrite": overwrite, "progress": progress}
    steps: list[Step] = []
    for strength in (0.0, *sorted(set(strengths))):
        name = f"strength-{strength:g}" if strength else BASELINE
        penalty = at_strength(settings.penalty, strength)
        chosen, used = dataclasses.replace(settings, penalty=penalty), vectors
        if not uses_words(settings.train, penalty):  # no penalty, and an embedding that starts at random
            chosen, used = _without_vectors(chosen), None
        runs = [_measured(_seeded(chosen, seed), out / f"{name}-seed-{seed}", data, used, **options) for seed in seeds]
        accuracies, losses, neurons = zip(*runs, strict=True)
        accuracy, lost_without_mlp = sum(accuracies) / len(seeds), sum(losses) / len(seeds)
        lost = (steps[0].accuracy if steps else accuracy) - accuracy
        folders = tuple(str(out / f"{name}-seed-{seed}") for seed in seeds)
        # half a text of slack, since a budget of one text in n is rarely a float of its own
        within = lost <= budget + 0.5 / len(data["validation"]) / len(seeds)
        steps.append(Step(strength, folders, accuracy, lost, lost_without_mlp, neurons, within))
        result = Sweep(tuple(steps), budget, tuple(seeds), merged(data.label_mapping))
        write_json(out / SUMMARY, result.to_dict())
    return result


def at_strength(penalty: SafrPenalty, strength: float) -> SafrPenalty:
    """Return a penalty with SAFR's weights multiplied; strength 0 is the unregularised classifier.

    >>> at_strength(SafrPenalty(importance_weight=0.5), 2.0).schedules["importance"].end
    1.0
    """
    if strength == 0:
        return penalty.changed(site="none")
    names = [term.name for term in penalty.active if term.site is not None]
    return penalty.changed(**{f"{name}_weight": penalty.schedules[name].scaled(strength) for name in names})


def _without_vectors(settings: Settings) -> Settings:
    data = dataclasses.replace(settings.data, word_vectors=None, word_vectors_from=None)
    return dataclasses.replace(settings, data=data)


def _seeded(settings: Settings, seed: int) -> Settings:
    return dataclasses.replace(settings, train=dataclasses.replace(settings.train, seed=seed))


def _measured(
    settings: Settings,
    folder: Path,
    data: TextData,
    vectors: WordVectors | None,
    *,
    overwrite: bool,
    **options: Any,
) -> tuple[float, float, dict[str, float]]:
    model = None if overwrite else finished_run(folder, settings, data, vectors)
    if model is None:
        model = train_run(
            settings,
            out=folder,
            data=data,
            word_vectors=vectors,
            resume=not overwrite,
            overwrite=overwrite,
            title=folder.name,
            **options,
        ).model
    intact = evaluate(model, data["validation"])
    without = reliance(model, data["validation"], intact=intact).to_dict()
    statistics = collect_statistics(model, data["validation"], n_groups=1, effects=False)
    neurons = {name: one.judged.value for name, one in measurements(Inputs(statistics)).items()}
    return intact.accuracy, without["zero"]["accuracy_lost"], neurons


def _check(settings: Settings, strengths: Sequence[float], budget: float, seeds: Sequence[int]) -> None:
    for name, values in (("strengths", strengths), ("seeds", seeds)):
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise ConfigError(f"Expected one or more {name}; got {shown(values)}.")
    if not all(isinstance(strength, int | float) and strength > 0 for strength in strengths):
        raise ConfigError(f"Expected one or more strengths above 0; got {shown(list(strengths))}.")
    for seed in seeds:
        check_seed(seed)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"Expected different seeds; got {shown(list(seeds))}.")
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget < 1:
        raise ConfigError(
            f"The budget is a share of accuracy from 0 to 1, as 0.005 for half a point; got {shown(budget)}."
        )
    if settings.penalty.site == "none":
        raise ConfigError('A sweep varies the SAFR weights, but site="none" has none. Use neurons or embedding.')
