"""One seed, one result, with several threads too; and nothing of it is left behind."""

from __future__ import annotations

import pytest
import torch

from safr_lens.training.repeatable import repeatable


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def embedding_gradient(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(50, 256, generator=generator, requires_grad=True)
    tokens = torch.randint(50, (32, 40), generator=generator)
    (weights[tokens] * torch.randn(32, 40, 256, generator=generator)).sum().backward()
    return weights.grad


def test_embedding_gradients_do_not_depend_on_the_order_of_threads(two_threads):
    with repeatable(torch.device("cpu")):
        first = embedding_gradient(0)
        assert all(torch.equal(embedding_gradient(0), first) for _ in range(20))


@pytest.mark.parametrize("before", [False, True])
def test_the_callers_choices_are_as_they_were(before):
    torch.use_deterministic_algorithms(before)
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    try:
        with pytest.raises(KeyboardInterrupt), repeatable(torch.device("cpu")):
            assert torch.are_deterministic_algorithms_enabled()
            torch.rand(5)
            raise KeyboardInterrupt
        assert torch.are_deterministic_algorithms_enabled() is before
        assert torch.utils.deterministic.fill_uninitialized_memory is True
        assert torch.equal(torch.rand(2), expected)
    finally:
        torch.use_deterministic_algorithms(False)
