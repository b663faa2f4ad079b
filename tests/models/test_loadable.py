"""Classifiers on pretrained encoders: what they read, what they keep, and what is refused."""

from __future__ import annotations

import socket

import pytest
import torch
from transformers import BertModel

import safr_lens
from safr_lens import HookedClassifier, explain, neuron_table, token_table, views
from safr_lens.backbones.pretrained import FAMILIES, load_encoder
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.measures.faithfulness.rankings import evidence_scores
from tests.backbones.pretrained.encoders import MINILM, rewrite, write_small_classifier, write_small_decoder

LABELS = ("negative", "positive")
TEXTS = ["A gripping , unputdownable film", "dull"]
READOUTS = ("neuron_head", "neurons", "residual")


@pytest.fixture(params=READOUTS)
def model(request, small_bert) -> HookedClassifier:
    return HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout=request.param, d_mlp=8)


def test_the_encoder_is_the_one_that_was_named(model, small_bert):
    encoder, tokenizer, _ = load_encoder(small_bert)
    weights = model.backbone.encoder.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in encoder.module.state_dict().items())
    assert model.tokenizer.special_ids == tokenizer.special_ids == (101, 102)
    assert (model.config.d_model, model.config.n_ctx) == (16, 24)


@pytest.mark.parametrize("readout", READOUTS)
def test_it_is_saved_and_loaded_bit_for_bit_without_network(small_bert, tmp_path, monkeypatch, readout):
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("a connection was made"))
    options = {"readout": readout, "d_mlp": 8, "d_vmask": 4, "freeze": 1}
    model = HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, **options)
    model.save_pretrained(tmp_path / "saved")
    again = HookedClassifier.from_pretrained(tmp_path / "saved")
    assert again.config == model.config and again.labels == LABELS
    assert {name: p.requires_grad for name, p in again.named_parameters()} == {
        name: p.requires_grad for name, p in model.named_parameters()
    }
    assert torch.equal(again(TEXTS).logits, model(TEXTS).logits)
    assert again.to_tokens(TEXTS)[0].tolist() == model.to_tokens(TEXTS)[0].tolist()


def test_what_is_new_depends_on_the_seed_alone(small_bert):
    made = [
        HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, d_mlp=8, seed=seed)(TEXTS).logits
        for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1]) and not torch.allclose(made[0], made[2])


def test_the_global_random_state_is_left_alone(small_bert):
    before = torch.get_rng_state()
    HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, d_mlp=8)
    assert torch.equal(torch.get_rng_state(), before)


def test_residual_reads_the_token_vectors_of_transformers():
    model = HookedClassifier.from_pretrained_backbone(MINILM, labels=LABELS, readout="residual")
    tokens, mask = model.to_tokens(TEXTS)
    plain = BertModel.from_pretrained(MINILM, attn_implementation="eager", local_files_only=True).eval()
    with torch.no_grad():
        output, vectors = model(tokens, mask), plain(tokens, attention_mask=mask).last_hidden_state
        read = vectors @ model.backbone.head.weight.T + model.backbone.head.bias
    torch.testing.assert_close(output.token_logits[output.mask], read[output.mask], atol=1e-5, rtol=0)


def test_neurons_reads_nothing_but_the_last_mlp(small_bert):
    model = HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout="neurons")
    silent = [("blocks.1.mlp.hook_post", lambda value, hook: torch.zeros_like(value))]
    with model.hooks(fwd_hooks=silent):
        logits = model(TEXTS).logits
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(*model(TEXTS).logits, atol=1e-3)


def test_logits_are_the_sum_of_their_parts(model):
    parts = model.decompose(TEXTS[0])
    assert parts.tokens == ["A", "gripping", ",", "un", "put", "down", "able", "film"]
    torch.testing.assert_close(parts.total(), model(TEXTS[0]).logits[0], atol=1e-5, rtol=0)


def test_fewer_layers_are_the_lowest(small_bert):
    model = HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout="residual", layers=1)
    whole = HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout="residual")
    assert model.config.n_layers == 1
    name = "blocks.0.hook_resid_post"
    seen = [one(TEXTS, capture=[name]).activations[name] for one in (model, whole)]
    torch.testing.assert_close(*seen, atol=1e-5, rtol=0)


def test_what_is_frozen_is_not_trained(small_bert):
    def trained(**options) -> set[str]:
        model = HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, d_mlp=8, **options)
        return {name.split(".")[1] for name, weight in model.named_parameters() if weight.requires_grad}

    assert trained() == trained(freeze="all") == {"head"}
    assert trained(freeze="none") == trained(readout="residual") == {"encoder", "head"}


def test_gelu_neurons_are_called_signed(small_bert):
    of = {r: HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout=r) for r in READOUTS}
    assert [of[r].adapter.capabilities.signed_neurons for r in READOUTS] == [False, True, True]


def test_settings_without_meaning_are_errors(small_bert, tmp_path):
    make = HookedClassifier.from_pretrained_backbone
    with pytest.raises(ConfigError, match=r"readout must be one of neuron_head, neurons, residual.*Did you mean"):
        make(small_bert, labels=LABELS, readout="neuron")
    with pytest.raises(ConfigError, match="layers must be a whole number, from 1 to 2"):
        make(small_bert, labels=LABELS, layers=3)
    with pytest.raises(ConfigError, match="n_ctx must be a whole number, from 3 to 24"):
        make(small_bert, labels=LABELS, n_ctx=25)
    with pytest.raises(ConfigError, match="at least two labels"):
        make(small_bert, labels=["one"])
    with pytest.raises(CheckpointError, match="no such folder"):
        make(tmp_path / "nothing", labels=LABELS)


NAMES = ("bad", "so so", "good")


@pytest.fixture(scope="module", params=FAMILIES)
def fine_tuned(request, tmp_path_factory):
    return write_small_classifier(tmp_path_factory.mktemp("classifiers") / request.param, request.param, NAMES)


@pytest.fixture(scope="module")
def small_bert_classifier(tmp_path_factory):
    return write_small_classifier(tmp_path_factory.mktemp("classifiers") / "bert", "bert", NAMES)


def test_a_fine_tuned_classifier_keeps_its_logits_and_labels(fine_tuned, tmp_path):
    model = HookedClassifier.from_hf_classifier(fine_tuned)
    tokens, mask = model.to_tokens(TEXTS)
    of_family = FAMILIES[model.cfg.model_type].classifier_class
    plain = of_family.from_pretrained(fine_tuned, attn_implementation="eager", local_files_only=True).eval()
    with torch.no_grad():
        expected = plain(tokens, attention_mask=mask).logits
    torch.testing.assert_close(model(TEXTS).logits, expected, atol=1e-5, rtol=0)
    assert model.labels == NAMES and model.config.n_layers == 1
    model.save_pretrained(tmp_path)
    assert torch.equal(HookedClassifier.from_pretrained(tmp_path)(TEXTS).logits, model(TEXTS).logits)


def test_its_last_block_is_no_layer_since_its_neurons_reach_the_logits_at_no_token(fine_tuned):
    model = HookedClassifier.from_hf_classifier(fine_tuned)
    names = [f"blocks.{layer}.mlp.hook_post" for layer in (0, 1)]
    output = model(TEXTS, capture=names)
    gradients = torch.autograd.grad(output.logits[:, 0].sum(), [output.activations[name] for name in names])
    assert gradients[0][output.mask].abs().max() > 1e-6
    assert not gradients[1][output.mask].any()


def test_a_mean_over_tokens_counts_all_blocks(tmp_path):
    folder = write_small_classifier(tmp_path / "mean", "modernbert", NAMES, classifier_pooling="mean")
    assert HookedClassifier.from_hf_classifier(folder).config.n_layers == 2


def test_it_has_no_exact_sum_and_says_so(small_bert_classifier):
    model = HookedClassifier.from_hf_classifier(small_bert_classifier)
    with pytest.raises(ConfigError, match=r"no exact sum.*explain"):
        model.decompose(TEXTS[0])
    with pytest.raises(ConfigError, match="reads the text as a whole"):
        evidence_scores(model, *model.to_tokens(TEXTS))
    seen = explain(model, TEXTS[0])
    torch.testing.assert_close(seen.parts.total(), model(TEXTS[0]).logits[0], atol=1e-5, rtol=0)


def test_analysis_tables_and_views_work_on_it_without_training(small_bert_classifier, tmp_path):
    model = HookedClassifier.from_hf_classifier(small_bert_classifier)
    texts = ["a good film", "a bad film", "so so", "the acting is warm", "a dull , dull thing"] * 3
    rows = [{"text": text, "label": i % 3} for i, text in enumerate(texts)]
    analysis = safr_lens.analyze(model, rows, faithfulness_texts=2, at_init=False)
    assert {"reliance_zero", "token_selectivity", "capacity"} <= analysis.measurements.keys()
    analysis.save(tmp_path)
    table = neuron_table(model, rows)
    assert len(table) == 32 and table["token_selectivity"].notna().any()
    assert table[["logit_bad", "ablation_loss", "ablation_logit_good"]].isna().all(axis=None)
    assert token_table(model, TEXTS[0])[[f"logit_{name}" for name in NAMES]].sum().tolist() == pytest.approx(
        model(TEXTS[0]).logits[0].tolist(), abs=1e-5
    )
    shown = [view(model, TEXTS[0]) for view in (views.allocation, views.tokens, views.contributions, views.attention)]
    shown += [views.superposition(model, TEXTS[0]), views.neuron(model, rows, 3)]
    assert all("film" in view._repr_html_() for view in shown)


def test_what_is_no_classifier_is_refused_with_advice_that_works(small_bert, small_bert_classifier, tmp_path):
    with pytest.raises(ConfigError, match=r"of a BertModel; expected a BertForSeq.*from_pretrained_backbone"):
        HookedClassifier.from_hf_classifier(small_bert)
    assert HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, d_mlp=8).labels == LABELS
    with pytest.raises(CheckpointError, match=r"not written by safr_lens.*from_hf_classifier.*save_pretrained"):
        HookedClassifier.from_pretrained(small_bert_classifier)
    HookedClassifier.from_hf_classifier(small_bert_classifier).save_pretrained(tmp_path / "ours")
    assert HookedClassifier.from_pretrained(tmp_path / "ours").labels == NAMES


def test_several_labels_a_text_and_regression_are_refused(tmp_path):
    several = write_small_classifier(tmp_path / "several", "bert", NAMES)
    rewrite(several / "config.json", problem_type="multi_label_classification")
    with pytest.raises(ConfigError, match=r"multi_label_classification.*one label for each text"):
        HookedClassifier.from_hf_classifier(several)
    one = write_small_classifier(tmp_path / "one", "bert", ("score",))
    with pytest.raises(ConfigError, match="has 1 label; expected a classifier of at least two"):
        HookedClassifier.from_hf_classifier(one)


def test_a_report_is_written_about_it(small_bert_classifier, tmp_path):
    HookedClassifier.from_hf_classifier(small_bert_classifier).save_pretrained(tmp_path / "ours")
    lines = ["text,label", "a good film,good", "a bad film,bad", "so so,so so", "the acting is warm,good"]
    (tmp_path / "rows.csv").write_text("\n".join([lines[0], *lines[1:] * 3]))
    safr_lens.report(
        tmp_path / "ours", data=str(tmp_path / "rows.csv"), faithfulness_texts=2, out=tmp_path / "report.html"
    )
    assert "acting" in (tmp_path / "report.html").read_text()


def test_a_decoder_is_read_through_a_neuron_head(tmp_path):
    folder = write_small_decoder(tmp_path / "llama", "llama")
    model = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, d_mlp=8)
    assert model(TEXTS).logits.isfinite().all() and model.cfg.model_type == "llama"
    torch.testing.assert_close(model.decompose(TEXTS[0]).total(), model(TEXTS[0]).logits[0], atol=1e-5, rtol=0)
    model.save_pretrained(tmp_path / "saved")
    assert torch.equal(HookedClassifier.from_pretrained(tmp_path / "saved")(TEXTS).logits, model(TEXTS).logits)
    with pytest.raises(ConfigError, match="neuron head; use readout='neuron_head'"):
        HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout="residual")
    with pytest.raises(ConfigError, match="of a decoder; fine-tuned classifiers can be opened of bert"):
        HookedClassifier.from_hf_classifier(folder)
