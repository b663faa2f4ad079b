"""No word of a picture is cut off at its edge."""

from __future__ import annotations

import pytest

from safr_lens.views import charts

PICTURES = {
    "bars below zero": lambda: charts.bars({"negative": -0.019, "positive": -0.175}, label="logits"),
    "bars above zero": lambda: charts.bars({"negative": 0.0036, "positive": 0.00425}, label="logits"),
    "small activations": lambda: charts.histogram([0, 0.01, 0.02, 0.03], {"a": [3, 2, 1]}, label="activation"),
    "a large corpus": lambda: charts.histogram([0, 1, 2], {"a": [2_000_000, 1]}, label="activation"),
    "curves": lambda: charts.curves({"a": [0.70125, 0.70135]}, label="accuracy"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_no_word_is_cut(name, monkeypatch):
    boxes = []
    monkeypatch.setattr(
        charts, "chart", lambda figure, alt: boxes.append([figure.get_tightbbox(), figure.get_size_inches()])
    )
    PICTURES[name]()
    [(box, (width, height))] = boxes
    assert box.x0 >= 0 and box.y0 >= 0
    assert box.x1 <= width and box.y1 <= height
