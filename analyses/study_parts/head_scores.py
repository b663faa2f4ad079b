"""What is measured of one neuron head: its scores, by one judge of meaning or two, and the words it has neurons for."""

from __future__ import annotations

from typing import Any

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from safr_lens import HookedClassifier, sparse_probe
from safr_lens.analysis import Analysis
from safr_lens.errors import DataError
from safr_lens.neurons.table import table_of
from study_parts.concepts import POLARITY, WORDS, concepts

JUDGED = (
    "monosemanticity",
    "name_fidelity",
    "name_fidelity_by_effect",
    "names_that_hold",
    "token_selectivity",
    "evidence_concentration",
    "evidence_concentration_important",
    "distinct_neurons",
)
N_SHUFFLES = 3
OF_FILE = "_by_file"  # ends the names of scores by the second judge


def by_effect(neurons: pd.DataFrame, labels: tuple[str, ...], measure: str) -> float:
    """Return the mean over neurons of a measure above its null, weighted by what each adds to the logits on average."""
    written = neurons[[f"logit_{label}" for label in labels]]
    weights = neurons["mean"] * written.sub(written.mean(axis=1), axis=0).pow(2).sum(axis=1).pow(0.5)
    scores = neurons[f"{measure}_above"]
    return float((scores * weights).sum() / weights[scores.notna()].sum())


def head_scores(
    model: HookedClassifier, found: Analysis, second: Float[Tensor, "d_vocab d_embed"] | None
) -> dict[str, Any]:
    """Return the scores of an analysis, those of meaning by a second judge too where there is one."""
    measured = found.measurements
    scores = {name: measured[name].judged.value for name in JUDGED if name in measured}
    scores |= {name: measured[name].estimate.value for name in ("active_per_token", "silent_tokens")}
    scores["capacity"], scores["alive"] = (measured[name].estimate.value for name in ("capacity", "alive_neurons"))
    scores["monosemanticity_by_effect"] = by_effect(found.neurons, model.labels, "monosemanticity")
    if second is not None:
        table = table_of(model, found.statistics, second)
        scores |= {f"{name}{OF_FILE}": value for name, value in of_table(table, model.labels).items()}
    return scores


def of_table(neurons: pd.DataFrame, labels: tuple[str, ...]) -> dict[str, float]:
    """Return what :func:`head_scores` has of meaning from a neuron table, without the time that intervals take."""
    effects, above = neurons["ablation_loss"].abs(), neurons["name_fidelity_above"]
    return {
        "monosemanticity": float(neurons["monosemanticity_above"].mean()),
        "monosemanticity_by_effect": by_effect(neurons, labels, "monosemanticity"),
        "name_fidelity": float(above.mean()),
        "name_fidelity_by_effect": float((above * effects).sum() / effects[above.notna()].sum()),
        "share_of_names_that_hold": float(neurons["name_holds"][above.notna()].mean()),
    }


def word_concepts(model: HookedClassifier, rows: Any) -> dict[str, float]:
    """Return F1 above its null of the best single neuron for each list of words, and the AUC of that for the class.

    A list with too few of its words in these texts is left out.
    """
    scores = {}
    for name, concept in concepts(rows, model.labels).items():
        try:
            probe = sparse_probe(model, rows, concept, k=1, n_shuffles=N_SHUFFLES)
        except DataError:
            continue
        scores[name] = probe.auc_above_null if name == POLARITY else probe.f1_above_null
    words = [scores[name] for name in WORDS if name in scores]
    return scores | ({"word_concepts": sum(words) / len(words)} if words else {})
