"""Text of others is shown with nothing hidden in it and in a message at most a hundred characters long."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safr_lens.checks import check_choice, check_flag, check_number
from safr_lens.errors import ConfigError, SafrLensError
from safr_lens.visible import shortened, shown, visible

CLEAR = "\x1b[2J"
COMMANDS = set("\x1b\x9b\x07\u202e\u2066\u2028\r\n\x00\x7f\x85")


@given(st.text())
def test_nothing_hidden_is_left(text):
    left = {unicodedata.category(character) for character in visible(text).replace("\u200d", "")}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text())
def test_line_ends_stay_where_they_are_asked_for(text):
    assert visible(text, keep="\n").split("\n") == [visible(line) for line in text.split("\n")]


@given(
    st.recursive(
        st.text() | st.integers() | st.binary(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_is_shown_short_and_visible(value):
    assert len(shown(value)) <= 100
    assert not COMMANDS & set(shown(value))


@pytest.mark.parametrize(
    "value", [10**5000, [10**5000], "x" * 10**7, [[[[[[1]]]]]] * 10**5], ids=["number", "list", "text", "nested"]
)
def test_a_huge_value_is_shown_at_once(value):
    assert len(shown(value)) <= 100


def test_a_short_text_is_shown_as_python_writes_it():
    assert shown("it's") == repr("it's")
    assert shortened("film") == "film"


def test_an_error_is_visible_and_bounded():
    assert str(SafrLensError(f"label {CLEAR}")) == "label [U+001B][2J"
    assert len(str(SafrLensError("x" * 10**6))) == 100
    assert len(str(SafrLensError("a film " * 10**6))) == 2000


@pytest.mark.parametrize(
    "check",
    [
        lambda value: check_number("seed", value, low=0, whole=True),
        lambda value: check_choice("site", value, ("neurons", "none")),
        lambda value: check_flag("streaming", value),
    ],
)
@pytest.mark.parametrize("value", ["x" * 5000, 2**70, [1] * 1000, float("nan"), {}, None, 10**4000])
def test_a_check_quotes_at_most_a_hundred_characters(check, value):
    with pytest.raises(ConfigError) as raised:
        check(value)
    assert len(str(raised.value)) < 250


def test_numbers_are_bounded_as_their_kind_needs():
    check_number("end", 1e39, low=0.0)
    check_number("size", 2**63 - 1, low=0, whole=True)
    for value in (2**63, 10**4000, -(10**4000), float("inf"), float("nan")):
        with pytest.raises(ConfigError):
            check_number("size", value, low=0)
