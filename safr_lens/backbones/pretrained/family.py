"""Where things are in a family of encoders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Family:
    """Modules of an encoder, by their paths in it; those of a block start at the block.

    Attributes:
        model_class: of ``transformers``.
        sizes: names in the configuration of ``n_layers``, ``d_model``, ``d_mlp``, ``n_ctx`` and ``act_fn``.
        embedder: looks tokens up.
        embeddings: by hook name, the other modules ahead of the blocks whose outputs are hook points.
        blocks: the list of blocks.
        attention: calls the attention function.
        attention_output: what attention writes, ahead of the residual.
        residual_mid: by path, the module whose output (``"out"``) or input (``"in"``) is the stream that the MLP's
            output is added to; None where there is none.
        w_in, w_out: the linear layers around the neurons.
        mlp_output: what the MLP writes, ahead of the residual.
        final_norm: makes the token vectors; with ``{last}`` for the last block.
        gated: half of ``w_in`` multiplies the other half, so that no neuron reads with one direction.
        classifier_class: of ``transformers``, where fine-tuned ones can be opened.
        decoder: tokens attend to those ahead of them alone; such a model is read through a neuron head.
        without: options of the model class.
        reserved_positions: positions that no token can have.
        reads_first: whether a classifier reads the first token alone.
    """

    model_class: type[PreTrainedModel]
    sizes: tuple[str, str, str, str, str]
    embedder: str
    embeddings: Mapping[str, str]
    blocks: str
    attention: str
    attention_output: str
    residual_mid: tuple[str, str] | None
    w_in: str
    w_out: str
    mlp_output: str
    final_norm: str
    classifier_class: type[PreTrainedModel] | None = None
    gated: bool = False
    decoder: bool = False
    without: Mapping[str, bool] = field(default_factory=dict)
    reserved_positions: Callable[[PreTrainedConfig], int] = lambda config: 0
    reads_first: Callable[[PreTrainedConfig], bool] = lambda config: True
