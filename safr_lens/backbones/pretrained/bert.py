"""BERT, also MiniLM and other sentence encoders of its build."""

from transformers import BertForSequenceClassification, BertModel

from safr_lens.backbones.pretrained.family import Family

BERT = Family(
    model_class=BertModel,
    classifier_class=BertForSequenceClassification,
    sizes=("num_hidden_layers", "hidden_size", "intermediate_size", "max_position_embeddings", "hidden_act"),
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
