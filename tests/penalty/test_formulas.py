"""The formulas of all terms equal their equations and keep the properties that they share."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.penalty import (
    attention_correlation,
    density,
    embedding_importance,
    embedding_interaction,
    information,
    neuron_importance,
    neuron_interaction,
    overlap,
)
from tests.reference import slow_penalty as slow

few = settings(max_examples=15)
ragged = st.lists(st.integers(1, 7), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)
near = pytest.approx

# every term as a function of one batch
TERMS = {
    "correlation": lambda b: attention_correlation(b.pattern, b.mask, threshold=1.2),
    "neuron_importance": lambda b: neuron_importance(b.neurons, b.importance, b.correlation, b.mask, l1_ratio=0.7),
    "neuron_interaction": lambda b: neuron_interaction(b.neurons, b.importance, b.correlation, b.mask),
    "embedding_importance": lambda b: embedding_importance(b.embed, b.mask),
    "embedding_interaction": lambda b: embedding_interaction(b.pattern, b.mask),
    "information": lambda b: information(b.importance, b.mask),
}
SCALARS = [name for name in TERMS if name != "correlation"]


def lists(*tensors):
    return [tensor.double().tolist() if tensor.is_floating_point() else tensor.tolist() for tensor in tensors]


# ---- against slow loops


@few
@given(lengths=ragged, seed=seeds, threshold=st.floats(0.0, 3.0))
def test_attention_correlation_equals_slow_loop(random_batch, lengths, seed, threshold):
    b = random_batch(lengths, seed=seed)
    found = attention_correlation(b.pattern, b.mask, threshold)
    expected = torch.tensor(slow.attention_correlation(*lists(b.pattern, b.mask), threshold))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@few
@given(lengths=ragged, seed=seeds, l1_ratio=st.floats(0.0, 3.0))
def test_neuron_importance_equals_slow_loop(random_batch, lengths, seed, l1_ratio):
    b = random_batch(lengths, seed=seed)
    found = neuron_importance(b.neurons, b.importance, b.correlation, b.mask, l1_ratio)
    expected = slow.neuron_importance(*lists(b.neurons, b.importance, b.correlation, b.mask), l1_ratio)
    assert found.item() == near(expected, abs=1e-5)


@few
@given(lengths=ragged, seed=seeds)
def test_neuron_interaction_equals_slow_loop(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    found = neuron_interaction(b.neurons, b.importance, b.correlation, b.mask)
    expected = slow.neuron_interaction(*lists(b.neurons, b.importance, b.correlation, b.mask))
    assert found.item() == near(expected, abs=1e-5)


@few
@given(lengths=ragged, seed=seeds)
def test_information_equals_slow_loop(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    expected = slow.information(*lists(b.importance, b.mask))
    assert information(b.importance, b.mask).item() == near(expected, abs=1e-5)


@few
@given(n_texts=st.integers(1, 4), length=st.integers(1, 7), seed=seeds)
def test_embedding_importance_without_padding_equals_the_release(random_batch, n_texts, length, seed):
    b = random_batch([length] * n_texts, seed=seed)
    expected = slow.embedding_importance(*lists(b.embed))
    assert embedding_importance(b.embed, b.mask).item() == near(expected, abs=1e-6)


@few
@given(n_texts=st.integers(1, 4), length=st.integers(1, 7), seed=seeds)
def test_embedding_interaction_without_padding_equals_the_release(random_batch, n_texts, length, seed):
    b = random_batch([length] * n_texts, seed=seed)
    expected = slow.embedding_interaction(*lists(b.pattern))
    assert embedding_interaction(b.pattern, b.mask).item() == near(expected, abs=1e-6)


@few
@given(lengths=ragged, seed=seeds)
def test_embedding_importance_of_ragged_texts_is_the_mean_over_real_tokens(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    alone = [slow.embedding_importance([text[:n]]) for text, n in zip(*lists(b.embed), lengths, strict=True)]
    expected = sum(n * term for n, term in zip(lengths, alone, strict=True)) / sum(lengths)
    assert embedding_importance(b.embed, b.mask).item() == near(expected, abs=1e-6)


@few
@given(lengths=ragged, seed=seeds)
def test_embedding_interaction_of_ragged_texts_is_the_mean_over_real_pairs(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    above = 0.0
    for text, n in zip(*lists(b.pattern), lengths, strict=True):
        above += n * n * slow.embedding_interaction([[[row[:n] for row in head[:n]] for head in text]])
    expected = above / sum(n * n for n in lengths)
    assert embedding_interaction(b.pattern, b.mask).item() == near(expected, abs=1e-6)


# ---- properties of every term


def permuted(batch, order):
    return replace(
        batch,
        neurons=batch.neurons[:, order],
        embed=batch.embed[:, order],
        pattern=batch.pattern[:, :, order][..., order],
        importance=batch.importance[:, order],
        correlation=batch.correlation[:, order][..., order],
        mask=batch.mask[:, order],
    )


@pytest.mark.parametrize("name", SCALARS)
@few
@given(lengths=ragged, seed=seeds)
def test_permuting_positions_leaves_a_term_unchanged(random_batch, name, lengths, seed):
    b = random_batch(lengths, seed=seed)
    order = torch.randperm(max(lengths), generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(TERMS[name](permuted(b, order)), TERMS[name](b), atol=1e-5, rtol=0)


@few
@given(lengths=ragged, seed=seeds)
def test_permuting_positions_permutes_the_correlation(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    order = torch.randperm(max(lengths), generator=torch.Generator().manual_seed(seed))
    expected = TERMS["correlation"](b)[:, order][..., order]
    torch.testing.assert_close(TERMS["correlation"](permuted(b, order)), expected, atol=1e-5, rtol=0)


def with_garbage(batch, n_extra, seed):
    """The batch with ``n_extra`` more padded positions, and large noise wherever a padded position takes part."""
    g = torch.Generator().manual_seed(seed)
    n_texts, pos = batch.mask.shape
    mask = torch.cat([batch.mask, torch.zeros(n_texts, n_extra, dtype=torch.bool)], 1)
    both = mask.unsqueeze(1) & mask.unsqueeze(2)

    def spoil(values, shape, real):
        noise = 1e3 * torch.randn(shape, generator=g)
        noise[tuple(slice(0, n) for n in values.shape)] = torch.where(
            real[tuple(slice(0, n) for n in values.shape)], values, noise[tuple(slice(0, n) for n in values.shape)]
        )
        return noise

    wide = pos + n_extra
    rows = mask.unsqueeze(-1)
    heads, d_mlp, d_model = batch.pattern.shape[1], batch.neurons.shape[-1], batch.embed.shape[-1]
    return replace(
        batch,
        neurons=spoil(batch.neurons, (n_texts, wide, d_mlp), rows.expand(-1, -1, d_mlp)),
        embed=spoil(batch.embed, (n_texts, wide, d_model), rows.expand(-1, -1, d_model)),
        pattern=spoil(batch.pattern, (n_texts, heads, wide, wide), both.unsqueeze(1).expand(-1, heads, -1, -1)),
        importance=spoil(batch.importance, (n_texts, wide), mask),
        correlation=spoil(batch.correlation, (n_texts, wide, wide), both),
        mask=mask,
    )


@pytest.mark.parametrize("name", SCALARS)
@few
@given(lengths=ragged, n_extra=st.integers(0, 4), seed=seeds)
def test_what_stands_at_padding_never_matters(random_batch, name, lengths, n_extra, seed):
    b = random_batch(lengths, seed=seed)
    torch.testing.assert_close(TERMS[name](with_garbage(b, n_extra, seed)), TERMS[name](b), atol=1e-5, rtol=0)


@few
@given(lengths=ragged, n_extra=st.integers(0, 4), seed=seeds)
def test_what_stands_at_padding_never_matters_for_the_correlation(random_batch, lengths, n_extra, seed):
    b = random_batch(lengths, seed=seed)
    pos = max(lengths)
    found = TERMS["correlation"](with_garbage(b, n_extra, seed))
    torch.testing.assert_close(found[:, :pos, :pos], TERMS["correlation"](b), atol=1e-5, rtol=0)
    assert (found[:, pos:] == 0).all() and (found[:, :, pos:] == 0).all()


WEIGHTS = {
    "neuron_importance": lambda b: (b.importance * b.mask).sum(),
    "neuron_interaction": lambda b: (b.correlation * b.importance.unsqueeze(1) * b.importance.unsqueeze(2)).sum(),
    "embedding_importance": lambda b: b.mask.sum(),
    "embedding_interaction": lambda b: b.mask.sum(1).square().sum(),
    "information": lambda b: b.mask.sum(),
}


@pytest.mark.parametrize("name", SCALARS)
@few
@given(lengths=st.lists(st.integers(2, 7), min_size=2, max_size=5), seed=seeds)
def test_a_term_of_a_batch_is_the_weighted_mean_over_its_parts(random_batch, name, lengths, seed):
    b = random_batch(lengths, seed=seed)
    term, weight = TERMS[name], WEIGHTS[name]
    cut = len(lengths) // 2
    parts = [type(b)(*(t[:cut] for t in astuple(b))), type(b)(*(t[cut:] for t in astuple(b)))]
    total = sum(weight(part) for part in parts)  # 0 where no pair is correlated
    expected = sum(weight(part) * term(part) for part in parts) / torch.as_tensor(total).clamp_min(1e-9)
    torch.testing.assert_close(term(b), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", list(TERMS))
def test_half_precision_gives_float32_close_to_the_full_precision(random_batch, name):
    b = random_batch((6, 4, 1), seed=3)
    halves = replace(
        b,
        neurons=b.neurons.bfloat16(),
        embed=b.embed.bfloat16(),
        pattern=b.pattern.bfloat16(),
        importance=b.importance.bfloat16(),
        correlation=b.correlation.bfloat16(),
    )
    found = TERMS[name](halves)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, TERMS[name](b), atol=0.03, rtol=0.03)


@pytest.mark.parametrize("name", SCALARS)
def test_every_term_is_a_scalar_with_a_finite_gradient_at_single_token_texts(random_batch, name):
    b = random_batch((1, 1), seed=1)
    leaves = {field: getattr(b, field).clone().requires_grad_() for field in ("neurons", "embed", "pattern")}
    leaves["importance"] = b.importance.clone().requires_grad_()
    term = TERMS[name](replace(b, **leaves))
    assert term.shape == () and term.isfinite()
    term.backward()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves.values())


# ---- scale


@few
@given(lengths=ragged, seed=seeds)
def test_neuron_terms_do_not_change_with_the_scale_of_a_tokens_neurons(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    scale = torch.rand(len(lengths), max(lengths), 1, generator=torch.Generator().manual_seed(seed)) * 100 + 0.01
    scaled = replace(b, neurons=b.neurons * scale)
    for name in ("neuron_importance", "neuron_interaction"):
        torch.testing.assert_close(TERMS[name](scaled), TERMS[name](b), atol=1e-5, rtol=0)


@few
@given(lengths=ragged, seed=seeds, scale=st.floats(0.01, 100.0))
def test_neuron_terms_do_not_change_with_the_scale_of_q(random_batch, lengths, seed, scale):
    b = random_batch(lengths, seed=seed)
    scaled = replace(b, importance=b.importance * scale)
    for name in ("neuron_importance", "neuron_interaction"):
        torch.testing.assert_close(TERMS[name](scaled), TERMS[name](b), atol=1e-4, rtol=0)


@few
@given(seed=seeds, scale=st.floats(0.1, 10.0))
def test_embedding_importance_is_of_degree_one(random_batch, seed, scale):
    b = random_batch((5, 3), seed=seed)
    assert embedding_importance(scale * b.embed, b.mask).item() == near(
        scale * embedding_importance(b.embed, b.mask).item(), rel=1e-3
    )


# ---- known values


def ones(*shape):
    return torch.ones(shape)


def all_real(n_texts, pos):
    return torch.ones(n_texts, pos, dtype=torch.bool)


def test_orthogonal_neurons_have_overlap_part_zero():
    h = torch.eye(5).unsqueeze(0) * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]).view(1, 5, 1)
    assert neuron_importance(h, ones(1, 5), torch.zeros(1, 5, 5), all_real(1, 5), l1_ratio=0.0).item() == 0.0


def test_identical_neurons_have_overlap_part_one():
    h = torch.tensor([0.3, 0.0, 2.0]).expand(1, 4, 3)
    found = neuron_importance(h, torch.rand(1, 4) + 0.1, torch.zeros(1, 4, 4), all_real(1, 4), l1_ratio=0.0)
    assert found.item() == near(1.0, abs=1e-6)


def test_identical_neurons_have_no_interaction_term_and_orthogonal_ones_the_largest():
    pairs = 1 - torch.eye(3).unsqueeze(0)
    same = torch.tensor([0.3, 0.0, 2.0]).expand(1, 3, 3)
    assert neuron_interaction(same, ones(1, 3), pairs, all_real(1, 3)).item() == near(0.0, abs=1e-6)
    assert neuron_interaction(torch.eye(3).unsqueeze(0), ones(1, 3), pairs, all_real(1, 3)).item() == near(1.0)


def test_where_all_pairs_are_correlated_the_overlap_part_is_zero(random_batch):
    b = random_batch((4,), seed=2)
    everything = 1 - torch.eye(4).unsqueeze(0)
    assert neuron_importance(b.neurons, b.importance, everything, b.mask, l1_ratio=0.0).item() == 0.0


def test_where_no_pair_is_correlated_the_interaction_term_is_zero(random_batch):
    b = random_batch((4, 2), seed=2)
    assert neuron_interaction(b.neurons, b.importance, torch.zeros(2, 4, 4), b.mask).item() == 0.0


def test_sparsity_part_is_one_for_equal_neurons_and_smallest_for_a_single_one():
    h = torch.tensor([[[3.0] * 9, [0.0] * 8 + [7.0]]])
    torch.testing.assert_close(density(h), torch.tensor([[1.0, 1 / 3]]))


def test_a_correlated_pair_is_left_out_of_the_importance_term_and_counted_in_the_interaction_term():
    h = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    pair = torch.zeros(1, 3, 3)
    pair[0, 0, 1] = pair[0, 1, 0] = 1.0
    args = (h, ones(1, 3), pair, all_real(1, 3))
    assert neuron_importance(*args, l1_ratio=0.0).item() == 0.0
    assert neuron_importance(h, ones(1, 3), torch.zeros(1, 3, 3), all_real(1, 3), l1_ratio=0.0).item() == near(1 / 3)
    assert neuron_interaction(*args).item() == near(0.0, abs=1e-6)


def test_tokens_of_importance_zero_do_not_count():
    q = torch.tensor([[1.0, 0.0, 0.0]])
    h = torch.tensor([[[0.0, 0.0, 5.0, 0.0], [1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]]])
    pair = torch.zeros(1, 3, 3)
    pair[0, 1, 2] = pair[0, 2, 1] = 1.0
    # the first token shares nothing, so only its own density is left
    assert neuron_importance(h, q, torch.zeros(1, 3, 3), all_real(1, 3)).item() == near(1 / 2)
    assert neuron_interaction(h, q, pair, all_real(1, 3)).item() == 0.0
    assert neuron_interaction(h, ones(1, 3), pair, all_real(1, 3)).item() == near(1 / 2)


def test_overlap_is_the_cosine_and_zero_with_a_silent_token(random_batch):
    h = random_batch((5,), seed=4).neurons
    h[0, 2] = 0.0
    expected = [[slow.cosine(a, b) for b in h[0].tolist()] for a in h[0].tolist()]
    torch.testing.assert_close(overlap(h)[0], torch.tensor(expected), atol=1e-6, rtol=0)
    assert (overlap(h)[0, 2] == 0).all()


@pytest.mark.parametrize("silent", [[0], [0, 2], [0, 1, 2, 3]])
def test_silent_tokens_give_finite_terms_and_gradients(random_batch, silent):
    b = random_batch((4, 2), seed=6)
    h = b.neurons.clone()
    h[:, silent] = 0.0
    h.requires_grad_()
    total = neuron_importance(h, b.importance, b.correlation, b.mask) + neuron_interaction(
        h, b.importance, b.correlation, b.mask
    )
    total.backward()
    assert total.isfinite() and h.grad.isfinite().all()


def test_zero_embeddings_give_a_finite_gradient():
    x = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    x[0, 1] = 0.0
    x.requires_grad_()
    term = embedding_importance(x, all_real(1, 4))
    term.backward()
    assert term > 0 and x.grad.isfinite().all() and x.grad.abs().sum() > 0


def test_a_batch_without_importance_gives_finite_terms(random_batch):
    b = random_batch((3, 2), seed=7)
    q = torch.zeros_like(b.importance).requires_grad_()
    total = neuron_importance(b.neurons, q, b.correlation, b.mask) + neuron_interaction(
        b.neurons, q, b.correlation, b.mask
    )
    total.backward()
    assert total.item() == 0.0 and q.grad.isfinite().all()


@pytest.mark.parametrize("q", [0.0, 1.0])
def test_information_of_certain_tokens_is_zero_with_finite_gradient(q):
    certain = torch.full((1, 3), q, requires_grad=True)
    term = information(certain, all_real(1, 3))
    term.backward()
    assert term.item() == near(0.0, abs=2e-5) and certain.grad.isfinite().all()


def test_information_is_smallest_at_one_half():
    assert information(torch.full((2, 3), 0.5), all_real(2, 3)).item() == near(-math.log(2), abs=1e-6)


@few
@given(q=st.floats(0.01, 0.99))
def test_information_is_the_divergence_from_a_fair_coin_minus_log_2(q):
    divergence = q * math.log(q / 0.5) + (1 - q) * math.log((1 - q) / 0.5)
    found = information(torch.tensor([[q]]), all_real(1, 1)).item()
    assert found == near(divergence - math.log(2), abs=1e-5)


# ---- correlation


@pytest.mark.parametrize("length", [1, 2, 5])
def test_uniform_attention_has_no_correlation(length):
    pattern = torch.full((1, 2, length, length), 1 / length)
    assert (attention_correlation(pattern, all_real(1, length)) == 0).all()


def test_uniform_attention_over_real_tokens_has_lift_one_beside_padding():
    mask = torch.tensor([[True, True, True, False]])
    pattern = torch.full((1, 1, 4, 4), 1 / 3) * mask
    below = attention_correlation(pattern, mask, threshold=0.99)
    assert (attention_correlation(pattern, mask, threshold=1.01) == 0).all()
    torch.testing.assert_close(below[0, :3, :3], 1 - torch.eye(3))


@few
@given(lengths=ragged, seed=seeds, threshold=st.floats(0.0, 2.0))
def test_correlation_is_symmetric_between_0_and_1_and_zero_at_diagonal_and_padding(
    random_batch, lengths, seed, threshold
):
    b = random_batch(lengths, seed=seed)
    c = attention_correlation(b.pattern, b.mask, threshold)
    assert torch.equal(c, c.transpose(1, 2))
    assert c.min() >= 0 and c.max() <= 1
    assert (c.diagonal(dim1=1, dim2=2) == 0).all()
    assert (c[~b.mask] == 0).all() and (c.transpose(1, 2)[~b.mask] == 0).all()


@few
@given(lengths=ragged, seed=seeds)
def test_the_most_correlated_pair_of_each_text_has_1_if_any_exceeds_the_threshold(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    largest = attention_correlation(b.pattern, b.mask, threshold=1.0).amax((1, 2))
    assert ((largest == 0) | (largest == 1)).all()


def test_correlation_reads_both_directions_and_all_heads():
    pattern = torch.full((1, 2, 4, 4), 0.1)
    pattern[0, 1, 2, 0] = 0.9
    c = attention_correlation(pattern, all_real(1, 4), threshold=1.0)
    assert c[0, 0, 2] == c[0, 2, 0] == 1 and c.sum() == 2


def test_no_gradient_flows_through_the_correlation(random_batch):
    b = random_batch((5, 4), seed=8)
    pattern = b.pattern.clone().requires_grad_()
    assert not attention_correlation(pattern, b.mask, threshold=1.0).requires_grad
