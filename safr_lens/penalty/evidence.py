"""How much each neuron of the last layer can say about the class."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.errors import ConfigError


def class_effects(backbone: BackboneAdapter) -> Float[Tensor, " d_mlp"]:
    r"""Return how far apart one unit of each neuron moves the classes.

    .. math:: a_n = \| d_n - \bar d_n \|_2

    with :math:`d_n` what neuron n of the last layer writes to the logits, ahead of the final norm's scale, and
    :math:`\bar d_n` its mean over classes. An activation times it is the size of the neuron's evidence at a token. The
    gradient reaches what neurons write, but not the readout.

    Returns:
        At least 0, in logits per unit of activation.

    Raises:
        ConfigError: a backbone whose logits are no sum over neurons.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> class_effects(model.adapter).shape
    torch.Size([32])
    """
    check_has_evidence(backbone)
    direct = backbone.readout().direct(backbone.w_out(backbone.n_layers - 1))
    return (direct - direct.mean(-1, keepdim=True)).norm(dim=-1)


def check_has_evidence(backbone: BackboneAdapter, *layers: int) -> None:
    """Raise a ConfigError for a backbone or layers whose neurons add nothing that can be known to the logits."""
    last = backbone.n_layers - 1
    if not backbone.capabilities.exact_decomposition or any(layer != last for layer in layers):
        raise ConfigError(
            "overlap_of='evidence' needs neurons that add to the logits: those of the last layer of a classifier that "
            "reads them out. Leave out layers and choose another backbone, or use overlap_of='activations'."
        )
