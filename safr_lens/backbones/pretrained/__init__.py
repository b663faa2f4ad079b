"""Pretrained encoders of the ``transformers`` library, under TransformerLens's hook names."""

from safr_lens.backbones.pretrained.families import DECODERS, FAMILIES, Family
from safr_lens.backbones.pretrained.hooked import HookedEncoder
from safr_lens.backbones.pretrained.load import load_encoder, make_encoder

__all__ = ["DECODERS", "FAMILIES", "Family", "HookedEncoder", "load_encoder", "make_encoder"]
