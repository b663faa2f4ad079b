"""Generated bad inputs: values, texts, trees of JSON, damaged bytes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

NUMBERS = [0, 1, -1, 2, 3, 7, 2**31, 2**63, 2**64, 2**70, 10**9, 10**400, -(2**70), 0.5, -0.5, 1e300, 1e-300]
ODD = [float("nan"), float("inf"), -float("inf"), None, True, False, "", " ", "0", "-1", "1e-4", "nan", "all", "none"]
TEXTS = [
    *("\x1b[2J", "\x00", "\udcff", "\u202e", "a\nb", "[red]x[/red]", "{}", "%s", "../../etc/passwd", "/dev/null", "~"),
    *("x" * 5000, "a film " * 400, "\u0301" * 50, "😀", "<script>", "'; --", "=1+1", "\ufeff", "\u2028", "--help"),
]
SCALARS = st.sampled_from([*NUMBERS, *ODD, *TEXTS]) | st.text(max_size=20) | st.integers() | st.floats()
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(TEXTS), inner),
    max_leaves=5,
)
DEEP = st.sampled_from([[[[[[[[]]]]]]], {"a": {"a": {"a": {"a": 1}}}}, [[]] * 1000])
VALUES = TREES | DEEP
OBJECTS = VALUES | st.sampled_from([b"x", {1}, 1j, object(), np.zeros(3), np.float32("nan"), range(3), {"a": object()}])
ARGUMENTS = (st.sampled_from([*map(str, NUMBERS), *TEXTS, "nan", "inf", "-1", "", "0.5"]) | st.text(max_size=20)).map(
    lambda text: text.replace("\0", "0")  # no argument of a process holds one
)
RAW_JSON = st.sampled_from(
    ["[" * 100_000, "9" * 5000, "NaN", "{", "", '{"a":1,"a":2}', "null", "[]", "3", '"x"', "1e999", "\udcff", "{}" * 3]
)
INSERTED = [b"\xff", b"\x00", b'"', b"\n", b"\r", b",", b"\t", b"\xef\xbb\xbf", b"\x1b[2J", b"[" * 3000, b"9" * 5000]


@st.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """Draw a damaged copy of some bytes: cut, flipped, with something put in or repeated."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["cut", "flip", "insert", "repeat", "remove"]))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ (1 << draw(st.integers(0, 7)))]) + content[at + 1 :]
        elif kind == "insert":
            content = content[:at] + draw(st.sampled_from(INSERTED)) + content[at:]
        elif kind == "repeat":
            content = content[:at] + content[at : at + 50] * 20 + content[at:]
        else:
            content = content[:at] + content[at + draw(st.integers(1, 40)) :]
    return content


@st.composite
def changed(draw: Any, tree: Any) -> Any:
    """Draw a copy of a value of JSON with one place in it replaced, removed, or joined by another."""
    if isinstance(tree, dict) and tree and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(tree)))
        return {**tree, key: draw(changed(tree[key]))}
    if isinstance(tree, dict) and tree:
        key = draw(st.sampled_from(sorted(tree)))
        rest = {name: value for name, value in tree.items() if name != key}
        return rest if draw(st.booleans()) else rest | {draw(st.text(max_size=5)): tree[key]}
    if isinstance(tree, list) and tree and draw(st.integers(0, 2)):
        at = draw(st.integers(0, min(len(tree), 20) - 1))
        return [*tree[:at], draw(changed(tree[at])), *tree[at + 1 :]]
    return draw(VALUES)


@st.composite
def changed_json(draw: Any, text: str) -> bytes:
    """Draw a bad copy of a JSON file: another value somewhere, or other bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(text.encode()) | RAW_JSON.map(lambda raw: raw.encode("utf-8", "surrogateescape")))
    return json.dumps(draw(changed(json.loads(text)))).encode()
