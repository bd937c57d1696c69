"""The commands about the errors of samplers: how wrong one is, and where its steps had best be."""

from __future__ import annotations

import argparse

from amp_theory.interface.commands import Result, _model, _number, _outputs, _path
from amp_theory.interface.written import written
from amp_theory.tools.errors import integer_between


def run_error(options: argparse.Namespace) -> Result:
    """Tell how wrong a denoising sampler is."""
    from amp_theory.phases.accuracy.sampling_error import MOST_ITERATIONS, MOST_STEPS, sampling_error

    model, path, files = _model(options), _path(options), _outputs(options, (".csv",))
    control = _number(model.control, options.control)
    iterations = _count("--iterations", options.iterations, MOST_ITERATIONS)
    steps = _count("--steps", options.steps, MOST_STEPS)
    found = sampling_error(model, path, control, iterations, steps, options.target)
    return written(found, files)


def run_schedule(options: argparse.Namespace) -> Result:
    """Find where the steps of a sampler had best be."""
    from amp_theory.phases.accuracy.optimal_schedule import optimal_schedule
    from amp_theory.phases.accuracy.sampling_error import MOST_STEPS

    model, path, files = _model(options), _path(options), _outputs(options, (".csv",))
    steps = integer_between("--steps", options.steps, 1, MOST_STEPS)
    found = optimal_schedule(model, path, _number(model.control, options.control), steps, options.target)
    return written(found, files)


def _count(name: str, given: str | None, most: int) -> int | None:
    """Read a number of iterations or steps, if there is one."""
    return None if given is None else integer_between(name, given, 1, most)
