"""A view: shows itself in a notebook, and saves itself as one HTML file."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from typing import Any

from safr_lens.atomic import write_text
from safr_lens.views.notebook import fragment
from safr_lens.views.rendering import Rendered, bundle, render, style
from safr_lens.visible import shown


@dataclass(frozen=True)
class View:
    """Something to look at.

    Jupyter (Lab, Notebook, VS Code, Colab) shows it where it is the last value of a cell; ``save`` writes it as one
    page that needs no network. Where scripts do not run, its tables and pictures remain.

    Attributes:
        title: what it shows, in a line.
        template: how it is shown.
        content: the numbers that are shown.

    >>> from safr_lens.views import View
    >>> View("A note", "note", {"text": "<b>"})
    View('A note')
    """

    title: str
    template: str = field(repr=False)
    content: Any = field(repr=False)

    def __repr__(self) -> str:
        return f"View({shown(self.title)})"

    def rendered(self, prefix: str, *, heading: str = "h2") -> Rendered:
        """Return the view as a part of a page.

        Args:
            prefix: of its ids, unlike that of any other part of the same page.
            heading: the tag of its title; ``"h1"`` where it is the page.
        """
        return render(self.template, prefix=prefix, title=self.title, heading=heading, view=self.content)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one self-contained HTML page, which opens without a network.

        Raises:
            OSError: a path that cannot be written.
        """
        part = self.rendered("view", heading="h1")
        page = render("page", prefix="page", title=self.title, parts=[part], style=style(), bundle=bundle())
        write_text(path, page.html)

    def _repr_html_(self) -> str:
        return fragment(self.rendered(f"v{secrets.token_hex(5)}"))
