"""The doors through which something bad comes in, each as inputs that are drawn and what is done with one."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from typer.testing import CliRunner

from safr_lens import HookedClassifier, ModelConfig, SafrPenalty, TrainConfig, load_activations, load_data
from safr_lens.activations import save_activations
from safr_lens.analysis import analyze
from safr_lens.cli import app
from safr_lens.data import train_tokenizer
from safr_lens.experiments.sweep import sweep
from safr_lens.neurons import ablate, explain, neuron_table, sparse_probe, token_table, top_activations
from safr_lens.penalty.meaning import setting_names
from safr_lens.reporting.runs import load_run, run_metadata, training_curves
from safr_lens.runs.analyze_run import grouped_runs
from safr_lens.runs.settings import DataConfig, make_settings, read_settings
from safr_lens.word_vectors import read_word_vectors
from tests.backbones.pretrained.encoders import write_small_bert
from tests.reliability.bad_values import ARGUMENTS, OBJECTS, SCALARS, TEXTS, VALUES, changed_json, damaged
from tests.training.corpus import LABELS, rows

SMALL = (
    "d_model: 8\nn_heads: 2\nd_mlp: 16\nd_vmask: 4\nn_ctx: 16\nmin_frequency: 1\nepochs: 1\ninformation_weight: 0.1\n"
)
CONCEPT = {"dull"}
LINES = [f"{row['text']},{LABELS[row['label']]}" for row in rows(40, seed=3)]


class Refused(Exception):
    """A command that ended with a message: all that it printed."""


@dataclass(frozen=True)
class Door:
    """A way in.

    Attributes:
        name: for the table.
        inputs: what is drawn.
        enter: does something with one.
    """

    name: str
    inputs: st.SearchStrategy[Any]
    enter: Callable[[Any], object]


class Place:
    """A folder with a small corpus, a run, an activation store and an encoder, and a part to write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder = folder / "deep" / "down"  # "../.." stays inside
        folder.mkdir(parents=True)
        self.data, self.config, self.run = folder / "reviews.csv", folder / "small.yaml", folder / "run"
        self.store, self.out, self.bad = folder / "store", folder / "never", folder / "bad"
        self.data.write_text("text,label\n" + "\n".join(LINES) + "\n")
        self.config.write_text(SMALL)
        command("train", "--data", self.data, "--config", self.config, "--out", self.run, "--quiet")
        (self.run / "manifest.json").unlink(missing_ok=True)  # what is read must stand for itself
        self.model = HookedClassifier.from_pretrained(self.run)
        self.loaded = load_data(self.data)
        save_activations(self.model, self.loaded["test"], ["blocks.0.mlp.hook_post"], self.store)
        self.encoder = write_small_bert(folder / "encoder")

    def copy(self, source: Path, name: str, content: bytes) -> Path:
        """Return a copy of a folder in which one file holds something else."""
        shutil.rmtree(self.bad, ignore_errors=True)
        shutil.copytree(source, self.bad)
        (self.bad / name).write_bytes(content)
        return self.bad


def command(*words: object) -> None:
    """Run a command in this process.

    Raises:
        Refused: it ended with a message.
        Exception: whatever else ended it.
    """
    result = CliRunner().invoke(app, [str(word) for word in words], env={**os.environ, "COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        raise Refused(result.output)
    if any(sign in result.output for sign in ("\x1b", "\x9b", "\u202e", "\x07")):
        raise AssertionError(f"a control character reaches the terminal: {words!r:.200}")


def doors(place: Place) -> list[Door]:
    """Return all doors."""
    return [*_data(place), *_settings(place), *_artefacts(place), *_options(place), *_texts(place), *_python(place)]


def _data(place: Place) -> list[Door]:
    frame = pd.DataFrame(rows(40, seed=3))
    made = {name: place.folder / f"data.{name}" for name in ("csv", "tsv", "json", "jsonl", "parquet", "csv.gz", "zip")}
    frame.to_csv(made["csv"], index=False)
    frame.to_csv(made["tsv"], index=False, sep="\t")
    frame.to_json(made["json"], orient="records")
    frame.to_json(made["jsonl"], orient="records", lines=True)
    frame.to_parquet(made["parquet"])
    frame.to_csv(made["csv.gz"], index=False)
    frame.to_csv(made["zip"], index=False, compression={"method": "zip", "archive_name": "data.csv"})
    files = st.sampled_from(sorted(made)).flatmap(
        lambda name: st.tuples(st.just(name), damaged(made[name].read_bytes()))
    )
    cells = st.lists(st.tuples(SCALARS, SCALARS), min_size=1, max_size=8)

    def enter(drawn: tuple[str, bytes]) -> None:
        path = place.folder / f"bad.{drawn[0]}"
        path.write_bytes(drawn[1])
        if len(drawn[1]) % 4 == 0:
            command("evaluate", place.run, "--data", path, "--json")
        load_data(path)

    def enter_rows(drawn: list[tuple[Any, Any]]) -> None:
        load_data([{"text": text, "label": label} for text, label in drawn])

    return [Door("data files", files, enter), Door("rows in memory", cells, enter_rows)]


def _settings(place: Place) -> list[Door]:
    parts = (DataConfig, ModelConfig, TrainConfig)
    names = sorted({field.name for part in parts for field in dataclasses.fields(part)} | {*setting_names(), "preset"})
    trees = st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=3)
    written = trees.map(lambda tree: json.dumps(tree).encode()) | damaged(SMALL.encode())

    def enter(content: bytes) -> None:
        path = place.folder / "bad.yaml"
        path.write_bytes(content)
        if len(content) % 4 == 0:
            command("train", "--config", path, "--out", place.out)  # which names no data
        make_settings(read_settings(path))

    def enter_values(values: dict[str, Any]) -> None:
        make_settings(values)

    in_memory = st.dictionaries(st.sampled_from(names), OBJECTS, min_size=1, max_size=3)
    return [Door("settings files", written, enter), Door("settings in Python", in_memory, enter_values)]


def _artefacts(place: Place) -> list[Door]:
    texts = {name: (place.run / name).read_text() for name in ("config.json", "metrics.json", "tokenizer.json")}
    written = st.sampled_from(sorted(texts)).flatmap(lambda name: st.tuples(st.just(name), changed_json(texts[name])))
    lines = (place.run / "history.jsonl").read_text().splitlines()
    histories = st.lists(changed_json(lines[0]), min_size=1, max_size=2).map(
        lambda bad: ("history.jsonl", b"\n".join(bad))
    )
    tensors = ("model.safetensors", "compared_pairs.safetensors", "rows.parquet")
    raw = st.sampled_from([name for name in tensors if (place.run / name).exists()]).flatmap(
        lambda name: st.tuples(st.just(name), damaged((place.run / name).read_bytes()))
    )
    manifest = (place.store / "manifest.json").read_text()
    shard = next(path for path in place.store.iterdir() if path.suffix == ".safetensors")
    stored = st.tuples(st.just("manifest.json"), changed_json(manifest)) | st.tuples(
        st.just(shard.name), damaged(shard.read_bytes())
    )

    def enter(drawn: tuple[str, bytes]) -> None:
        folder = place.copy(place.run, *drawn)
        if len(drawn[1]) % 4 == 0:
            command("predict", folder, "a dull film", "--json")
            command("evaluate", folder, "--json")
        run = load_run(folder)
        run_metadata(run)
        training_curves([run])
        with contextlib.suppress(AttributeError):
            run.model(["a dull film"])

    def enter_store(drawn: tuple[str, bytes]) -> None:
        for _ in load_activations(place.copy(place.store, *drawn)):
            pass

    encoder = _encoder_files(place.encoder)

    def enter_encoder(drawn: tuple[str, bytes]) -> None:
        model = HookedClassifier.from_pretrained_backbone(place.copy(place.encoder, *drawn), labels=LABELS)
        explain(model, "a dull film", truncate=True)

    return [
        Door("files of a run", written | histories | raw, enter),
        Door("activation stores", stored, enter_store),
        Door("files of an encoder", encoder, enter_encoder),
    ]


def _encoder_files(folder: Path) -> st.SearchStrategy[tuple[str, bytes]]:
    """Draw a damaged file of an encoder: other values in its settings, other bytes in its tokenizer and weights."""
    names = ("config.json", "tokenizer_config.json")
    raw = st.sampled_from(["config.json", "tokenizer.json", "model.safetensors"]).flatmap(
        lambda name: st.tuples(st.just(name), damaged((folder / name).read_bytes()))
    )
    settings = st.sampled_from(names).flatmap(
        lambda name: st.tuples(st.just(name), changed_json((folder / name).read_text()))
    )
    header = st.binary(max_size=40).map(lambda drawn: ("model.safetensors", len(drawn).to_bytes(8, "little") + drawn))
    return settings | settings | raw | header


def _options(place: Place) -> list[Door]:
    taken = {
        "predict": ("--top",),
        "evaluate": ("--data", "--split", "--labels", "--text-column", "--label-column", "--encoding"),
        "analyze": ("--data", "--split", "--layer", "--seed", "--word-vectors", "--faithfulness-texts", "--out"),
        "compare": ("--data", "--split", "--layer", "--seed"),
        "train": (
            *("--data", "--config", "--preset", "--site", "--importance-weight", "--pairs", "--scope", "--gates"),
            *("--act-fn", "--readout", "--seed", "--learning-rate", "--patience", "--test-data", "--tokenizer"),
            *(
                "--batch-size",
                "--max-length",
                "--epochs",
                "--word-vectors",
                "--backbone",
                "--freeze",
                "--embedding-start",
            ),
        ),
        "sweep": ("--data", "--budget", "--strengths", "--seeds", "--preset", "--labels"),
    }
    before: dict[str, list[object]] = {
        "predict": [place.run, "a dull film"],
        "evaluate": [place.run],
        "analyze": [place.run, "--no-init", "--faithfulness-texts", 0],
        "compare": [place.run],
        "train": ["--out", place.out, "--quiet"],
        "sweep": ["--out", place.out, "--quiet"],
    }
    options = st.sampled_from(sorted(taken)).flatmap(
        lambda name: st.tuples(
            st.just(name), st.lists(st.tuples(st.sampled_from(taken[name]), ARGUMENTS), min_size=1, max_size=2)
        )
    )

    def enter(drawn: tuple[str, list[tuple[str, str]]]) -> None:
        name, pairs = drawn
        if name in ("analyze", "compare") and all(word in ("0", "1") for _, word in pairs):
            return  # takes seconds, and is right
        try:
            command(name, *before[name], *(f"{option}={word}" for option, word in pairs))
        except Refused:
            left = [path.name for path in place.out.glob("*")] if place.out.exists() else []
            if left:
                raise AssertionError(f"half-written: {left}") from None
            raise
        finally:
            shutil.rmtree(place.out, ignore_errors=True)

    words = st.lists(ARGUMENTS, min_size=1, max_size=4)
    return [Door("options", options, enter), Door("command lines", words, lambda drawn: command(*drawn))]


def _texts(place: Place) -> list[Door]:
    texts = st.lists(st.text(max_size=60) | st.sampled_from(TEXTS), min_size=1, max_size=3)

    def enter(drawn: list[str]) -> None:
        explain(place.model, drawn[0], truncate=True)
        place.model(drawn, truncate=True)

    def enter_command(drawn: list[str]) -> None:
        command("predict", place.run, "--truncate", "--", *(text.replace("\0", " ") for text in drawn))

    return [Door("texts in Python", texts, enter), Door("texts of predict", texts, enter_command)]


def _python(place: Place) -> list[Door]:
    model, data = place.model, place.loaded["test"]
    tensors = st.sampled_from(
        [
            torch.tensor([[10**6]]),
            torch.tensor([[-1]]),
            torch.zeros(2, 2),
            torch.zeros(0, 3).long(),
            torch.ones(2, 2, 2),
        ]
    )
    calls: dict[str, Callable[[Any], object]] = {
        "load_data labels": lambda value: load_data(place.data, labels=value),
        "load_data classes": lambda value: load_data(place.data, classes=value),
        "load_data source": load_data,
        "load_data text_column": lambda value: load_data(place.data, text_column=value),
        "train_tokenizer kind": lambda value: train_tokenizer(["a film"] * 3, kind=value),
        "train_tokenizer min_frequency": lambda value: train_tokenizer(["a film"] * 3, min_frequency=value),
        "train_tokenizer max_vocab": lambda value: train_tokenizer(["a film"] * 3, max_vocab=value),
        "from_config seed": lambda value: HookedClassifier.from_config(
            model.config, tokenizer=model.tokenizer, labels=LABELS, seed=value
        ),
        "from_pretrained": HookedClassifier.from_pretrained,
        "from_pretrained_backbone": lambda value: HookedClassifier.from_pretrained_backbone(value, labels=LABELS),
        "model": model,
        "model capture": lambda value: model("a film", capture=[value]),
        "explain text": lambda value: explain(model, value),
        "explain top": lambda value: explain(model, "a film").to_dict(top=value),
        "token_table text": lambda value: token_table(model, value),
        "neuron_table layer": lambda value: neuron_table(model, data, layer=value),
        "neuron_table seed": lambda value: neuron_table(model, data, seed=value),
        "top_activations neuron": lambda value: top_activations(model, data, value),
        "top_activations k": lambda value: top_activations(model, data, 0, value),
        "ablate neurons": lambda value: ablate(model, value).__enter__(),
        "ablate mode": lambda value: ablate(model, 0, mode=value).__enter__(),
        "sparse_probe layer": lambda value: sparse_probe(model, data, CONCEPT, layer=value),
        "sparse_probe k": lambda value: sparse_probe(model, data, CONCEPT, value),
        "analyze seed": lambda value: analyze(model, data, seed=value),
        "read_word_vectors": lambda value: read_word_vectors(value, model.tokenizer),
        "load_activations": load_activations,
        "grouped_runs": lambda value: grouped_runs([str(place.run), str(value)]),
        "sweep strengths": lambda value: sweep(make_settings({}), out=place.out, strengths=value, data=place.loaded),
        "SafrPenalty preset": SafrPenalty.preset,
    }
    drawn = st.tuples(st.sampled_from(sorted(calls)), OBJECTS) | st.tuples(st.just("model"), tensors)

    def enter(one: tuple[str, Any]) -> None:
        name, value = one
        if name == "analyze seed" and isinstance(value, (int, np.integer)) and 0 <= value < 2**63:
            return  # takes seconds, and is right
        calls[name](value)

    return [Door("Python arguments", drawn, enter)]
