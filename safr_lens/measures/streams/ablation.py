"""What the answers lose without a neuron: exactly, for every neuron of the last MLP, in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.backbones import BackboneAdapter, Readout
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.text_figures import answers


@dataclass(frozen=True)
class MlpReadout:
    """What the neurons of the last MLP write, and how it becomes logits.

    Attributes:
        out: what each neuron writes to the residual, as the final norm leaves it ahead of its scale.
        readout: final norm and unembedding.
    """

    out: Float[Tensor, "d_mlp d_model"]
    readout: Readout

    @classmethod
    def of(cls, backbone: BackboneAdapter) -> MlpReadout:
        """Return the last MLP's readout of a backbone."""
        readout = backbone.readout()
        with torch.no_grad():
            return cls(readout.centred(backbone.w_out(backbone.n_layers - 1)), readout)


@dataclass(frozen=True)
class AblationEffects:
    """What changes when a neuron is ablated, for each neuron; means over texts.

    Attributes:
        loss_gained: in nats; positive where the neuron helps.
        accuracy_lost: as a share; NaN, like the loss, where texts have no label.
        logits: change of each class's logit.
    """

    loss_gained: Float[Tensor, " d_mlp"]
    accuracy_lost: Float[Tensor, " d_mlp"]
    logits: Float[Tensor, "d_mlp n_classes"]


def logits_without(
    mlp: MlpReadout,
    resid_post: Float[Tensor, "n_tokens d_model"],
    removed: Float[Tensor, "n_tokens d_mlp"],
) -> Float[Tensor, "n_classes n_tokens d_mlp"]:
    r"""Return the token logits that the model would have if one neuron were changed, for each neuron.

    With r the centred residual, :math:`\delta` what is taken from neuron n's activation and w its centred output,

    .. math:: \frac{(r - \delta w) R}{\sqrt{\|r - \delta w\|^2 / d + \epsilon}} + b, \qquad
              \|r - \delta w\|^2 = \|r\|^2 - 2 \delta\, r \cdot w + \delta^2 \|w\|^2

    so the final LayerNorm is followed exactly, at the cost of one matrix product; without a norm, the root is 1.

    Args:
        mlp: of the model.
        resid_post: the residual after the last layer.
        removed: delta; the activation itself for a neuron set to 0, its difference to the mean for mean-ablation.
    """
    resid, readout = mlp.readout.centred(resid_post), mlp.readout
    scale = _scale(mlp.out, resid, removed, readout.eps)
    read, writes = resid @ readout.weight, mlp.out @ readout.weight
    changed = [
        torch.addcmul(read[:, i : i + 1], removed, writes[:, i], value=-1.0).mul_(scale).add_(bias)
        for i, bias in enumerate(readout.bias)
    ]
    return torch.stack(changed)


def _scale(out: Tensor, resid: Tensor, removed: Tensor, eps: float | None) -> Tensor:
    if eps is None:
        return torch.ones(())
    # in place, since these are the largest tensors of a whole analysis
    scale = (resid @ out.T).mul_(-2.0)
    scale.addcmul_(removed, out.square().sum(1)).mul_(removed).add_(resid.square().sum(1, keepdim=True))
    return scale.clamp_min_(0.0).div_(resid.shape[1]).add_(eps).rsqrt_()


class AblationStream(DataclassMetric[AblationEffects]):
    """Streams the effect of ablating each neuron of the last MLP alone, without running the model again.

    Args:
        mlp: of the model.
        mean: the neurons' means for mean-ablation; zero-ablation without.
        pooling: what a text's logits are of those of its tokens.
    """

    def __init__(self, mlp: MlpReadout, *, mean: Float[Tensor, " d_mlp"] | None = None, pooling: str = "mean") -> None:
        super().__init__()
        self.mlp, self.mean, self.pooling = mlp, mean, pooling
        d_mlp, n_classes = len(mlp.out), len(mlp.readout.bias)
        self.add_state("losses", torch.zeros(d_mlp, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("wrongs", torch.zeros(d_mlp, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("logits", torch.zeros(d_mlp, n_classes, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("n", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(
        self,
        neurons: Float[Tensor, "n_tokens d_mlp"],
        resid_post: Float[Tensor, "n_tokens d_model"],
        lengths: Int[Tensor, " n_texts"],
        labels: Int[Tensor, " n_texts"],
    ) -> None:
        """Add some texts: neurons and residual of their real tokens, text by text; -1 as label where there is none."""
        removed = neurons.float() if self.mean is None else neurons.float() - self.mean.to(neurons.device)
        tokens = self.mlp.readout.logits(resid_post)
        intact = self._of_texts(tokens, lengths)
        changed = [self._of_texts(one, lengths) for one in logits_without(self.mlp, resid_post, removed)]
        changes = torch.stack(changed, 2) - intact.unsqueeze(1)
        self.n += len(lengths)
        self.logits += changes.double().sum(0)
        before, after = answers(intact.unsqueeze(1), labels), answers(intact.unsqueeze(1) + changes, labels)
        self.wrongs += (before[0] - after[0]).sum(0)
        self.losses += (after[1] - before[1]).sum(0)

    def _result(self) -> AblationEffects:
        return AblationEffects(
            loss_gained=(self.losses / self.n).float().cpu(),
            accuracy_lost=(self.wrongs / self.n).float().cpu(),
            logits=(self.logits / self.n).float().cpu(),
        )

    def _of_texts(self, values: Tensor, lengths: Tensor) -> Tensor:
        if self.pooling == "last":
            return values[lengths.cumsum(0) - 1]
        rows = torch.repeat_interleave(lengths)
        sums = values.new_zeros(len(lengths), *values.shape[1:]).index_add_(0, rows, values)
        return sums / lengths.unsqueeze(1)
