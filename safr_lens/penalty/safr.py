"""``SafrPenalty``: which terms, at which site, with which weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.errors import ConfigError
from safr_lens.models.backbone import neurons_hook, pattern_hook
from safr_lens.models.config import check_choice, check_number
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.embedding import embedding_importance, embedding_interaction
from safr_lens.penalty.information import information
from safr_lens.penalty.neurons import neuron_importance, neuron_interaction
from safr_lens.penalty.schedule import Schedule, as_schedule

SITES = ("neurons", "embedding", "none")
INFORMATION_WEIGHT = Schedule(start=1.0, end=0.1, delay=1.0, epochs=0.0)
Terms = dict[str, Float[Tensor, ""]]


@dataclass(frozen=True, kw_only=True)
class SafrPenalty:
    """The terms that SAFR adds to the cross-entropy, each returned by name and unweighted.

    ``loss = CE + importance_weight L_imp + interaction_weight L_inter + information_weight L_info``; terms of several
    layers are averaged. Adding padding never changes a term.

    Attributes:
        site: ``"neurons"`` (MLP activations), ``"embedding"`` (the authors' release) or ``"none"`` (the information
            term alone: the unregularised classifier).
        importance_weight, interaction_weight, information_weight: a number, or a :class:`Schedule` over epochs.
        layers: which layers' neurons and attention; by default the last (for ``"embedding"``, the first layer's
            attention).
        threshold: of :func:`attention_correlation`.
        l1_ratio: of :func:`neuron_importance`.
        importance_grad: let the SAFR terms change which tokens count as important. Off, since a penalty that is
            weighted by q could otherwise be lowered by calling its dear tokens unimportant.
        correlation_grad: let them change which pairs count as correlated.

    Raises:
        ConfigError: an unknown site, a negative weight, a layer that is no whole number.

    >>> SafrPenalty().weights(epoch=0.0)["information"]
    1.0
    """

    site: str = "neurons"
    importance_weight: float | Schedule | Mapping[str, float] = 0.5
    interaction_weight: float | Schedule | Mapping[str, float] = 0.1
    information_weight: float | Schedule | Mapping[str, float] = INFORMATION_WEIGHT
    layers: tuple[int, ...] | None = None
    threshold: float = 2.0
    l1_ratio: float = 0.5
    importance_grad: bool = False
    correlation_grad: bool = False

    def __post_init__(self) -> None:
        check_choice("site", self.site, SITES)
        for term in ("importance", "interaction", "information"):
            name = f"{term}_weight"
            object.__setattr__(self, name, as_schedule(name, getattr(self, name)))
        check_number("threshold", self.threshold, low=0.0)
        check_number("l1_ratio", self.l1_ratio, low=0.0)
        if self.layers is not None:
            if not isinstance(self.layers, Sequence) or isinstance(self.layers, str) or not self.layers:
                raise ConfigError(f"layers must be a list of layers such as [0]; got {self.layers!r}.")
            object.__setattr__(self, "layers", tuple(self.layers))
            for layer in self.layers:
                check_number("layers", layer, low=0, whole=True)

    def chosen_layers(self, n_layers: int) -> tuple[int, ...]:
        """Return the layers of a model with ``n_layers`` that the penalty looks at.

        Raises:
            ConfigError: a layer that the model does not have.
        """
        if self.layers is None:
            return (0,) if self.site == "embedding" else (n_layers - 1,)
        for layer in self.layers:
            if layer >= n_layers:
                raise ConfigError(f"layers names layer {layer}, but the model has {n_layers} (0 to {n_layers - 1}).")
        return self.layers

    def hook_names(self, n_layers: int) -> list[str]:
        """Return the hook points whose activations :meth:`terms` needs."""
        if self.site == "none":
            return []
        layers = self.chosen_layers(n_layers)
        patterns = [pattern_hook(layer) for layer in layers]
        first = ["hook_embed"] if self.site == "embedding" else [neurons_hook(layer) for layer in layers]
        return first + patterns

    def terms(self, output: ClassifierOutput, n_layers: int) -> Terms:
        """Return every term of a batch by name, unweighted."""
        terms = {"information": information(output.importance, output.mask)}
        if self.site == "neurons":
            terms |= _mean([self._neuron_terms(output, layer) for layer in self.chosen_layers(n_layers)])
        elif self.site == "embedding":
            seen, mask = output.activations, output.mask
            patterns = [seen[pattern_hook(layer)] for layer in self.chosen_layers(n_layers)]
            interactions = [{"interaction": embedding_interaction(pattern, mask)} for pattern in patterns]
            terms |= {"importance": embedding_importance(seen["hook_embed"], mask), **_mean(interactions)}
        return terms

    def _neuron_terms(self, output: ClassifierOutput, layer: int) -> Terms:
        neurons = output.activations[neurons_hook(layer)]
        pattern = output.activations[pattern_hook(layer)]
        q = output.importance if self.importance_grad else output.importance.detach()
        correlation = attention_correlation(pattern, output.mask, self.threshold, keep_grad=self.correlation_grad)
        return {
            "importance": neuron_importance(neurons, q, correlation, output.mask, self.l1_ratio),
            "interaction": neuron_interaction(neurons, q, correlation, output.mask),
        }

    def weights(self, epoch: float) -> dict[str, float]:
        """Return the weight of each term at a point of the training, in epochs."""
        names = ["information"] if self.site == "none" else ["information", "importance", "interaction"]
        return {name: getattr(self, f"{name}_weight").at(epoch) for name in names}

    @property
    def settled(self) -> float:
        """After how many epochs no weight changes any more; the best epoch is chosen among those that follow."""
        names = self.weights(0.0)
        return max(getattr(self, f"{name}_weight").settled for name in names)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them; ``SafrPenalty(**d)`` makes the same penalty."""
        return dataclasses.asdict(self)


def _mean(layers: list[Terms]) -> Terms:
    return {name: torch.stack([terms[name] for terms in layers]).mean() for name in layers[0]}
