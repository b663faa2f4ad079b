"""The weights of a model that a training changes, and the model with these as they were before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from safr_lens.models.classifier import HookedClassifier
from safr_lens.visible import listed


def learned_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state of a model without its frozen parameters.

    >>> model = nn.Sequential(nn.Linear(1, 1).requires_grad_(False), nn.Linear(1, 1))
    >>> sorted(learned_state(model))
    ['1.bias', '1.weight']
    """
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in model.state_dict().items() if name not in frozen}


def load_learned(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what :func:`learned_state` returned.

    Raises:
        RuntimeError: names or shapes that do not fit.
    """
    differing = learned_state(model).keys() ^ state.keys()
    if differing:
        raise RuntimeError(f"the state and the model do not share {listed(sorted(differing))}")
    model.load_state_dict(dict(state), strict=False)


def untrained(model: HookedClassifier, *, seed: int = 0) -> HookedClassifier:
    """Return a classifier with the architecture, tokenizer and labels of another, at random initialisation.

    What it scores is what the architecture and the data alone give; weights that a training would leave alone are those
    of the other.
    """
    fresh = HookedClassifier.from_config(model.config, tokenizer=model.tokenizer, labels=model.labels, seed=seed)
    own = dict(fresh.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not own[name].requires_grad:
                own[name].copy_(parameter)
    return fresh.to(model.device)
