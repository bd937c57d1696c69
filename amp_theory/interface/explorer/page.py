"""The explorer: a phase diagram as one HTML file, in which a point is moved and the free entropy follows.

The page needs no network and no other file.  Everything it shows was computed here; it only interpolates, in tables
whose error was measured when it was written (tables.py).
"""

from __future__ import annotations

import html
import json
import os
import re
from importlib import resources
from typing import TYPE_CHECKING

from amp_theory.interface.explorer.data import page_data
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.files import check_output, write_text

if TYPE_CHECKING:
    from amp_theory.phases.diagram.diagram import Diagram

TEMPLATE = "page.html"


def explorer_html(diagram: Diagram) -> str:
    """Return an interactive page of a phase diagram: one HTML file that works offline.

    Left the phase diagram, in which (control, strength) is chosen by mouse, keyboard or sliders; beside it the free
    entropy against the overlap at that point, with its fixed points (stable ones filled); below the branches, the
    region, and the verdict whether the sampler succeeds at this control.

    Parameters
    ----------
    diagram
        What `phase_diagram` returns, of any model and path.

    Returns
    -------
    str
        The page, below 2 MB.

    Raises
    ------
    InputError
        If `diagram` is no diagram.
    NumericalError
        If the range of control is too wide for the page's tables.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin, phase_diagram
    >>> page = explorer_html(phase_diagram(SphericalPSpin(p=3), Flow()))
    >>> page.startswith("<!DOCTYPE html>"), len(page) < 500_000
    (True, True)
    """
    from amp_theory.phases.diagram.diagram import Diagram

    if not isinstance(diagram, Diagram):
        raise InputError(f"an explorer is made of what phase_diagram returns, got {told(diagram)}")
    template = resources.files("amp_theory.interface.explorer").joinpath(TEMPLATE).read_text(encoding="utf-8")
    title = f"Phase diagram of {diagram.model.name} along the path {diagram.path.name}"
    parts = {"TITLE": html.escape(title), "DATA": _script_json(page_data(diagram))}
    # one pass, so that nothing a model is called can stand for another part
    return re.sub(r"\[\[(TITLE|DATA)\]\]", lambda found: parts[found[1]], template)


def save_explorer(diagram: Diagram, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Write `explorer_html` to a file.

    Parameters
    ----------
    diagram
        What `phase_diagram` returns.
    path
        The file, ending in .html or .htm.
    overwrite
        Whether an existing file is replaced.

    Raises
    ------
    FileError
        If the file exists already (without `overwrite`) or cannot be written.
    InputError
        If its ending is another one, or as for `explorer_html`.

    See Also
    --------
    explorer_html : The text that is written, with an example.
    """
    write_text(check_output(path, [".html", ".htm"], overwrite), explorer_html(diagram))


def _script_json(data: object) -> str:
    """Return JSON that can stand in a script element: no character in it can end the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
