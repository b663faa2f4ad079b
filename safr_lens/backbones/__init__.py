"""Backbones: the networks that a classifier can stand on, behind one protocol.

A new one takes a file that implements :class:`BackboneAdapter`, and its registration: below, or from outside the
package.
"""

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.freezing import Freeze
from safr_lens.backbones.hooked_transformer import HookedTransformerAdapter
from safr_lens.backbones.native_bridge import NativeBridgeAdapter
from safr_lens.backbones.neuron_head import NeuronHeadAdapter
from safr_lens.backbones.pretrained.adapter import HFClassifierAdapter, PretrainedAdapter
from safr_lens.backbones.protocol import BackboneAdapter, Capabilities, Encoder
from safr_lens.backbones.readout import Readout
from safr_lens.backbones.registry import make_backbone, register_backbone, registered_backbones

register_backbone("hooked_transformer", HookedTransformerAdapter.from_config)
register_backbone("native_bridge", NativeBridgeAdapter.from_config)
register_backbone("pretrained", PretrainedAdapter.from_config)
register_backbone("neuron_head", NeuronHeadAdapter.from_config)
register_backbone("hf_classifier", HFClassifierAdapter.from_config)

__all__ = [
    "BackboneAdapter",
    "BackboneConfig",
    "Capabilities",
    "Encoder",
    "Freeze",
    "HFClassifierAdapter",
    "HookedTransformerAdapter",
    "NativeBridgeAdapter",
    "NeuronHeadAdapter",
    "PretrainedAdapter",
    "Readout",
    "make_backbone",
    "register_backbone",
    "registered_backbones",
]
