"""What does SAFR change in a neuron head on a pretrained encoder, frozen or fine-tuned?

Trains heads with every method and seed from token vectors that are computed once, measures them on the test split,
appends one JSON line a run, and prints mean and standard deviation over seeds. Word vectors for MS are made from the
texts of other data, which no training saw.

Examples: python analyses/neuron_head.py --backbone DIRECTORY --seeds 0 1 2 --results head.jsonl
python analyses/neuron_head.py --backbone DIRECTORY --freeze none --epochs 1 --results fine_tuning.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd
import torch

from safr_lens import HookedClassifier
from safr_lens.analysis import analyze
from safr_lens.data import load_data
from safr_lens.data.texts import Texts
from safr_lens.runs.settings import make_settings
from safr_lens.runs.train_run import train_run
from safr_lens.word_vectors import analysis_vectors

METHODS = {
    "no penalty": {"site": "none"},
    "L1": {"site": "none", "l1_weight": 3.0},
    "TopK": {"site": "none", "act_fn": "topk", "k": 16},
    "SAFR": {},
    "SAFR + TopK": {"preset": "sparse"},
    "SAFR 2/1": {"importance_weight": 2.0, "interaction_weight": 1.0},
    "SAFR 6/3": {"importance_weight": 6.0, "interaction_weight": 3.0},
    "SAFR 6/3, VMASK": {"importance_weight": 6.0, "interaction_weight": 3.0, "d_vmask": 256},
}
JUDGED = (
    "monosemanticity",
    "token_selectivity",
    "name_fidelity",
    "name_fidelity_by_effect",
    "names_that_hold",
    "evidence_concentration",
    "evidence_concentration_important",
    "distinct_neurons",
)
SHOWN = ["validation", "test", "reliance", "capacity", *JUDGED, "monosemanticity_by_effect", "active_per_token"]
SHOWN += ["silent_tokens", "alive", "epochs", "seconds"]


def by_effect(neurons: pd.DataFrame, labels: tuple[str, ...], measure: str) -> float:
    """Return the mean over neurons of a measure above its null, weighted by what each adds to the logits on average."""
    written = neurons[[f"logit_{label}" for label in labels]]
    weights = neurons["mean"] * written.sub(written.mean(axis=1), axis=0).pow(2).sum(axis=1).pow(0.5)
    scores = neurons[f"{measure}_above"]
    return float((scores * weights).sum() / weights[scores.notna()].sum())


def run_one(options: argparse.Namespace, method: str, seed: int, data, vectors: torch.Tensor) -> dict:
    """Train one head and return its measurements on the test split."""
    chosen = {"epochs": options.epochs} if options.epochs else {}
    chosen |= {"backbone": options.backbone, "freeze": options.freeze, "seed": seed}
    settings = make_settings(chosen | METHODS[method])
    result = train_run(settings, out=None, data=data, vectors_folder=options.vectors_folder, progress=False)
    analysis = analyze(result.model, data["test"], embeddings=vectors, at_init=False, faithfulness_texts=0)
    measured = analysis.measurements
    return {
        "data": options.data,
        "freeze": options.freeze,
        "method": method,
        "seed": seed,
        "validation": result.metrics["validation"]["accuracy"],
        "test": result.metrics["test"]["accuracy"],
        "reliance": result.metrics["reliance"]["mean"]["accuracy_lost"],
        "capacity": measured["capacity"].estimate.value,
        **{name: measured[name].judged.value for name in JUDGED if name in measured},
        **{name: measured[name].estimate.value for name in ("active_per_token", "silent_tokens")},
        "monosemanticity_by_effect": by_effect(analysis.neurons, result.model.labels, "monosemanticity"),
        "alive": measured["alive_neurons"].estimate.value,
        "epochs": result.metrics["epochs"],
        "seconds": sum(record.seconds for record in result.history),
        "threads": torch.get_num_threads(),
    }


def table(rows: list[dict]) -> pd.DataFrame:
    """Return mean and standard deviation over seeds, one column a method."""
    frame = pd.DataFrame(rows)
    grouped = frame.groupby("method", sort=False)[[name for name in SHOWN if name in frame]]
    shown = grouped.mean().map("{:.3f}".format) + " ± " + grouped.std().map("{:.3f}".format)
    shown.insert(0, "seeds", grouped.size())
    return shown.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", required=True, help="folder of a pretrained encoder")
    parser.add_argument("--data", default="rotten_tomatoes", help="as for safr-lens train")
    parser.add_argument("--vector-data", default="imdb", help="data whose training split gives the word vectors of MS")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--freeze", default="all", help="as for safr-lens train")
    parser.add_argument("--epochs", type=int, help="at most so many")
    parser.add_argument("--vectors-folder", type=Path, help="as for safr-lens train")
    parser.add_argument("--results", type=Path, default=Path("neuron_head.jsonl"), help="file the runs are appended to")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.results.read_text().splitlines()] if options.results.exists() else []
    done = {(row["data"], row.get("freeze", "all"), row["method"], row["seed"]) for row in rows}
    data, vector_texts = load_data(options.data), Texts(load_data(options.vector_data)["train"])
    tokenizer = HookedClassifier.from_pretrained_backbone(options.backbone, labels=data.labels).tokenizer
    vectors = analysis_vectors(tokenizer, vector_texts)
    for seed in options.seeds:
        for method in options.methods:
            if (options.data, options.freeze, method, seed) in done:
                continue
            started = time.perf_counter()
            rows.append(run_one(options, method, seed, data, vectors))
            with options.results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"{method}, seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    shown = [row for row in rows if (row["data"], row.get("freeze", "all")) == (options.data, options.freeze)]
    print(table(shown).to_string())


if __name__ == "__main__":
    main()
