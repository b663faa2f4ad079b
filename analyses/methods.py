"""Does SAFR keep accuracy while its neurons get readable? Unregularised and SAFR classifiers over several seeds.

Trains every method with every seed, measures it on the test split, appends one JSON line a run, and prints a table of
means and spreads. Runs that are in the file already are not repeated, so an interrupted study goes on.

Example: python analyses/methods.py --data rotten_tomatoes --seeds 0 1 2 --results methods.jsonl
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pandas as pd
import torch
import yaml

from safr_lens.data import load_data
from safr_lens.measures import Inputs, collect_statistics, measurements
from safr_lens.runs.settings import make_settings
from safr_lens.runs.train_run import train_run

METHODS = {
    "unregularised": {"site": "none"},
    "SAFR": {"preset": "attention"},
    "release": {"site": "embedding", "importance_weight": 1.0, "interaction_weight": 1.0},
}
SHOWN = [
    "accuracy",
    "reliance_zero",
    "reliance_mean",
    "capacity",
    "token_selectivity",
    "token_selectivity_null",
    "token_selectivity_above_null",
    "active_per_token",
    "silent_tokens",
    "alive_neurons",
    "validation_accuracy",
    "epochs",
    "seconds_per_epoch",
]


def run_one(source: str, test_data: str | None, method: str, seed: int, overrides: dict) -> dict:
    """Train one method with one seed and return its figures."""
    data = load_data({"train": source, "test": test_data} if test_data else source)
    # committed figures are of weights of the last step
    settings = make_settings({"average_weights": False, "data": source, "seed": seed, **overrides, **METHODS[method]})
    result = train_run(settings, out=None, data=data, progress=False)
    statistics = collect_statistics(result.model, data["test"], n_groups=1, effects=False)
    neurons = measurements(Inputs(statistics))
    selectivity = neurons["token_selectivity"]
    metrics = result.metrics
    return {
        "data": data.source,
        "method": method,
        "seed": seed,
        "overrides": overrides,
        "accuracy": metrics["test"]["accuracy"],
        "validation_accuracy": metrics["validation"]["accuracy"],
        "reliance_zero": metrics["reliance"]["zero"]["accuracy_lost"],
        "reliance_mean": metrics["reliance"]["mean"]["accuracy_lost"],
        **{name: neurons[name].estimate.value for name in ("capacity", "active_per_token", "silent_tokens")},
        "alive_neurons": int(statistics.activity.alive.sum()),
        "token_selectivity": selectivity.estimate.value,
        "token_selectivity_null": selectivity.null.value,
        "token_selectivity_above_null": selectivity.above.value,
        "epochs": metrics["epochs"],
        "seconds_per_epoch": sum(r.seconds for r in result.history) / len(result.history),
        "threads": torch.get_num_threads(),
        "settings": metrics["settings"],
        "versions": metrics["versions"],
    }


def table(rows: list[dict]) -> pd.DataFrame:
    """Return mean and standard deviation over seeds, one column a method and data set."""
    frame = pd.DataFrame(rows)
    frame["overrides"] = frame["overrides"].map(json.dumps)
    grouped = frame.groupby(["data", "overrides", "method"], sort=False)[SHOWN]
    mean, spread, count = grouped.mean(), grouped.std(), grouped.size()
    shown = mean.map("{:.3f}".format) + " ± " + spread.map("{:.3f}".format)
    shown.insert(0, "seeds", count)
    return shown.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes", help="as for safr-lens train")
    parser.add_argument("--test-data", help="a file that becomes the test split")
    parser.add_argument("--methods", nargs="+", default=["unregularised", "SAFR"], choices=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings for all methods, as YAML")
    parser.add_argument("--results", type=Path, default=Path("methods.jsonl"), help="file the runs are appended to")
    parser.add_argument("--threads", type=int, help="torch threads")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    overrides = {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in options.set)}
    source = f"train={options.data}, test={options.test_data}" if options.test_data else options.data
    rows = [json.loads(line) for line in options.results.read_text().splitlines()] if options.results.exists() else []
    for seed in options.seeds:
        for method in options.methods:
            key = (source, method, seed, overrides)
            if any((row["data"], row["method"], row["seed"], row["overrides"]) == key for row in rows):
                continue
            started = time.perf_counter()
            rows.append(run_one(options.data, options.test_data, method, seed, overrides))
            with options.results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(f"{method}, seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    print(table([row for row in rows if row["data"] == source]).to_string())


if __name__ == "__main__":
    main()
