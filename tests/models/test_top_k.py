"""Classifiers that keep their largest neurons alone, against loops over single neurons."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from safr_lens import HookedClassifier, explain, neuron_table, views
from safr_lens.activations.fingerprint import fingerprint
from safr_lens.backbones.versions import default_backbone
from safr_lens.errors import ConfigError
from safr_lens.models.top_k import largest_of_batch, largest_of_token
from safr_lens.neurons import ablate

TEXT = "it does n't work , and it never ends"
BACKBONES = sorted({default_backbone(), "native_bridge"})
HEAD = {"labels": ("negative", "positive"), "d_mlp": 8}


def slow_largest(values: list[float], k: int) -> list[float]:
    """Take the largest value, the first of equals, k times."""
    kept, left = [0.0] * len(values), list(range(len(values)))
    for _ in range(k):
        best = left[0]
        for place in left:
            if values[place] > values[best]:
                best = place
        kept[best] = values[best]
        left.remove(best)
    return kept


def neurons_with_ties(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed)).float()


@given(seed=st.integers(0, 1000), k=st.integers(1, 6))
def test_a_token_keeps_what_a_loop_keeps(seed, k):
    neurons = neurons_with_ties(seed, (2, 3, 6))
    expected = [[slow_largest(token.tolist(), k) for token in text] for text in neurons]
    assert largest_of_token(neurons, k).tolist() == expected


@given(seed=st.integers(0, 1000), k=st.integers(1, 4))
def test_a_batch_keeps_what_a_loop_over_all_its_real_tokens_keeps(seed, k):
    neurons, mask = neurons_with_ties(seed, (2, 3, 4)), torch.tensor([[True, True, True], [True, False, False]])
    kept = slow_largest(neurons[mask].flatten().tolist(), 4 * k)
    assert largest_of_batch(neurons, mask, k)[mask].flatten().tolist() == kept
    assert not largest_of_batch(neurons, mask, k)[~mask].any()


def test_a_batch_without_real_tokens_keeps_nothing():
    assert not largest_of_batch(torch.ones(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool), 2).any()


def test_the_gradient_reaches_the_kept_neurons_alone():
    neurons = torch.tensor([[3.0, 1.0, 2.0]], requires_grad=True)
    largest_of_token(neurons, 2).square().sum().backward()
    assert neurons.grad.tolist() == [[6.0, 0.0, 4.0]]


def test_a_value_that_is_not_finite_is_not_hidden():
    assert largest_of_token(torch.tensor([[3.0, float("nan"), 2.0]]), 1).isnan().any()


@pytest.fixture(params=["small", "head"])
def make_top_k(request, make_model, small_bert):
    """A factory of classifiers that keep 3 neurons of a token, on both kinds of backbones."""

    def make(act_fn="topk", k=3, **options) -> HookedClassifier:
        if request.param == "head":
            return HookedClassifier.from_pretrained_backbone(small_bert, act_fn=act_fn, k=k, **HEAD)
        return make_model(act_fn=act_fn, k=k, **options)

    return make


def points(model: HookedClassifier) -> tuple[str, str]:
    post = model.adapter.neurons(0)
    return post.replace("post", "pre"), post


def test_hooks_see_the_result_and_hook_pre_stays_as_it_is(make_top_k):
    model = make_top_k()
    before, behind = points(model)
    output, cache = model.run_with_cache(TEXT, names_filter=[before, behind])
    expected = [[slow_largest(token.relu().tolist(), 3) for token in text] for text in cache[before]]
    assert cache[behind].tolist() == expected
    dense = model.forward(TEXT, k=model.config.d_mlp, capture=[before, behind])
    assert torch.equal(dense.activations[before], cache[before])
    assert torch.equal(dense.activations[behind], cache[before].relu())
    assert not torch.allclose(dense.logits, output.logits)


def test_what_a_hook_puts_there_is_what_the_model_uses(make_top_k):
    model = make_top_k()
    everything = [(points(model)[1], lambda value, hook: torch.ones_like(value))]
    seen = []
    model.run_with_hooks(TEXT, fwd_hooks=[*everything, (points(model)[1], lambda value, hook: seen.append(value))])
    assert seen[0].min() == 1


@pytest.mark.parametrize("backbone", BACKBONES)
def test_it_is_the_same_model_as_one_without_whose_hook_keeps_the_largest(make_model, backbone):
    def keep(value, hook):
        return largest_of_token(value, 3)

    plain, sparse = (make_model(backbone=backbone, n_layers=2, **chosen) for chosen in ({}, {"act_fn": "topk", "k": 3}))
    sparse.load_state_dict(plain.state_dict())
    hooks = [(f"blocks.{layer}.mlp.hook_post", keep) for layer in range(2)]
    assert torch.equal(plain.run_with_hooks(TEXT, fwd_hooks=hooks).logits, sparse(TEXT).logits)
    assert sparse.cfg.act_fn == "relu"


@pytest.mark.parametrize("act_fn", ["topk", "batch_topk"])
def test_no_text_depends_on_those_beside_it_or_on_padding(make_top_k, act_fn, texts):
    model = make_top_k(act_fn)
    if act_fn == "batch_topk":
        model.top_k.thresholds.fill_(0.4)
    together = model(list(texts)).logits
    alone = torch.cat([model(text).logits for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_over_a_batch_training_keeps_k_on_average_and_evaluation_what_reaches_the_threshold(make_top_k, texts):
    model = make_top_k("batch_topk")
    before, behind = points(model)
    seen = model(list(texts), capture=[before, behind], k=3)
    real = seen.mask
    kept = (seen.activations[behind][real] > 0).sum(-1)
    assert kept.sum() == 3 * real.sum() and kept.unique().numel() > 1
    assert not seen.activations[behind][~real].any()
    assert model.train()(list(texts), capture=[behind]).activations[behind].count_nonzero() == 3 * real.sum()
    model.eval().top_k.thresholds.fill_(0.5)
    seen = model(list(texts), capture=[before, behind]).activations
    dense = seen[before].relu()
    assert torch.equal(seen[behind], torch.where(dense >= 0.5, dense, 0.0))


def test_without_a_threshold_each_token_keeps_k(make_top_k):
    model = make_top_k("batch_topk")
    before, behind = points(model)
    seen = model(TEXT, capture=[before, behind]).activations
    assert torch.equal(seen[behind], largest_of_token(seen[before].relu(), 3))


@pytest.mark.parametrize("act_fn", ["topk", "batch_topk"])
def test_it_is_saved_and_loaded_with_its_thresholds(make_top_k, tmp_path, act_fn):
    model = make_top_k(act_fn)
    if act_fn == "batch_topk":
        model.top_k.thresholds.fill_(0.25)
    model.save_pretrained(tmp_path / "saved")
    again = HookedClassifier.from_pretrained(tmp_path / "saved")
    assert again.config == model.config and again.config.k == 3
    assert torch.equal(again(TEXT).logits, model(TEXT).logits)
    assert fingerprint(again) == fingerprint(model)


def test_contributions_sum_to_the_logits_and_only_kept_neurons_have_one(make_top_k):
    model = make_top_k()
    parts = model.decompose(TEXT)
    torch.testing.assert_close(parts.total(), parts.logits, atol=1e-4, rtol=0)
    assert ((parts.neurons != 0).any(-1).sum(1) <= 3).all()


def test_an_ablated_neuron_is_not_replaced_by_the_next_largest(make_top_k):
    model = make_top_k()
    behind = points(model)[1]
    whole = model(TEXT, capture=[behind]).activations[behind]
    neuron = int(whole[0, 1].argmax())
    with ablate(model, layer=0, neurons=[neuron]):
        without = model(TEXT, capture=[behind]).activations[behind]
    expected = whole.clone()
    expected[..., neuron] = 0
    assert torch.equal(without, expected)


def test_tables_and_views_show_it(make_top_k, texts):
    model = make_top_k()
    rows = [{"text": text, "label": number % 2} for number, text in enumerate(texts)]
    table = neuron_table(model, rows)
    assert len(table) == model.config.d_mlp and table["firing_rate"].mean() <= 3 / model.config.d_mlp
    assert explain(model, TEXT).tokens
    assert "does" in views.allocation(model, TEXT)._repr_html_()


@pytest.mark.parametrize("act_fn", ["topk", "batch_topk"])
@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, r"k must be a whole number, from 1 to 8; got 0\."),
        (-1, r"k must be a whole number, from 1 to 8; got -1\."),
        (9, r"k must be a whole number, from 1 to 8; got 9\."),
        (1.5, r"k must be a whole number, from 1 to 8; got 1\.5\."),
        (None, r"keeps the k largest of 8 neurons\. State how many, as k=16\."),
    ],
)
def test_k_without_meaning_is_an_error(tiny_config, small_bert, act_fn, k, message):
    with pytest.raises(ConfigError, match=message):
        tiny_config(act_fn=act_fn, k=k, d_mlp=8)
    with pytest.raises(ConfigError, match=message):
        HookedClassifier.from_pretrained_backbone(small_bert, act_fn=act_fn, k=k, **HEAD)


def test_k_without_such_an_activation_is_an_error(tiny_config):
    with pytest.raises(
        ConfigError, match=r"k has no meaning with act_fn='relu'\. Leave it out, or use act_fn='topk'\."
    ):
        tiny_config(k=4)


@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_the_neurons_of_an_encoder_are_its_own(small_bert, readout):
    with pytest.raises(ConfigError, match=r"reads the encoder's own neurons\. Leave them out, or use readout"):
        HookedClassifier.from_pretrained_backbone(small_bert, readout=readout, act_fn="topk", k=3, **HEAD)


def test_a_head_has_no_other_activation(small_bert):
    with pytest.raises(ConfigError, match=r"other than relu, topk, batch_topk of a neuron head; got 'gelu'\."):
        HookedClassifier.from_pretrained_backbone(small_bert, act_fn="gelu", **HEAD)
