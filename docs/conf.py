"""How Sphinx builds the documentation site; `make docs` runs it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from labkit import __version__  # noqa: E402

project = "MAML Lab"
author = "The MAML Lab authors"
copyright = author  # noqa: A001  # Sphinx's name
version = release = __version__

# owner/name on GitHub: the workflow that publishes the site sets it, for every fork its own
repository = os.environ.get("GITHUB_REPOSITORY", "")
repository_url = f"https://github.com/{repository}" if repository else ""
repository_branch = os.environ.get("GITHUB_REF_NAME", "main")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_exercise",
    "docs.extensions.docstrings",
    "docs.extensions.mathml",
    "docs.extensions.registries",
    "docs.extensions.repository",
]
# other projects' names become links where there is a network: make docs INTERSPHINX=1
if os.environ.get("INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
    }

root_doc = "index"
exclude_patterns = ["build", "example_ci", "extensions"]
highlight_language = "none"

# pages
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# notebooks show what they stored; building executes nothing
nb_execution_mode = "off"
nb_merge_streams = True

# the reference, from docstrings: their names in backquotes become links where they are documented
default_role = "py:obj"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Source"]

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "repository_url": repository_url,
    "repository_branch": repository_branch,
    "path_to_docs": "docs",
    "use_repository_button": bool(repository_url),
    "use_issues_button": bool(repository_url),
    "use_download_button": False,
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
