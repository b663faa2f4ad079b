"""What does SAFR cost in accuracy, and which epoch should be kept? Asked of texts held out from the training split.

The validation splits are small (682 reviews, 692 sentences) and choose the epoch, the test splits are not for choosing.
So part of the training split is held out, each method trains on the rest for a fixed number of epochs, and every epoch
is measured on validation and held-out texts.

Example: python analyses/held_out.py --data rotten_tomatoes --seeds 11 12 --epochs 2
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from study_parts.cell import prepared
from study_parts.grid import METHODS_OF, Method
from study_parts.sources import Source, load_source, others, spaced

from safr_lens import HookedClassifier, train
from safr_lens.measures.predictions import evaluate
from safr_lens.training import loop

HELD_OUT = 1500
EPOCHS = 4
METHODS = ["unregularised|-", "SAFR, light|2/1", "SAFR, strong|6/3"]
RESULTS = Path(__file__).parent / "results" / "held_out.jsonl"


def with_held_out(source: Source, n_held_out: int) -> tuple[Source, Any]:
    """Return the source with a smaller training split, and the evenly spaced texts taken from it.

    Tokenizer and word vectors stay those of the whole split, and know its labels as little as before.
    """
    split = source.data["train"]
    smaller = dataclasses.replace(source.data, splits={**source.data.splits, "train": others(split, n_held_out)})
    return dataclasses.replace(source, data=smaller), spaced(split, n_held_out)


def named(name: str, weight: str) -> Method:
    """Return a method of the study by name, with one of its weights."""
    found = [m for methods in METHODS_OF.values() for m in methods if m.name == name and weight in m.weights]
    if not found:
        raise SystemExit(f"The study has no method {name!r} with the weight {weight!r}.")
    return found[0]


def epochs_of(
    source: Source, held_out: Any, method: Method, weight: str, seed: int, n_epochs: int, *, averaged: bool
) -> list[dict[str, float]]:
    """Train without early stopping and return each epoch's figures on validation and held-out texts."""
    settings = {**method.settings, **method.weights[weight], "epochs": n_epochs, "patience": n_epochs}
    settings["average_weights"] = averaged
    model, chosen, vectors = prepared(source, settings, seed)
    epochs: list[dict[str, float]] = []

    def on_both(model: HookedClassifier, rows: Any) -> Any:
        there, here = evaluate(model, held_out), evaluate(model, rows)
        epochs.append(
            {
                "validation_accuracy": here.accuracy,
                "validation_loss": here.loss,
                "held_out_accuracy": there.accuracy,
                "held_out_loss": there.loss,
            }
        )
        return here

    # the loop keeps no epoch but the best
    with patch.object(loop, "evaluate", on_both):
        train(model, source.data, chosen.train, penalty=chosen.penalty, word_vectors=vectors, progress=False)
    return epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["rotten_tomatoes"])
    parser.add_argument("--sst2", type=Path, help="folder with SST-2's train.tsv and validation.tsv")
    parser.add_argument("--methods", nargs="+", default=METHODS, help="of the study, as NAME|WEIGHT")
    parser.add_argument("--seeds", nargs="+", type=int, default=[10])
    parser.add_argument("--held-out", type=int, default=HELD_OUT, help="texts taken from the training split")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--average-weights", action="store_true", help="measure the mean of the weights so far")
    parser.add_argument("--limit", type=int, help="texts of each split, for a quick look")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a line is added for each training")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for data in options.data:
        source, held_out = with_held_out(load_source(data, sst2=options.sst2, limit=options.limit), options.held_out)
        for seed in options.seeds:
            for name, weight in (method.split("|") for method in options.methods):
                averaged = options.average_weights
                epochs = epochs_of(
                    source, held_out, named(name, weight), weight, seed, options.epochs, averaged=averaged
                )
                row = {"data": data, "method": name, "weight": weight, "seed": seed, "average_weights": averaged}
                row["epochs"] = [{name: round(value, 5) for name, value in epoch.items()} for epoch in epochs]
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(data, name, weight, seed, [round(e["held_out_accuracy"], 4) for e in epochs], flush=True)


if __name__ == "__main__":
    main()
