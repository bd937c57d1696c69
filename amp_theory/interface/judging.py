"""The commands that judge on instances: a denoiser, one of a file of the user's too, and a Markov chain."""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from amp_theory.interface.commands import (
    PICTURES,
    Result,
    _look,
    _model,
    _number,
    _outputs,
    _path,
    _whole,
)
from amp_theory.interface.written import written
from amp_theory.tools.errors import FileError, InputError, answer_of, integer_between


def run_judge(options: argparse.Namespace) -> Result:
    """Judge a denoiser."""
    from amp_theory.trials.judge_denoiser import judge_denoiser

    model, path = _model(options), _path(options)
    options.annotate = False
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    whole: dict[str, Any] = {n: _whole(n, getattr(options, n)) for n in ("size", "instances", "seed", "batch")}
    end = None if options.end_strength is None else _number("--end-strength", options.end_strength)
    found = judge_denoiser(
        model, path, _number(model.control, options.control), _denoiser(options.denoiser), end_strength=end,
        reference=options.reference, **whole,
    )  # fmt: skip
    return written(found, files, look, lambda axes, annotate, **more: found.plot(axes, **more))


def run_recovery(options: argparse.Namespace) -> Result:
    """Tell how far heat bath recovers what was planted."""
    from amp_theory.tools.workers import workers
    from amp_theory.trials.recovery import recovery_by_heat_bath

    model = _model(options)
    options.annotate = False
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    controls = [_number("--controls", part) for part in options.controls.split(",")]
    sizes = [_whole("sizes", part) for part in options.sizes.split(",")]
    number, sweeps, seed = (_whole(n, getattr(options, n)) for n in ("instances", "sweeps", "seed"))
    with workers(integer_between("--workers", options.workers, 1, 1024)) as executor:
        found = recovery_by_heat_bath(
            model, controls, sizes, number, sweeps, seed, executor=executor, checkpoint=options.checkpoint
        )
    return written(found, files, look, lambda axes, annotate, **more: found.plot(axes, **more))


def run_demonstrate(options: argparse.Namespace) -> Result:
    """Run a demonstration, or continue its table."""
    from amp_theory.interface.studies.demonstrations import demonstrate
    from amp_theory.tools.workers import cluster, workers

    options.annotate = False
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    sizes = None if options.sizes is None else [_whole("sizes", part) for part in options.sizes.split(",")]
    instances = None if options.instances is None else _whole("instances", options.instances)
    number = integer_between("--workers", options.workers, 1, 1024)
    with cluster(number) if options.dask else workers(number) as executor:
        found = demonstrate(
            options.name,
            sizes,
            instances,
            _whole("seed", options.seed),
            options.recorded,
            executor=executor,
            checkpoint=options.checkpoint,
        )
    return written(found, files, look, lambda axes, annotate, **more: found.plot(axes, **more))


def _denoiser(text: str) -> str | Callable[..., Any]:
    """Return what --denoiser names; a file is run, with all that its code does."""
    if text in ("amp", "exact"):
        return text
    file, colon, name = text.rpartition(":")
    if not colon or not file.endswith(".py") or not name:
        raise InputError(f"--denoiser must be amp, exact or FILE.py:NAME, got {text!r}")
    if not FilePath(file).is_file():
        raise FileError(f"--denoiser names {file!r}, which is no file")
    content = answer_of(f"the file {file!r}", runpy.run_path, file)
    if not callable(content.get(name)):
        known = sorted(k for k, v in content.items() if callable(v) and not k.startswith("_"))
        raise InputError(f"{file!r} defines no function {name!r}; it has {', '.join(known) or 'none'}")
    found: Callable[..., Any] = content[name]
    return found
