"""Special tokens count in no output, term, measure, table or view, and VMASK never gates them.

One small BERT with random weights, read in three ways.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch

from safr_lens import HookedClassifier, SafrPenalty, evaluate, explain, token_table
from safr_lens.activations import load_activations, save_activations, stream_activations
from safr_lens.activations.corpus_statistics import corpus_statistics
from safr_lens.measures.faithfulness import faithfulness
from safr_lens.measures.faithfulness.rankings import evidence_scores
from safr_lens.models.words import text_activations
from safr_lens.penalty.inputs import TokenWords

TEXTS = ["A gripping , unputdownable film", "dull", "[SEP] is no separator here"]
WORDS = ["A", "gripping", ",", "unputdownable", "film"]
LENGTHS = [8, 1, 9]
SPECIAL = {0, 101, 102}


@pytest.fixture(params=["neuron_head", "neurons", "residual"])
def model(request, small_bert) -> HookedClassifier:
    options = {"readout": request.param, "d_mlp": 8, "d_vmask": 4, "freeze": "none"}
    return HookedClassifier.from_pretrained_backbone(small_bert, labels=["negative", "positive"], **options)


def test_the_mask_of_the_output_is_that_of_the_texts(model):
    tokens, mask = model.to_tokens(TEXTS)
    output = model(tokens, mask)
    assert mask.sum(1).tolist() == [n + 2 for n in LENGTHS]
    assert output.mask.sum(1).tolist() == LENGTHS
    assert not SPECIAL & set(tokens[output.mask].tolist())
    mean = torch.stack([row[kept].mean(0) for row, kept in zip(output.token_logits, output.mask, strict=True)])
    torch.testing.assert_close(output.logits, mean)
    assert output.importance[output.mask].all() and not output.importance[~output.mask].any()


def test_they_are_never_gated(model):
    tokens, mask = model.to_tokens(TEXTS)
    for training in (False, True):
        model.train(training)
        output = model(tokens, mask, capture=["hook_mask"])
        assert (output.activations["hook_mask"][mask & ~output.mask] == 1).all()
        assert training or (output.activations["hook_mask"][output.mask] < 1).all()


def test_streams_and_stores_hold_the_tokens_of_the_texts(model, tmp_path):
    names = [model.adapter.neurons(0), model.adapter.attention_pattern(0)]
    save_activations(model, TEXTS, names, tmp_path / "store")
    plain = {i: model.tokenizer.encode(text, n_ctx=24).ids[1:-1] for i, text in enumerate(TEXTS)}
    for batches in (stream_activations(model, TEXTS, names), load_activations(tmp_path / "store")):
        texts = {text.example: text for batch in batches for text in batch.texts()}
        assert {i: text.tokens.tolist() for i, text in texts.items()} == plain
        for i, text in texts.items():
            alone = model(TEXTS[i], capture=names).activations
            n = LENGTHS[i]
            neurons, pattern = (alone[name][0].detach() for name in names)
            torch.testing.assert_close(text.activations[names[0]], neurons[1 : n + 1], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(
                text.activations[names[1]], pattern[:, 1 : n + 1, 1 : n + 1], atol=1e-5, rtol=1e-5
            )
    positions = [batch.positions.tolist() for batch in stream_activations(model, TEXTS, names[0])]
    assert positions == [[0, *range(8), *range(9)]]


def test_they_are_not_counted(model):
    counted = corpus_statistics(model, TEXTS)
    assert counted.n_tokens == sum(LENGTHS) == int(counted.type_counts.sum())
    assert not counted.type_counts[list(SPECIAL)].any()
    half_known = [{"text": "dull 🤷", "label": 0}]
    assert evaluate(model, half_known).unknown_tokens == corpus_statistics(model, half_known).unknown_tokens == 0.5


def test_tables_and_explanations_show_the_tokens_of_the_text(model):
    seen = explain(model, TEXTS[0])
    assert seen.tokens == WORDS and len(token_table(model, seen)) == 5
    assert all(neurons.shape[0] == 5 for neurons in seen.neurons)
    assert all(pattern.shape[1:] == (5, 5) for pattern in seen.patterns)
    assert seen.importance.shape == seen.evidence.shape == (5,) and seen.mask.all()
    logits = model(TEXTS[0]).logits[0]
    margin = logits[seen.predicted] - logits[1 - seen.predicted]
    assert seen.evidence.sum().item() == pytest.approx(margin.item(), abs=1e-5)
    one = text_activations(model, TEXTS[0], [name := model.adapter.neurons(0)])
    assert one.words == WORDS and one[name].shape[:2] == one.mask.shape == (1, 5)


def test_they_are_neither_scored_nor_deleted(model):
    tokens, mask = model.to_tokens(TEXTS)
    scores = evidence_scores(model, tokens, mask)
    assert not scores[~model(tokens, mask).mask].any()
    rows = [{"text": text, "label": 0} for text in TEXTS]
    for operator in ("remove", "unk", "gate"):
        found = faithfulness(model, rows, operator=operator, n_random=2, naopc_texts=1)
        torch.testing.assert_close(found.full, model(TEXTS).probabilities.max(1).values.double(), atol=1e-5, rtol=0)
        assert found.tested.comprehensiveness.isfinite().all()


PENALTIES = {
    "attention": SafrPenalty(pairs="attention", scope="text", l1_weight=1.0),
    "words": SafrPenalty(batch_tokens=512),
    "embedding": SafrPenalty(site="embedding"),
}


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
def test_no_term_depends_on_what_stands_there(model, penalty):
    tokens, mask = model.to_tokens(TEXTS)
    output = model(tokens, mask, capture=penalty.hook_names(model.adapter))
    there = ~output.mask
    changed = {}
    for name, value in output.activations.items():
        changed[name] = value.clone()
        pairs = value.shape[1:] != output.mask.shape[1:] + value.shape[2:]
        if pairs:
            changed[name].transpose(1, 2)[there] = 0.3
            changed[name].permute(0, 3, 1, 2)[there] = 0.3
        else:
            changed[name][there] = 77.0
    other = dataclasses.replace(output, activations=changed)
    words = TokenWords(tokens, torch.randn(model.tokenizer.d_vocab, 4, generator=torch.Generator().manual_seed(0)))
    with torch.random.fork_rng():
        found = []
        for one in (output, other):
            torch.manual_seed(0)
            found.append(penalty.terms(one, model.adapter, words))
    terms, again = found
    assert terms.keys() == again.keys() and len(terms) >= 3
    for name in terms:
        torch.testing.assert_close(again[name], terms[name], msg=name)
