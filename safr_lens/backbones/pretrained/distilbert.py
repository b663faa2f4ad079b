"""DistilBERT."""

from transformers import DistilBertForSequenceClassification, DistilBertModel

from safr_lens.backbones.pretrained.family import Family

DISTILBERT = Family(
    model_class=DistilBertModel,
    classifier_class=DistilBertForSequenceClassification,
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
