"""Whether a model is the same model: one short name for its weights, tokenizer, sizes and labels."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from safr_lens.models.classifier import HookedClassifier


def fingerprint(model: HookedClassifier) -> str:
    """Return the sha256 of a classifier: another weight, word, size or label gives another one.

    >>> from safr_lens import ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> labels = ["negative", "positive"]
    >>> one, same, other = (
    ...     HookedClassifier.from_config(config, tokenizer=tokenizer, labels=labels, seed=seed) for seed in (0, 0, 1)
    ... )
    >>> fingerprint(one) == fingerprint(same), fingerprint(one) == fingerprint(other)
    (True, False)
    """
    # left out where they say what all models were before there were others
    first = {"backbone": "hooked_transformer", "encoder": None, "freeze": None, "k": None}.items()
    config = dict(item for item in dataclasses.asdict(model.config).items() if item not in first)
    sizes = json.dumps([config, model.labels, model.tokenizer.pad_id], sort_keys=True)
    return hashed([sizes, model.tokenizer.tokenizer.to_str()], model.state_dict())


def hashed(texts: Iterable[str], tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of texts and of tensors with their names."""
    sha = hashlib.sha256()
    for text in texts:
        sha.update(hashlib.sha256(text.encode()).digest())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode())
        sha.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()
