"""Over how many neurons a token's evidence is spread."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def neurons_for_half(evidence: Float[Tensor, "n_tokens d_mlp"]) -> Int[Tensor, " n_tokens"]:
    r"""Return the fewest neurons whose evidence, in absolute value, makes up half of a token's.

    .. math:: k_i = \min \Big\{ |S| : \sum_{n \in S} |e_{in}| \ge \tfrac{1}{2} \sum_n |e_{in}| \Big\}, \qquad
              e_{in} = h_{in} \, (W_{out}[n] W_U) \cdot m

    with m = 1 at the predicted class and -1 / (C - 1) at each of the C - 1 others. Range [1, d_mlp / 2] and 1 for one
    neuron; 0 for a token without any evidence. It does not change with the scale of the evidence or the order of the
    neurons. Rectified normal activations with normal directions need about 0.08 d_mlp.

    Args:
        evidence: e, what each neuron adds at each token to the predicted class over the mean of the others.

    >>> neurons_for_half(torch.tensor([[4.0, -3.0, 2.0, 0.0], [0.0, 0.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]])).tolist()
    [2, 1, 0]
    """
    summed = _ascending(evidence.abs()).cumsum(1)
    return (summed > summed[:, -1:] / 2).sum(1)


def interpolated_median(counts: Float[Tensor, "*rows n_values"]) -> Float[Tensor, "*rows"]:
    r"""Return the median of whole numbers of which only the frequencies are known, interpolated within its number.

    .. math:: v - \tfrac{1}{2} + \frac{N / 2 - F}{f}

    with v the median, f how often it occurs, F how many values are below it and N how many there are. A plain median
    of whole numbers jumps from one to the next, and its spread over resamples says little. NaN without values.

    Args:
        counts: how often each of 0, 1, 2, ... occurs.

    >>> interpolated_median(torch.tensor([[0.0, 2.0, 6.0, 2.0], [0.0, 5.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    tensor([2.0000, 1.5000,    nan])
    """
    half = counts.sum(-1, keepdim=True) / 2
    ends = counts.cumsum(-1)
    value = (ends < half).sum(-1, keepdim=True).clamp_max(counts.shape[-1] - 1)
    times = counts.gather(-1, value)
    return (value - 0.5 + (half - ends.gather(-1, value) + times) / times).squeeze(-1)


def _ascending(values: Float[Tensor, "n_tokens d_mlp"]) -> Float[Tensor, "n_tokens d_mlp"]:
    # numpy sorts short rows twenty times as fast as PyTorch does on a CPU
    on_cpu = values.device.type == "cpu"
    return torch.from_numpy(np.sort(values.detach().numpy())) if on_cpu else values.sort(1).values
