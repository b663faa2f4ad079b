"""Encoders and their tokenizers, from a folder or the Hub."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel
from transformers.utils import logging

from safr_lens.backbones.pretrained.families import FAMILIES, Family, family_of
from safr_lens.backbones.pretrained.hooked import HookedEncoder
from safr_lens.backbones.pretrained.size import PADDING_ID, SPECIAL_IDS, check_fits_files, configuration, explained
from safr_lens.checks import check_number, checked_path
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.documents import DocumentError, read_json
from safr_lens.errors import CheckpointError, ConfigError, first_line, near_paths
from safr_lens.visible import shown

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
FILES = (
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "*.safetensors",
    "*.safetensors.index.json",
)


def load_encoder(
    source: str | PathLike[str], *, layers: int | None = None
) -> tuple[HookedEncoder, TextTokenizer, dict[str, Any]]:
    """Return a pretrained encoder in evaluation mode, its tokenizer, and what :func:`make_encoder` makes another from.

    Args:
        source: a folder with ``config.json``, ``tokenizer.json`` and safetensors weights, for which no connection is
            made; or a Hub id. Nothing is unpickled and no code of the model's is run.
        layers: how many of its blocks to keep, the lowest first; by default all.

    Raises:
        CheckpointError: a source that is missing, incomplete or damaged.
        ConfigError: a family of models that does not work here, or more layers than there are.
    """
    folder = _encoder_folder(source)
    config = _read_config(folder)
    if str(config.get("format")).startswith("safr_lens"):
        raise CheckpointError(
            f"{folder} is a classifier of safr_lens; expected the encoder that one is made on. Load it with "
            "HookedClassifier.from_pretrained, or name the folder that --backbone named when it was trained."
        )
    family = family_of(config.get("model_type"), where=str(folder / CONFIG))
    if layers is not None:
        config = _lowest(config, family, layers)
    tokenizer = _read_tokenizer(folder, config)
    module = _read_weights(folder, family.model_class, config, **family.without)
    _check_vocabulary(folder, tokenizer, module)
    return HookedEncoder(module, family, tokenizer.special_ids), tokenizer, _described(config, tokenizer)


def load_classifier(source: str | PathLike[str]) -> tuple[PreTrainedModel, TextTokenizer, dict[str, Any]]:
    """Return a classifier fine-tuned with ``transformers``, and what :func:`make_classifier` makes another from.

    Args, raises: as :func:`load_encoder`; also a ConfigError for a model that is no classifier of single labels.
    """
    folder = _encoder_folder(source)
    config = _read_config(folder)
    where = str(folder / CONFIG)
    family = family_of(config.get("model_type"), where=where)
    if family.classifier_class is None:
        raise ConfigError(f"{where} is of a decoder; fine-tuned classifiers can be opened of {', '.join(FAMILIES)}.")
    architectures = config.get("architectures") or [family.classifier_class.__name__]
    if family.classifier_class.__name__ not in architectures:
        raise ConfigError(
            f"{where} is of a {architectures[0]}; expected a {family.classifier_class.__name__}. Train a classifier on "
            "an encoder with HookedClassifier.from_pretrained_backbone or safr-lens train --backbone."
        )
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ConfigError(
            f"{where} has the problem_type {shown(config['problem_type'])}; expected one label for each text."
        )
    tokenizer = _read_tokenizer(folder, config)
    model = _read_weights(folder, family.classifier_class, config)
    _check_vocabulary(folder, tokenizer, model)
    if model.config.num_labels < 2:
        raise ConfigError(f"{where} has {model.config.num_labels} label; expected a classifier of at least two.")
    return model, tokenizer, _described(config, tokenizer)


def make_classifier(config: Mapping[str, Any]) -> tuple[PreTrainedModel, Family]:
    """Return a classifier of ``transformers`` with random weights and its family; compare :func:`make_encoder`."""
    family = family_of(config.get("model_type"), where="The configuration of the classifier")
    return _made(family.classifier_class, config), family


def _described(config: Mapping[str, Any], tokenizer: TextTokenizer) -> dict[str, Any]:
    kept = {name: value for name, value in config.items() if not name.startswith("_") and name != "architectures"}
    return kept | {SPECIAL_IDS: list(tokenizer.special_ids), PADDING_ID: tokenizer.pad_id}


def _check_vocabulary(folder: Path, tokenizer: TextTokenizer, module: PreTrainedModel) -> None:
    d_vocab = module.config.vocab_size
    if tokenizer.d_vocab > d_vocab:
        raise CheckpointError(
            f"{folder / TOKENIZER} has {tokenizer.d_vocab:,} token ids, but the encoder knows {d_vocab:,}; "
            "they belong to different models."
        )


def make_encoder(config: Mapping[str, Any]) -> HookedEncoder:
    """Return an encoder with random weights, from what :func:`load_encoder` returned beside another.

    Args:
        config: the contents of a ``config.json`` of ``transformers``, with the ``special_token_ids`` beside it.

    Raises:
        ConfigError: a family of models that does not work here, or a configuration without meaning.
    """
    family = family_of(config.get("model_type"), where="The configuration of the encoder")
    return HookedEncoder(_made(family.model_class, config, **family.without), family, config.get(SPECIAL_IDS, ()))


def _made(model_class: type[PreTrainedModel], config: Mapping[str, Any], **options: bool) -> PreTrainedModel:
    with explained(config):
        return model_class(configuration(model_class, config), **options).eval()


def _lowest(config: dict[str, Any], family: Family, layers: int) -> dict[str, Any]:
    there = getattr(family.model_class.config_class.from_dict(dict(config)), family.sizes[0])
    check_number("layers", layers, low=1, high=there, whole=True)
    cut = {**config, family.sizes[0]: layers}
    return cut | ({"layer_types": config["layer_types"][:layers]} if config.get("layer_types") else {})


def _encoder_folder(source: str | PathLike[str]) -> Path:
    """Return the folder of a source, which is downloaded if it is a Hub id."""
    path = checked_path(source, what="the folder of a pretrained encoder")
    if path.is_dir():
        return path
    if path.exists():
        raise CheckpointError(f"{path} is a file; expected the folder of a pretrained encoder, with {CONFIG}.")
    local = str(source).startswith((".", "/", "~")) or str(source).count("/") > 1
    if local or not isinstance(source, str) or (path.parent != Path() and path.parent.is_dir()):
        raise CheckpointError(f"{path}: no such folder.{near_paths(path, folders=True)}")
    return downloaded(source, FILES)


def downloaded(repo_id: str, files: Sequence[str]) -> Path:
    """Return the folder in which files of a Hub repository are, fetched where they are not in the local cache."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo_id, allow_patterns=list(files)))
    except Exception as error:  # many unrelated types for one user-facing fact
        raise CheckpointError(
            f"{shown(repo_id)} is no local folder, and the Hub did not give it: {first_line(error)}"
        ) from None


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = read_json(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder} has no {CONFIG}; expected the folder of a pretrained encoder, with {CONFIG}, {TOKENIZER} and "
            "weights in safetensors, as save_pretrained of transformers writes it."
        ) from None
    except (DocumentError, OSError) as error:
        raise CheckpointError(f"{path} is not JSON: {first_line(error)}") from None
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds no JSON object.")
    return config


def _read_tokenizer(folder: Path, config: Mapping[str, Any]) -> TextTokenizer:
    """Return the tokenizer of a folder, with its own special tokens and padding."""
    if not (folder / TOKENIZER).exists():
        raise CheckpointError(
            f"{folder} has no {TOKENIZER}. Write it with transformers: "
            "AutoTokenizer.from_pretrained(folder).save_pretrained(folder)."
        )
    loaded = TextTokenizer.load(folder / TOKENIZER, add_special_tokens=True)
    pad_id = _padding(folder, config, loaded.tokenizer)
    if pad_id is None:
        raise CheckpointError(f"{folder} names no padding; set pad_token_id in its {CONFIG}.")
    return TextTokenizer(loaded.tokenizer, pad_id=pad_id, add_special_tokens=True)


def _padding(folder: Path, config: Mapping[str, Any], tokenizer: Tokenizer) -> int | None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        with contextlib.suppress(OSError, DocumentError, AttributeError, KeyError, TypeError):
            token = read_json(folder / name).get("pad_token")
            token_id = tokenizer.token_to_id(token["content"] if isinstance(token, dict) else token or "")
            if token_id is not None:
                return token_id
    ends = config.get("eos_token_id")  # of decoders without padding; no text produces it
    padding = config.get("pad_token_id")
    return padding if padding is not None else ends[0] if isinstance(ends, list) else ends


def _read_weights(folder: Path, model_class: Any, config: Mapping[str, Any], **options: Any) -> PreTrainedModel:
    """Return a model of ``transformers`` with the weights of a folder, in float32 and evaluation mode."""
    if not any(folder.glob("*.safetensors")):
        pickles = [path.name for path in sorted(folder.iterdir()) if path.suffix in (".bin", ".pt", ".ckpt", ".h5")]
        have = f" It holds {pickles[0]}, which is not read, since a pickle can run any code." if pickles else ""
        raise CheckpointError(f"{folder} has no safetensors weights.{have}")
    try:
        check_fits_files(folder, config)
        with _quiet():
            module, loaded = model_class.from_pretrained(
                folder,
                config=model_class.config_class.from_dict(dict(config)),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # of many unrelated types
        raise CheckpointError(f"The weights of {folder} do not load: {first_line(error)}") from error
    missing = sorted(loaded["missing_keys"])
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise CheckpointError(f"The weights of {folder} lack {shown(missing[0])}{more}.")
    return module.eval()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
