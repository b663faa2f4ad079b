"""Sphinx settings: sphinx-build -W docs docs/_build"""

project = "safr_lens"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
napoleon_use_ivar = True
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # files beside docs/; a test follows all links


def setup(app):
    """Let names of ``safr_lens`` itself mean those of the packages in which the reference has them."""
    app.connect("missing-reference", _by_last_name)


def _by_last_name(app, env, node, contnode):
    name = node.get("reftarget", "")
    if node.get("refdomain") != "py" or name.count(".") != 1 or not name.startswith("safr_lens."):
        return None
    node["refspecific"] = True
    python = env.get_domain("py")
    return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], name.split(".")[1], node, contnode)
