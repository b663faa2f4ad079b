"""Only the largest neurons are kept: an edit behind the ReLU, ahead of the user's hooks."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from safr_lens.backbones.config import BATCH_TOP_K, BackboneConfig
from safr_lens.backbones.edits import Edit
from safr_lens.backbones.protocol import BackboneAdapter

UNKNOWN = -1.0


def largest_of_token(neurons: Float[Tensor, "*shape d_mlp"], k: int) -> Float[Tensor, "*shape d_mlp"]:
    r"""Keep the k largest neurons of each token and set all others to 0.

    .. math:: h'_n = h_n \; [\, \#\{m : h_m > h_n \text{ or } (h_m = h_n, m < n)\} < k \,]

    Args:
        neurons: h, at least 0.
        k: at least 1; of equal neurons those with the lower number are kept.

    Source: Makhzani and Frey 2013 (arXiv 1312.5663), Gao et al. 2024 (arXiv 2406.04093).

    >>> largest_of_token(torch.tensor([[3.0, 1.0, 2.0, 2.0]]), 2)
    tensor([[3., 0., 2., 0.]])
    """
    if k >= neurons.shape[-1]:
        return neurons
    smallest = neurons.detach().topk(k).values[..., -1:]
    above, equal = neurons > smallest, neurons == smallest
    return neurons * (above | (equal & (equal.cumsum(-1) <= k - above.sum(-1, keepdim=True))))


def largest_of_batch(
    neurons: Float[Tensor, "batch pos d_mlp"], mask: Bool[Tensor, "batch pos"], k: int
) -> Float[Tensor, "batch pos d_mlp"]:
    """Keep the ``k n`` largest of all neurons of the n real tokens, k a token on average, and set all others to 0.

    Args:
        neurons: h, at least 0.
        mask: True at real tokens; others keep no neuron.
        k: at least 1; of equal ones those of the earlier token and lower number are kept.

    Source: Bussmann et al. 2024 (arXiv 2412.06410).

    >>> neurons = torch.tensor([[[3.0, 2.0], [1.0, 0.0], [9.0, 9.0]]])
    >>> largest_of_batch(neurons, torch.tensor([[True, True, False]]), 1)
    tensor([[[3., 2.],
             [0., 0.],
             [0., 0.]]])
    """
    real = neurons[mask].flatten(1)
    kept = torch.zeros_like(neurons)
    kept[mask] = largest_of_token(real.flatten(), k * len(real)).view_as(real) if len(real) else real
    return kept


class TopK(nn.Module):
    """Which neurons a classifier keeps, with ``act_fn`` ``"topk"`` or ``"batch_topk"``.

    With ``"topk"`` each token keeps its k largest. With ``"batch_topk"`` the batch keeps k a token on average in
    training; in evaluation neurons from a threshold on are kept, which the training estimated
    (:func:`safr_lens.training.top_k.estimate_thresholds`), so that no text depends on those beside it. A classifier
    that has none yet keeps k of each token.

    Args:
        config: with ``k``.

    Attributes:
        thresholds: one a layer, part of the checkpoint; -1 where none is known yet. With ``"batch_topk"`` alone.
    """

    thresholds: Float[Tensor, " n_layers"]

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        assert config.k is not None
        self.k, self.n_layers = config.k, config.n_layers
        self.over_batch = config.act_fn == BATCH_TOP_K
        if self.over_batch:
            self.register_buffer("thresholds", torch.full((config.n_layers,), UNKNOWN))

    def edits(self, adapter: BackboneAdapter, mask: Bool[Tensor, "batch pos"], k: int | None) -> list[tuple[str, Edit]]:
        """Return the edits of one forward pass, which run ahead of the user's hooks.

        Args:
            adapter: says where neurons are.
            mask: True at the tokens of the text.
            k: so many, over the batch with ``"batch_topk"``, instead of what evaluation and training take themselves.
        """
        keep = partial(self._kept, mask=mask, k=k)
        return [(adapter.neurons(layer), partial(keep, layer=layer)) for layer in range(self.n_layers)]

    def _kept(self, neurons: Tensor, *, layer: int, mask: Tensor, k: int | None) -> Tensor:
        if self.over_batch and (self.training or k is not None):
            return largest_of_batch(neurons, mask, k or self.k)
        if self.over_batch and self.thresholds[layer] >= 0:
            return neurons * (neurons >= self.thresholds[layer])
        return largest_of_token(neurons, k or self.k)
