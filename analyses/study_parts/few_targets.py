"""What was asked of neurons that a reader can follow, beside what each method reaches: a table of docs/study.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from study_parts.spread import accuracy_lost, mean_of, points_lost, with_interval

# 70 % of what neurons perfect by construction have above other neurons' names, by data: see ceilings.py
NAMES = {"rotten_tomatoes": 0.345, "sst2": 0.350, "imdb_6000": 0.348}
YES, NO = "✓", "✗"


@dataclass(frozen=True)
class Beside:
    """One method's cells on one data set, beside those of the baselines.

    Attributes:
        rows: one a seed.
        others: of each baseline, by name; no penalty with as many neurons is among them.
        plain: the name of that one.
        data: the data set.
    """

    rows: pd.DataFrame
    others: Mapping[str, pd.DataFrame]
    plain: str
    data: str

    def mean(self, name: str) -> float:
        """Return the mean over seeds."""
        return self.rows[name].mean()

    def best(self, name: str) -> str:
        """Return the baseline with the highest mean."""
        return max(self.others, key=lambda one: self.others[one][name].mean())


def _met(shown: str, met: bool) -> str:
    return f"{shown} {YES if met else NO}"


def _accurate(one: Beside) -> str:
    best = one.others[one.best("accuracy")]
    return _met(accuracy_lost(one.rows, best), points_lost(one.rows, best).mean() <= 0.5)


def _few(one: Beside) -> str:
    name = "evidence_concentration_important"
    return _met(mean_of(one.rows[name], name), one.mean(name) <= 6)


def _named(one: Beside) -> str:
    name = "name_fidelity_by_effect"
    return _met(mean_of(one.rows[name], name), one.mean(name) >= NAMES[one.data])


def _meaning(one: Beside) -> str:
    name = "monosemanticity_by_effect"
    times = one.mean(name) / one.others[one.plain][name].mean()
    above = one.mean(name) > one.others[one.best(name)][name].mean()
    return _met(f"{times:.1f} times", times >= 10 and above)


def _concepts(one: Beside) -> str:
    names = [name for name in one.rows if name.startswith("probe f1, ")]
    names = [name for name in names if not name.endswith(("polarity", "words"))]
    won = sum(one.mean(name) > one.others[one.best(name)][name].mean() for name in names)
    mean = one.rows[names].mean(axis=1).mean()
    return _met(f"{won} of {len(names)}, {mean:.2f}", won == len(names) and mean >= 0.25)


def _share(name: str, target: Callable[[float], bool]) -> Callable[[Beside], str]:
    return lambda one: _met(mean_of(one.rows[name], name) + " %", target(one.mean(name)))


def _as_faithful(name: str) -> Callable[[Beside], str]:
    def cell(one: Beside) -> str:
        base = one.others[one.plain]
        gained = (one.rows.set_index("seed")[name] - base.set_index("seed")[name]).dropna()
        return _met(with_interval(gained, digits=3), gained.mean() >= 0)

    return cell


TARGETS: dict[str, Callable[[Beside], str]] = {
    "accuracy lost to the most accurate baseline, points: at most 0.5": _accurate,
    "neurons for half of an important token's evidence: at most 6": _few,
    "name fidelity above null, by effect: at least 70 % of that of perfect neurons": _named,
    "MS above null, by effect: at least 10 times no penalty's, above every baseline": _meaning,
    "word concepts above every baseline, mean F1 above null at least 0.25": _concepts,
    "neurons alive: at least 50 %": _share("alive_neurons", lambda share: share >= 0.5),
    "silent tokens: under 1 %": _share("silent_tokens", lambda share: share < 0.01),
    "comprehensiveness beside no penalty: no lower": _as_faithful("comprehensiveness"),
    "NAOPC beside no penalty: no lower": _as_faithful("naopc_of_beginnings"),
}


@dataclass(frozen=True)
class FewTargets:
    """One column a method, one row a target.

    Attributes:
        data: the data set.
        methods: that are judged, by the name in the heading.
        baselines: that they are compared to, those that were run.
        plain: no penalty with as many neurons, one of the baselines.
    """

    data: str
    methods: Mapping[str, str]
    baselines: tuple[str, ...]
    plain: str

    def __call__(self, wide: pd.DataFrame) -> Iterator[str]:
        """Yield its lines."""
        final = wide[(wide["stage"] == "final") & (wide["data"] == self.data)]
        parts = {name: rows for name, rows in final.groupby("method")}
        others = {name: parts[name] for name in self.baselines if name in parts}
        columns = {
            name: Beside(parts[method], others, self.plain, self.data)
            for method, name in self.methods.items()
            if method in parts and self.plain in others
        }
        yield "| target | " + " | ".join(columns) + " |"
        yield "|---" * (len(columns) + 1) + "|"
        yield "| seeds | " + " | ".join(str(len(one.rows)) for one in columns.values()) + " |"
        for target, cell in TARGETS.items():
            yield f"| {target} | " + " | ".join(cell(one) for one in columns.values()) + " |"
