"""Tiny classifiers and random batches that all tests share.

``tests`` is a package: helpers are imported as ``tests.reference.slow_penalty``, and every folder below has an
``__init__.py``, so that two test files may have the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
from safr_lens.data import TextTokenizer
from tests.backbones.weights import saved_weights
from tests.no_network import no_network

torch.set_num_threads(1)
settings.register_profile("seeded", derandomize=True, deadline=None)
settings.load_profile("seeded")

TEXTS = (
    "a gripping , funny film",
    "a dull film",
    "it does n't work , and it never ends",
    "the acting is warm and the story is moving",
    "boring",
    "the worst film of the year , a tedious bore",
)


@pytest.fixture(scope="session", autouse=True)
def network_cut_off():
    """No test reaches another machine."""
    with no_network():
        yield


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    """Texts of 1 to 10 tokens, whose every word the tokenizer knows."""
    return TEXTS


@pytest.fixture(scope="session")
def tokenizer() -> TextTokenizer:
    return train_tokenizer(TEXTS, min_frequency=1)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., ModelConfig]:
    """A factory of the smallest configurations: ``tiny_config(readout="residual", n_layers=2)``."""

    def make(readout: str = "neurons", **sizes) -> ModelConfig:
        small = {"n_layers": 1, "d_model": 16, "n_heads": 2, "d_mlp": 32, "n_ctx": 32, "d_vmask": 8}
        return ModelConfig(readout=readout, **{**small, **sizes})

    return make


@pytest.fixture(scope="session")
def make_model(tokenizer, tiny_config) -> Callable[..., HookedClassifier]:
    """A factory of classifiers with weights of a trained model's size.

    Freshly drawn weights are so small that attention is uniform, logits are near 0 and all biases are 0: an error in
    one of them would hide below any tolerance.
    """

    def make(readout: str = "neurons", *, labels=("negative", "positive"), seed: int = 0, **sizes) -> HookedClassifier:
        config = tiny_config(readout, **sizes)
        model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=labels, seed=seed)
        generator = torch.Generator().manual_seed(seed + 1)
        for weight in saved_weights(model).values():  # the same ones whatever the backbone calls them itself
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=0.3)
        return model

    return make


@pytest.fixture(params=[("neurons", 1), ("neurons", 2), ("residual", 1), ("residual", 2)], ids="{0[0]}-{0[1]}".format)
def model(request, make_model) -> HookedClassifier:
    """A classifier in evaluation mode, with either readout, of one or two layers."""
    readout, n_layers = request.param
    return make_model(readout, n_layers=n_layers)


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory) -> Path:
    """A folder with a BERT of 2 layers and random weights, which no test writes to."""
    from tests.backbones.pretrained.encoders import write_small_bert  # needs MiniLM's package, which few tests do

    return write_small_bert(tmp_path_factory.mktemp("encoders") / "small-bert")


@pytest.fixture(scope="session")
def hooks_left() -> Callable[[HookedClassifier], list[str]]:
    """A function: the names of the modules of a model that carry a hook of any kind, PyTorch's or TransformerLens's.

    Those that a bridge hangs on its own modules at its first pass, for good, are not counted. Hook points of the
    backbone have the names that the backbone gives them.
    """
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "fwd_hooks", "bwd_hooks")

    def is_bridges_own(hook) -> bool:
        return getattr(hook, "__module__", "").startswith("transformer_lens.model_bridge")

    def is_hooked(module) -> bool:
        hooks = [getattr(module, kind, ()) for kind in kinds]
        found = [hook for some in hooks for hook in (some.values() if isinstance(some, dict) else some)]
        return any(not is_bridges_own(hook) for hook in found)

    def find(model: HookedClassifier) -> list[str]:
        points = {point: f"backbone.{name}" for name, point in model.adapter.hook_points.items()}
        return [points.get(module, name) for name, module in model.named_modules() if is_hooked(module)]

    return find


@dataclass(frozen=True)
class RandomBatch:
    """What the terms of the penalty are made of, for texts of different lengths padded at the right."""

    neurons: Tensor
    embed: Tensor
    pattern: Tensor
    importance: Tensor
    correlation: Tensor
    mask: Tensor


@pytest.fixture(scope="session")
def random_batch() -> Callable[..., RandomBatch]:
    """A factory: ``random_batch(lengths=(5, 3, 1), seed=0)``; what stands at padding is finite and arbitrary."""

    def make(lengths=(5, 3, 1), *, seed: int = 0, heads: int = 2, d_mlp: int = 8, d_model: int = 6) -> RandomBatch:
        g = torch.Generator().manual_seed(seed)
        batch, pos = len(lengths), max(lengths)
        mask = torch.arange(pos) < torch.tensor(lengths).unsqueeze(1)
        scores = 3 * torch.randn(batch, heads, pos, pos, generator=g)
        links = torch.rand(batch, pos, pos, generator=g)
        links = ((links + links.transpose(1, 2)) / 2 - 0.3).clamp_min(0.0)
        return RandomBatch(
            neurons=torch.randn(batch, pos, d_mlp, generator=g).relu(),
            embed=torch.randn(batch, pos, d_model, generator=g),
            pattern=scores.masked_fill(~mask[:, None, None, :], float("-inf")).softmax(-1),
            importance=torch.rand(batch, pos, generator=g),
            correlation=links * mask.unsqueeze(1) * mask.unsqueeze(2) * (1 - torch.eye(pos)),
            mask=mask,
        )

    return make
