"""What a term of the loss is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.schedule import Schedule


@dataclass(frozen=True)
class Term(ABC):
    """A term beside the cross-entropy; as a frozen dataclass, its fields are settings of its own.

    Attributes:
        name: in histories; ``NAME_weight`` is the setting of its weight.
        sentence: what it wants, in plain words.
        weight: its default weight or schedule. With 0 it is left out unless a weight is given.
        site: at which site of the penalty it belongs; None for all. Two sites may each have a term of one name.
        needs: what it takes from :class:`TermInputs` beside importance, mask and tokens: ``"embedding"``,
            ``"neurons"``, ``"pattern"``, ``"vectors"``, ``"compared"``.
        default_layer: where no layers are chosen; -1 is the last.

    >>> class Square(Term):
    ...     name, sentence, needs = "square", "Neurons have small squares.", ("neurons",)
    ...     def value(self, inputs):
    ...         return inputs.neurons[inputs.mask].square().mean()
    >>> Square.by_layer
    True
    """

    name: ClassVar[str]
    sentence: ClassVar[str]
    weight: ClassVar[float | Schedule] = 0.0
    site: ClassVar[str | None] = None
    needs: ClassVar[tuple[str, ...]] = ()
    default_layer: ClassVar[int] = -1
    by_layer: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        # what is the same in all layers is taken once
        cls.by_layer = bool({"neurons", "pattern", "compared"}.intersection(cls.needs))

    @abstractmethod
    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        """Return the term of a batch, unweighted, at one layer."""
