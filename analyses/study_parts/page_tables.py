"""The tables of README.md and docs, filled from the cells: no figure there can drift from what was measured."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from safr_lens.atomic import write_text
from study_parts import grid
from study_parts.few_targets import FewTargets
from study_parts.grid import BASELINE, DATA
from study_parts.spread import accuracy_lost, mean_of, spread

PAGES = ("README.md", "docs/study.md", "docs/study_last_step.md")
MARKED = re.compile(r"(?P<mark><!-- study: (?P<name>[^>]+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
ACCURACY_LOST = "accuracy lost, points (95 % paired)"
ROWS = {
    "seeds": "seed",
    "accuracy, %": "accuracy",
    ACCURACY_LOST: "accuracy",
    "loss, nats": "loss",
    "reliance (MLP zeroed), points": "reliance_zero",
    "reliance (MLP at its mean), points": "reliance_mean",
    "silent tokens, %": "silent_tokens",
    "alive neurons, %": "alive_neurons",
    "active neurons per token": "active_per_token",
    "capacity": "capacity",
    "token selectivity above null": "token_selectivity",
    "chance-normalised token selectivity": "token_selectivity_of_what_is_left",
    "token selectivity above null, by effect": "token_selectivity_by_effect",
    "MS above null": "monosemanticity",
    "MS above null, by effect": "monosemanticity_by_effect",
    "neurons for half of a token's evidence": "evidence_concentration",
    "… of an important token's": "evidence_concentration_important",
    "name fidelity above null, by effect": "name_fidelity_by_effect",
    "names that hold, above null, %": "names_that_hold",
    "effective number of different neurons": "distinct_neurons",
    "neurons that carry the decision": "carrying_neurons",
    "share of neurons with the most common top token, %": "largest_share",
    "distinct top tokens": "favourite_words",
    "k = 1, ten word concepts: F1 above null": "probe f1, words",
    "k = 1, polarity: AUC above null": "probe auc, polarity",
    "class selectivity above null": "class_selectivity",
    "comprehensiveness above random": "comprehensiveness",
    "sufficiency against random (lower is better)": "sufficiency",
    "NAOPC above random": "naopc_of_beginnings",
}
NOT_IN_README = (
    "loss, nats",
    "reliance (MLP at its mean), points",
    "chance-normalised token selectivity",
    "token selectivity above null, by effect",
    "neurons for half of a token's evidence",
    "effective number of different neurons",
    "distinct top tokens",
    "class selectivity above null",
    "sufficiency against random (lower is better)",
)
PLAIN = "unregularised, 256 neurons"
LIGHT, STRONG, FAITHFUL = "SAFR, light, 256 neurons", "SAFR, fading, 256 neurons", "SAFR, late, 256 neurons"
PRESETS = (BASELINE, "L1", "TopK", LIGHT, STRONG)
TOP_K_FROM_DENSE, FULL_FROM_DENSE, FADING_FROM_DENSE = (
    "TopK from dense, 256 neurons",
    "SAFR, strong, k from dense",
    "SAFR, fading, k from dense",
)
COMPARED = (
    *(BASELINE, "L1", "SoLU", "MonoLoss", "release", "TopK", "SAFR + TopK"),
    *(PLAIN, TOP_K_FROM_DENSE, LIGHT, STRONG, FAITHFUL, FULL_FROM_DENSE),
)
# what the presets were before the number of neurons and the fading
FORMER = (BASELINE, "SAFR, light", "SAFR, strong", PLAIN, "SAFR, strong, 256 neurons")
EARLIER = (BASELINE, "L1", "MonoLoss", "SAFR, sparse, light", "SAFR, light", "SAFR, strong")
BEFORE_AND_AFTER = (BASELINE, "L1", "SAFR, light", "SAFR, strong")
ALONE = tuple(method.name for method in grid.ALONE)
SHOWN = dict(zip(ALONE, ("no penalty", "`SafrPenalty()`", "the same, strong"), strict=True))
SHORT = {
    BASELINE: "no penalty",
    "SAFR, light": "2/1, 1,024 neurons",
    "SAFR, strong": "6/3, 1,024 neurons",
    "SAFR, strong, 256 neurons": "6/3, 256 neurons",
    PLAIN: "no penalty, 256 neurons",
    LIGHT: "`light`",
    STRONG: "`strong`",
    FAITHFUL: "`faithful`",
    TOP_K_FROM_DENSE: "TopK, k from dense",
    FULL_FROM_DENSE: "6/3, k from dense",
    FADING_FROM_DENSE: "`strong`, k from dense",
}
DATA_NAMES = {"rotten_tomatoes": "`rotten_tomatoes`", "sst2": "SST-2", "imdb": "imdb", "imdb_6000": "imdb"}
SENTENCES = ("rotten_tomatoes", "sst2")
CRISP = {name: SHORT[name] for name in (LIGHT, STRONG, FAITHFUL, FULL_FROM_DENSE, FADING_FROM_DENSE)}
CRISP["SAFR + TopK"] = "SAFR + TopK"
BASELINES = (BASELINE, PLAIN, "L1", "SoLU", "MonoLoss", "release", "TopK", TOP_K_FROM_DENSE)
CRISP_DATA = (*SENTENCES, "imdb_6000")


@dataclass(frozen=True)
class PageTable:
    """One column a method and data set, one row a measure.

    Attributes:
        stage: whose cells.
        data: data sets, side by side.
        methods: of each data set; the first is what the accuracy of the others is compared to.
        names: of methods in the heading, where other than their own.
        left_out: rows that are not shown.
    """

    stage: str
    data: tuple[str, ...]
    methods: tuple[str, ...]
    names: dict[str, str]
    left_out: tuple[str, ...] = ()

    def __call__(self, wide: pd.DataFrame) -> Iterator[str]:
        """Yield its lines; a row that no column knows is left out."""
        of_stage = wide[wide["stage"] == self.stage]
        parts = {
            (data, method): rows
            for data in self.data
            for method in self.methods
            if len(rows := of_stage[(of_stage["data"] == data) & (of_stage["method"] == method)])
        }
        yield "| | " + " | ".join(self._heading(data, method) for data, method in parts) + " |"
        yield "|---" * (len(parts) + 1) + "|"
        for label in ROWS:
            cells = [self._cell(label, parts, *key) for key in parts]
            if label not in self.left_out and set(cells) != {"–"}:
                yield f"| {label} | " + " | ".join(cells) + " |"

    def _heading(self, data: str, method: str) -> str:
        name = self.names.get(method, method)
        return f"{DATA_NAMES[data]}: {name}" if len(self.data) > 1 and method == self.methods[0] else name

    def _cell(self, label: str, parts: dict[tuple[str, str], pd.DataFrame], data: str, method: str) -> str:
        rows, base = parts[data, method], parts.get((data, self.methods[0]))
        if label == "seeds":
            return _seeds(rows["seed"])
        if label == ACCURACY_LOST:
            return "–" if method == self.methods[0] or base is None else accuracy_lost(rows, base)
        name = ROWS[label]
        known = rows[name].notna().sum() if name in rows else 0
        if not known:
            return "–"
        return spread(rows[name], name) + ("" if known == len(rows) else f" (n = {known})")


def _seeds(seeds: pd.Series) -> str:
    """Return consecutive seeds as a range."""
    known = sorted(seeds)
    gapless = known == list(range(known[0], known[-1] + 1))
    return f"{known[0]} to {known[-1]}" if gapless and len(known) > 1 else ", ".join(map(str, known))


AVERAGED = {
    "accuracy, %": "accuracy",
    "loss, nats": "loss",
    "capacity": "capacity",
    "MS above null": "monosemanticity",
    "MS above null, by effect": "monosemanticity_by_effect",
    "k = 1 words, F1": "probe f1, words",
    "comprehensiveness": "comprehensiveness",
    "NAOPC": "naopc_of_beginnings",
}


def averaging_table(wide: pd.DataFrame) -> Iterator[str]:
    """Yield what averaging the weights changed: means over the seeds that both stages have."""
    shown = {**SHOWN, **SHORT, ALONE[0]: "no penalty, random start"}
    yield "| | seeds | " + " | ".join(AVERAGED) + " |"
    yield "|---" * (len(AVERAGED) + 2) + "|"
    for data in DATA:
        for method in (*BEFORE_AND_AFTER, *ALONE):
            of_method = wide[(wide["data"] == data) & (wide["method"] == method)].set_index("seed")
            before, after = (of_method[of_method["stage"] == stage] for stage in ("last_step", "final"))
            both = before.index.intersection(after.index)
            if len(both):
                cells = [_change(before.loc[both], after.loc[both], name) for name in AVERAGED.values()]
                yield f"| {DATA_NAMES[data]}: {shown.get(method, method)} | {len(both)} | " + " | ".join(cells) + " |"


def _change(before: pd.DataFrame, after: pd.DataFrame, name: str) -> str:
    paired = before[name].notna() & after[name].notna()
    if not paired.any():
        return "–"
    return " → ".join(mean_of(rows.loc[paired, name], name) for rows in (before, after))


FEW = {
    "accuracy, %": "accuracy",
    "neurons for half of an important token": "evidence_concentration_important",
    "name fidelity, by effect": "name_fidelity_by_effect",
    "MS, by effect": "monosemanticity_by_effect",
    "k = 1 words, F1": "probe f1, words",
    "comprehensiveness": "comprehensiveness",
    "NAOPC": "naopc_of_beginnings",
    "silent, %": "silent_tokens",
    "alive, %": "alive_neurons",
}


def few_table(wide: pd.DataFrame) -> Iterator[str]:
    """Yield the search for few neurons of a token: one row a setting, in the order of the grid, by data set."""
    seen = wide[wide["stage"] == "few"]
    yield "| data | | setting | seeds | " + " | ".join(FEW) + " |"
    yield "|---" * (len(FEW) + 4) + "|"
    for data, method in itertools.product(SENTENCES, grid.FEW):
        for label in method.weights:
            rows = seen[(seen["data"] == data) & (seen["method"] == method.name) & (seen["weight"] == label)]
            if len(rows):
                cells = [spread(rows[name], name) for name in FEW.values()]
                name = SHORT.get(method.name, method.name)
                yield f"| {DATA_NAMES[data]} | {name} | {label} | {_seeds(rows['seed'])} | " + " | ".join(cells) + " |"


TABLES = {
    "few": few_table,
    **{f"few targets {data}": FewTargets(data, CRISP, BASELINES, PLAIN) for data in CRISP_DATA},
    "presets": PageTable("final", SENTENCES, PRESETS, SHORT, NOT_IN_README),
    **{f"final {data}": PageTable("final", (data,), COMPARED, SHORT) for data in CRISP_DATA},
    "former": PageTable("final", SENTENCES, FORMER, SHORT, NOT_IN_README),
    "former imdb": PageTable("final", ("imdb",), (BASELINE, "L1", "SAFR, light", "SAFR, strong"), SHORT),
    "final alone": PageTable("final", SENTENCES, ALONE, SHOWN),
    "averaging": averaging_table,
    **{f"last step {data}": PageTable("last_step", (data,), EARLIER, SHORT) for data in (*SENTENCES, "imdb")},
    "last step alone": PageTable("last_step", SENTENCES, ALONE, SHOWN),
}


def filled(text: str, wide: pd.DataFrame) -> str:
    """Return a page with each table between ``<!-- study: NAME -->`` and ``<!-- end -->`` as the cells have it.

    Raises:
        KeyError: a table that nobody knows.
    """

    def table(found: re.Match) -> str:
        return "\n".join([found["mark"], *TABLES[found["name"]](wide), "\n"])

    return MARKED.sub(table, text)


def fill_pages(root: Path, wide: pd.DataFrame) -> None:
    """Write the tables of README.md and docs anew."""
    for page in (root / name for name in PAGES):
        write_text(page, filled(page.read_text(encoding="utf-8"), wide))
