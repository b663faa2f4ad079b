"""Pictures as SVG, made by matplotlib: their style, their size, and what they say in words."""

from __future__ import annotations

import base64
import io
import re
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from safr_lens.visible import shortened, visible

INK, SOFT, LINE = "#1b2330", "#566172", "#d9dee6"
SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "safr_lens",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "figure.facecolor": "#ffffff",
    "image.interpolation": "none",
}


@dataclass(frozen=True)
class Chart:
    """A picture, and what it says, in a sentence or two with its main numbers, for those who do not see it."""

    svg: str
    alt: str

    @property
    def least_width(self) -> int:
        """Pixels below which its words get too small to read: a narrow screen scrolls it sideways."""
        points = re.match(r'<svg\b[^>]*?\bwidth="([\d.]+)pt"', self.svg)
        return round(0.72 * float(points[1]) * 96 / 72) if points else 0

    @property
    def source(self) -> str:
        """The picture as the ``src`` of an ``<img>``: nothing in it can run, and its ids stay to itself."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


@contextmanager
def drawing(width: float, height: float, inside: tuple[float, float, float, float]) -> Iterator[tuple[Figure, Axes]]:
    """Yield a figure of a size in inches and its axes, which fill the part ``(left, bottom, right, top)`` of it.

    Margins are given, since matplotlib's own layouts draw every picture several times to find them.
    """
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # a reader's browser has fonts for what matplotlib's own lacks
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from|.*natively supported")
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        left, bottom, right, top = inside
        yield figure, figure.add_axes((left, bottom, right - left, top - bottom))


def chart(figure: Figure, alt: str) -> Chart:
    """Return a finished figure as a picture with its words."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return Chart(_slim(written.getvalue()), visible(alt))


def _slim(svg: str) -> str:
    """Return a picture without what no reader sees: a page may hold a hundred of them."""
    svg = re.sub(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*\n\s*(?=[<LMz])", "", svg)
    svg = re.sub(r'(<g) id="[^"]*"(?=[/>])', r"\1", svg).replace("<g/>", "")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    return svg.replace("</style>", "text{font-family: 'DejaVu Sans', system-ui, sans-serif}</style>", 1)


def fitting(name: str, longest: int) -> str:
    """Return a name that takes no more room than ``longest`` letters of common width."""
    shown = visible(name)
    for length in range(longest, 0, -1):
        label = shortened(shown, length)
        if sum(_width(character) for character in label) <= 1.2 * longest:
            break
    return label


def _width(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.7
    return 1.7 if character in "WMm@%\u2014" else 1.2 if character.isupper() else 1.0
