"""Small charts as SVG pictures, made by matplotlib, for what circuitsvis has no component for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from safr_lens.views.svg import INK, LINE, SOFT, Chart, chart, drawing, fitting
from safr_lens.visible import shortened, visible

# told apart by colour-blind readers too (Okabe and Ito 2008)
STYLES = ("-", "--", ":", "-.")
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F")
FOR, AGAINST, IMPORTANCE = "#4393c3", "#f08a62", "#4db8a8"
UPPER = LinearSegmentedColormap.from_list("upper", ["#ffffff", SERIES[1]])
LOWER = LinearSegmentedColormap.from_list("lower", ["#ffffff", SERIES[0]])
MOST_LABELS = 64
LEGEND_COLUMNS = 3


def histogram(edges: Sequence[float], counts: Mapping[str, Sequence[float]], *, label: str) -> Chart:
    """Return at how many tokens values fall between edges, one line a series, on a logarithmic count axis.

    Args:
        edges: n + 1 borders, rising.
        counts: n counts for each series, by its name.
        label: of the value axis.
    """
    with _plot(len(counts)) as (figure, axes):
        # lines of several widths stay apart where they lie on each other
        for number, (name, values) in enumerate(counts.items()):
            heights = np.maximum(np.asarray(values, dtype=float), 0)
            axes.stairs(
                np.where(heights > 0, heights, np.nan),
                edges,
                baseline=None,
                color=SERIES[number % len(SERIES)],
                label=shortened(visible(name), 24),
                linewidth=2.4 if number == 0 else 1.5,
                linestyle=STYLES[number % len(STYLES)],
            )
        largest = max((max(values, default=0) for values in counts.values()), default=0)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0.7, max(10.0, 2.0 * largest))
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(label)
        axes.set_ylabel("tokens (log scale)")
        if len(counts) > 1:
            _legend(axes)
        totals = ", ".join(f"{name} {sum(values):,.0f}" for name, values in counts.items())
        return chart(figure, f"Histogram of {label} from {edges[0]:.3g} to {edges[-1]:.3g}; tokens: {totals}.")


def bars(values: Mapping[str, float], *, label: str, spans: Mapping[str, tuple[float, float]] | None = None) -> Chart:
    """Return one horizontal bar a name, coloured by its sign.

    Args:
        values: by name, the first on top; what is not finite has no bar.
        label: of the value axis.
        spans: a confidence interval of each, by name.
    """
    names = list(values)
    finite = [value if math.isfinite(value) else 0.0 for value in values.values()]
    labels = [fitting(name, 36) for name in names]
    height, margin = 0.6 + 0.26 * len(names), 0.2 + 0.07 * max(map(len, labels), default=1)
    with drawing(5.2, height, (margin / 5.2, 0.5 / height, 0.945, 1 - 0.05 / height)) as (figure, axes):
        axes.barh(range(len(names)), finite, color=[FOR if value >= 0 else AGAINST for value in finite], height=0.7)
        for place, name in enumerate(names):
            if not math.isfinite(values[name]):
                axes.annotate("undefined", (0, place), (4, 0), textcoords="offset points", va="center", color=SOFT)
            low, high = (spans or {}).get(name, (math.nan, math.nan))
            if math.isfinite(low) and math.isfinite(high):
                axes.plot([low, high], [place, place], color=INK, linewidth=1.4)
        axes.axvline(0, color=SOFT, linewidth=0.8)
        axes.set_yticks(range(len(names)), labels)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.locator_params(axis="x", nbins=5)  # of more, long numbers run into each other
        axes.set_xlabel(label)
        said = ", ".join(f"{name} {_said(value)}" for name, value in values.items())
        return chart(figure, f"Bars of {label}: {said}.")


def curves(series: Mapping[str, Sequence[float]], *, label: str, marks: Mapping[str, int] | None = None) -> Chart:
    """Return values by epoch, one line a name.

    Args:
        series: values of epochs 1, 2, ... by name; what is not finite leaves a gap.
        label: of the value axis.
        marks: an epoch of each that is marked, by name.
    """
    with _plot(len(series)) as (figure, axes):
        for number, (name, values) in enumerate(series.items()):
            color, style = SERIES[number % len(SERIES)], STYLES[number % len(STYLES)]
            shown = np.asarray(values, dtype=float)
            axes.plot(range(1, len(shown) + 1), shown, style, color=color, label=shortened(visible(name), 28))
            mark = (marks or {}).get(name)
            if mark and mark <= len(shown):
                axes.plot([mark], [shown[mark - 1]], "o", color=color, markersize=6)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)  # type: ignore[call-arg]  # MaxNLocator
        _legend(axes)
        ends = ", ".join(
            f"{name} from {_said(values[0])} to {_said(values[-1])}" for name, values in series.items() if values
        )
        return chart(figure, f"{label} by epoch: {ends}.")


@contextmanager
def _plot(n: int) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure with room for a legend of n lines above its axes, where it hides nothing."""
    above = 0.1 + 0.19 * math.ceil(n / LEGEND_COLUMNS)
    height = 2.4 + above
    with drawing(5.2, height, (0.18, 0.48 / height, 0.96, 1 - above / height)) as (figure, axes):
        yield figure, axes


def _legend(axes: Axes) -> None:
    axes.legend(
        fontsize=8,
        ncols=LEGEND_COLUMNS,
        loc="lower left",
        bbox_to_anchor=(-0.02, 0.98),
        handlelength=1.6,
        columnspacing=1.0,
    )


def pair_matrix(
    tokens: Sequence[str], lower: np.ndarray, upper: np.ndarray, *, lower_label: str, upper_label: str
) -> Chart:
    """Return two symmetric matrices over pairs of tokens in one: blue below the diagonal, orange above, 0 white.

    Args:
        tokens: their names.
        lower, upper: ``[pos pos]`` in [0, 1]; what is not finite is 0.
        lower_label, upper_label: what they are, for the alternative text.
    """
    layers = [np.nan_to_num(np.asarray(one, dtype=float), posinf=0.0, neginf=0.0).clip(0, 1) for one in (lower, upper)]
    n = len(tokens)
    below = np.tri(n, n, -1, dtype=bool)
    colors = np.where(below[..., None], LOWER(layers[0]), UPPER(layers[1]))
    colors[np.eye(n, dtype=bool)] = matplotlib.colors.to_rgba("#eef1f5")
    step = max(1, math.ceil(n / MOST_LABELS))
    labels = [fitting(token, 12) for token in tokens[::step]]
    margin = 0.15 + 0.075 * max(map(len, labels), default=1)
    side = 1.2 + 0.17 * min(max(n, 4), MOST_LABELS // 2)
    size = {"fontsize": 8 if len(labels) <= 32 else 6}
    width, height = side + margin + 0.1, side + margin + 0.1
    with drawing(width, height, (margin / width, margin / height, 1 - 0.1 / width, 1 - 0.1 / height)) as (
        figure,
        axes,
    ):
        axes.imshow(colors)
        axes.set_xticks(range(0, n, step), labels, rotation=60, ha="right", rotation_mode="anchor", **size)
        axes.set_yticks(range(0, n, step), labels, **size)
        axes.tick_params(length=0, pad=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if n <= MOST_LABELS:
            axes.hlines(np.arange(1, n) - 0.5, -0.5, n - 0.5, color=LINE, linewidth=0.4)
            axes.vlines(np.arange(1, n) - 0.5, -0.5, n - 0.5, color=LINE, linewidth=0.4)
        said = " ".join(
            _strongest_pair(tokens, layer, label)
            for layer, label in zip(layers, (lower_label, upper_label), strict=True)
        )
        return chart(figure, f"Pairs of {n} tokens. {said}")


def _said(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "undefined"


def _strongest_pair(tokens: Sequence[str], layer: np.ndarray, label: str) -> str:
    pairs = np.triu(layer, 1)
    if not pairs.any():
        return f"{label}: 0 for all pairs."
    i, j = np.unravel_index(pairs.argmax(), pairs.shape)
    return f"{label}: most for {shortened(tokens[i], 24)} and {shortened(tokens[j], 24)}, {pairs[i, j]:.2f}."
