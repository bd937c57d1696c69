"""The commands of the command line: each takes the options and returns plain data and text."""

from __future__ import annotations

import argparse
import io
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from amp_theory.tools.errors import InputError, MisplacedError, answer_of, as_float, integer_between, unknown_name
from amp_theory.tools.expressions import exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model
    from amp_theory.phases.diagram.diagram import Diagram

PICTURES = (".pdf", ".png", ".svg")
#: a number that is written out
DECIMAL = re.compile(r"[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]{1,2})?")
LISTS = ("values", "probabilities", "eigenvalues", "weights")
Result = tuple[Any, str]


def _parameters(items: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE items."""
    result: dict[str, Any] = {}
    for item in items:
        name, equals, value = item.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            raise InputError(f"--set needs NAME=VALUE, got {item!r}")
        if name in result:
            raise InputError(f"the parameter {name!r} is given twice")
        if name.removesuffix("_u").removesuffix("_v") in LISTS:
            result[name] = [_number(f"every one of {name}", part) for part in value.split(",")]
        else:
            result[name] = value
    return result


def _digits(options: argparse.Namespace) -> int | None:
    """Read --digits; numbers with more digits than are kept would not be the ones that were meant."""
    if options.digits is None:
        return None
    digits = integer_between("--digits", options.digits, 1, 50)
    given = {item.partition("=")[0]: item.partition("=")[2] for item in options.set}
    given |= {name: getattr(options, name) for name in ("control", "strength") if hasattr(options, name)}
    for name, text in given.items():
        for part in text.split(","):
            if DECIMAL.fullmatch(part.strip()) and Fraction(part) != exact(float(part)):
                raise InputError(f"{name} = {part.strip()} has more digits than are kept, {float(part)!r}: write fewer")
    return digits


def _number(name: str, text: str) -> float:
    """Read a number, naming it if it is none (also a NaN or an infinity is none)."""
    return as_float(name, text.strip())


def _model(options: argparse.Namespace) -> Model:
    from amp_theory.models.catalogue import build_model

    try:
        return build_model(options.model, _parameters(options.set))
    except MisplacedError as error:
        raise InputError(f"{error.found}: {_instead(options, error.quantity)}") from None


def _instead(options: argparse.Namespace, quantity: str) -> str:
    """Return what a command offers instead of a parameter that tells the control or the strength."""
    for option in (quantity, f"{quantity}s"):
        if hasattr(options, option):
            return f"give that by --{option}"
    limits = " (--range limits it)" if quantity == "control" and hasattr(options, "range") else ""
    return f"{options.command} covers every {quantity}{limits}: leave it out"


def _path(options: argparse.Namespace) -> Path:
    from amp_theory.models.catalogue import build_path

    chosen = (getattr(options, name, None) for name in ("schedule", "order", "side"))
    return build_path(options.path, *chosen)


def _scaling(model: Model, options: argparse.Namespace) -> str | None:
    from amp_theory.models.synonyms import canonical

    return None if options.scaling is None else canonical("scaling", options.scaling, model.scalings())


def _outputs(options: argparse.Namespace, endings: Sequence[str]) -> list[FilePath]:
    """Check every output before anything is computed or written."""
    from amp_theory.tools.files import check_output

    files = [check_output(name, endings, options.force) for name in options.output]
    for k, file in enumerate(files):
        if file.resolve() in [earlier.resolve() for earlier in files[:k]]:
            raise InputError(f"the output {str(file)!r} is given twice")
    return files


def _look(options: argparse.Namespace) -> dict[str, Any]:
    """Return how pictures are to look, after checking that their title can be drawn."""
    from amp_theory.phases.diagram.styles import style_of

    if options.style is not None:
        style_of(options.style)
    if options.title is not None:
        from matplotlib.figure import Figure

        trial = Figure()
        trial.text(0.5, 0.5, options.title)
        with warnings.catch_warnings(action="error"):  # characters that no font has
            answer_of(f"drawing of the title {options.title!r}", trial.savefig, io.BytesIO())
    return {"style": options.style, "annotate": options.annotate, "title": options.title}


def _save_picture(file: FilePath, look: Mapping[str, Any], plot: Callable[..., Axes], *what: Any, **view: Any) -> None:
    from matplotlib.figure import Figure

    from amp_theory.phases.diagram.styles import HEIGHTS, WIDTHS
    from amp_theory.tools.files import write

    size = (WIDTHS[1], HEIGHTS[1, 1]) if look["style"] == "print" else (5.6, 4.4)
    canvas = Figure(figsize=size, layout="constrained")
    plot(*what, axes=canvas.add_subplot(), **view, **look)
    write(file, lambda stream: canvas.savefig(stream, format=file.suffix[1:].lower(), dpi=180))


# --- commands -------------------------------------------------------------------------------------------------


def run_thresholds(options: argparse.Namespace) -> Result:
    """Locate the special points."""
    from amp_theory.phases.points.thresholds import special_points, thresholds

    model, path = _model(options), _path(options)
    if options.digits is not None and options.checkpoint is not None:
        raise InputError("--checkpoint is for long random runs, which have no --digits")
    if options.digits is None:
        result = special_points(model, path, checkpoint=options.checkpoint)
    else:
        result = thresholds(model, path, _digits(options))
    return result.to_dict(), result.report()


def run_fixed_points(options: argparse.Namespace) -> Result:
    """Find all fixed points."""
    from amp_theory.phases.points.fixed_points import fixed_points

    model, path = _model(options), _path(options)
    control, strength = _number(model.control, options.control), _number(path.strength, options.strength)
    found = fixed_points(model, path, control, strength, _digits(options))
    data = {
        "model": model.name, "parameters": model.parameters, "path": path.name, "control": model.control,
        "strength": path.strength, model.control: control, path.strength: strength,
        "target": found.measure, "fixed_points": [p.to_dict() for p in found], "region": found.region,
    }  # fmt: skip
    lines = [f"{'kind':<13}{'overlap':>18}{'free entropy':>20}{'mmse':>18}{'mutual information':>22}"]
    for p in found if options.digits is None else ():
        lines.append(
            f"{p.kind:<13}{p.overlap:>18.12g}{p.free_entropy:>20.12g}{p.mmse:>18.12g}{p.mutual_information:>22.12g}"
        )
    if options.digits is not None:
        lines = [f"{p.kind}: " + ", ".join(f"{k} = {v}" for k, v in p.decimals.items()) for p in found]
    return data, "\n".join([*lines, f"region: {found.region} ({found.measure} measure)"])


def run_transitions(options: argparse.Namespace) -> Result:
    """Find what a path meets at one control."""
    from amp_theory.phases.diagram.along_path import path_transitions

    model, path = _model(options), _path(options)
    found = path_transitions(model, path, _number(model.control, options.control), _digits(options))
    return found.to_dict(), found.report()


def run_certify(options: argparse.Namespace) -> Result:
    """Prove a special point."""
    from amp_theory.exact.proofs.certificates import certifiable, certify
    from amp_theory.phases.points.thresholds import thresholds
    from amp_theory.tools.progress import stage
    from amp_theory.tools.results import POINTS

    model, path = _model(options), _path(options)
    if options.point not in POINTS:
        raise unknown_name("point", options.point, POINTS)
    files = _outputs(options, (".json",))
    certifiable(model, path, options.point)  # at once, not after minutes in which the point is found
    special = thresholds(model, path)
    point = special.points()[options.point]
    if point is None:
        raise InputError(f"there is no {options.point} point: {special.reasons[options.point]}")
    with stage("proof of the %s point of %r", options.point, model):
        proof = certify(point)
    for file in files:
        proof.save(file, overwrite=True)
    return proof.to_dict(), "\n".join([proof.report(), *(f"written: {file}" for file in files)])


def run_verify(options: argparse.Namespace) -> Result:
    """Check a certificate."""
    from amp_theory.exact.proofs.certificates import verify

    proof = verify(options.file)
    return {"valid": True, **proof.to_dict()}, f"the certificate is right\n{proof.report()}"


def run_closed_forms(options: argparse.Namespace) -> Result:
    """Print the formulas of a model; without parameters they stay symbols."""
    from amp_theory.exact.formulas.forms import closed_forms
    from amp_theory.models.catalogue import MODELS

    symbolic = not options.set and options.model in MODELS
    found = closed_forms(MODELS[options.model] if symbolic else _model(options), _path(options))
    return found.to_dict(), found.report()


def run_diagram(options: argparse.Namespace) -> Result:
    """Compute a phase diagram and write its files."""
    from amp_theory.phases.diagram.compute import MOST_POINTS, phase_diagram
    from amp_theory.phases.diagram.views import View

    model, path = _model(options), _path(options)
    files, look = _outputs(options, (*PICTURES, ".json", ".csv", ".html")), _look(options)
    options.scaling = _scaling(model, options)
    View(model, path, options.axis, options.scaling)
    limits = None
    if options.range is not None:
        lo, hi = (_number(f"the range of {model.control}", x) for x in options.range)
        limits = (lo, hi)
    diagram = phase_diagram(
        model, path, limits, integer_between("--points", options.points, 2, MOST_POINTS), options.target
    )
    _write_diagram(diagram, files, options, look)
    written = "".join(f"\n  written: {file}" for file in files)
    return diagram.to_dict(), diagram.report() + written


def _write_diagram(
    diagram: Diagram, files: Sequence[FilePath], options: argparse.Namespace, look: Mapping[str, Any]
) -> None:
    """Write a diagram in the format of every file's ending."""
    from amp_theory.interface.explorer.page import save_explorer
    from amp_theory.interface.glassy import plot_glassy
    from amp_theory.interface.sizes import plot_sizes
    from amp_theory.phases.diagram.drawing import plot_diagram

    if options.sizes and options.glassy:
        raise InputError("--sizes and --glassy are for two pictures: give one of them")
    plot = plot_sizes if options.sizes else plot_glassy if options.glassy else plot_diagram
    for file in files:
        match file.suffix.lower():
            case ".json":
                diagram.save(file, overwrite=True)
            case ".csv":
                diagram.to_csv(file, overwrite=True)
            case ".html":
                save_explorer(diagram, file, overwrite=True)
            case _:
                _save_picture(file, look, plot, diagram, axis=options.axis, scaling=options.scaling)


def run_draw(options: argparse.Namespace) -> Result:
    """Draw a saved diagram."""
    from amp_theory.phases.diagram.saved import load
    from amp_theory.phases.diagram.views import View

    files, look = _outputs(options, (*PICTURES, ".csv", ".html")), _look(options)
    if not files:
        raise InputError("draw needs a file to write: name it with -o")
    diagram = load(options.file)
    options.scaling = _scaling(diagram.model, options)
    View(diagram.model, diagram.path, options.axis, options.scaling)
    _write_diagram(diagram, files, options, look)
    return {"written": [str(file) for file in files]}, "\n".join(f"written: {file}" for file in files)


def run_animate(options: argparse.Namespace) -> Result:
    """Animate the free entropy along a path."""
    from amp_theory.interface.explorer.animation import animate

    model, path = _model(options), _path(options)
    files = _outputs(options, (".gif", ".mp4"))
    if not files:
        raise InputError("animate needs a file to write: name it with -o")
    control = None if options.control is None else _number(model.control, options.control)
    frames = integer_between("--frames", options.frames, 2, 1000)
    films = [animate(model, path, file, control, frames=frames, overwrite=True) for file in files]
    film = films[0]
    data = {
        "model": model.name, "parameters": model.parameters, "path": path.name, model.control: film.control,
        "frames": film.frames, "first_order": film.transition, "uninformed_spinodal": film.jump,
        "written": [str(file) for file in files],
    }  # fmt: skip
    return data, "\n".join(str(film) for film in films)


def run_free_entropy(options: argparse.Namespace) -> Result:
    """Draw free entropies."""
    from amp_theory.interface.plots import plot_free_entropy
    from amp_theory.phases.diagram.curves import free_entropy_curve

    model, path = _model(options), _path(options)
    control = _number(model.control, options.control)
    strengths = [_number(path.strength, part) for part in options.strengths.split(",")]
    files, look = _outputs(options, PICTURES), _look(options)
    curves = []
    for strength in strengths:
        overlap, phi = free_entropy_curve(model, path, control, strength)
        curves.append({path.strength: strength, "overlap": overlap.tolist(), "free_entropy": phi.tolist()})
    for file in files:
        _save_picture(file, look, plot_free_entropy, model, path, control, strengths)
    data = {
        "model": model.name,
        "parameters": model.parameters,
        "path": path.name,
        model.control: control,
        "curves": curves,
    }
    return data, "\n".join(f"written: {file}" for file in files) or "nothing written: name a file with -o"


def run_overlap(options: argparse.Namespace) -> Result:
    """Draw the overlap along a path."""
    from amp_theory.interface.plots import plot_overlap
    from amp_theory.phases.diagram.curves import equation_of_state
    from amp_theory.phases.diagram.views import View

    model, path = _model(options), _path(options)
    control = _number(model.control, options.control)
    files, look = _outputs(options, (*PICTURES, ".csv")), _look(options)
    View(model, path, options.axis, None)
    curve = equation_of_state(model, path, control)
    for file in files:
        if file.suffix.lower() == ".csv":
            curve.to_csv(file, overwrite=True)
        else:
            _save_picture(file, look, plot_overlap, model, path, control, axis=options.axis)
    data = {
        "model": model.name, "parameters": model.parameters, "path": path.name, model.control: control,
        "overlap": curve.overlap.tolist(), path.strength: curve.strength.tolist(),
        "free_entropy": [x if math.isfinite(x) else None for x in curve.free_entropy.tolist()],
        "mmse": curve.mmse.tolist(), "stable": curve.stable.tolist(),
        "folds": [{"overlap": q, path.strength: s} for q, s in curve.folds],
    }  # fmt: skip
    lines = [f"fold: overlap = {q:.12g}, {path.strength} = {s:.12g}" for q, s in curve.folds]
    return data, "\n".join([*(lines or ["no fold"]), *(f"written: {file}" for file in files)])


def run_compare(options: argparse.Namespace) -> Result:
    """Compare samplers."""
    from amp_theory.phases.rules import compare_samplers

    model = _model(options)
    control = None if options.control is None else _number(model.control, options.control)
    result = compare_samplers(model, options.target)
    if control is None:
        return result.to_dict(), result.report()
    verdicts = {row.sampler: row.at(control) for row in result}
    data = result.to_dict() | {
        model.control: control, "samplers": {name: verdict.to_dict() for name, verdict in verdicts.items()}
    }  # fmt: skip
    lines = [f"  {name}: {verdict.report()}" for name, verdict in verdicts.items()]
    return data, "\n".join([f"{result.title}, at {control:g}", *lines])


def run_simulate(options: argparse.Namespace) -> Result:
    """Run samplers on finite instances."""
    from amp_theory.tools.workers import workers
    from amp_theory.trials.planning import plan_simulation
    from amp_theory.trials.simulation import baseline, simulate

    model, path = _model(options), _path(options)
    names = ("size", "instances", "seed")
    missing = [f"--{name}" for name in names if getattr(options, name) is None]
    if missing and not options.plan:
        raise InputError(f"simulate needs {', '.join(missing)}; --plan tells which size and how many instances")
    whole: dict[str, Any] = {
        n: _whole(n, getattr(options, n))
        for n in (*names, "batch", "steps", "sweeps")
        if getattr(options, n) is not None
    }
    samplers = (
        [path.name, baseline(model)]
        if options.samplers is None
        else [name.strip() for name in options.samplers.split(",")]
    )
    if options.plan:
        whole.pop("instances", None)
        control = _number(model.control, options.control)
        plan = plan_simulation(model, control, samplers[0], target=options.target, **whole)
        return plan.to_dict(), plan.report()
    number = integer_between("--workers", options.workers, 1, 1024)
    with workers(number) as executor:
        found = simulate(
            model, _number(model.control, options.control), samplers=samplers, target=options.target,
            executor=executor, checkpoint=options.checkpoint,
            margin=None if options.margin is None else _number("margin", options.margin), **whole,
        )  # fmt: skip
    return found.to_dict(), found.report()


def _whole(name: str, text: str) -> int:
    """Read an integer."""
    if not re.fullmatch(r"[+-]?[0-9]{1,30}", text.strip()):
        raise InputError(f"--{name} must be an integer, got {text!r}")
    return int(text)


def run_reproduce(options: argparse.Namespace) -> Result:
    """Draw a study's figures, by default those of the paper."""
    from amp_theory.interface.studies.registered import study_name
    from amp_theory.interface.studies.reproduction import KeyPoints, reproduce

    name = study_name(options.study)
    rows = reproduce(options.folder, options.force, study=name)
    head = {"folder": str(options.folder), "study": name}
    if isinstance(rows, KeyPoints):
        return head | {"key_points": [row.to_dict() for row in rows]}, f"{rows.report()}\nwritten to {options.folder}"
    return head | rows.to_dict(), f"{rows.report()}\nwritten to {options.folder}"


def run_check(options: argparse.Namespace) -> Result:
    """Compare published thresholds with ours."""
    from amp_theory.interface.studies.checking import check

    if options.set and options.model is None:
        raise InputError("--set needs the model whose parameters it sets: check MODEL --set NAME=VALUE")
    files = _outputs(options, (".csv",))
    found = check(_model(options) if options.set else options.model, options.catalogue)
    for file in files:
        found.to_csv(file, overwrite=True)
    return found.to_dict(), "\n".join([found.report(), *(f"written: {file}" for file in files)])
