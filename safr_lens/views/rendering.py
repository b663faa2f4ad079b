"""Templates filled in: every text as text, every circuitsvis component in a place of its own."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from safr_lens.views.components import Component, script
from safr_lens.visible import as_word, shortened, visible

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Rendered:
    """A part of a page, with a static fallback in each component's place, and what is drawn there, by its id."""

    html: Markup
    components: list[tuple[str, Component]]


def render(template: str, *, prefix: str, **content: Any) -> Rendered:
    """Fill in a template (its name has no ending); its ids begin with ``prefix``, which no other part of a page has."""
    counter = itertools.count()
    placed: list[tuple[str, Component]] = []

    def place(component: Component) -> str:
        name = f"{prefix}-{next(counter)}"
        placed.append((name, component))
        return name

    def new_id() -> str:
        return f"{prefix}-part-{next(counter)}"

    below = "h2" if content.get("heading") == "h1" else "h3"
    shared = {"place": place, "new_id": new_id, "prefix": prefix, "below": below}
    html = _environment().get_template(f"{template}.html.jinja").render(**content, **shared)
    return Rendered(Markup(html), placed)


def style() -> Markup:
    """Return the style sheet of pages and of views in notebooks."""
    return _file("style.css")


def bundle() -> Markup:
    """Return the script that draws components: circuitsvis, and ours around it."""
    return Markup(f"{script()}\n{_file('boot.js')}")


def number(value: float, form: str = ".2f") -> str:
    """Return a number as text; a dash for what is undefined."""
    return format(value, form) if isinstance(value, Real) and math.isfinite(value) else "–"


@cache
def _file(name: str) -> Markup:
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # a text that comes out of a template is never invisible and never reorders its surroundings
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.filters.update(number=number, shortened=shortened, as_word=as_word)
    return environment
