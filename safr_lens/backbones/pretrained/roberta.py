"""RoBERTa: BERT's modules, with positions that count from behind the id of padding."""

import dataclasses

from transformers import RobertaForSequenceClassification, RobertaModel

from safr_lens.backbones.pretrained.bert import BERT

ROBERTA = dataclasses.replace(
    BERT,
    model_class=RobertaModel,
    classifier_class=RobertaForSequenceClassification,
    reserved_positions=lambda config: config.pad_token_id + 1,
)
