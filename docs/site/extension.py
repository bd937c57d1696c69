"""What the site adds to Sphinx: equations as MathML, and links from names in pages to the reference."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from equations import equations_in, latex_of, mathml_of
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

import amp_theory


def escaped(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep |z| and w_ of the equations in docstrings from being read as substitutions and links."""
    for i, line in enumerate(lines):
        if not re.match(r"\s*(>>>|\.\.)", line):
            pieces = re.split(r"(`[^`]*`_?|\|[a-z]+\|_)", line)
            pieces[::2] = [re.sub(r"(\w)_(?!\w)", r"\1\\_", piece.replace("|", r"\|")) for piece in pieces[::2]]
            lines[i] = "".join(pieces)


def shortened(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Return a signature in which arrays are called arrays, and which can be read as Python."""

    def short(text: str | None) -> str | None:
        text = text and text.replace("<factory>", "...")
        text = text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)
        return text and re.sub(
            r"[~\w.]*ndarray\[tuple\[[~\w.]*Any, \.\.\.\], [~\w.]*dtype\[([~\w.]+)\]\]", r"ndarray[\1]", text
        )

    return short(signature), short(returns)


class PlainEquations(SphinxTransform):
    """Make mathematics of the equations in sentences of docstrings and pages, displayed where one stands alone."""

    default_priority = 900

    def apply(self, **_: Any) -> None:
        """Replace texts by texts and equations."""
        if not self.env.docname.startswith(("reference", "docs/", "README")):
            return
        for text in list(self.document.findall(nodes.Text)):
            if not isinstance(text.parent, nodes.paragraph):
                continue
            parts = equations_in(text.astext())
            equations = [latex_of(part).rstrip() for part, is_equation in parts if is_equation]
            words = re.search(r"\w", "".join(part for part, is_equation in parts if not is_equation))
            if equations and not words and isinstance(text.parent.parent, nodes.block_quote) and len(text.parent) == 1:
                block = nodes.math_block("", r",\qquad ".join(equations), number=None, label=None)
                text.parent.parent.replace_self(block)
            elif equations:
                for part, is_equation in parts:
                    node = nodes.math("", latex_of(part)) if is_equation else nodes.Text(part)
                    text.parent.insert(text.parent.index(text), node)
                text.parent.remove(text)


class NamesBecomeLinks(SphinxPostTransform):
    """Link `thresholds`, `at.thresholds` and `IsingPSpin(p)` in pages of text to their places in the reference."""

    default_priority = 5  # before references are resolved

    def run(self, **_: Any) -> None:
        """Wrap each name that is public and not in a link yet."""
        if self.env.docname.startswith("reference"):
            return
        for literal in list(self.document.findall(nodes.literal)):
            match = re.fullmatch(r"(?:at\.)?(\w+)(?:\(.*\))?", literal.astext())
            if match and match[1] in amp_theory.__all__ and not isinstance(literal.parent, nodes.reference):
                place = {"refdomain": "py", "reftype": "obj", "reftarget": f"amp_theory.{match[1]}"}
                link = pending_xref("", refdoc=self.env.docname, refwarn=True, **place)
                literal.replace_self(link)
                link += literal


def _equation(translator: Any, node: nodes.math | nodes.math_block) -> None:
    display = isinstance(node, nodes.math_block)
    tag = "div" if display else "span"
    translator.body.append(f'<{tag} class="math notranslate">{mathml_of(node.astext(), display=display)}</{tag}>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all of it with Sphinx."""
    app.connect("autodoc-process-docstring", escaped, priority=900)
    app.connect("autodoc-process-signature", shortened)
    app.add_html_math_renderer("mathml", (_equation, None), (_equation, None))
    app.add_transform(PlainEquations)
    app.add_post_transform(NamesBecomeLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
