"""``SafrPenalty``: which terms, at which site, with which weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool
from torch import Tensor

from safr_lens.checks import check_choice, check_number, strict_kwargs
from safr_lens.errors import ConfigError
from safr_lens.models.backbone import neurons_hook, pattern_hook
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.information import information
from safr_lens.penalty.presets import PRESETS, preset_fields
from safr_lens.penalty.schedule import Schedule, as_schedule
from safr_lens.penalty.terms import Terms, TokenWords, embedding_terms, mean_terms, neuron_terms, rival_terms

SITES = ("neurons", "embedding", "none")
PAIRS = ("attention", "words")
SCOPES = ("text", "batch")
COUNTED_PAIRS = ("tokens", "words")
GATES = ("shared", "apart")
WEIGHTS = (
    "importance_weight",
    "interaction_weight",
    "information_weight",
    "l1_weight",
    "mono_weight",
)
INFORMATION_WEIGHT = Schedule(start=1.0, end=0.1, delay=1.0, epochs=0.0)


@dataclass(frozen=True, kw_only=True)
class SafrPenalty:
    """The terms that SAFR adds to the cross-entropy, each returned by name and unweighted.

    The defaults are what the study found best (``docs/study.md``): words that keep like company share neurons, all
    others should not. They need word vectors, which :func:`~safr_lens.train` makes from the training split unless it is
    given better ones, made from more texts; ``preset("attention")`` needs none.

    ``loss = CE + importance_weight L_imp + interaction_weight L_inter + information_weight L_info``
    and, for rivals of SAFR, ``+ l1_weight L_1 + mono_weight L_mono``; terms of several layers
    are averaged. Adding padding never changes a term.

    Attributes:
        site: ``"neurons"`` (MLP activations), ``"embedding"`` (the authors' release) or ``"none"`` (the information
            term alone: the unregularised classifier).
        importance_weight, interaction_weight, information_weight: a number, or a :class:`Schedule` over epochs.
        l1_weight: of :func:`activation_l1`, whatever the site.
        mono_weight: of :func:`monosemanticity_loss` with the word vectors of the training, whatever the site.
        layers: which layers' neurons and attention; by default the last (for ``"embedding"``, the first layer's
            attention).
        pairs: which pairs of tokens are correlated at site ``"neurons"``: ``"words"`` (:func:`word_correlation` with
            the word vectors of the training) or ``"attention"`` (:func:`attention_correlation`).
        scope: pairs across the texts of a ``"batch"``, or within each ``"text"``.
        batch_tokens: with scope ``"batch"``, at most so many tokens are drawn.
        counted_pairs: in the interaction term each pair of ``"tokens"`` counts, so that most of it are two occurrences
            of one frequent word, or each pair of ``"words"`` counts once, however often they occur.
        threshold: of :func:`attention_correlation`.
        word_threshold: of :func:`word_correlation`.
        l1_ratio: of :func:`neuron_importance`. With ``l1_ratio`` 1 a token has half a
            dozen active neurons instead of a hundred, but many neurons become copies of one another and their words
            have less to do with each other.
        gates: ``"shared"``: the SAFR terms look at all texts of a batch and, through the gates that VMASK samples, also
            teach it which tokens to keep; a strong penalty then unteaches it what the classes need. ``"apart"``: half
            of the texts, drawn anew each step, teach VMASK, and the SAFR terms look at the other half, whose gates are
            constants to them. At site ``"neurons"`` alone.

    Raises:
        ConfigError: an unknown site, a negative weight, a layer that is no whole number.

    >>> SafrPenalty().weights(epoch=0.0)["information"]
    1.0
    """

    site: str = "neurons"
    importance_weight: float | Schedule | Mapping[str, float] = 2.0
    interaction_weight: float | Schedule | Mapping[str, float] = 1.0
    information_weight: float | Schedule | Mapping[str, float] = INFORMATION_WEIGHT
    layers: tuple[int, ...] | None = None
    threshold: float = 2.0
    l1_ratio: float = 0.0
    l1_weight: float | Schedule | Mapping[str, float] = 0.0
    mono_weight: float | Schedule | Mapping[str, float] = 0.0
    pairs: str = "words"
    scope: str = "batch"
    batch_tokens: int = 512
    counted_pairs: str = "words"
    word_threshold: float = 0.5
    gates: str = "apart"

    def __post_init__(self) -> None:
        check_choice("site", self.site, SITES)
        check_choice("pairs", self.pairs, PAIRS)
        check_choice("scope", self.scope, SCOPES)
        check_choice("counted_pairs", self.counted_pairs, COUNTED_PAIRS)
        check_choice("gates", self.gates, GATES)
        for name in WEIGHTS:
            object.__setattr__(self, name, as_schedule(name, getattr(self, name)))
        for name in ("threshold", "l1_ratio"):
            check_number(name, getattr(self, name), low=0.0)
        check_number("word_threshold", self.word_threshold, low=0.0, high=0.999)
        check_number("batch_tokens", self.batch_tokens, low=2, whole=True)
        if self.layers is not None:
            if not isinstance(self.layers, Sequence) or isinstance(self.layers, str) or not self.layers:
                raise ConfigError(f"layers must be a list of layers such as [0]; got {self.layers!r}.")
            object.__setattr__(self, "layers", tuple(self.layers))
            for layer in self.layers:
                check_number("layers", layer, low=0, whole=True)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SafrPenalty:
        """Return the penalty of a preset, with changes of your own.

        ``"light"`` is the default and ``"strong"`` three times its weights; both are meant for
        ``TrainConfig(embedding_start="words")`` and ``word_vectors`` of many texts, and as a setting or option of
        ``safr-lens train``, ``preset`` sees to both. ``"attention"``: pairs that attend to each other within a text, as
        the paper has it, on neurons. ``"release"``: the authors' formulas on embeddings.

        Raises:
            ConfigError: an unknown preset, or changes without meaning.

        >>> SafrPenalty.preset("release", importance_weight=0.1).site
        'embedding'
        """
        check_choice("preset", name, tuple(PRESETS))
        return cls(**{**preset_fields(name), **strict_kwargs(cls, changes, what="the changes to a preset")})

    def chosen_layers(self, n_layers: int) -> tuple[int, ...]:
        """Return the layers of a model with ``n_layers`` that the penalty looks at.

        Raises:
            ConfigError: a layer that the model does not have.
        """
        if self.layers is None:
            return (0,) if self.site == "embedding" else (n_layers - 1,)
        for layer in self.layers:
            if layer >= n_layers:
                raise ConfigError(f"layers names layer {layer}, but the model has {n_layers} (0 to {n_layers - 1}).")
        return self.layers

    @property
    def needs_words(self) -> bool:
        """Whether the terms need word vectors."""
        related = self.site == "neurons" and self.pairs != "attention"
        return related or "mono" in self.rivals

    def hook_names(self, n_layers: int) -> list[str]:
        """Return the hook points whose activations :meth:`terms` needs."""
        layers, last = self.chosen_layers(n_layers), self.layers or (n_layers - 1,)
        names = ["hook_embed"] if self.site == "embedding" else []
        if self.site == "neurons" or self.rivals:
            names += [neurons_hook(layer) for layer in last]
        return names if self.site == "none" else names + [pattern_hook(layer) for layer in layers]

    def terms(
        self,
        output: ClassifierOutput,
        n_layers: int,
        words: TokenWords | None = None,
        *,
        texts: Bool[Tensor, " batch"] | None = None,
    ) -> Terms:
        """Return every term of a batch by name, unweighted.

        Args:
            output: of the classifier, with :meth:`hook_names` captured.
            n_layers: of the classifier.
            words: of the batch, where :attr:`needs_words` is true.
            texts: those that SAFR's terms on neurons look at; by default all.

        Raises:
            ConfigError: words are needed and missing.
        """
        if self.needs_words and (words is None or words.vectors is None):
            raise ConfigError("These terms compare tokens by their words; give words=TokenWords(tokens, vectors).")
        if self.site == "neurons" and self.counted_pairs == "words" and words is None:
            raise ConfigError("Pairs of words are counted once; give words=TokenWords(tokens).")
        layers, last = self.chosen_layers(n_layers), self.layers or (n_layers - 1,)
        terms = {"information": information(output.importance, output.mask)}
        if self.site == "embedding":
            terms |= embedding_terms(output, layers)
        if self.site == "neurons":
            looked_at = output if texts is None else output.of_texts(texts)
            terms |= mean_terms([neuron_terms(self, looked_at, layer, words) for layer in layers])
        return terms | mean_terms([rival_terms(output, layer, words, self.rivals) for layer in last])

    @property
    def rivals(self) -> tuple[str, ...]:
        """The terms of rivals that have a weight: ``"l1"``, ``"mono"``."""
        return tuple(name for name in ("l1", "mono") if self._counts(name))

    @property
    def keeps_gates_apart(self) -> bool:
        """Whether half of the texts teach VMASK and the other half are looked at by the SAFR terms."""
        return self.site == "neurons" and self.gates == "apart"

    def _counts(self, name: str) -> bool:
        schedule = getattr(self, f"{name}_weight")
        return schedule.start > 0 or schedule.end > 0

    def weights(self, epoch: float) -> dict[str, float]:
        """Return the weight of each term at a point of the training, in epochs."""
        names = ["information"] if self.site == "none" else ["information", "importance", "interaction"]
        return {name: getattr(self, f"{name}_weight").at(epoch) for name in (*names, *self.rivals)}

    @property
    def settled(self) -> float:
        """After how many epochs no weight changes any more; the best epoch is chosen among those that follow."""
        names = self.weights(0.0)
        return max(getattr(self, f"{name}_weight").settled for name in names)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them; ``SafrPenalty(**d)`` makes the same penalty."""
        return dataclasses.asdict(self)
