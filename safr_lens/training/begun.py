"""Whether a folder holds what a training writes before its first epoch has ended, as earlier versions wrote it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from safetensors import SafetensorError, safe_open

from safr_lens.artefacts import MANIFEST
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.documents import read_json
from safr_lens.errors import SafrLensError
from safr_lens.models.checkpoint import COMPARED, CONFIG, TOKENIZER, WEIGHTS
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import ModelConfig

DEFAULTS = {one.name: one.default for one in dataclasses.fields(ModelConfig)}


def is_begun(folder: Path, names: list[str], model: HookedClassifier) -> bool:
    """Whether these files of a folder are the model that a killed training of ``model`` wrote before any state.

    Earlier versions wrote no manifest, which would say it, and one file after the other. What is there must have the
    names and shapes of this model's weights, its settings, labels and token ids.
    """
    if not names or set(names) - {WEIGHTS, CONFIG, TOKENIZER, COMPARED} or (folder / MANIFEST).exists():
        return False
    try:
        return (
            (WEIGHTS not in names or _shapes(folder / WEIGHTS) == _shapes_of(model))
            and (CONFIG not in names or _same_config(folder / CONFIG, model))
            and (TOKENIZER not in names or _words(folder / TOKENIZER) == model.tokenizer.tokenizer.to_str())
        )
    except (SafrLensError, SafetensorError, OSError, ValueError, KeyError, AttributeError, TypeError):
        return False  # whatever it is, no training of ours wrote it


def _shapes(path: Path) -> dict[str, list[int]]:
    with safe_open(path, "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  (no mapping)


def _shapes_of(model: HookedClassifier) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in model.state_dict().items()}


def _same_config(path: Path, model: HookedClassifier) -> bool:
    saved = read_json(path)
    return list(saved["labels"]) == list(model.labels) and DEFAULTS | saved["model"] == dataclasses.asdict(model.config)


def _words(path: Path) -> str:
    return TextTokenizer.load(path).tokenizer.to_str()
