"""Sphinx settings: sphinx-build docs docs/_build"""

project = "safr_lens"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
html_theme = "furo"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
napoleon_use_ivar = True
