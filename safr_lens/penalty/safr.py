"""``SafrPenalty``: which terms, at which site, with which weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

import safr_lens.penalty.terms  # noqa: F401  (registers the terms)
from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.models.compared import ComparedPairs
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.evidence import check_has_evidence, class_effects
from safr_lens.penalty.inputs import TermInputs, TokenWords
from safr_lens.penalty.meaning import check_meaning, meaningless, schedules
from safr_lens.penalty.pairs import Pairs
from safr_lens.penalty.presets import PRESETS
from safr_lens.penalty.registry import own_settings, registered_terms, sites
from safr_lens.penalty.schedule import Schedule
from safr_lens.penalty.term import Term
from safr_lens.visible import shown

GATES = ("shared", "apart")


@dataclass(frozen=True, init=False)
class SafrPenalty:
    """The terms that are added to the cross-entropy, each returned by name and unweighted.

    ``loss = CE + sum of NAME_weight * NAME`` over the terms of a site: SAFR's ``importance`` and ``interaction``,
    VMASK's ``information``, and as baselines ``l1`` and ``mono``, which have weight 0 by default and then are left out;
    terms of several layers are averaged. Adding padding never changes a term. Other terms come with
    :func:`~safr_lens.penalty.register_term`.

    The defaults are what the study found best (``docs/study.md``): words used in like contexts share neurons, all
    others should not. They need word vectors, which :func:`~safr_lens.train` makes from the training split unless it is
    given better ones, made from more texts; ``preset("attention")`` needs none.

    Args:
        site: ``"neurons"`` (MLP activations), ``"embedding"`` (the authors' release) or ``"none"`` (neither: with the
            information term alone, the unregularised classifier).
        layers: which layers' neurons and attention; by default the last (for ``"embedding"``, the first layer's
            attention).
        **settings: flat, as in a config file: ``NAME_weight``, a number or a :class:`Schedule` over epochs, for each
            term; ``l1_ratio``, of :func:`neuron_importance`; how tokens are compared, as in :class:`Pairs`; and
            ``gates``: with ``"shared"`` the SAFR terms look at all texts of a batch and, through the gates that VMASK
            samples, also teach it which tokens to keep; a strong penalty then unteaches it what the classes need. With
            ``"apart"``, the default, half of the texts, drawn anew each step, teach VMASK, and the SAFR terms look at
            the other half, whose gates are constants to them.

    Attributes:
        site, layers: as given.
        active: the terms that are computed.
        schedules: the weight of each, by name.
        pairs: how tokens are compared, where a term compares them.
        gates: as given, where a term compares tokens.

    Raises:
        ConfigError: an unknown setting or site, a negative weight, a layer that is no whole number, or a setting that
            the others leave without a meaning.

    >>> SafrPenalty().weights(epoch=0.0)
    {'information': 1.0, 'importance': 2.0, 'interaction': 1.0}
    >>> SafrPenalty(site="none", l1_weight=3.0).weights(epoch=1.0)
    {'information': 0.1, 'l1': 3.0}
    """

    site: str
    layers: tuple[int, ...] | None
    active: tuple[Term, ...] = field(repr=False)
    schedules: Mapping[str, Schedule]
    pairs: Pairs | None
    gates: str | None

    def __init__(self, *, site: str = "neurons", layers: Sequence[int] | None = None, **settings: Any) -> None:
        check_choice("site", site, sites())
        check_meaning(site, settings)
        weights = schedules(site, settings)
        active = tuple(
            term(**{name: settings[name] for name in own_settings(term) if name in settings})
            for term in registered_terms(site)
            if term.name in weights
        )
        compares = any("compared" in term.needs for term in active)
        pairs = Pairs(**{name: settings[name] for name in Pairs.names() if name in settings}) if compares else None
        gates = settings.get("gates", "apart") if compares else None
        if gates is not None:
            check_choice("gates", gates, GATES)
        parts = {"site": site, "layers": _checked_layers(layers), "active": active, "schedules": weights}
        for name, value in (parts | {"pairs": pairs, "gates": gates}).items():
            object.__setattr__(self, name, value)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> SafrPenalty:
        """Return the penalty of a preset, with changes of your own.

        ``"light"`` is the default; ``"strong"`` has five times its weights in the first epoch, which fall to 0 in the
        second; ``"faithful"`` has none in the first, and in the second they rise to ten times, which leaves VMASK's
        importance more faithful. They are meant for ``TrainConfig(embedding_start="words")``, ``word_vectors`` of many
        texts and ``ModelConfig(d_mlp=256)``; as a setting or option of ``safr-lens train``, ``preset`` sees to all of
        these.
        ``"pretrained"`` is for classifiers on a pretrained encoder, ``"sparse"`` for those whose neuron head keeps few
        neurons of a token (``act_fn="topk"``); its weights fall to 0 in the fourth and fifth epoch.
        ``"attention"``: pairs that attend to each other within a text, as the paper has it, on neurons. ``"release"``:
        the authors' formulas on embeddings.

        Raises:
            ConfigError: an unknown preset, or changes without meaning.

        >>> SafrPenalty.preset("release", importance_weight=0.1).site
        'embedding'
        """
        if name == "none":
            raise ConfigError('There is no preset "none"; site="none" (--site none) is without SAFR.')
        check_choice("preset", name, tuple(PRESETS))
        return _changed(PRESETS[name].penalty, changes)

    def compared(
        self, vectors: Float[Tensor, "d_vocab d_embed"] | None = None, source: str | None = None
    ) -> ComparedPairs:
        """Return which pairs of tokens the terms compare, as a model keeps it for tables and views.

        >>> SafrPenalty.preset("strong").compared().name, SafrPenalty(site="none").compared().name
        ('pairs of related words (cosine above 0.5)', 'no pairs of tokens')
        """
        if self.pairs is None:
            return ComparedPairs("attention" if any("pattern" in term.needs for term in self.active) else "none")
        if self.pairs.pairs == "attention":
            return ComparedPairs("attention", self.pairs.threshold)
        return ComparedPairs("words", self.pairs.word_threshold, source, vectors)

    def changed(self, **changes: Any) -> SafrPenalty:
        """Return this penalty with other settings; what they leave without a meaning is left out.

        >>> SafrPenalty(l1_ratio=0.5).changed(site="none").to_dict()["site"]
        'none'
        """
        return _changed(self.to_dict(), changes)

    @property
    def needs_words(self) -> bool:
        """Whether the terms need word vectors."""
        related = self.pairs is not None and self.pairs.pairs == "words"
        return related or any("vectors" in term.needs for term in self.active)

    def hook_names(self, backbone: BackboneAdapter) -> list[str]:
        """Return the hook points whose activations :meth:`terms` needs.

        Raises:
            ConfigError: a layer that the model does not have, or neurons without evidence where that is compared.
        """
        for layer in self.layers or ():
            if layer >= backbone.n_layers:
                raise ConfigError(
                    f"layers names layer {layer}, but the model has {backbone.n_layers} (0 to {backbone.n_layers - 1})."
                )
        if self._compares_evidence:
            check_has_evidence(backbone, *(self.layers or ()))
        names = [
            _points(backbone, layer)[need]
            for term in self.active
            for layer in self._layers_of(term, backbone.n_layers)
            for need in self._activations(term)
        ]
        return list(dict.fromkeys(names))

    def terms(
        self,
        output: ClassifierOutput,
        backbone: BackboneAdapter,
        words: TokenWords | None = None,
        *,
        texts: Bool[Tensor, " batch"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """Return every term of a batch by name, unweighted and in single precision, under autocast too.

        Args:
            output: of the classifier, with :meth:`hook_names` captured.
            backbone: of the classifier; ``model.adapter``.
            words: of the batch, where :attr:`needs_words` is true.
            texts: those whose tokens are compared; by default all.

        Raises:
            ConfigError: words are needed and missing.
        """
        if self.needs_words and (words is None or words.vectors is None):
            raise ConfigError("These terms compare tokens by their words; give words=TokenWords(tokens, vectors).")
        if self.pairs is not None and self.pairs.counted_pairs == "words" and words is None:
            raise ConfigError("Pairs of words are counted once; give words=TokenWords(tokens).")
        values = defaultdict(list)
        with torch.autocast(output.logits.device.type, enabled=False):  # overlaps in half precision are too coarse
            effects = class_effects(backbone) if self._compares_evidence else None
            for layer in range(backbone.n_layers):
                inputs = TermInputs(output, _points(backbone, layer), words, self.pairs, texts, effects)
                for term in self.active:
                    if layer in self._layers_of(term, backbone.n_layers):
                        values[term.name].append(term.value(inputs))
        return {term.name: torch.stack(values[term.name]).mean() for term in self.active}

    def weights(self, epoch: float) -> dict[str, float]:
        """Return the weight of each term at a point of the training, in epochs."""
        return {name: schedule.at(epoch) for name, schedule in self.schedules.items()}

    @property
    def settled(self) -> float:
        """After how many epochs no weight changes any more; the best epoch is chosen among those that follow."""
        return max((schedule.settled for schedule in self.schedules.values()), default=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them; ``SafrPenalty(**d)`` makes the same penalty."""
        weights = {f"{name}_weight": schedule.to_dict() for name, schedule in self.schedules.items()}
        own = {name: getattr(term, name) for term in self.active for name in own_settings(type(term))}
        compared = {} if self.pairs is None else self.pairs.to_dict() | {"gates": self.gates}
        return {"site": self.site, "layers": self.layers, **weights, **own, **compared}

    @property
    def _compares_evidence(self) -> bool:
        return self.pairs is not None and self.pairs.overlap_of == "evidence"

    def _activations(self, term: Term) -> list[str]:
        needs = [need for need in term.needs if need in ("embedding", "neurons", "pattern")]
        if "compared" in term.needs:
            needs += ["neurons"] + (["pattern"] if self.pairs.pairs == "attention" else [])
        return needs

    def _layers_of(self, term: Term, n_layers: int) -> tuple[int, ...]:
        if not term.by_layer:
            return (0,)
        return self.layers or (range(n_layers)[term.default_layer],)


def _points(backbone: BackboneAdapter, layer: int) -> dict[str, str]:
    """Return by need the hook point where it is."""
    return {
        "embedding": backbone.token_embedding,
        "neurons": backbone.neurons(layer),
        "pattern": backbone.attention_pattern(layer),
    }


def _changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> SafrPenalty:
    """Return a penalty with changed settings, without those that the changes leave without a meaning."""
    merged = {**settings, **changes}
    site = merged.get("site", "neurons")
    check_choice("site", site, sites())
    lost = meaningless(site, merged)
    return SafrPenalty(**{name: value for name, value in merged.items() if name in changes or name not in lost})


def _checked_layers(layers: Sequence[int] | None) -> tuple[int, ...] | None:
    if layers is None:
        return None
    if not isinstance(layers, Sequence) or isinstance(layers, str) or not layers:
        raise ConfigError(f"layers must be a list of layers such as [0]; got {shown(layers)}.")
    for layer in layers:
        check_number("layers", layer, low=0, whole=True)
    return tuple(layers)
