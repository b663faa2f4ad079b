"""Last-token pooling of decoders: what is read, what adds to it, and that padding never matters."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier, ModelConfig, explain
from safr_lens.backbones.pretrained import DECODERS
from safr_lens.errors import ConfigError
from safr_lens.measures.faithfulness.rankings import evidence_scores
from safr_lens.measures.statistics import collect_statistics
from safr_lens.models.output import pooled, token_weights
from safr_lens.neurons.effects import ablation_effects
from tests.backbones.pretrained.encoders import write_small_decoder

LABELS = ("bad", "so so", "good")
TEXTS = ["A gripping , unputdownable film", "dull", "the plot is thin"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("decoders")
    return {name: write_small_decoder(root / name, name) for name in DECODERS}


@pytest.fixture(params=DECODERS)
def model(request, folders) -> HookedClassifier:
    options = {"labels": LABELS, "d_mlp": 8, "pooling": "last"}
    return HookedClassifier.from_pretrained_backbone(folders[request.param], **options)


def slow(values, mask, pooling):
    out = []
    for row, real in zip(values, mask, strict=True):
        kept = [value for value, one in zip(row, real.tolist(), strict=True) if one] or [torch.zeros_like(row[0])]
        out.append(kept[-1] if pooling == "last" else sum(kept) / len(kept))
    return torch.stack(out)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_loop_over_tokens_gives_the_same(pooling):
    values = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(0))
    values[0, 3:] = torch.nan  # padding may hold anything
    mask = torch.tensor([[0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]]).bool()
    torch.testing.assert_close(pooled(values, mask, pooling), slow(values, mask, pooling))
    by_weights = (values.nan_to_num() * token_weights(mask, pooling).unsqueeze(-1)).sum(1)
    torch.testing.assert_close(by_weights, pooled(values, mask, pooling))


def test_the_last_token_of_the_text_is_read_whatever_follows_it(model):
    output = model(TEXTS)
    for row, text in enumerate(TEXTS):
        alone = model(text)
        assert output.mask[row].sum() == alone.mask.sum()
        torch.testing.assert_close(output.logits[row], alone.logits[0], atol=1e-5, rtol=1e-5)
        last = int(output.mask[row].nonzero()[-1])
        assert torch.equal(output.logits[row], output.token_logits[row, last])
    tokens, mask = model.to_tokens(TEXTS[1])
    padded = torch.cat([tokens, torch.full((1, 5), 7)], 1), torch.cat([mask, torch.zeros(1, 5, dtype=torch.bool)], 1)
    torch.testing.assert_close(model(*padded).logits, model(TEXTS[1]).logits, atol=1e-5, rtol=1e-5)


def test_logits_are_an_exact_sum_over_tokens_and_neurons(model):
    for text in TEXTS:
        parts, logits = model.decompose(text), model(text).logits[0]
        torch.testing.assert_close(parts.total(), logits, atol=1e-4, rtol=0)
        assert not parts.by_token()[:-1].any() and parts.by_token()[-1].any()
        torch.testing.assert_close(explain(model, text).parts.total(), logits, atol=1e-4, rtol=0)
    tokens, mask = model.to_tokens(TEXTS)
    scores = evidence_scores(model, tokens, mask)
    best = model(tokens, mask).logits
    margins = best.max(1).values - (best.sum(1) - best.max(1).values) / 2
    torch.testing.assert_close(scores.sum(1), margins, atol=1e-5, rtol=1e-5)


def test_effects_of_single_neurons_are_those_of_running_without_them(folders):
    model = HookedClassifier.from_pretrained_backbone(folders["gpt2"], labels=LABELS, d_mlp=8, pooling="last")
    rows = [{"text": text, "label": number} for number, text in enumerate(TEXTS)]
    at_once, one_by_one = collect_statistics(model, rows).ablation, ablation_effects(model, rows, range(8))
    for number, name in enumerate(LABELS):
        run = torch.tensor(one_by_one[f"logit_{name}"].to_numpy()).float()
        torch.testing.assert_close(at_once.logits[:, number], run, atol=1e-5, rtol=1e-4)
    run = torch.tensor(one_by_one["loss_gained"].to_numpy()).float()
    torch.testing.assert_close(at_once.loss_gained, run, atol=1e-5, rtol=1e-4)


def test_it_is_saved_and_loaded(folders, tmp_path):
    model = HookedClassifier.from_pretrained_backbone(folders["llama"], labels=LABELS, d_mlp=8, pooling="last")
    model.save_pretrained(tmp_path)
    again = HookedClassifier.from_pretrained(tmp_path)
    assert again.config.pooling == "last"
    assert torch.equal(again(TEXTS).logits, model(TEXTS).logits)


def test_what_reads_both_ways_is_refused(small_bert):
    for readout in ("neuron_head", "residual"):
        with pytest.raises(ConfigError, match=r'needs a decoder \(GPT-2.*use pooling="mean"'):
            HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, readout=readout, pooling="last")
    assert HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, pooling="mean").config.pooling == "mean"
    with pytest.raises(ConfigError, match="needs a pretrained decoder"):
        ModelConfig(pooling="last")
    with pytest.raises(ConfigError, match=r"pooling must be one of mean, last.*Did you mean 'last'"):
        ModelConfig(pooling="list")
