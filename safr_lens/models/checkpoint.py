"""Classifiers as safetensors, JSON and ``tokenizer.json``: written whole, read without pickle."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from typing_extensions import TypedDict

from safr_lens.artefacts import MANIFEST, changing, read_whole, verified
from safr_lens.atomic import write_json
from safr_lens.backbones.pretrained.load import downloaded
from safr_lens.backbones.pretrained.size import PADDING_ID
from safr_lens.backbones.versions import readable_here, weights_as
from safr_lens.checks import checked_path, strict_kwargs
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.documents import DocumentError, check_regular, checked, read_json
from safr_lens.errors import CheckpointError, ConfigError, first_line, near_paths
from safr_lens.models.compared import COMPARED, load_compared, save_compared
from safr_lens.models.config import ModelConfig
from safr_lens.models.encoder_words import OnEncoder, compares_own_words, encoder_word_vectors
from safr_lens.models.sizes import check_fits
from safr_lens.visible import shown
from safr_lens.word_vectors import embedding_table

WEIGHTS, CONFIG, TOKENIZER = "model.safetensors", "config.json", "tokenizer.json"
FILES = [WEIGHTS, CONFIG, TOKENIZER, COMPARED, MANIFEST]
FORMAT = "safr_lens.classifier/1"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
OPENED = (
    " It is of a model of transformers. Open a fine-tuned classifier with HookedClassifier.from_hf_classifier, whose "
    "save_pretrained writes what is read here; train one on an encoder with safr-lens train --backbone."
)
_METADATA = {"format": "pt"}
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")


class SavedConfig(TypedDict):
    """What ``config.json`` holds."""

    format: str
    model: dict[str, Any]
    labels: list[str]


class Saveable(OnEncoder, Protocol):
    """What a classifier is made of, to a checkpoint."""

    labels: tuple[str, ...]

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...

    def eval(self) -> Any: ...

    def to(self, dtype: torch.dtype) -> Any: ...


Model = TypeVar("Model", bound=Saveable)


def save_pretrained(model: Saveable, directory: str | PathLike[str]) -> None:
    """Write a classifier to a folder, in one step: the folder has all of it or is as it was.

    Raises:
        CheckpointError: another process writes to the folder.
    """
    with changing(Path(directory), removed=[COMPARED]) as new:
        write_model(model, new)


def write_model(model: Saveable, folder: Path) -> None:
    """Write the files of a classifier to an empty folder."""
    save_file({k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}, folder / WEIGHTS, _METADATA)
    model.tokenizer.save(folder / TOKENIZER)
    compared = model.compared
    if compared is not None and compares_own_words(model):
        compared = dataclasses.replace(compared, vectors=None)  # the weights hold them
    save_compared(compared, folder)
    write_json(
        folder / CONFIG,
        {"format": FORMAT, "model": dataclasses.asdict(model.config), "labels": list(model.labels)},
    )


def from_pretrained(make: Callable[..., Model], source: str | PathLike[str]) -> Model:
    """Load a classifier that ``make(config, tokenizer=..., labels=...)`` makes untrained, in the type it was saved in.

    Raises:
        CheckpointError: a folder that is missing, incomplete, changed since it was written, or foreign.
    """
    folder = _folder(source)
    return read_whole(folder, lambda: _read(make, folder))


def _read(make: Callable[..., Model], folder: Path) -> Model:
    config = _read_config(folder)
    tokenizer = _tokenizer(verified(folder / TOKENIZER), config["model"].get("encoder"))
    if len(config["labels"]) < 2:
        raise CheckpointError(f"{folder / CONFIG} names {len(config['labels'])} labels; a classifier has at least two.")
    try:
        sizes = ModelConfig(**strict_kwargs(ModelConfig, config["model"], what=str(folder / CONFIG)))
        check_fits(sizes, _shapes(folder), d_vocab=tokenizer.d_vocab)
        sizes = dataclasses.replace(sizes, backbone=readable_here(sizes.backbone))
        model = make(sizes, tokenizer=tokenizer, labels=config["labels"])
    except ConfigError as error:
        raise CheckpointError(f"{folder / CONFIG}: {error}") from None
    state = load_file(folder / WEIGHTS)
    state = weights_as(sizes.backbone, state)
    expected = model.state_dict()
    _check_state(expected, state, folder / WEIGHTS)
    _check_finite(expected, state, folder / WEIGHTS)
    dtypes = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    model = model.to(dtypes.pop()) if len(dtypes) == 1 else model
    model.load_state_dict(state)
    model.compared = load_compared(folder, d_vocab=tokenizer.d_vocab)
    if model.compared is not None and compares_own_words(model):
        vectors = embedding_table(encoder_word_vectors(model), tokenizer)
        model.compared = dataclasses.replace(model.compared, vectors=vectors)
    return model.eval()


def _folder(source: str | PathLike[str]) -> Path:
    path = checked_path(source, what="the folder of a run")
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(f"{path} is a file; expected the folder of a run, with {CONFIG} and {WEIGHTS}.")
    if isinstance(source, str) and HUB_ID.match(source) and not source.startswith(".") and not path.parent.is_dir():
        return downloaded(source, FILES)
    raise CheckpointError(f"{path}: no such run.{near_paths(path, folders=True)} Make one with safr-lens train.")


def _tokenizer(path: Path, encoder: Any) -> TextTokenizer:
    if not isinstance(encoder, dict):
        return TextTokenizer.load(path)
    return TextTokenizer.load(path, pad_id=encoder.get(PADDING_ID), add_special_tokens=True)


def _shapes(folder: Path) -> list[list[int]]:
    """Return the shapes of the weights, as the header of their file says, ahead of all else that it holds."""
    path = folder / WEIGHTS
    try:
        check_regular(path)
        with safe_open(verified(path), "pt") as file:
            return [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing.{_pickles(folder)}") from None
    except (SafetensorError, DocumentError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {first_line(error)}") from None


def _read_config(folder: Path) -> SavedConfig:
    path = folder / CONFIG
    try:
        config = read_json(verified(path))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} has no {CONFIG}; it is no safr_lens run.{_pickles(folder)}") from None
    except (DocumentError, OSError) as error:
        raise CheckpointError(f"{path} is not JSON: {first_line(error)}") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        of_transformers = isinstance(config, dict) and "architectures" in config and "model_type" in config
        raise CheckpointError(
            f'{path} was not written by safr_lens (expected "format": "{FORMAT}").'
            f"{OPENED if of_transformers else _pickles(folder)}"
        )
    try:
        return checked(SavedConfig, config)
    except DocumentError as error:
        raise CheckpointError(f"{path} lacks its model or labels: {error}") from None


def _check_state(expected: dict[str, Any], stored: dict[str, Any], path: Path) -> None:
    missing = sorted(expected.keys() - stored.keys())
    foreign = sorted(stored.keys() - expected.keys())
    if missing or foreign:
        name, fault = (missing[0], "lacks") if missing else (foreign[0], "has the unknown tensor")
        raise CheckpointError(f"{path} does not fit its {CONFIG}: it {fault} {shown(name)}.")
    for name, tensor in expected.items():
        if tensor.shape != stored[name].shape:
            raise CheckpointError(
                f"{path}: {shown(name)} has shape {list(stored[name].shape)}, but {CONFIG} says {list(tensor.shape)}."
            )


def _check_finite(expected: dict[str, torch.Tensor], stored: dict[str, torch.Tensor], path: Path) -> None:
    for name, tensor in stored.items():
        if not tensor.isfinite().all() and expected[name].isfinite().all():  # a mask may have -inf
            raise CheckpointError(
                f"{path}: {shown(name)} has values that are NaN or infinite, so the model answers nothing. Load "
                "another copy of it, or train it again with a lower learning rate."
            )


def _pickles(folder: Path) -> str:
    pickles = [p.name for p in sorted(folder.iterdir()) if p.suffix.lower() in PICKLES]
    if not pickles:
        return ""
    return f" It holds {pickles[0]}, a pickle; safr_lens reads safetensors only, since a pickle can run any code."
