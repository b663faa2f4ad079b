"""Decoders, whose tokens attend to those ahead of them alone: GPT-2, NeoX (Pythia), Llama and Qwen."""

from __future__ import annotations

import dataclasses

from transformers import GPT2Model, GPTNeoXModel, LlamaModel, Qwen2Model, Qwen3Model

from safr_lens.backbones.pretrained.family import Family

GPT2 = Family(
    model_class=GPT2Model,
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
    model_class=GPTNeoXModel,
    sizes=("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings", "hidden_act"),
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
    model_class=LlamaModel,
    sizes=("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings", "hidden_act"),
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
QWEN2, QWEN3 = (dataclasses.replace(LLAMA, model_class=model_class) for model_class in (Qwen2Model, Qwen3Model))
