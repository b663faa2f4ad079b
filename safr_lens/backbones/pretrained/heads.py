"""A neuron head on a pretrained encoder, from a configuration."""

from __future__ import annotations

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.neuron_head import NeuronHead, NeuronHeadAdapter
from safr_lens.backbones.pretrained.load import make_encoder


def neuron_head(config: BackboneConfig, *, d_vocab: int, n_classes: int) -> NeuronHeadAdapter:
    """Return a head of ``config.d_mlp`` neurons, with random weights, on the encoder of ``config.encoder``."""
    encoder = make_encoder(config.encoder or {})
    head = NeuronHead(encoder.d_model, config.d_mlp, n_classes)
    return NeuronHeadAdapter(encoder, head, freeze="all" if config.freeze is None else config.freeze)
