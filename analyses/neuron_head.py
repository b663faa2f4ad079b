"""What does SAFR change in a neuron head on a pretrained encoder, frozen or fine-tuned?

Trains heads with every method and seed from token vectors that are computed once, measures them on the test split (or,
to choose settings, on the validation split), appends one JSON line a run, and prints mean and standard deviation over
seeds. The judge of meaning are word vectors of the validation and test texts of other data, so that a training may use
its training texts (``--set word_vectors_from=imdb``) and has seen none of the judge's. A file of vectors is a second.

Examples: python analyses/neuron_head.py --backbone DIRECTORY --seeds 0 1 2 --results head.jsonl
python analyses/neuron_head.py --backbone DIRECTORY --freeze none --epochs 1 --results fine_tuning.jsonl
python analyses/neuron_head.py --backbone DIRECTORY --freeze none --readout residual --epochs 1
python analyses/neuron_head.py --backbone DIRECTORY --methods "SAFR + TopK" --set k=8 --split validation --seeds 10
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml
from study_parts.head_frontier import head_frontier
from study_parts.head_scores import head_scores, word_concepts
from study_parts.sources import study_data

from safr_lens import HookedClassifier
from safr_lens.activations.token_vectors import TokenVectors, keep_token_vectors, vectors_folder
from safr_lens.analysis import analyze
from safr_lens.data.dataset import TextData
from safr_lens.data.load import load_data
from safr_lens.data.rows import Texts
from safr_lens.measures.estimate import bootstrap_ratio
from safr_lens.models.config import BACKBONE_READOUTS
from safr_lens.runs.settings import Settings, make_settings
from safr_lens.runs.train_run import run_vectors, train_run
from safr_lens.training.encoder_vectors import kept_part
from safr_lens.word_vectors import WordVectors, analysis_vectors

METHODS: dict[str, dict[str, Any]] = {
    "no penalty": {"site": "none"},
    "L1": {"site": "none", "l1_weight": 3.0},
    "TopK": {"preset": "sparse", "site": "none"},
    "SAFR": {},
    "SAFR + TopK": {"preset": "sparse"},
    "SAFR + TopK, throughout": {"preset": "sparse", "importance_weight": 20.0, "interaction_weight": 5.0},
    "SAFR 2/1": {"importance_weight": 2.0, "interaction_weight": 1.0},
    "SAFR 6/3": {"importance_weight": 6.0, "interaction_weight": 3.0},
    "SAFR 6/3, VMASK": {"importance_weight": 6.0, "interaction_weight": 3.0, "d_vmask": 256},
}
SHARED = ("data", "freeze", "readout", "split")
KEY = (*SHARED, "method", "seed")
NOT_SHOWN = {*KEY, "right", "concepts", "threads", "learning_rate"}


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all runs share: the options, the data, and one or two judges' vectors of the encoder's word pieces."""

    options: argparse.Namespace
    data: TextData
    judge: torch.Tensor
    second: torch.Tensor | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Bench:
        """Load the data and make the vectors, from texts that no training of this script sees."""
        data, texts = study_data(options.data, options.sst2), load_data(options.vector_data)
        tokenizer = HookedClassifier.from_pretrained_backbone(options.backbone, labels=data.labels).tokenizer
        judge = analysis_vectors(tokenizer, Texts(texts["validation"], texts["test"]))
        second = analysis_vectors(tokenizer, (), options.judge) if options.judge else None
        return cls(options, data, judge, second)

    @functools.cached_property
    def words(self) -> dict[Any, WordVectors | None]:
        """The word vectors of trainings, by where they come from, which are made once."""
        return {}

    def words_of(self, settings: Settings) -> WordVectors | None:
        """Return the word vectors that a training uses."""
        source = (settings.data.word_vectors, settings.data.word_vectors_from)
        if source == (None, None):
            return run_vectors(settings, self.data)
        if source not in self.words:
            self.words[source] = run_vectors(settings, self.data)
        return self.words[source]

    def run(self, method: str, changes: dict[str, Any], seed: int) -> dict[str, Any]:
        """Train one head and return its measurements."""
        options = self.options
        chosen = {name: value for name in ("epochs", "learning_rate") if (value := getattr(options, name))}
        chosen |= {"backbone": options.backbone, "freeze": options.freeze, "readout": options.readout, "seed": seed}
        settings = make_settings(chosen | METHODS[method] | changes)
        kept = {"vectors_folder": options.vectors_folder, "progress": False}
        result = train_run(settings, out=None, data=self.data, word_vectors=self.words_of(settings), **kept)
        model, rows = result.model, self.data[options.split]
        with self.encoder_passed_over(model, settings):
            found = analyze(model, rows, embeddings=self.judge, at_init=False, faithfulness_texts=0)
            # each probe would run an encoder whose token vectors are not kept
            concepts = word_concepts(model, rows) if options.freeze == "all" else {}
        right = found.statistics.texts.columns["correct"]
        return {
            **{name: getattr(options, name) for name in SHARED},
            "method": ", ".join([method, *options.set]),
            "seed": seed,
            "validation": result.metrics["validation"]["accuracy"],
            **({"test": right.mean().item()} if options.split == "test" else {}),
            "loss": found.measurements["loss"].estimate.value,
            "reliance": found.measurements["reliance_mean"].estimate.value,
            **head_scores(model, found, self.second),
            "word_concepts": concepts.pop("word_concepts", float("nan")),
            "concepts": concepts,
            "epochs": result.metrics["epochs"],
            "learning_rate": settings.train.learning_rate,
            "seconds": sum(record.seconds for record in result.history),
            "threads": torch.get_num_threads(),
            "right": "".join(str(int(one)) for one in right),
        }

    @contextmanager
    def encoder_passed_over(self, model: HookedClassifier, settings: Settings) -> Iterator[None]:
        """Read the token vectors of a frozen encoder where the training kept them."""
        part = kept_part(model, self.data, settings.penalty)
        if part is None or part.n_blocks is not None:
            yield
            return
        folder = self.options.vectors_folder or vectors_folder()
        store = keep_token_vectors(model, self.data[self.options.split], folder, part=part)
        with TokenVectors([store], part).used():
            yield


def table(rows: list[dict]) -> pd.DataFrame:
    """Return mean and standard deviation over seeds, one column a method."""
    frame = pd.DataFrame(rows)
    grouped = frame.groupby("method", sort=False)[[name for name in frame if name not in NOT_SHOWN]]
    shown = grouped.mean().map("{:.3f}".format) + " ± " + grouped.std().map("{:.3f}".format)
    shown.insert(0, "seeds", grouped.size())
    shown["points above no penalty"] = above_no_penalty(rows)
    return shown.T


def above_no_penalty(rows: list[dict]) -> pd.Series:
    """Return points of accuracy above no penalty, paired by text and seed, with 95 % intervals over texts.

    A method is compared to the runs without a penalty that had its learning rate.
    """
    right: dict[str, dict[int, torch.Tensor]] = {}
    rates: dict[str, float | None] = {}
    for row in rows:
        if "right" in row:
            right.setdefault(row["method"], {})[row["seed"]] = torch.tensor([float(one) for one in row["right"]])
            rates[row["method"]] = row.get("learning_rate")
    plain = {rates[method]: runs for method, runs in reversed(right.items()) if method.startswith("no penalty")}
    shown = {}
    for method, runs in right.items():
        without = plain.get(rates[method], {})
        if seeds := sorted(runs.keys() & without.keys()):
            above = 100 * torch.stack([runs[seed] - without[seed] for seed in seeds]).mean(0)
            found = bootstrap_ratio(above, torch.ones(len(above)))
            shown[method] = "{:+.1f} ({:+.1f} to {:+.1f})".format(found.value, *found.interval())
    return pd.Series(shown, dtype=object)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the runs of a file, none where there is no such file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def key(row: dict[str, Any]) -> tuple:
    """Return what tells one run from another."""
    return tuple(({"freeze": "all", "readout": "neuron_head", "split": "test"} | row)[name] for name in KEY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", required=True, help="folder of a pretrained encoder")
    parser.add_argument("--data", default="rotten_tomatoes", help="as for safr-lens train, or sst2")
    parser.add_argument("--sst2", type=Path, help="folder with SST-2's train.tsv and validation.tsv")
    parser.add_argument(
        "--vector-data", default="imdb", help="whose validation and test texts give the judge's vectors"
    )
    parser.add_argument("--judge", type=Path, help="a file of word vectors, as a second judge")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings for all methods, as YAML")
    parser.add_argument("--split", default="test", choices=["validation", "test"], help="which is measured")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--freeze", default="all", help="as for safr-lens train")
    parser.add_argument("--readout", default="neuron_head", choices=BACKBONE_READOUTS, help="as for safr-lens train")
    parser.add_argument("--epochs", type=int, help="at most so many")
    parser.add_argument("--learning-rate", type=float, help="of all methods, where theirs differ")
    parser.add_argument("--vectors-folder", type=Path, help="as for safr-lens train")
    parser.add_argument("--results", type=Path, default=Path("neuron_head.jsonl"), help="file the runs are appended to")
    parser.add_argument("--figure", type=Path, help="a PNG of all runs of the file on this data and split")
    options = parser.parse_args()
    changes = {name: yaml.safe_load(value) for name, value in (pair.split("=", 1) for pair in options.set)}
    rows = read_rows(options.results)
    done, label = {key(row) for row in rows}, {one: ", ".join([one, *options.set]) for one in options.methods}
    asked = [(method, seed) for seed in options.seeds for method in options.methods]
    here = tuple(getattr(options, name) for name in SHARED)
    asked = [(method, seed) for method, seed in asked if (*here, label[method], seed) not in done]
    bench = Bench.of(options) if asked else None
    for method, seed in asked:
        started = time.perf_counter()
        rows.append(bench.run(method, changes, seed))
        with options.results.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(f"{label[method]}, seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    shown = [row for row in rows if key(row)[: len(here)] == here]
    print(table(shown).to_string())
    if options.figure:
        head_frontier(shown, options.figure)


if __name__ == "__main__":
    main()
