"""Names that are imported when they are first used."""

from __future__ import annotations

import sys
import types

import pytest

from safr_lens.lazy import lazy


def test_name_and_module_are_found_and_the_name_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    package, home = types.ModuleType("toy"), types.ModuleType("toy.home")
    home.answer = 42
    package.__getattr__, package.__dir__ = lazy("toy", {"home": ("answer",)})
    monkeypatch.setitem(sys.modules, "toy", package)
    monkeypatch.setitem(sys.modules, "toy.home", home)
    assert {"answer", "home"} <= set(dir(package))
    assert package.home is home
    assert "answer" not in vars(package)
    assert package.answer == vars(package)["answer"] == 42
    with pytest.raises(AttributeError, match="module 'toy' has no attribute 'anwser'"):
        package.anwser  # noqa: B018
