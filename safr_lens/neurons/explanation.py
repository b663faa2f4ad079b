"""All that tables and views say of one text, from one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.checks import check_number
from safr_lens.data.rows import one_text
from safr_lens.data.unknown import is_unknown, named_tokens, text_warning
from safr_lens.errors import ConfigError
from safr_lens.measures.attribution import Attribution, attribution, margin
from safr_lens.measures.finite import check_finite
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.decompose import Decomposition, decomposed, points_to_decompose
from safr_lens.models.evaluating import evaluating
from safr_lens.models.linearized import linearized
from safr_lens.models.words import Words, words_of
from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.overlap import overlap


@dataclass(frozen=True)
class TextExplanation:
    """One text as one model reads it.

    A token is a word: where a pretrained model's tokenizer cuts words into pieces, contributions are summed over the
    pieces of a word, importance is their mean and a neuron's activation their maximum; attention to a word is that to
    all of its pieces, attention from it the mean of theirs.

    Attributes:
        model: the model that read the text.
        text: the text.
        tokens: as they stand in the text.
        ids: of the tokens, of words in pieces that of the first.
        mask: True at every token, with a batch dimension of 1.
        probabilities: by class.
        predicted: the class with the largest logit.
        importance: VMASK's keep-probability of each token, in [0, 1].
        neurons: each layer's neurons where people read them (before SoLU's LayerNorm, if there is one).
        patterns: each layer's attention pattern.
        parts: the logits as an exact sum over neurons and the rest; where the model's are not linear in its neurons,
            by activation times gradient (:func:`safr_lens.models.linearized.linearized`).
        evidence: what each token adds to the predicted class over the mean of the others, in logits.
        attribution: which neurons of the last layer are behind it.
    """

    model: HookedClassifier = field(repr=False, compare=False)
    text: str
    tokens: list[str]
    ids: Int[Tensor, " pos"] = field(repr=False)
    mask: Bool[Tensor, "1 pos"] = field(repr=False)
    probabilities: Float[Tensor, " n_classes"]
    predicted: int
    importance: Float[Tensor, " pos"]
    neurons: tuple[Float[Tensor, "pos d_mlp"], ...] = field(repr=False)
    patterns: tuple[Float[Tensor, "head_index pos pos"], ...] = field(repr=False)
    parts: Decomposition = field(repr=False)
    evidence: Float[Tensor, " pos"]
    attribution: Attribution = field(repr=False)

    @property
    def label(self) -> str:
        """The predicted class."""
        return self.model.labels[self.predicted]

    @property
    def probability(self) -> float:
        """The probability of the predicted class."""
        return self.probabilities[self.predicted].item()

    @property
    def unknown(self) -> list[bool]:
        """Which tokens the vocabulary lacks; to the model all of them are one word."""
        return is_unknown(self.model.tokenizer, self.ids).tolist()

    @property
    def lacking(self) -> str:
        """The first few unknown tokens, as a list to read."""
        return named_tokens([token for token, lacks in zip(self.tokens, self.unknown, strict=True) if lacks])

    @property
    def unknown_tokens(self) -> float:
        """The share of the tokens that the vocabulary lacks."""
        return sum(self.unknown) / len(self.unknown)

    @property
    def warning(self) -> str:
        """What to know of unknown tokens before the prediction is believed; empty where they are few."""
        return text_warning(self.tokens, self.unknown)

    def capacity(self, layer: int = -1) -> Float[Tensor, " pos"]:
        """Return each token's capacity among the tokens of the text, see :func:`safr_lens.measures.capacity`."""
        return capacity(self.neurons[layer])

    def overlap(self, layer: int = -1) -> Float[Tensor, "pos pos"]:
        """Return the cosine of each two tokens' neurons; 0 with a token whose neurons are all silent."""
        return overlap(self.neurons[layer].unsqueeze(0))[0]

    def correlation(self, layer: int = -1, *, threshold: float = 2.0) -> Float[Tensor, "pos pos"]:
        """Return how far attention correlates two tokens, see :func:`safr_lens.penalty.attention_correlation`."""
        return attention_correlation(self.patterns[layer].unsqueeze(0), self.mask, threshold)[0]

    def to_dict(self, *, top: int = 6) -> dict[str, Any]:
        """Return the prediction and the ``top`` tokens and neurons behind it as plain values, ready for JSON."""
        found, by_neuron = self.attribution, self.attribution.evidence.sum(0)
        half, unknown = found.neurons_for_half(), self.unknown

        def token_row(position: int) -> dict[str, Any]:
            shares, neurons = found.share[position].topk(min(3, found.share.shape[1]))
            pairs = zip(neurons.tolist(), shares.tolist(), strict=True)
            return {
                "token": self.tokens[position],
                "position": position,
                "unknown": unknown[position],
                "importance": self.importance[position].item(),
                "evidence": self.evidence[position].item(),
                "neurons_for_half": half[position],
                "neurons": [{"neuron": neuron, "share": share} for neuron, share in pairs if share > 0],
            }

        def neuron_row(neuron: int) -> dict[str, Any]:
            position = int(found.evidence[:, neuron].abs().argmax())
            return {"neuron": neuron, "evidence": by_neuron[neuron].item(), "token": self.tokens[position]}

        check_number("top", top, low=0, whole=True)
        strongest_tokens = self.evidence.abs().argsort(descending=True)[:top].tolist()
        strongest_neurons = by_neuron.abs().argsort(descending=True)[:top].tolist()
        return {
            "text": self.text,
            "label": self.label,
            "probability": self.probability,
            "unknown_tokens": self.unknown_tokens,
            "warning": self.warning,
            "probabilities": dict(zip(self.model.labels, self.probabilities.tolist(), strict=True)),
            "tokens": [token_row(position) for position in strongest_tokens],
            "neurons": [neuron_row(neuron) for neuron in strongest_neurons if by_neuron[neuron] != 0],
        }


def explain(model: HookedClassifier, text: str | TextExplanation, *, truncate: bool = False) -> TextExplanation:
    """Run a model on a text once and keep what tables and views show of it.

    All of them also take an explanation in place of a text, so that several share one forward pass.

    Args:
        model: a classifier.
        text: the text; an explanation by the same model is returned as it is.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: an explanation by another model.
        TextError: a text that the model cannot read.
        NotFiniteError: an activation, a logit or a part of one that is NaN or infinite.

    >>> from safr_lens import HookedClassifier, ModelConfig, token_table, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> explanation = explain(model, "A good film")
    >>> explanation.tokens
    ['A', 'good', 'film']
    >>> len(token_table(model, explanation))
    3
    """
    if isinstance(text, TextExplanation):
        if text.model is not model:
            raise ConfigError("The explanation is of another model; make one with explain(model, text).")
        return text
    tokens, mask = model.to_tokens(one_text(text), truncate=truncate)
    words = words_of(model, text, truncate=truncate)
    pieces = model.to_str_tokens(text, truncate=truncate)
    backbone, layers = model.adapter, range(model.config.n_layers)
    neurons = [backbone.readable_neurons(layer) for layer in layers]
    patterns = [backbone.attention_pattern(layer) for layer in layers]
    exact = backbone.capabilities.exact_decomposition
    points = points_to_decompose(backbone, through_neurons=model.config.readout == "neurons") if exact else []
    with evaluating(model):
        output = model(tokens, mask, capture={*neurons, *patterns, *points})
        kept = output.mask[0]
        seen = {name: output.activations[name][0, kept].float() for name in {*neurons, *points}}
        seen |= {name: output.activations[name][0, :, kept][..., kept].float() for name in patterns}
        if exact:
            components = {name: seen[name] for name in points}
            logits, weights = output.logits[0].float(), output.token_weights[0, kept]
            parts = decomposed(backbone, components, logits, weights=weights, tokens=pieces, labels=model.labels)
        else:
            parts = linearized(model, tokens, mask, words=pieces)
    for name in dict.fromkeys([*chain.from_iterable(zip(patterns, neurons, strict=True)), *points]):
        check_finite(name, seen[name])
    check_finite("the logits", parts.logits)
    check_finite("the evidence", parts.neurons)
    parts = _by_word(parts, words)
    predicted = int(parts.logits.argmax())
    return TextExplanation(
        model=model,
        text=text,
        tokens=words.tokens,
        ids=words.first(tokens[0, kept]),
        mask=words.first(kept[kept]).unsqueeze(0),
        probabilities=output.probabilities[0],
        predicted=predicted,
        importance=words.mean(output.importance[0, kept]),
        neurons=tuple(words.max(seen[name]) for name in neurons),
        patterns=tuple(words.pattern(seen[name]) for name in patterns),
        parts=parts,
        evidence=margin(parts.by_token(), predicted),
        attribution=attribution(parts),
    )


def _by_word(parts: Decomposition, words: Words) -> Decomposition:
    others = {name: words.sum(value) for name, value in parts.others.items()}
    return replace(parts, tokens=words.tokens, neurons=words.sum(parts.neurons), others=others)
