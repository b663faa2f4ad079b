"""Name fidelity: values known by construction, a slow loop, and what must not matter."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens.measures.formulas.name_fidelity import NameFidelity, name_fidelity
from tests.reference import slow_names as slow

NAN = math.nan


def drawn(seed=0, n_types=40, d_mlp=6):
    g = torch.Generator().manual_seed(seed)
    naming, testing = (torch.randn(n_types, d_mlp, generator=g).relu() for _ in range(2))
    naming[3], testing[[3, 8]] = NAN, NAN  # too rare in that half
    naming[:, 2] = testing[:, 2] = 0.0  # a dead neuron
    naming[:, 5], testing[:, 5] = 0.0, 1.0  # one without a name
    vectors = torch.randn(n_types, 7, generator=g)
    vectors[5], vectors[11] = NAN, 0.0  # words without a vector
    return naming, testing, vectors


def plain(rows):
    return [[None if math.isnan(x) else x for x in row] for row in rows.tolist()]


def plain_vectors(vectors):
    return [None if any(map(math.isnan, row)) or not any(row) else row for row in vectors.tolist()]


@pytest.mark.parametrize(("k", "share"), [(5, 0.25), (1, 0.5), (3, 0.0)])
@pytest.mark.parametrize("ties", [False, True])
def test_it_equals_a_slow_loop(k, share, ties):
    naming, testing, vectors = drawn()
    if ties:
        vectors = torch.eye(4)[torch.arange(40) % 4]
    found = name_fidelity(naming, testing, vectors, k=k, share=share, n_others=100)
    own, others = slow.fidelity(plain(naming), plain(testing), plain_vectors(vectors), k, share)
    null = [sum(known) / len(known) if (known := [x for x in row if x == x]) else NAN for row in others]
    names = [slow.name(column, k) for column in zip(*plain(naming), strict=True)]
    # a neuron without a name has no other's to be compared with
    named = [n for n in range(6) if slow.centre(names[n], plain_vectors(vectors))]
    assert len(named) >= 3
    for n in range(6):
        assert found.auc[n].item() == pytest.approx(own[n] if n in named else NAN, abs=1e-6, nan_ok=True)
        assert found.null[n].item() == pytest.approx(null[n] if n in named else NAN, abs=1e-6, nan_ok=True)


def groups(n_groups=4, n_each=30, noise=0.05):
    """Neurons that answer to one group of related words each."""
    g = torch.Generator().manual_seed(0)
    of = torch.arange(n_groups).repeat_interleave(n_each)
    vectors = torch.eye(n_groups)[of] + noise * torch.randn(len(of), n_groups, generator=g)
    active = torch.eye(n_groups)[of] * (0.5 + torch.rand(len(of), n_groups, generator=g))
    return active, vectors


def test_a_perfect_code_of_related_words_reaches_1_and_holds():
    active, vectors = groups()
    found = name_fidelity(active, active, vectors)
    assert found.auc.tolist() == pytest.approx([1.0] * 4)
    assert found.null.tolist() == pytest.approx([1 / 3] * 4, abs=0.05)  # further from the words than two other groups
    assert found.holds.all() and not found.others_hold.any()


def test_a_neuron_of_two_groups_has_a_name_of_both_or_of_one():
    active, vectors = groups()
    both = torch.cat([active, active[:, :1] + active[:, 1:2]], 1)
    one_half = both.clone()
    one_half[30:60, 4] = 0.0  # named by words of the first group alone: closer to them than others, not to the second
    found = name_fidelity(one_half, both, vectors)
    assert found.auc[:4].tolist() == pytest.approx([1.0] * 4)
    # 25 of the 55 words it is tested at are told from the rest, 30 of them are not
    assert found.auc[4].item() == pytest.approx(25 / 55 + 30 / 55 / 2, abs=0.1)


def test_neurons_that_know_nothing_are_at_one_half_and_do_not_hold():
    g = torch.Generator().manual_seed(3)
    naming, testing = (torch.randn(300, 400, generator=g).relu() for _ in range(2))
    found = name_fidelity(naming, testing, torch.randn(300, 20, generator=g))
    assert found.auc.mean().item() == pytest.approx(0.5, abs=0.01)
    assert found.null.mean().item() == pytest.approx(0.5, abs=0.01)
    assert found.error.mean().item() == pytest.approx(found.auc.std().item(), rel=0.15)
    assert found.holds.float().mean() < 0.01


def test_a_name_that_all_neurons_share_does_not_hold():
    active, vectors = groups()
    found = name_fidelity(active[:, :1].expand(-1, 6), active[:, :1].expand(-1, 6), vectors)
    torch.testing.assert_close(found.auc, found.null)
    assert not found.holds.any()


def test_few_words_are_no_proof():
    active, vectors = groups(n_each=6)
    found = name_fidelity(active, active, vectors)
    assert found.auc.tolist() == pytest.approx([1.0] * 4) and found.error.min() > 0.25


def test_the_words_of_the_name_take_no_part():
    active, vectors = groups(n_each=5)
    assert name_fidelity(active, active, vectors).auc.isnan().all()


def test_scales_and_orders_do_not_matter():
    naming, testing, vectors = drawn()
    expected = name_fidelity(naming, testing, vectors, n_others=100)
    words, neurons = torch.randperm(40, generator=torch.Generator().manual_seed(0)), torch.tensor([4, 2, 0, 5, 3, 1])
    scales = torch.rand(6, generator=torch.Generator().manual_seed(0)) + 0.1
    sizes = torch.rand(40, 1, generator=torch.Generator().manual_seed(0)) + 0.1
    for changed, back in (
        (name_fidelity(naming * scales, testing * scales * 3, vectors * sizes, n_others=100), torch.arange(6)),
        (name_fidelity(naming[words], testing[words], vectors[words], n_others=100), torch.arange(6)),
        (name_fidelity(naming[:, neurons], testing[:, neurons], vectors, n_others=100), neurons.argsort()),
    ):
        for part in ("auc", "null", "error"):
            torch.testing.assert_close(getattr(changed, part)[back], getattr(expected, part), equal_nan=True)


def test_a_single_neuron_has_no_null():
    active, vectors = groups()
    found = name_fidelity(active[:, :1], active[:, :1], vectors)
    assert found.auc.item() == 1.0 and found.null.isnan().all() and not found.holds.any()
    assert found.others_hold.isnan().all()


def test_the_mean_of_both_directions_takes_what_is_defined():
    naming, testing, vectors = drawn()
    there, back = name_fidelity(naming, testing, vectors), name_fidelity(testing, naming, vectors)
    mean = NameFidelity.mean([there, back])
    assert mean.auc[0] == pytest.approx((there.auc[0] + back.auc[0]).item() / 2)
    assert mean.auc[2].isnan()
