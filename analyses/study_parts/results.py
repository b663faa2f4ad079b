"""``results.md``: what the study found so far, written from the table alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from safr_lens.atomic import write_text
from study_parts.claim import claim_table
from study_parts.grid import ABLATIONS, BASELINE, FEW, METHODS, ON_TEST, RECOMMENDED
from study_parts.spread import spread
from study_parts.targets import target_rows

COLUMNS = {
    "accuracy": "accuracy, %",
    "reliance_zero": "reliance, points",
    "silent_tokens": "silent, %",
    "alive_neurons": "alive, %",
    "active_per_token": "active per token",
    "capacity": "capacity",
    "token_selectivity": "token sel. above null",
    "token_selectivity_of_what_is_left": "chance-normalised token sel.",
    "class_selectivity": "class sel. above null",
    "monosemanticity": "MS above null",
    "evidence_concentration": "neurons for half of a token's evidence",
    "evidence_concentration_important": "… of an important token's",
    "name_fidelity_by_effect": "name fidelity above null, by effect",
    "names_that_hold": "names that hold, above null, %",
    "distinct_neurons": "effective number of different neurons",
    "favourite_words": "distinct top tokens",
    "largest_share": "share of neurons with the most common top token, %",
    "carrying_neurons": "neurons that carry the effect",
    "token_selectivity_by_effect": "token sel. above null, by effect",
    "monosemanticity_by_effect": "MS above null, by effect",
    "probe auc, polarity": "k=1 polarity, AUC above null",
    "probe f1, words": "k=1 words, F1 above null",
    "probe auc, words": "k=1 words, AUC above null",
    "comprehensiveness": "compr. above random",
    "sufficiency": "suff. below random is better",
    "naopc_of_beginnings": "NAOPC above random, of the first 24 words",
}
TITLES = {
    "final": "",
    "last_step": "Weights of the last step, not averaged: ",
    "choose": "",
    "few": "Few neurons of a token: ",
    "ablate": "Ablations of SAFR: ",
    "own": "Word vectors of the training split alone: ",
}


def write_results(
    wide: pd.DataFrame,
    table: pd.DataFrame,
    cells: list[dict[str, Any]],
    chosen: dict[str, dict[str, str]],
    out: Path,
    figures: list[Path],
) -> None:
    """Write everything that a reader needs to judge the study, and how to repeat it."""
    parts = [_intro(cells)]
    for stage in TITLES:
        split = "test" if stage in ON_TEST else "validation"
        for data, rows in wide[wide["stage"] == stage].groupby("data"):
            seeds = ", ".join(map(str, sorted(rows["seed"].unique())))
            title = f"## {TITLES[stage]}{data}, {split} split, seeds {seeds}"
            parts.append(f"{title}\n\n{_table(rows, chosen.get(data, {}), stage)}")
            if stage not in ("choose", *ON_TEST):
                continue
            parts.append(
                f"### {data}: change of raw figures against no penalty with the same readout, %\n\n"
                + claim_table(table, stage=stage, data=data)
            )
            parts.append(f"### {data}: how close to the targets\n\n{target_rows(rows, chosen.get(data, {}))}")
    parts += [f"![{path.stem}]({path.relative_to(out.parent)})" for path in figures]
    parts.append("## Top words of the neurons with the largest effect\n\n" + _words(cells, chosen))
    write_text(out.parent / "results.md", "\n\n".join(part for part in parts if part) + "\n")


def _intro(cells: list[dict[str, Any]]) -> str:
    hours = sum(cell["seconds_training"] + cell["seconds_measuring"] for cell in cells) / 3600
    devices = ", ".join(sorted({f"{cell['device']}, {cell['threads']} thread(s)" for cell in cells}))
    return (
        "# Study: is SAFR worth using?\n\nWritten by `python analyses/study.py`; do not edit.\n\n"
        f"{len(cells)} cells, {hours:.1f} hours in all ({devices}; other work shared the cores, so time is an upper "
        "bound). Figures are mean ± standard deviation over seeds; those with a null are given above it. Settings are "
        "chosen on the validation split alone (bold: the chosen one); the test split is measured with these "
        'alone. The final stage and "few" keep the mean of a training\'s weights, all others those of its last step. '
        "MS is judged with word vectors from texts that neither the training nor its word vectors saw."
    )


def _table(rows: pd.DataFrame, chosen: dict[str, str], stage: str) -> str:
    names = [name for name in COLUMNS if name in rows and rows[name].notna().any()]
    lines = ["| method | weight | seeds | " + " | ".join(COLUMNS[name] for name in names) + " |"]
    lines.append("|---" * (len(names) + 3) + "|")
    order = {method.name: place for place, method in enumerate((*METHODS, *RECOMMENDED, *FEW, *ABLATIONS))}
    for (method, weight), part in sorted(
        rows.groupby(["method", "weight"]), key=lambda item: order.get(item[0][0], 99)
    ):
        label = f"**{weight}**" if stage == "choose" and chosen.get(method) == weight else weight
        cells = [spread(part[name], name) for name in names]
        lines.append(f"| {method} | {label} | {len(part)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _words(cells: list[dict[str, Any]], chosen: dict[str, dict[str, str]]) -> str:
    """Return the strongest neurons' words of one run a method: the first seed of the chosen weight."""
    lines = []
    seen: set[tuple[str, str]] = set()
    for cell in sorted(cells, key=lambda cell: (cell["data"], cell["seed"])):
        key = (cell["data"], cell["method"])
        wanted = chosen.get(cell["data"], {}).get(cell["method"], cell["weight"])
        if (
            cell["stage"] not in ("choose", "final")
            or key in seen
            or cell["weight"] != wanted
            or "residual" in cell["method"]
        ):
            continue
        seen.add(key)
        lines.append(f"**{cell['data']}, {cell['method']}, {cell['weight']}, seed {cell['seed']}**")
        lines += [f"- {', '.join(neuron['top_words'][:7])}" for neuron in cell["neurons"][:6]]
        lines.append("")
    return "\n".join(lines) if lines else f"No cell of {BASELINE} or another method yet."
