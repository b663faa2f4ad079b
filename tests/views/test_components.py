"""Text that cannot become markup, and circuitsvis components read back from what circuitsvis renders."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.views.components import WORD_JOINER, json_in_script, sanitized, script, token_colors


@given(st.text())
@settings(deadline=None, max_examples=200)
def test_no_bracket_or_ampersand_is_followed_by_anything_but_a_word_joiner(text):
    safe = sanitized(text)
    for position, character in enumerate(safe):
        if character in "<&":
            assert safe[position + 1] == WORD_JOINER


def test_plain_text_stays_as_it_is():
    assert sanitized("Plain text, with “quotes” & 👩‍👩‍👧".replace("&", "and")) == "Plain text, with “quotes” and 👩‍👩‍👧"


@pytest.mark.parametrize(("raw", "visible"), [("\n", "↵"), ("\t", "⇥"), ("\u202e", "[U+202E]"), ("\x00", "[U+0000]")])
def test_what_hides_or_reorders_is_made_visible(raw, visible):
    assert sanitized(raw) == visible


def test_lone_surrogates_can_be_written():
    assert sanitized("\ud800").encode("utf-8") == "\ufffd".encode()


def test_a_component_keeps_tokens_values_and_bounds():
    made = token_colors(["a", "<br />"], [0.25, math.nan], low=0.0, high=1.0, positive="#123456")
    props = json.loads(made.props)
    assert made.name == "ColoredTokens"
    assert [token.replace(WORD_JOINER, "") for token in props["tokens"]] == ["a ", "<br /> "]
    assert props["values"] == [0.25, 0.0]
    assert (props["minValue"], props["maxValue"], props["positiveColor"]) == (0.0, 1.0, "#123456")


def test_props_cannot_end_their_script():
    made = token_colors(["</script><!--<script>"], [1.0], low=0.0, high=1.0, positive="#000000")
    assert "<" not in made.props


def test_json_in_script_refuses_nan():
    with pytest.raises(ValueError):
        json_in_script(math.nan)


def test_the_bundle_holds_no_end_of_script_and_no_address_of_a_map():
    assert "</script" not in script().lower()
    assert "sourceMappingURL" not in script()
