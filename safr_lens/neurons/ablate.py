"""Chosen neurons taken out of a model for the length of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.means import averaged
from safr_lens.activations.stream import Data
from safr_lens.backbones.edits import Edits
from safr_lens.checks import check_choice, check_seed
from safr_lens.errors import ConfigError
from safr_lens.measures.finite import finite_activations
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import Neurons, checked_layers
from safr_lens.neurons.reference import N_REFERENCE, sampled
from safr_lens.visible import shown

MODES = ("zero", "mean", "resample")
Rows = Float[Tensor, "n_rows d_mlp"]


@contextmanager
def ablate(
    model: HookedClassifier,
    neurons: Neurons | Mapping[int, Neurons],
    *,
    mode: str = "zero",
    data: Data | None = None,
    layer: int = -1,
    seed: int = 0,
) -> Iterator[HookedClassifier]:
    """Replace the activations of chosen neurons (those that ``W_out`` reads) while a block runs.

    - ``"zero"``: 0, which a neuron may never have by itself;
    - ``"mean"``: its mean over the real tokens of ``data``, so that the constant it adds stays;
    - ``"resample"``: its value at a random token of ``data``, drawn anew for every token and forward pass among at
      most 2,048 of them; all chosen neurons come from the same one, so that what they do together stays together.

    Everything that runs the model inside the block sees it ablated: calls, ``evaluate``, ``reliance``, ``decompose``,
    streams. Other threads see the model as it is, unless they run in a copy of this one's context
    (``contextvars.copy_context().run``). Blocks nest: the inner one has the last word on neurons that both name, and
    its ``data`` runs through the outer ablation. On the way out, by an exception too, the model is as before.

    Args:
        model: a classifier.
        neurons: one number, several, or several by layer: ``{0: [3, 17], 1: 5}``.
        mode: what stands in for the neurons.
        data: texts, or rows with ``text``, streamed once; needed for ``"mean"`` and ``"resample"``.
        layer: of neurons that are not given by layer; by default the last.
        seed: of the sample of tokens, and of the draws from it, which start anew with every block.

    Yields:
        The same model.

    Raises:
        ConfigError: an unknown mode, a mode that lacks its ``data``, or layers and neurons that the model does not
            have.
        DataError, TextError: see :func:`safr_lens.activations.stream_activations`.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> with ablate(model, range(32)):  # the neurons are all that this model reads
    ...     model("a good film").logits.tolist()
    [[0.0, 0.0]]
    """
    check_choice("mode", mode, MODES)
    chosen = checked_layers(model, neurons, layer)
    if mode != "zero" and data is None:
        raise ConfigError(f"mode {shown(mode)} takes its values from texts; name them with data=...")
    names = [model.adapter.neurons(number) for number in chosen]
    stream = finite_activations(model, data, names) if mode != "zero" else ()
    with replaced(model, chosen, replacements(model, stream, chosen, mode=mode, seed=seed), seed=seed):
        yield model


def replacements(
    model: HookedClassifier, stream: Iterable[ActivationBatch], layers: Iterable[int], *, mode: str, seed: int
) -> dict[int, Rows]:
    """Return by layer the rows of neurons that stand in for others: a row of zeros, of means, or a sample of tokens.

    ``stream`` holds the neurons of all ``layers``; it is not read for ``"zero"``.
    """
    names = {model.adapter.neurons(layer): layer for layer in layers}
    if mode == "zero":
        return {layer: torch.zeros(1, model.config.d_mlp) for layer in names.values()}
    if mode == "mean":
        return {names[name]: mean.unsqueeze(0) for name, mean in averaged(stream, list(names)).items()}
    return {names[name]: rows for name, rows in sampled(stream, list(names), n=N_REFERENCE, seed=seed).items()}


@contextmanager
def replaced(
    model: HookedClassifier, neurons: Mapping[int, list[int]], rows: Mapping[int, Rows], *, seed: int
) -> Iterator[None]:
    """Put a random one of ``rows`` in the place of the chosen neurons at every token, the same row in all layers."""
    check_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    lowest = min(neurons)
    drawn: dict[str, Tensor] = {}

    def replacing(layer: int) -> Callable[[Tensor], Tensor]:
        def replace(value: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos d_mlp"]:
            # the lowest layer comes first in every pass, also in one that stops before the others
            if layer == lowest:
                drawn["row"] = torch.randint(len(rows[layer]), value.shape[:-1], generator=generator)
            changed = value.clone()
            changed[..., neurons[layer]] = rows[layer][:, neurons[layer]][drawn["row"]].to(value)
            return changed

        return replace

    edits = Edits(after=[(model.adapter.neurons(layer), replacing(layer)) for layer in neurons])
    with edits.around(model.hook_dict):
        yield
