"""A classifier that was fine-tuned with ``transformers``, as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.pretrained.adapter import EncoderAdapter
from safr_lens.backbones.pretrained.families import Family
from safr_lens.backbones.pretrained.hooked import HookedEncoder
from safr_lens.backbones.pretrained.load import SPECIAL_IDS, make_classifier
from safr_lens.backbones.readout import Readout
from safr_lens.errors import ConfigError


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
