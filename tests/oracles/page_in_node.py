"""The explorer's page without a browser: node runs its script, and tells what it would show."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import amp_theory as at
from amp_theory.interface.explorer.page import save_explorer

NODE = shutil.which("node")


def page_states(diagram: at.Diagram, points: list[tuple[float, float]], folder: Path) -> list[dict[str, Any]]:
    """Return the state of a diagram's page at every (control, strength); a fault in its script is an error."""
    assert NODE is not None
    page = folder / "page.html"
    save_explorer(diagram, page, overwrite=True)
    script = Path(__file__).parents[1] / "data" / "page_in_node.js"
    run = subprocess.run(
        [NODE, str(script), str(page)],
        input=json.dumps(points),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found
