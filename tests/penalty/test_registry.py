"""What cannot be registered, and what is."""

from __future__ import annotations

from dataclasses import make_dataclass

import pytest

from safr_lens.errors import ConfigError
from safr_lens.penalty import Term, register_term, registered_terms
from safr_lens.penalty.registry import sites


def term(name="new", fields=(), **attributes):
    attributes = {"name": name, "value": lambda self, inputs: inputs.mask.sum(), **attributes}
    return make_dataclass("New", fields, bases=(Term,), namespace=attributes, frozen=True)


@pytest.mark.parametrize(
    ("new", "says"),
    [
        (term("importance", site="neurons"), "There is a term 'importance' already"),
        (term("importance"), "There is a term 'importance' already"),
        (term("l1", site="elsewhere"), "There is a term 'l1' already"),
        (term("cross_entropy"), "There is a term 'cross_entropy' already"),
        (term(needs=("neuron",)), "Did you mean 'neurons'"),
        (term(fields=[("l1_ratio", float, 0.0)]), "The setting 'l1_ratio' of the term 'new'"),
        (term(fields=[("scope", str, "")]), "The setting 'scope' of the term 'new'"),
        (term(weight=-1.0), "new_weight must be a number"),
        (type("Valueless", (Term,), {"name": "valueless"}), "Valueless has no method value"),
    ],
    ids=lambda value: "" if isinstance(value, str) else None,
)
def test_a_term_that_cannot_be_told_from_others_or_used_is_refused(new, says):
    before = registered_terms()
    with pytest.raises(ConfigError, match=says):
        register_term(new)
    assert registered_terms() == before


def test_every_term_says_in_a_sentence_what_it_wants():
    assert all(one.sentence.endswith(".") for one in registered_terms())
    assert sites() == ("neurons", "embedding", "none")
