"""Text of others is shown with nothing hidden in it and in a message at most a hundred characters long."""

from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safr_lens import load_data
from safr_lens.checks import check_choice, check_flag, check_number
from safr_lens.data.labelled_rows import ModelLabels
from safr_lens.errors import ConfigError, SafrLensError
from safr_lens.visible import listed, shortened, shown, visible

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


@given(st.lists(st.text() | st.integers(), max_size=60))
def test_a_list_is_short_and_visible_and_counts_what_it_leaves_out(values):
    said = listed(values)
    assert len(said) <= 250 + 2 * 20 + 12
    assert not COMMANDS & set(said)


def test_a_list_keeps_one_name_however_long_and_all_of_a_few():
    assert listed(["a film " * 50] * 30).endswith("and 28 more")
    assert listed(["good", 1]) == "good, 1"
    assert listed([]) == ""


PACKAGE = Path(__file__).parents[1] / "safr_lens"
OWN_NAMES = {"safr_lens/lazy.py": "the message of Python itself"}


def quoted(tree):
    """Yield the lines of f-strings in which a value is quoted as Python writes it, at whatever length."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r"):
            yield node.lineno
        if isinstance(node, ast.FormattedValue) and "map(repr" in ast.unparse(node.value):
            yield node.lineno


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_message_quotes_a_value_but_through_shown_or_listed(path):
    found = list(quoted(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found or str(path.relative_to(PACKAGE.parent)) in OWN_NAMES, found


def test_a_quoted_value_would_be_seen():
    assert list(quoted(ast.parse("f'{x!r}'\nf'{\", \".join(map(repr, x))}'"))) == [1, 2]


LONG = [f"{CLEAR}{i} " + "a film " * 200 for i in range(30)]


@pytest.mark.parametrize(
    "call",
    [
        lambda: load_data([{"text": "a film", "label": LONG[0]}, {"text": "a film", "label": LONG[1]}], classes=LONG),
        lambda: load_data([dict.fromkeys(LONG, "x")]),
        lambda: load_data({name: [{"text": "a", "label": 0}] for name in LONG}),
        lambda: ModelLabels(["0", "1"], names=LONG).read(LONG[0], row=1),
        lambda: ModelLabels(["1", *LONG]).read(1, row=1),
    ],
)
def test_messages_about_long_names_are_some_hundred_characters_long(call):
    with pytest.raises(SafrLensError) as error:
        call()
    assert len(str(error.value)) <= 1200
    assert not COMMANDS & set(str(error.value))
