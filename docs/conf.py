"""Settings of the documentation site, which `docs/build.py` builds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent / "site"), str(Path(__file__).parent.parent)]

import amp_theory

project = "amp_theory"
author = "The amp_theory developers"
copyright = author  # noqa: A001
version = release = amp_theory.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "extension",
]
exclude_patterns = ["figures", "notebooks/runs"]
nitpicky = True
#: what names in signatures and docstrings have no page: types of other libraries, ours that are not public, arguments
nitpick_ignore_regex = [
    ("py:class", r"(numpy|np|npt|pd|sympy|abc|collections|concurrent|fractions|os|pathlib)\..*"),
    ("py:class", r"Array|array_like|Axes|Drawable|Executor|Figure|Index|Models|Objects|Origin|Status|ndarray"),
    # what Python says of the methods of a mapping
    ("py:class", r"a set-like object .*|an object providing .*|D\[k\] if .*"),
    ("py:class", r"amp_theory\.\w+\..*"),
    ("py:obj", r"[a-z_]+|numpy\.random\.SeedSequence|matplotlib\.pyplot\.subplots"),
]

# --- text: the pages of docs/ and the notebooks, which are stored without outputs ---
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_output_stderr = "error"
nb_merge_streams = True

# --- reference: from the docstrings ---
autosummary_generate = True
autodoc_typehints_format = "short"
autodoc_type_aliases = {"npt.ArrayLike": "array_like", "Array": "Array"}
autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
#: `name` is a link where it is one of ours, and emphasised where it is an argument
default_role = "autolink"
smartquotes = False  # a prime is a prime

# --- how it looks ---
templates_path = [str(Path(__file__).parent / "site" / "templates")]
html_theme = "pydata_sphinx_theme"
html_title = "amp_theory"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path: list[str] = []
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_math_renderer = "mathml"
html_theme_options = {
    "logo": {"text": "amp_theory"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
html_sidebars = {"index": [], "README": [], "CHANGELOG": []}
