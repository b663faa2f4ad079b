"""All terms that a penalty can have."""

from __future__ import annotations

import dataclasses
import inspect

from safr_lens.errors import ConfigError, near_matches
from safr_lens.penalty.inputs import NEEDS
from safr_lens.penalty.pairs import Pairs
from safr_lens.penalty.schedule import as_schedule
from safr_lens.penalty.term import Term
from safr_lens.visible import shown

_TERMS: list[type[Term]] = []
OWN_SETTINGS = ("site", "layers", "gates", "preset", *Pairs.names())


def register_term(term: type[Term]) -> type[Term]:
    """Make a term known by name to :class:`SafrPenalty`, settings, training and history; can be used as a decorator.

    Raises:
        ConfigError: a term without ``value``, a name or setting that is taken, an unknown need, or a default weight
            without meaning.
    """
    if inspect.isabstract(term):
        raise ConfigError(f"{term.__name__} has no method value(inputs), which gives the term of a batch.")
    for need in term.needs:
        if need not in NEEDS:
            raise ConfigError(f"{term.name} needs {shown(need)}; known: {', '.join(NEEDS)}.{near_matches(need, NEEDS)}")
    if term.name == "cross_entropy" or any(
        term.name == one.name and (None in (term.site, one.site) or term.site == one.site) for one in _TERMS
    ):
        raise ConfigError(f"There is a term {shown(term.name)} already; give this one another name.")
    for name in own_settings(term):
        if name in OWN_SETTINGS or any(name in own_settings(one) for one in _TERMS if one.name != term.name):
            raise ConfigError(
                f"The setting {shown(name)} of the term {shown(term.name)} is another's already; rename it."
            )
    as_schedule(weight_name(term), term.weight)
    _TERMS.append(term)
    return term


def unregister_term(term: type[Term]) -> None:
    """Forget a term, as at the end of a test or before another version of it is registered."""
    _TERMS.remove(term)


def registered_terms(site: str | None = None) -> tuple[type[Term], ...]:
    """Return the terms that a site can have, in the order of their registration; without a site all terms.

    >>> [term.name for term in registered_terms("none")]
    ['information', 'l1', 'mono']
    """
    return tuple(term for term in _TERMS if site is None or term.site in (None, site))


def sites() -> tuple[str, ...]:
    """Return the sites that terms belong to, and ``"none"``."""
    return (*dict.fromkeys(term.site for term in _TERMS if term.site is not None), "none")


def weight_name(term: type[Term]) -> str:
    """Return the setting of a term's weight."""
    return f"{term.name}_weight"


def own_settings(term: type[Term]) -> tuple[str, ...]:
    """Return the settings of a term beside its weight."""
    return tuple(field.name for field in dataclasses.fields(term))
