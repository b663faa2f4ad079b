"""The weights of a model that a training changes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

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
