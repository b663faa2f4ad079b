"""Families of pretrained models that work here, and where things are in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from safr_lens.errors import ConfigError, near_matches
from safr_lens.visible import shown

SIZES = ("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings", "hidden_act")


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


BERT = Family(
    model_class=transformers.BertModel,
    classifier_class=transformers.BertForSequenceClassification,
    sizes=SIZES,
    embedder="embeddings.word_embeddings",
    embeddings={
        "hook_pos_embed": "embeddings.position_embeddings",
        "hook_token_type_embed": "embeddings.token_type_embeddings",
        "hook_full_embed": "embeddings.dropout",
    },
    blocks="encoder.layer",
    attention="attention.self",
    attention_output="attention.output.dropout",
    residual_mid=("attention.output.LayerNorm", "out"),
    w_in="intermediate.dense",
    w_out="output.dense",
    mlp_output="output.dropout",
    final_norm="encoder.layer.{last}.output.LayerNorm",
    without={"add_pooling_layer": False},
)
# positions count from behind the id of padding
ROBERTA = replace(
    BERT,
    model_class=transformers.RobertaModel,
    classifier_class=transformers.RobertaForSequenceClassification,
    reserved_positions=lambda config: config.pad_token_id + 1,
)
DISTILBERT = Family(
    model_class=transformers.DistilBertModel,
    classifier_class=transformers.DistilBertForSequenceClassification,
    sizes=("n_layers", "dim", "hidden_dim", "max_position_embeddings", "activation"),
    embedder="embeddings.word_embeddings",
    embeddings={"hook_pos_embed": "embeddings.position_embeddings", "hook_full_embed": "embeddings.dropout"},
    blocks="transformer.layer",
    attention="attention",
    attention_output="attention.out_lin",
    residual_mid=("sa_layer_norm", "out"),
    w_in="ffn.lin1",
    w_out="ffn.lin2",
    mlp_output="ffn.dropout",
    final_norm="transformer.layer.{last}.output_layer_norm",
)
# norms ahead of attention and MLP, rotary positions, local attention
MODERNBERT = Family(
    model_class=transformers.ModernBertModel,
    classifier_class=transformers.ModernBertForSequenceClassification,
    sizes=("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings", "hidden_activation"),
    embedder="embeddings.tok_embeddings",
    embeddings={"hook_full_embed": "embeddings.drop"},
    blocks="layers",
    attention="attn",
    attention_output="attn.out_drop",
    residual_mid=("mlp_norm", "in"),
    w_in="mlp.Wi",
    w_out="mlp.Wo",
    mlp_output="mlp.Wo",
    final_norm="final_norm",
    gated=True,
    reads_first=lambda config: config.classifier_pooling == "cls",
)
GPT2 = Family(
    model_class=transformers.GPT2Model,
    sizes=("num_hidden_layers", "hidden_size", "n_inner", "n_positions", "activation_function"),
    embedder="wte",
    embeddings={"hook_pos_embed": "wpe", "hook_full_embed": "drop"},
    blocks="h",
    attention="attn",
    attention_output="attn.resid_dropout",
    residual_mid=("ln_2", "in"),
    w_in="mlp.c_fc",
    w_out="mlp.c_proj",
    mlp_output="mlp.dropout",
    final_norm="ln_f",
    decoder=True,
)
GPT_NEOX = Family(
    model_class=transformers.GPTNeoXModel,
    sizes=SIZES,
    embedder="embed_in",
    embeddings={"hook_full_embed": "emb_dropout"},
    blocks="layers",
    attention="attention",
    attention_output="post_attention_dropout",
    residual_mid=None,  # attention and MLP stand side by side
    w_in="mlp.dense_h_to_4h",
    w_out="mlp.dense_4h_to_h",
    mlp_output="post_mlp_dropout",
    final_norm="final_layer_norm",
    decoder=True,
)
LLAMA = Family(
    model_class=transformers.LlamaModel,
    sizes=SIZES,
    embedder="embed_tokens",
    embeddings={},
    blocks="layers",
    attention="self_attn",
    attention_output="self_attn.o_proj",
    residual_mid=("post_attention_layernorm", "in"),
    w_in="mlp.up_proj",
    w_out="mlp.down_proj",
    mlp_output="mlp",
    final_norm="norm",
    gated=True,
    decoder=True,
)
QWEN2, QWEN3 = (replace(LLAMA, model_class=one) for one in (transformers.Qwen2Model, transformers.Qwen3Model))

FAMILIES = {"bert": BERT, "roberta": ROBERTA, "distilbert": DISTILBERT, "modernbert": MODERNBERT}
DECODERS = {"gpt2": GPT2, "gpt_neox": GPT_NEOX, "llama": LLAMA, "qwen2": QWEN2, "qwen3": QWEN3}
HIDDEN = ("deberta", "deberta-v2", "mpnet")  # their attention hides the pattern


def family_of(model_type: object, *, where: str) -> Family:
    """Return the family of a ``model_type``.

    Raises:
        ConfigError: a family that does not work here, with the list of those that do.
    """
    known = FAMILIES | DECODERS
    if str(model_type) in known:
        return known[str(model_type)]
    listed = ", ".join(known)
    if str(model_type) in HIDDEN:
        raise ConfigError(
            f"{where} is a {model_type} model, which does not work here: its attention hides the pattern. "
            f"Models that do: {listed}."
        )
    raise ConfigError(
        f"{where} has the model_type {shown(str(model_type))}; expected a model of one of the families {listed}."
        f"{near_matches(str(model_type), known)}"
    )
