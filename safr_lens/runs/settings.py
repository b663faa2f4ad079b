"""Settings of a training as one flat mapping, from a file and from options, strict about unknown keys."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safr_lens.checks import check_choice, check_flag, check_number, check_text
from safr_lens.data.label_mapping import stated_labels
from safr_lens.data.tokenizer import KINDS
from safr_lens.documents import DocumentError, read_settings_file
from safr_lens.errors import ConfigError, first_line, near_matches, near_paths
from safr_lens.models.config import ModelConfig
from safr_lens.penalty.encoder import encoder_penalty
from safr_lens.penalty.meaning import setting_names
from safr_lens.penalty.presets import preset_model
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.runs.pretrained_settings import PretrainedConfig, names_encoder, pretrained_config, training_defaults
from safr_lens.training.config import TrainConfig
from safr_lens.visible import shown
from safr_lens.word_vectors.resolve import check_one_source

_EXPONENT = re.compile(r"^[+-]?\d+(\.\d*)?[eE][+-]?\d+$")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data and which tokenizer; what is not named here is as in :func:`safr_lens.load_data`.

    Attributes:
        test_data: a file that becomes the test split.
        tokenizer, min_frequency: as in :func:`safr_lens.train_tokenizer`.
        word_vectors: a file of word vectors that a training may use, see
            :func:`safr_lens.word_vectors.read_word_vectors`.
        word_vectors_from: other data whose training split gives the word vectors that a training may use; by default
            that of ``data``.
    """

    data: str | None = None
    test_data: str | None = None
    labels: Mapping[Any, Any] | Sequence[Any] | None = None
    text_column: str | None = None
    label_column: str | None = None
    header: bool | None = None
    encoding: str | None = None
    streaming: bool = False
    tokenizer: str = "word"
    min_frequency: int = 2
    word_vectors: str | None = None
    word_vectors_from: str | None = None

    def __post_init__(self) -> None:
        if self.labels is not None:
            stated_labels(self.labels)
        check_one_source(self.word_vectors, self.word_vectors_from)
        texts = ("data", "test_data", "text_column", "label_column", "encoding", "word_vectors", "word_vectors_from")
        for name in texts:
            check_text(name, getattr(self, name))
        check_flag("streaming", self.streaming)
        if self.header is not None:
            check_flag("header", self.header)
        check_choice("tokenizer", self.tokenizer, KINDS)
        check_number("min_frequency", self.min_frequency, low=1, whole=True)


@dataclass(frozen=True)
class Settings:
    """All settings of one training; ``model`` is of a new classifier, or of one on a pretrained encoder."""

    data: DataConfig
    model: ModelConfig | PretrainedConfig
    train: TrainConfig
    penalty: SafrPenalty


PACKAGED_VECTORS = "imdb"
PARTS = (DataConfig, ModelConfig, TrainConfig)


def make_settings(values: Mapping[str, Any]) -> Settings:
    """Return the settings that a flat mapping names; what it does not name keeps its default.

    Raises:
        ConfigError: an unknown key, with near matches, or a value without meaning.

    >>> make_settings({"epochs": 3, "site": "none"}).train.epochs
    3
    """
    known: dict[str, type] = {field.name: part for part in PARTS for field in dataclasses.fields(part)}
    del known["encoder"]
    known |= dict.fromkeys(setting_names(), SafrPenalty)
    for key in values:
        if key not in known and key != "preset":
            raise ConfigError(
                f"Unknown setting {shown(key)}.{near_matches(key, known)} Known: {', '.join(sorted(known))}."
            )

    def of(part: type) -> dict[str, Any]:
        return {name: value for name, value in values.items() if known.get(name) is part}

    model: ModelConfig | PretrainedConfig
    encoder = names_encoder(values)
    values = {**preset_model(values.get("preset"), values, encoder=encoder), **values}
    if encoder:
        model = pretrained_config({**of(DataConfig), **of(ModelConfig), **of(TrainConfig)}, of(ModelConfig))
        penalty_of = partial(encoder_penalty, values.get("preset"), vmask=model.d_vmask > 0, **of(SafrPenalty))
        values = {**training_defaults(model, penalised=_looks_inside(penalty_of())), **values}
        penalty = penalty_of(head_epochs=values.get("head_epochs", 0))
    else:
        if "preset" in values:
            values = {**_word_settings(values["preset"], values), **values}
            penalty = SafrPenalty.preset(values["preset"], **of(SafrPenalty))
        else:
            penalty = SafrPenalty(**of(SafrPenalty))
        model = ModelConfig(**of(ModelConfig))
    return Settings(DataConfig(**of(DataConfig)), model, TrainConfig(**of(TrainConfig)), penalty)


def _looks_inside(penalty: SafrPenalty) -> bool:
    """Whether any term that counts is about neurons, embedding or attention, and not about the gates alone."""
    return any(term.needs and penalty.schedules[term.name].counts for term in penalty.active)


def _word_settings(preset: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the vectors of a preset that compares words come from, if other settings do not say so.

    Those of the packaged reviews, since a small training split gives poor ones; the embedding starts from them.
    """
    if not SafrPenalty.preset(preset).needs_words:
        return {}
    source = {} if values.get("word_vectors") is not None else {"word_vectors_from": PACKAGED_VECTORS}
    return {"embedding_start": "words", **source}


def read_settings(path: Path) -> dict[str, Any]:
    """Read a YAML or JSON file with settings.

    Raises:
        ConfigError: a missing file, or one that is no mapping.
    """
    try:
        values = read_settings_file(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file.{near_paths(path)}") from None
    except (OSError, DocumentError) as error:
        raise ConfigError(f"{path} is neither YAML nor JSON: {first_line(error)}") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path}: expected settings, one `name: value` a line; got {type(values).__name__}.")
    # YAML 1.1 reads 1e-4, without a point, as text
    return {k: float(v) if isinstance(v, str) and _EXPONENT.match(v) else v for k, v in values.items()}
