"""What a classifier is made of."""

from __future__ import annotations

from dataclasses import dataclass

from safr_lens.backbones.config import BATCH_TOP_K, TOP_K, BackboneConfig
from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.models.output import POOLINGS
from safr_lens.visible import shown

READOUTS = ("neurons", "residual")
BACKBONE_READOUTS = ("neuron_head", *READOUTS)
HEAD_ACT_FNS = ("relu", TOP_K, BATCH_TOP_K)
LAST = ' (GPT-2, NeoX, Llama or Qwen), whose last token has read the whole text; use pooling="mean"'


@dataclass(frozen=True, kw_only=True)
class ModelConfig(BackboneConfig):
    """Sizes of the backbone (see :class:`~safr_lens.backbones.BackboneConfig`), of VMASK and of the readout.

    The defaults are the setting of the SAFR paper, with the readout through the neurons.

    Attributes:
        d_vmask: hidden units of VMASK; 0 leaves it out: every token then has importance 1.
        dropout: share dropped at the token embedding and at the outputs of attention and MLPs in training.
        readout: ``"neurons"`` reads the class from the last MLP's output alone, ``"residual"`` from the whole
            residual stream.
        pooling: what the text's logits are of those of its tokens: their ``"mean"``, or, on a pretrained decoder, those
            of the ``"last"`` token.

    Raises:
        ConfigError: a value without meaning.
    """

    d_vmask: int = 1024
    dropout: float = 0.1
    readout: str = "neurons"
    pooling: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("d_vmask", self.d_vmask, low=0, whole=True)
        check_number("dropout", self.dropout, low=0.0, high=0.99)
        check_choice("readout", self.readout, READOUTS)
        check_choice("pooling", self.pooling, POOLINGS)
        if self.pooling == "last" and self.encoder is None:
            raise ConfigError(f'pooling="last" needs a pretrained decoder{LAST}.')


def check_act_fn(act_fn: str, k: int | None, readout: str) -> None:
    """Raise a ConfigError for neurons that are not the encoder's own, where no head is there to have them."""
    if readout != "neuron_head" and (act_fn != "relu" or k is not None):
        raise ConfigError(
            f"act_fn and k have no meaning with a pretrained backbone and readout={shown(readout)}, which reads the "
            "encoder's own neurons. Leave them out, or use readout='neuron_head'."
        )
    if act_fn not in HEAD_ACT_FNS:
        raise ConfigError(
            f"act_fn has no meaning with a pretrained backbone, other than {', '.join(HEAD_ACT_FNS)} of a neuron head; "
            f"got {shown(act_fn)}."
        )
