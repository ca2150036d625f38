"""Formulas as MathML, which browsers draw themselves: a page loads no script and no network.

Sphinx's other renderers load MathJax from a server, or need a TeX system.
"""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def _inline(self: HTML5Translator, node: nodes.math) -> None:
    # a word joiner: a full stop or a comma stays on the formula's line
    self.body.append(f"{convert(node.astext())}\N{WORD JOINER}")
    raise nodes.SkipNode


def _block(self: HTML5Translator, node: nodes.math_block) -> None:
    # on a narrow page a line breaks where the author left a wide space, before a note for example
    parts = [convert(part, display="block") for part in node.astext().split(r"\qquad")]
    self.body.append(f'<div class="math">{"".join(parts)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
