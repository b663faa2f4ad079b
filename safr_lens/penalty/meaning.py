"""Which settings of the penalty have a meaning beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safr_lens.errors import ConfigError, near_matches
from safr_lens.penalty.pairs import Pairs
from safr_lens.penalty.registry import own_settings, registered_terms, weight_name
from safr_lens.penalty.schedule import Schedule, as_schedule
from safr_lens.visible import shown


def setting_names() -> list[str]:
    """Return the names of all settings of :class:`SafrPenalty`, those of registered terms included."""
    terms = registered_terms()
    own = [name for term in terms for name in own_settings(term)]
    return list(dict.fromkeys(["site", "layers", *map(weight_name, terms), *own, *Pairs.names(), "gates"]))


def check_meaning(site: str, settings: Mapping[str, Any]) -> None:
    """Raise a ConfigError for the first setting that does not exist, or that the others leave without a meaning."""
    known, lost = setting_names(), meaningless(site, settings)
    for name in settings:
        if name not in known:
            raise ConfigError(
                f"Unknown setting {shown(name)} of the penalty.{near_matches(name, known)} Known: {', '.join(known)}."
            )
        if name in lost:
            raise ConfigError(f"{name} would be ignored: {lost[name]}. Leave it out, or change the others.")


def schedules(site: str, settings: Mapping[str, Any]) -> dict[str, Schedule]:
    """Return the weight of each term that is on by default or has a weight."""
    weights = {}
    for term in registered_terms(site):
        name = weight_name(term)
        default = as_schedule(name, term.weight)
        schedule = as_schedule(name, settings[name]) if name in settings else default
        if default.counts or schedule.counts:
            weights[term.name] = schedule
    return weights


def meaningless(site: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings without a meaning beside the others, and why."""
    here = registered_terms(site)
    active = [term for term in here if term.name in schedules(site, settings)]
    reasons = {}
    for term in registered_terms():
        if weight_name(term) not in map(weight_name, here):
            reasons[weight_name(term)] = f'no term of site="{site}" has this name'
        for name in own_settings(term):
            if not any(name in own_settings(one) for one in active):
                reasons[name] = f"the term {shown(term.name)} is not in use"
    reasons |= dict.fromkeys(Pairs.meaningless(settings), "the choice of pairs and scope leaves it without a use")
    if not any("compared" in term.needs for term in active):
        reasons |= dict.fromkeys((*Pairs.names(), "gates"), f'no term compares tokens at site="{site}"')
    return reasons
