"""What neurons do elsewhere: at a sample of tokens of some data, and on average over all of them."""

from __future__ import annotations

from collections.abc import Iterable

from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.means import averaged
from safr_lens.activations.stream import Data
from safr_lens.checks import check_number
from safr_lens.measures.finite import finite_activations
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.sampling import DrawnSample, token_draws

N_REFERENCE = 2048


def reference_neurons(
    model: HookedClassifier, data: Data, *, layer: int = -1, n: int = N_REFERENCE, seed: int = 0
) -> Float[Tensor, "n_tokens d_mlp"]:
    """Return the neurons at ``n`` tokens drawn from data without replacement; all tokens where there are fewer.

    The draw depends on the seed and on where a token stands in the data, not on how the data is cut into batches.

    Args:
        model: a classifier.
        data: texts, or rows with ``text``, streamed once.
        layer: by default the last.
        n: how many tokens.
        seed: of the draw.

    Returns:
        One row a token, in random order, in float32 on the CPU.

    Raises:
        ConfigError: a layer that the model does not have, or ``n`` below 1.
        DataError, TextError: see :func:`safr_lens.activations.stream_activations`.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> reference_neurons(model, ["a good film", "good"], n=3).shape
    torch.Size([3, 32])
    """
    check_number("n", n, low=1, whole=True)
    name = model.adapter.neurons(checked_layer(model, layer))
    return sampled(finite_activations(model, data, name), [name], n=n, seed=seed)[name]


def mean_neurons(model: HookedClassifier, data: Data, *, layer: int = -1) -> Float[Tensor, " d_mlp"]:
    """Return the mean of each neuron over the real tokens of data.

    Args:
        model: a classifier.
        data: texts, or rows with ``text``, streamed once.
        layer: by default the last.

    Raises:
        ConfigError: a layer that the model does not have.
        DataError, TextError: see :func:`safr_lens.activations.stream_activations`.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> mean_neurons(model, ["a good film", "good"]).shape
    torch.Size([32])
    """
    name = model.adapter.neurons(checked_layer(model, layer))
    return averaged(finite_activations(model, data, name), [name])[name]


def sampled(
    stream: Iterable[ActivationBatch], names: list[str], *, n: int, seed: int
) -> dict[str, Float[Tensor, "n_tokens d_mlp"]]:
    """Return the activations of some hook points at the same ``n`` tokens of a stream."""
    sample = DrawnSample(n)
    for batch in stream:
        draws = token_draws(batch.example[batch.rows], batch.positions, seed=seed)
        sample.add(draws, *(batch.activations[name].float() for name in names))
    return dict(zip(names, sample.columns(), strict=True))
