"""Classifiers on pretrained encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from typing import TypeVar

from torch import nn

from safr_lens.backbones.config import BATCH_TOP_K, TOP_K
from safr_lens.backbones.freezing import Freeze
from safr_lens.backbones.pretrained.classifier_adapter import HFClassifierAdapter
from safr_lens.backbones.pretrained.families import family_of
from safr_lens.backbones.pretrained.load import load_classifier, load_encoder
from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.models.config import LAST, READOUTS, ModelConfig
from safr_lens.visible import shown

Model = TypeVar("Model", bound=nn.Module)
BACKBONE_READOUTS = ("neuron_head", *READOUTS)
HEAD_ACT_FNS = ("relu", TOP_K, BATCH_TOP_K)


def of_hf_classifier(make: Callable[..., Model], source: str | PathLike[str]) -> Model:
    """Return what ``make`` makes of a fine-tuned classifier; see ``HookedClassifier.from_hf_classifier``."""
    whole, tokenizer, described = load_classifier(source)
    names = whole.config.id2label
    adapter = HFClassifierAdapter(whole, family_of(whole.config.model_type, where=str(source)), tokenizer.special_ids)
    config = ModelConfig(
        backbone="hf_classifier",
        encoder=described,
        n_layers=adapter.n_layers,
        d_model=adapter.d_model,
        n_heads=whole.config.num_attention_heads,
        d_mlp=adapter.d_mlp,
        n_ctx=adapter.n_ctx,
        d_vmask=0,
        dropout=0.0,
        readout="residual",
    )
    model = make(config, tokenizer=tokenizer, labels=[names[number] for number in sorted(names)])
    model.backbone.load_state_dict(adapter.module.state_dict())
    return model


def on_pretrained_encoder(
    make: Callable[..., Model],
    source: str | PathLike[str],
    *,
    labels: Sequence[str],
    readout: str,
    layers: int | None,
    d_mlp: int,
    act_fn: str,
    k: int | None,
    d_vmask: int,
    freeze: Freeze | None,
    n_ctx: int | None,
    pooling: str,
    seed: int,
) -> Model:
    """Return what ``make`` makes on an encoder; see ``HookedClassifier.from_pretrained_backbone``."""
    check_choice("readout", readout, BACKBONE_READOUTS)
    check_act_fn(act_fn, k, readout)
    encoder, tokenizer, encoder_config = load_encoder(source, layers=layers)
    if n_ctx is not None:
        check_number("n_ctx", n_ctx, low=3, high=encoder.n_ctx, whole=True)
    if pooling == "last" and not encoder.family.decoder:
        raise ConfigError(f'pooling="last" needs a decoder{LAST}.')
    head = readout == "neuron_head"
    config = ModelConfig(
        backbone="neuron_head" if head else "pretrained",
        encoder=encoder_config,
        freeze=freeze if freeze is not None else "all" if head else "none",
        n_layers=1 if head else encoder.n_layers,
        d_model=encoder.d_model,
        n_heads=encoder.module.config.num_attention_heads,
        d_mlp=d_mlp if head else encoder.d_mlp,
        act_fn=act_fn,
        k=k,
        n_ctx=n_ctx or encoder.n_ctx,
        d_vmask=d_vmask,
        dropout=0.0,
        readout="neurons" if head else readout,
        pooling=pooling,
    )
    model = make(config, tokenizer=tokenizer, labels=labels, seed=seed)
    model.adapter.module.encoder.load_state_dict(encoder.module.state_dict())
    return model


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
