"""ModernBERT: norms ahead of attention and MLP, rotary positions, local attention and gated neurons."""

from transformers import ModernBertForSequenceClassification, ModernBertModel

from safr_lens.backbones.pretrained.family import Family

MODERNBERT = Family(
    model_class=ModernBertModel,
    classifier_class=ModernBertForSequenceClassification,
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
