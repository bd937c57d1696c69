"""The commands about kinds of side information: which path is best, in which order to go two, or to reveal."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from amp_theory.interface.commands import PICTURES, Result, _look, _model, _number, _outputs
from amp_theory.interface.written import written
from amp_theory.tools.errors import InputError, integer_between

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path


def run_best_path(options: argparse.Namespace) -> Result:
    """Find the best path, and what no denoiser passes; write the marginal controls by overlap."""
    from amp_theory.phases.optimal.best_path import best_path
    from amp_theory.phases.optimal.marginal_lines import marginal_lines

    model, files = _model(options), _outputs(options, (*PICTURES, ".csv"))
    options.annotate = True  # lines are named beside them
    look = _look(options)
    result = best_path(model)
    if not files:
        return written(result, files)
    lines = marginal_lines(model)
    return written(lines, files, look, lines.plot, told=result)


def run_best_side(options: argparse.Namespace) -> Result:
    """Tell which of two kinds of variables to tell first."""
    from amp_theory.phases.optimal.best_side import best_side

    model, files = _model(options), _outputs(options, (".csv",))
    return written(best_side(model), files)


def run_safe_order(options: argparse.Namespace) -> Result:
    """Tell in which order to raise two strengths."""
    from amp_theory.phases.optimal.safe_order import safe_order

    model, (first, second) = _model(options), _two_paths(options)
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    found = safe_order(model, first, second, _number(model.control, options.control))
    return written(found, files, look, lambda axes, annotate, **more: found.plot(axes, **more))


def run_revealing(options: argparse.Namespace) -> Result:
    """Tell whether an order of revealing succeeds at one control."""
    from amp_theory.ingredients.paths.named import Autoregressive
    from amp_theory.phases.optimal.revealing_curve import revealing_curve

    model, path = _model(options), Autoregressive(order=options.order)
    options.annotate, options.title = False, None
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    found = revealing_curve(model, path, _number(model.control, options.control))
    return written(found, files, look, lambda axes, **_: found.plot(axes))


def run_critical_line(options: argparse.Namespace) -> Result:
    """Follow the end of the first-order surface of two paths."""
    from amp_theory.phases.optimal.two_strengths import critical_line

    model, (first, second) = _model(options), _two_paths(options)
    files = _outputs(options, (".csv",))
    return written(critical_line(model, first, second, integer_between("--points", options.points, 2, 1000)), files)


def _two_paths(options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the paths of --paths."""
    from amp_theory.models.catalogue import build_path

    names = options.paths.split(",")
    if len(names) != 2:
        raise InputError(f"--paths must be two paths, separated by a comma, got {options.paths!r}")
    return build_path(names[0].strip()), build_path(names[1].strip())
