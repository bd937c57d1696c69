"""The commands about kinds of side information: which path is best."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from amp_theory.interface.commands import PICTURES, Result, _look, _model, _outputs, _save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def run_best_path(options: argparse.Namespace) -> Result:
    """Find the best path, and what no denoiser passes; write the marginal controls by overlap."""
    from amp_theory.phases.optimal.best_path import best_path
    from amp_theory.phases.optimal.marginal_lines import marginal_lines

    model, files = _model(options), _outputs(options, (*PICTURES, ".csv"))
    options.annotate = True  # lines are named beside them
    look = _look(options)
    result = best_path(model)
    if files:
        lines = marginal_lines(model)

    def plot(axes: Axes, **looks: Any) -> Axes:
        return lines.plot(axes, **looks)

    for file in files:
        if file.suffix.lower() == ".csv":
            lines.to_csv(file, overwrite=True)
        else:
            _save_picture(file, look, plot)
    return result.to_dict(), "\n".join([result.report(), *(f"written: {file}" for file in files)])
