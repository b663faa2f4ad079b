"""What is trained: a model, data, settings and word vectors that belong together."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.backbones.protocol import encoder_of
from safr_lens.data.dataset import TextData
from safr_lens.data.labelled_rows import advised
from safr_lens.data.load import load_data
from safr_lens.data.rows import Data
from safr_lens.errors import ConfigError, DataError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.encoder_words import encoder_word_vectors
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.config import TrainConfig, uses_words
from safr_lens.visible import listed, shown
from safr_lens.word_vectors import WordVectors, embedding_table, training_vectors
from safr_lens.word_vectors.table import checksum


@dataclass(frozen=True)
class Task:
    """All that decides what a training gives; word vectors where penalty or embedding use them."""

    model: HookedClassifier
    data: TextData
    config: TrainConfig
    penalty: SafrPenalty
    words: WordVectors | None

    @functools.cached_property
    def table(self) -> Float[Tensor, "d_vocab width"] | None:
        """The word vectors by token id."""
        return None if self.words is None else embedding_table(self.words, self.model.tokenizer)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """What a run keeps of it, as JSON holds it; trainings with the same settings give the same model."""
        data, tokenizer = self.data, self.model.tokenizer
        sha = hashlib.sha256(tokenizer.tokenizer.to_str().encode()).hexdigest()
        described = {
            "model": dataclasses.asdict(self.model.config),
            "train": dataclasses.asdict(self.config),
            "penalty": self.penalty.to_dict(),
            "data": {
                "source": data.source,
                "rows": {} if data.streaming else {name: len(split) for name, split in data.items()},
                **{name: (data.origin or {}).get(name) for name in ("text_column", "label_column")},
                "tokenizer": f"{tokenizer.d_vocab:,} token ids, sha256 {sha[:16]}",
                **({} if self.words is None else {"word_vectors": checksum(self.words, self.table)}),
            },
        }
        return json.loads(json.dumps(described))


def task_words(
    model: HookedClassifier,
    data: TextData,
    config: TrainConfig,
    penalty: SafrPenalty,
    *,
    given: WordVectors | str | Path | None,
    from_data: str | None = None,
) -> WordVectors | None:
    """Return the word vectors that a training uses: those given, the encoder's own, or those of texts; None for none.

    Raises:
        ConfigError, DataError: texts that give no useful vectors, or are named for nothing.
    """
    used = uses_words(config, penalty)
    if used and given is None and from_data is None and model.config.encoder is not None:
        return encoder_word_vectors(model)
    return training_vectors(
        data, model.tokenizer, used=used, widest=model.config.d_model, given=given, from_data=from_data
    )


def checked_data(
    model: HookedClassifier, data: TextData | str | Path | Data, config: TrainConfig, penalty: SafrPenalty
) -> TextData:
    """Return data that a model can be trained on, loaded where it is not.

    Raises:
        ConfigError, DataError: settings, data and model that do not belong together.
    """
    penalty.hook_names(model.adapter)  # raises where a layer is missing
    if not isinstance(data, TextData):
        with advised("load_data(data, classes=model.labels, labels=...)"):
            data = load_data(data, classes=model.labels)
    _check_meaning(model, data, config, penalty)
    _check_data(model, data)
    return data


def _check_meaning(model: HookedClassifier, data: TextData, config: TrainConfig, penalty: SafrPenalty) -> None:
    if penalty.site == "embedding" and not model.adapter.embedding.requires_grad:
        raise ConfigError('site="embedding" would change the token embedding, which is frozen; use site="neurons".')
    if config.k_epochs is not None and model.top_k is None:
        act_fn = model.config.act_fn
        raise ConfigError(
            f"k_epochs has no meaning with act_fn={shown(act_fn)}. Leave it out, or use act_fn='topk' and k."
        )
    if config.warmup is not None and data.streaming:
        raise ConfigError("warmup needs data whose number of texts is known; leave out warmup, or streaming.")
    if config.gradient_checkpointing and (encoder_of(model.adapter) is None or model.config.freeze == "all"):
        raise ConfigError(
            "gradient_checkpointing is for a pretrained encoder that is trained, and here none is. Leave it out, or "
            'train one (--backbone with --freeze none; in Python: freeze="none").'
        )
    if config.head_epochs and not (isinstance(model.adapter, NeuronHeadAdapter) and model.config.freeze != "all"):
        raise ConfigError(
            "head_epochs is for a neuron head on a pretrained encoder that is trained, and here is none. Leave it out, "
            'or train one (--backbone with --freeze none; in Python: freeze="none").'
        )


def _check_data(model: HookedClassifier, data: TextData) -> None:
    for split in ("train", "validation", "test"):
        data[split]  # raises where it is missing
    if tuple(data.labels) != model.labels:
        how = (
            "Load the data with classes=model.labels, which orders them as the model does."
            if set(data.labels) == set(model.labels)
            else "State what the labels mean when you load the data: labels=model.labels if label 0 is the class "
            f"{shown(model.labels[0])} and so on, else "
            f"labels={{{shown(data.labels[0])}: {shown(model.labels[0])}, ...}}."
        )
        raise DataError(
            f"The data has {len(data.labels)} classes ({listed(data.labels)}), but the model has "
            f"{len(model.labels)} ({listed(model.labels)}). {how}"
        )
