"""Which token is more important than which: scores of tokens, and the orders they put a text into."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.checks import check_choice
from safr_lens.errors import ConfigError
from safr_lens.measures.attribution import margin
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating

Scores = Callable[[HookedClassifier, Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]], Float[Tensor, "batch pos"]]
TIE = 1e-6


def importance_scores(
    model: HookedClassifier, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Return VMASK's keep-probability of each token; it is the same whichever class is predicted.

    Raises:
        ConfigError: a model without VMASK.
    """
    if model.vmask is None:
        raise ConfigError('This model has no VMASK, so all tokens are equally important; use scores="evidence".')
    with evaluating(model):
        return model(tokens, mask).importance


def evidence_scores(
    model: HookedClassifier, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Return what each position adds to the predicted class over the mean of the other classes, in logits.

    The scores of a text sum to the margin of its logits. They belong to positions: what attention brought to a
    position from other tokens counts there. 0 at padding.

    >>> from safr_lens import ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> tokens, mask = model.to_tokens("a good film")
    >>> evidence_scores(model, tokens, mask).shape
    torch.Size([1, 3])
    """
    if not model.adapter.capabilities.exact_decomposition:
        raise ConfigError("This model reads the text as a whole, so its tokens have no evidence; use other scores.")
    with evaluating(model):
        output = model(tokens, mask)
    adds = output.token_logits.float() * output.token_weights.unsqueeze(-1)
    predicted = output.logits.argmax(-1).tolist()
    return torch.stack([margin(row, j) for row, j in zip(adds, predicted, strict=True)]) * output.mask


def random_scores(
    model: HookedClassifier, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Return the same score for all tokens, so that their order is drawn, as that of all ties is."""
    return torch.zeros(tokens.shape)


NAMED_SCORES: dict[str, Scores] = {
    "importance": importance_scores,
    "evidence": evidence_scores,
    "random": random_scores,
}


def named_scores(scores: str | Scores) -> tuple[str, Scores]:
    """Return the name and the function of scores given as either.

    Raises:
        ConfigError: an unknown name.
    """
    if callable(scores):
        return getattr(scores, "__name__", type(scores).__name__), scores
    check_choice("scores", scores, tuple(NAMED_SCORES))
    return scores, NAMED_SCORES[scores]


def scores_of(
    model: HookedClassifier, scores: Scores, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Return the scores of a batch, with the model in evaluation mode and gradients allowed.

    Raises:
        ConfigError: scores of another shape than the tokens, or that are not finite at a real token.
    """
    with evaluating(model), torch.enable_grad():
        values = scores(model, tokens.to(model.device), mask.to(model.device))
    if not isinstance(values, Tensor) or values.shape != tokens.shape:
        came = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ConfigError(
            f"scores must return a tensor [batch pos] with one score a token, here {tuple(tokens.shape)}; got {came}."
        )
    values = values.detach().double().cpu()
    if not values[mask].isfinite().all():
        raise ConfigError("scores must be finite at every real token; got NaN or infinity.")
    return values


def drawn_order(tokens: Int[Tensor, " pos"], *, seed: int, draw: int) -> Int[Tensor, " pos"]:
    """Return a random order of a text's positions that depends on its tokens, the seed and the number of the draw.

    It does not depend on the other texts, so that a text has the same value wherever it stands in a split.
    """
    digest = hashlib.blake2b(repr((seed, draw, tokens.tolist())).encode(), digest_size=7).digest()
    return torch.randperm(len(tokens), generator=torch.Generator().manual_seed(int.from_bytes(digest)))


def ranked(scores: Float[Tensor, " pos"], drawn: Int[Tensor, " pos"]) -> Int[Tensor, " pos"]:
    """Return the positions from the highest score to the lowest; ties stand in the order that was drawn.

    Neighbours that differ by less than a millionth of the largest score are ties: a word that occurs twice has one
    score, of which rounding makes two.

    >>> ranked(torch.tensor([0.5, 0.9, 0.5, 0.1]), torch.tensor([3, 2, 1, 0]))
    tensor([1, 2, 0, 3])
    """
    high_to_low = scores[drawn].sort(descending=True, stable=True)
    steps = -high_to_low.values.diff() > TIE * scores.abs().max()
    level = torch.zeros_like(drawn)
    level[high_to_low.indices[1:]] = steps.cumsum(0)
    return drawn[level.argsort(stable=True)]
