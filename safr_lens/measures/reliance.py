"""How much of the decision passes through the MLPs: what is lost when they are ablated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.means import averaged
from safr_lens.activations.stream import text_batches
from safr_lens.backbones.edits import Edits, is_edited
from safr_lens.data.rows import Data
from safr_lens.errors import ConfigError
from safr_lens.measures.finite import finite_activations
from safr_lens.measures.predictions import Evaluation, Predictions, evaluate, predict_split
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.indexing import checked_layer
from safr_lens.processes import process_share

CARRIES = 0.05


@dataclass(frozen=True)
class Lost:
    """What an ablation costs: accuracy (as a share, 0.01 is a point) and loss (nats)."""

    accuracy_lost: float
    loss_gained: float


@dataclass(frozen=True)
class Reliance:
    """What a model loses without the MLPs of ``layers``; higher means that more of the decision passes through them.

    Accuracy lost lies between -1 and 1 and is about 0 for an untrained model; its standard error on n texts is about
    0.7 / sqrt(n), so 1,000 texts tell 5 points from 0.

    Attributes:
        layers: which MLPs were ablated, all at once.
        zero: their output set to 0.
        mean: their output set to its mean over the real tokens of the split, which keeps the constant they add.
        carried: whether both cost at least 5 points of accuracy; where they do not, the neurons do not carry the
            decision, and how readable they are says little about the model.
    """

    layers: tuple[int, ...]
    zero: Lost
    mean: Lost

    @property
    def carried(self) -> bool:
        return min(self.zero.accuracy_lost, self.mean.accuracy_lost) >= CARRIES

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON holds them."""
        return {**asdict(self), "layers": list(self.layers), "carried": self.carried}


def reliance(
    model: HookedClassifier,
    split: Data,
    *,
    layers: Iterable[int] | None = None,
    intact: Evaluation | None = None,
) -> Reliance:
    """Zero- and mean-ablate the outputs of the MLPs of all chosen layers at once.

    Args:
        model: a classifier.
        split: texts and labels.
        layers: which MLPs; by default all.
        intact: the model's evaluation on this split, if it is known already.

    Raises:
        ConfigError: a layer that the model does not have.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> rows = [{"text": "a good film", "label": label} for label in (0, 1)]
    >>> reliance(model, rows).zero.accuracy_lost  # one answer for one text, with or without the MLP
    0.0
    """
    chosen = _checked_layers(model, layers)
    intact = intact or evaluate(model, split)
    lost = {}
    for mode, ablated in ablated_predictions(model, split, layers=chosen).items():
        accuracy, loss = ablated.correct.double().mean().item(), ablated.loss.mean().item()
        lost[mode] = Lost(intact.accuracy - accuracy, loss - intact.loss)
    return Reliance(chosen, **lost)


def ablated_predictions(
    model: HookedClassifier,
    split: Data,
    *,
    layers: Iterable[int] | None = None,
    means: Mapping[str, Float[Tensor, " d_out"]] | None = None,
) -> dict[str, Predictions]:
    """Return the predictions with the chosen MLPs ablated, text by text, by mode: what a :class:`Reliance` is made of.

    Args:
        model, split, layers: as for :func:`reliance`.
        means: mean output of each MLP over the tokens of the split, by hook point, if it is known already.

    Raises:
        ConfigError: as :func:`reliance`.
    """
    chosen = _checked_layers(model, layers)
    alike = _reads_last_mlp_alone(model, chosen)
    by_mode = {}
    for mode, replace in _replacements(model, split, chosen, means).items():
        with replace.around(model.hook_dict):
            constant = _of_first_text(model, split) if alike else None
            by_mode[mode] = predict_split(model, split, constant=constant)
    return by_mode


def _reads_last_mlp_alone(model: HookedClassifier, ablated: tuple[int, ...]) -> bool:
    """Whether nothing but ablated MLPs reaches the logits, which are then the same for every text."""
    untouched = not any(point._forward_hooks or is_edited(point) for point in model.hook_dict.values())
    return untouched and model.config.readout == "neurons" and model.config.n_layers - 1 in ablated


def _of_first_text(model: HookedClassifier, split: Data) -> Float[Tensor, " n_classes"]:
    batch = next(text_batches(model, split)).to(model.device)
    with evaluating(model):
        return model(batch.tokens[:1], batch.mask[:1]).logits[0].float()


def _checked_layers(model: HookedClassifier, layers: Iterable[int] | None) -> tuple[int, ...]:
    chosen = range(model.config.n_layers) if layers is None else [checked_layer(model, layer) for layer in layers]
    if not chosen:
        raise ConfigError("layers names no layer; leave it out to ablate all MLPs.")
    return tuple(chosen)


def _replacements(
    model: HookedClassifier, split: Data, layers: tuple[int, ...], means: Mapping[str, Tensor] | None = None
) -> dict[str, Edits]:
    names = [model.adapter.mlp_output(layer) for layer in layers]
    if means is None:
        process, n_processes = process_share()
        stream = finite_activations(model, split, names, process=process, n_processes=n_processes)
        means = averaged(stream, names, shared=True)
    known = {name: means[name].to(model.device) for name in names}
    zeros = {name: torch.zeros_like(mean) for name, mean in known.items()}
    return {
        mode: Edits(after=[(name, lambda out, value=value: value.expand_as(out)) for name, value in values.items()])
        for mode, values in (("zero", zeros), ("mean", known))
    }
