"""What a report shows, put together from analyses of one or two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safr_lens.analysis import Analysis, cautions, compare
from safr_lens.backbones.config import BATCH_TOP_K
from safr_lens.data.dataset import Split
from safr_lens.measures.predictions import majority_share
from safr_lens.measures.registry import ARROWS
from safr_lens.models.config import ModelConfig
from safr_lens.reporting.example_selection import select_examples
from safr_lens.reporting.runs import ReportedRun, run_metadata, training_curves
from safr_lens.reporting.tables import compared_rows, grouped, tiles, verdicts
from safr_lens.views.allocation import allocation
from safr_lens.views.names import is_doubted
from safr_lens.views.neuron import dashboards
from safr_lens.views.view import View

N_NEURONS = 5
N_DASHBOARDS = 2


def build_report(
    runs: Sequence[ReportedRun],
    split: Split,
    analyses: Sequence[Analysis],
    *,
    measured: Mapping[str, str],
    label_mapping: Mapping[str, str] | None = None,
    title: str | None = None,
) -> View:
    """Put a report together.

    Args:
        runs: the baseline, if there is one, and the run that the report is about.
        split: the texts that were measured.
        analyses: of each run, over these texts.
        measured: how it was measured, as names and values to read.
        label_mapping: the class that each label of the data means.
        title: of the page.
    """
    run, analysis = runs[-1], analyses[-1]
    differences = (
        compare({one.name: [analysis] for one, analysis in zip(runs, analyses, strict=True)}) if runs[1:] else {}
    )
    changes = differences.get(run.name, [])
    rows = compared_rows(list(analyses), changes)
    content = {
        "names": [one.name for one in runs],
        "labels": list(run.model.labels),
        "intro": _intro(runs, split, analysis, measured),
        "warnings": [f"{one.name}: {said}" for one, made in zip(runs, analyses, strict=True) for said in made.warnings]
        + (cautions(analyses[0], analysis) if runs[1:] else []),
        "tiles": tiles(rows),
        "verdicts": verdicts(changes),
        "rows": rows,
        "groups": grouped(rows),
        "directions": ARROWS,
        "has_init": any(one.at_init for one in analyses),
        "curves": training_curves(list(runs)),
        "neurons": _neurons(run, split, analysis),
        "texts": _texts(runs, split, analyses),
        "metadata": [*((one.name, run_metadata(one)) for one in runs), ("this evaluation", dict(measured))],
    }
    content["label_mapping"] = dict(label_mapping or {})
    default = f"How {run.name} reads text" + (f", compared with {runs[0].name}" if runs[1:] else "")
    return View(title or default, "report", content)


def made_of(config: ModelConfig) -> str:
    """Return what a classifier is made of, in words.

    >>> made_of(ModelConfig(act_fn="topk", k=16))
    'of 1 layer with 1,024 MLP neurons a layer, of which a token keeps at most 16'
    """
    kind = f"of {config.n_layers} layer{'' if config.n_layers == 1 else 's'} with {config.d_mlp:,} MLP neurons a layer"
    if config.backbone == "neuron_head":
        encoder = (config.encoder or {}).get("model_type", "pretrained")
        kind = f"that reads the token vectors of a {encoder} encoder with a head of {config.d_mlp:,} neurons"
    if config.k is None:
        return kind
    return f"{kind}, of which a token keeps {'on average' if config.act_fn == BATCH_TOP_K else 'at most'} {config.k:,}"


def _intro(runs: Sequence[ReportedRun], split: Split, analysis: Analysis, measured: Mapping[str, str]) -> list[str]:
    run, facts = runs[-1], analysis.facts
    config = run.model.config
    through = (
        "its logits are read out from the last layer's MLP neurons alone, so a prediction is a sum over (token, "
        "neuron) pairs"
        if config.readout == "neurons"
        else "its logits are read out from the residual stream, to which neurons are only one contribution"
    )
    if config.backbone == "neuron_head":
        through = "every bit of evidence passes through these, so a prediction is a sum over (token, neuron) pairs"
    said = [
        f"The model {run.name} is a text classifier {made_of(config)} (backbone {config.backbone}) and "
        f"{len(run.model.labels)} classes; {through}."
    ]
    if runs[1:]:
        said.append(f"It is compared with the model {runs[0].name}, on the same texts.")
    said.append(
        f"All measurements are on {facts['n_texts']:,} texts ({facts['n_tokens']:,} tokens, "
        f"{100 * facts['unknown_tokens']:.1f} % of them unknown) of {measured['data']}."
        + (
            " Always predicting the most frequent class would give an accuracy of "
            f"{100 * majority_share(row['label'] for row in split):.1f} %."
            if analysis.statistics.corpus.labelled
            else ""
        )
        + " Confidence intervals are over texts and do not cover the variation between training seeds, which is larger."
    )
    return said


def _neurons(run: ReportedRun, split: Split, analysis: Analysis) -> list[dict[str, Any]]:
    """Return groups of neurons as rows of the neuron table, with dashboards of the first of each."""
    table = analysis.neurons
    known = table[table["alive"] & table["monosemanticity_above"].notna()]
    known = known[known["firing_rate"] >= known["firing_rate"].median()]
    ordered = known.sort_values("monosemanticity_above", ascending=False, kind="stable")
    groups = [
        ("The most monosemantic neurons", ordered.head(N_NEURONS)),
        ("The least monosemantic neurons", ordered.iloc[N_NEURONS:].iloc[::-1].head(N_NEURONS)),
    ]
    groups = [(title, part) for title, part in groups if len(part)]
    numbers = [int(number) for _, part in groups for number in part["neuron"].head(N_DASHBOARDS)]
    # all at once, since the model then reads the texts once
    views = dashboards(run.model, split, numbers, layer=analysis.statistics.layer, k=5, analysis=analysis)
    content = {number: view.content for number, view in zip(numbers, views, strict=True)}
    return [
        {
            "title": title,
            "rows": [row | {"doubted": is_doubted(row)} for row in part.to_dict("records")],
            "dashboards": [content[int(number)] for number in part["neuron"].head(N_DASHBOARDS)],
        }
        for title, part in groups
    ]


def _texts(runs: Sequence[ReportedRun], split: Split, analyses: Sequence[Analysis]) -> list[tuple[str, dict[str, Any]]]:
    run = runs[-1]
    return [
        (
            one.rule,
            allocation(
                run.model,
                one.text,
                runs[0].model if runs[1:] else None,
                words=analyses[-1].neurons,
                baseline_words=analyses[0].neurons,
                label=one.label or None,
                names=(runs[0].name, run.name),
                truncate=True,
            ).content,
        )
        for one in select_examples(run.model, split, list(analyses))
    ]
