"""A pretrained encoder as a backbone: with a fresh linear layer behind its last norm, or with its fine-tuned head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.freezing import Freeze
from safr_lens.backbones.headed import HeadedAdapter, HeadedEncoder
from safr_lens.backbones.hook_points import BlockNames
from safr_lens.backbones.pretrained.families import Family
from safr_lens.backbones.pretrained.hooked import HookedEncoder
from safr_lens.backbones.pretrained.load import make_classifier, make_encoder
from safr_lens.backbones.pretrained.size import SPECIAL_IDS
from safr_lens.backbones.readout import Readout, mlp_alone
from safr_lens.errors import ConfigError


class EncoderAdapter(BlockNames, HeadedAdapter):
    """What all backbones on an encoder's own blocks have in common.

    Args:
        encoder: whose blocks they are.
        n_layers: how many of them.
        exact: logits are an exact sum over the last MLP's neurons and the rest.
        freeze: which of the encoder's weights are not trained (:func:`~safr_lens.backbones.freezing.freeze_encoder`).
    """

    encoder: HookedEncoder  # type: ignore[assignment]

    def __init__(self, encoder: HookedEncoder, *, n_layers: int, exact: bool, freeze: Freeze = "none") -> None:
        signed = encoder.act_fn != "relu" or encoder.family.gated
        super().__init__(encoder, freeze=freeze, exact=exact, signed=signed)
        self.n_layers, self.d_mlp, self.gated = n_layers, encoder.d_mlp, encoder.token_embedding

    readable_neurons = BlockNames.neurons

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        """Return the weights that neurons read with; of gated ones, TransformerLens's ``W_in``, not its ``W_gate``."""
        return self.encoder.linear(layer, "w_in").weight[-self.d_mlp :].T

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp d_model"]:
        return self.encoder.linear(layer, "w_out").weight.T

    def b_out(self, layer: int) -> Float[Tensor, " d_model"]:
        linear = self.encoder.linear(layer, "w_out")
        return linear.weight.new_zeros(self.d_model) if linear.bias is None else linear.bias


class PretrainedAdapter(EncoderAdapter):
    """An encoder whose token vectors, or the last MLP alone ahead of its last norm, are read by a linear layer.

    The last norm (of the last block, or behind it) plays the part of ``ln_final``: what enters it is the sum of the
    residual stream ahead of the last MLP and of what this MLP writes, so that logits are an exact sum over its neurons
    and the rest.

    Args:
        encoder: gives the token vectors.
        unembed: reads them.
        freeze: which of the encoder's weights are not trained (:func:`~safr_lens.backbones.freezing.freeze_encoder`).
    """

    readout_scale = "ln_final.hook_scale"

    def __init__(self, encoder: HookedEncoder, unembed: nn.Linear, *, freeze: Freeze = "none") -> None:
        if encoder.family.decoder:
            raise ConfigError("A decoder is read through a neuron head; use readout='neuron_head'.")
        super().__init__(encoder, n_layers=encoder.n_layers, exact=True, freeze=freeze)
        self.module = HeadedEncoder(encoder.module, unembed, trained=self.trained)

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> PretrainedAdapter:
        """Return a backbone with random weights on the encoder of ``config.encoder``."""
        encoder = make_encoder(config.encoder or {})
        unembed = nn.Linear(encoder.d_model, n_classes)
        nn.init.normal_(unembed.weight, std=0.02)
        nn.init.zeros_(unembed.bias)
        return cls(encoder, unembed, freeze="none" if config.freeze is None else config.freeze)

    def residual(self, layer: int) -> str:
        return "ln_final.hook_in" if layer == self.n_layers - 1 else super().residual(layer)

    def readout(self) -> Readout:
        norm, unembed = self.encoder.final_norm, self.module.head
        return Readout.folded(norm.weight, norm.bias, unembed.weight.T, unembed.bias, eps=norm.eps)

    def residual_writers(self) -> Mapping[str, str]:
        last = self.n_layers - 1
        return {
            f"blocks.{last}.hook_resid_mid": "all ahead of the last MLP",
            self.mlp_output(last): f"MLP of layer {last}",
        }

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module.head(self.vectors(tokens, mask))

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        last = self.n_layers - 1
        points = (f"blocks.{last}.hook_resid_mid", self.mlp_output(last), self.residual(last))
        return mlp_alone(*points) if through_neurons else Edits()


class WholeClassifier(nn.Module):
    """A classifier of ``transformers``, whose logits are those of the text at each of its positions."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    @property
    def cfg(self) -> Any:
        """The model's own configuration."""
        return self.model.config

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        logits = self.model(input_ids=tokens, attention_mask=mask).logits
        return logits.unsqueeze(1).expand(-1, tokens.shape[1], -1)


class HFClassifierAdapter(EncoderAdapter):
    """A fine-tuned classifier as a backbone.

    Its head reads the text as a whole, with a non-linear layer between, so that logits are no exact sum over tokens and
    neurons, and each position stands for all of them. Where the head reads the first token alone (``[CLS]``), the
    neurons of the last block reach the logits at no token of the text: that block is then not counted as a layer; its
    hook points are there.
    """

    readout_scale = None

    def __init__(self, model: PreTrainedModel, family: Family, special_ids: tuple[int, ...]) -> None:
        encoder = HookedEncoder(model.base_model, family, special_ids)
        n_layers = max(1, encoder.n_layers - 1) if family.reads_first(model.config) else encoder.n_layers
        super().__init__(encoder, n_layers=n_layers, exact=False)
        self.module = WholeClassifier(model)

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> HFClassifierAdapter:
        """Return a backbone with random weights from ``config.encoder``."""
        described = config.encoder or {}
        model, family = make_classifier(described)
        if model.config.num_labels != n_classes:
            raise ConfigError(f"The classifier has {model.config.num_labels} labels; got {n_classes}.")
        return cls(model, family, tuple(described.get(SPECIAL_IDS, ())))

    def readout(self) -> Readout:
        raise ConfigError("This classifier reads the text as a whole: no residual of a token becomes logits by itself.")

    def residual_writers(self) -> Mapping[str, str]:
        return {}

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module(tokens, mask)

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        if through_neurons:
            raise ConfigError("A fine-tuned classifier keeps its own readout; use readout='residual'.")
        return Edits()
