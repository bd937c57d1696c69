"""The command line.  It reads arguments, calls the library, and prints; the theory is elsewhere."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, NoReturn

from amp_theory import __version__
from amp_theory.errors import AmpTheoryError, InputError, NumericalError, as_float, integer_between, unknown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from amp_theory.models import Model
    from amp_theory.paths import Path

PICTURES = (".pdf", ".png", ".svg")
LISTS = ("values", "probabilities", "eigenvalues", "weights")


class _Once(argparse.Action):
    """Store a value; an error if the option is given twice."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        """Store the value."""
        if option_string and self.dest in namespace.given:
            raise InputError(f"{option_string} is given twice")
        namespace.given = {*namespace.given, self.dest}
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and to which -1e-3 and -inf are values, not options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self.register("action", None, _Once)
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan)", re.IGNORECASE)
        self.set_defaults(given=set())

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; unknown commands and options are errors that suggest the nearest known one."""
    parser, commands = _parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in commands:
        raise unknown_name("command", arguments[0], commands)
    options, extra = parser.parse_known_args(arguments)
    for item in extra:
        if item.startswith("-"):
            known = [name for action in commands[options.command]._actions for name in action.option_strings]
            raise unknown_name("option", item.partition("=")[0], known)
        raise InputError(f"unexpected argument {item!r}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 success, 1 numerical failure, 2 bad input."""
    try:
        options = _parse(sys.argv[1:] if arguments is None else arguments)
        result, text = options.run(options)
        print(json.dumps(result, indent=1, allow_nan=False) if options.json else text)
        sys.stdout.flush()
    except NumericalError as error:
        return _fail(error, 1)
    except AmpTheoryError as error:
        return _fail(error, 2)
    except BrokenPipeError:  # the reader closed the pipe: nothing more to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # standard output is full, say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(error: Exception, code: int) -> int:
    print(f"amp-theory: error: {' '.join(str(error).split())}", file=sys.stderr)
    return code


# --- reading arguments -------------------------------------------------------------------------------------


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser, and those of its commands by name."""
    parser = _Parser(
        prog="amp-theory",
        description="Exact phase diagrams of sampling by flows, diffusions and autoregressive networks.",
        epilog="example: amp-theory thresholds ising-p-spin --set p=3 --path flow",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"amp-theory {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run: Callable[..., Any], text: str, example: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text, epilog=f"example: amp-theory {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        sub.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        sub.set_defaults(run=run)
        return sub

    command("models", _models, "list models, their parameters and controls, priors, paths and schedules",
            "models --json")  # fmt: skip
    sub = command("thresholds", _thresholds, "locate all special points, each with an error bound",
                  "thresholds spiked-matrix --set prior=sparse-rademacher --set rho=0.08")  # fmt: skip
    _add_model(sub, with_path=True)
    sub.add_argument("--checkpoint", metavar="FILE", help="of a long random run: saved here, and resumed from here")
    sub = command("fixed-points", _fixed_points, "find every fixed point at one control and strength",
                  "fixed-points ising-p-spin --set p=3 --path flow --control 0.70 --strength 0.12")  # fmt: skip
    _add_model(sub, with_path=True)
    _add_control(sub)
    sub.add_argument("--strength", required=True, metavar="S", help="snr, revealed or retention")
    sub = command("diagram", _diagram, "compute the phase diagram; draw it, save it",
                  "diagram spherical-p-spin --set p=3 --path flow -o diagram.pdf -o diagram.json")  # fmt: skip
    _add_model(sub, with_path=True)
    sub.add_argument("--range", nargs=2, metavar=("LO", "HI"), help="range of the control")
    sub.add_argument("--points", default="200", metavar="N", help="points per line (200)")
    sub.add_argument("--target", metavar="T", help="whose verdicts: planted or random")
    sub.add_argument("--schedule", metavar="NAME", help="schedule of the path, for --axis time")
    sub.add_argument("--axis", default="strength", metavar="A", help="vertical axis: strength, time or information")
    sub.add_argument("--scaling", metavar="NAME", help="scaling of the control on the horizontal axis")
    _add_output(sub, "also .json and .csv")
    sub = command("free-entropy", _free_entropy, "draw the free entropy against the overlap at some strengths",
                  "free-entropy ising-p-spin --set p=3 --control 0.7 --strengths 0,0.05,0.1 -o phi.pdf")  # fmt: skip
    _add_model(sub, with_path=True)
    _add_control(sub)
    sub.add_argument("--strengths", required=True, metavar="S,S,...", help="strengths, separated by commas")
    _add_output(sub, "")
    sub = command("overlap", _overlap, "draw the overlap along the path at one control, unstable branch dashed",
                  "overlap ising-p-spin --set p=3 --path flow --control 0.7 -o overlap.pdf -o overlap.csv")  # fmt: skip
    _add_model(sub, with_path=True)
    _add_control(sub)
    sub.add_argument("--schedule", metavar="NAME", help="schedule of the path, for --axis time")
    sub.add_argument("--axis", default="strength", metavar="A", help="horizontal axis: strength, time or information")
    _add_output(sub, "also .csv")
    sub = command("compare", _compare, "tell where each sampler succeeds, why, and how sure that is",
                  "compare ising-p-spin --set p=3")  # fmt: skip
    _add_model(sub, with_path=False)
    sub.add_argument("--target", metavar="T", help="whose verdicts: planted or random")
    sub = command(
        "simulate",
        _simulate,
        "run samplers on finite instances and judge them by exact samples",
        "simulate xorsat --set k=4 --set temperature=0.5 --control 1.45 --size 2000 --instances 10 --seed 1",
    )
    _add_model(sub, with_path=True)
    _add_control(sub)
    sub.add_argument("--size", required=True, metavar="N", help="number of variables")
    sub.add_argument("--instances", required=True, metavar="K", help="number of instances")
    sub.add_argument("--seed", required=True, metavar="S", help="an integer >= 0: the same seed, the same numbers")
    sub.add_argument(
        "--samplers",
        metavar="A,B",
        help="others than the path's and a Markov chain: flow, diffusion, "
        "autoregressive, masked, uniform-diffusion, heat-bath, parallel-tempering, langevin",
    )
    for name, default, text in (
        ("batch", 16, "configurations per sampler and instance"),
        ("steps", 100, "steps of denoising samplers"),
        ("sweeps", 1000, "of Markov chains"),
        ("workers", 1, "processes"),
    ):
        sub.add_argument(f"--{name}", default=str(default), metavar="N", help=f"{text} ({default})")
    sub.add_argument("--target", metavar="T", help="planted or random instances")
    sub.add_argument("--checkpoint", metavar="FILE", help="instances done are saved here, and resumed from here")
    sub = command("reproduce", _reproduce, "draw the phase diagrams of arXiv:2308.14085 with their numbers",
                  "reproduce --folder figures --force")  # fmt: skip
    sub.add_argument("--folder", default="figures", metavar="DIR", help="where to write (figures)")
    sub.add_argument("--force", action="store_true", help="overwrite existing files")
    return parser, commands.choices


def _add_model(sub: argparse.ArgumentParser, with_path: bool) -> None:
    sub.add_argument("model", metavar="MODEL", help="model name, see 'amp-theory models'")
    sub.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter; lists as a,b,c")
    if with_path:
        sub.add_argument("--path", default="flow", metavar="PATH", help="flow, autoregressive or uniform-diffusion")


def _add_control(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--control", required=True, metavar="C", help="the model's control: temperature, noise, ...")


def _add_output(sub: argparse.ArgumentParser, also: str) -> None:
    text = f"file to write: .pdf, .png or .svg{', ' + also if also else ''}; may be repeated"
    sub.add_argument("-o", "--output", action="append", default=[], metavar="FILE", help=text)
    sub.add_argument("--force", action="store_true", help="overwrite existing files")


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
        if name in LISTS:
            result[name] = [_number(f"every one of {name}", part) for part in value.split(",")]
        else:
            result[name] = value
    return result


def _number(name: str, text: str) -> float:
    """Read a number, naming it if it is none (also a NaN or an infinity is none)."""
    return as_float(name, text.strip())


def _model(options: argparse.Namespace) -> Model:
    from amp_theory.registry import build_model

    return build_model(options.model, _parameters(options.set))


def _path(options: argparse.Namespace) -> Path:
    from amp_theory.registry import build_path

    return build_path(options.path, getattr(options, "schedule", None))


def _outputs(options: argparse.Namespace, endings: Sequence[str]) -> list[FilePath]:
    """Check every output before anything is computed or written."""
    from amp_theory.files import check_output

    files = [check_output(name, endings, options.force) for name in options.output]
    for k, file in enumerate(files):
        if file.resolve() in [earlier.resolve() for earlier in files[:k]]:
            raise InputError(f"the output {str(file)!r} is given twice")
    return files


def _save_picture(file: FilePath, draw: Callable[[Axes], object]) -> None:
    from matplotlib.figure import Figure

    from amp_theory.files import write

    canvas = Figure(figsize=(5.6, 4.4), layout="constrained")
    draw(canvas.add_subplot())
    write(file, lambda stream: canvas.savefig(stream, format=file.suffix[1:].lower(), dpi=180))


# --- commands: each returns plain data and text ------------------------------------------------------------


def _models(_options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory import registry

    data: dict[str, dict[str, dict[str, Any]]] = {
        "models": {
            name: {"parameters": list(registry.arguments(model)), "control": model.control, "easier": model.easier}
            for name, model in registry.MODELS.items()
        },
        "priors": {name: {"parameters": list(registry.arguments(prior))} for name, prior in registry.PRIORS.items()},
        "channels": {name: {"parameters": list(registry.arguments(c))} for name, c in registry.CHANNELS.items()},
        "paths": {
            name: {"strength": p.strength, "schedules": [s.name for s in p.schedules if s.name in registry.SCHEDULES]}
            for name, p in registry.PATHS.items()
        },
    }  # fmt: skip
    lines = ["models (parameters; control)"]
    for name, entry in data["models"].items():
        lines.append(f"  {name:<24} {', '.join(entry['parameters']) or '-'}; {entry['control']}")
    for part in ("priors", "channels"):
        lines.append(f"{part} (parameters)")
        for name, entry in data[part].items():
            lines.append(f"  {name:<24} {', '.join(entry['parameters']) or '-'}")
    lines.append("paths (strength; schedules)")
    for name, entry in data["paths"].items():
        lines.append(f"  {name:<24} {entry['strength']}; {', '.join(entry['schedules'])}")
    return data, "\n".join(lines)


def _thresholds(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.transitions import thresholds

    model, path = _model(options), _path(options)
    if model.statistical or options.checkpoint is not None:
        result = model.special_points(path, checkpoint=options.checkpoint, progress=_progress)
    else:
        result = thresholds(model, path)
    return result.to_dict(), result.report()


def _progress(done: int, of: int) -> None:
    """Show on a terminal how far a long run is."""
    if sys.stderr.isatty():
        print(f"\r{done} of {of} runs", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _fixed_points(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.fixed_point_solver import fixed_points

    model, path = _model(options), _path(options)
    control, strength = _number(model.control, options.control), _number(path.strength, options.strength)
    found = fixed_points(model, path, control, strength)
    data = {
        "model": model.name, "parameters": model.parameters, "path": path.name, "control": model.control,
        "strength": path.strength, model.control: control, path.strength: strength,
        "fixed_points": [p.to_dict() for p in found], "region": found.region,
    }  # fmt: skip
    lines = [f"{'kind':<13}{'overlap':>18}{'free entropy':>20}{'mmse':>18}{'mutual information':>22}"]
    for p in found:
        lines.append(
            f"{p.kind:<13}{p.overlap:>18.12g}{p.free_entropy:>20.12g}{p.mmse:>18.12g}{p.mutual_information:>22.12g}"
        )
    return data, "\n".join([*lines, f"region: {found.region}"])


def _diagram(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.diagram import MOST_POINTS, phase_diagram
    from amp_theory.plotting import View, plot_diagram

    model, path = _model(options), _path(options)
    files = _outputs(options, (*PICTURES, ".json", ".csv"))
    View(model, path, options.axis, options.scaling)
    limits = None
    if options.range is not None:
        lo, hi = (_number(f"the range of {model.control}", x) for x in options.range)
        limits = (lo, hi)
    diagram = phase_diagram(
        model, path, limits, integer_between("--points", options.points, 2, MOST_POINTS), options.target
    )
    for file in files:
        kind = file.suffix.lower()
        if kind == ".json":
            diagram.save(file, overwrite=True)
        elif kind == ".csv":
            diagram.to_csv(file, overwrite=True)
        else:
            _save_picture(file, lambda axes: plot_diagram(diagram, axes, options.axis, options.scaling))
    written = "".join(f"\n  written: {file}" for file in files)
    return diagram.to_dict(), diagram.report() + written


def _free_entropy(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.curves import free_entropy_curve
    from amp_theory.plotting import plot_free_entropy

    model, path = _model(options), _path(options)
    control = _number(model.control, options.control)
    strengths = [_number(path.strength, part) for part in options.strengths.split(",")]
    files = _outputs(options, PICTURES)
    curves = []
    for strength in strengths:
        overlap, phi = free_entropy_curve(model, path, control, strength)
        curves.append({path.strength: strength, "overlap": overlap.tolist(), "free_entropy": phi.tolist()})
    for file in files:
        _save_picture(file, lambda axes: plot_free_entropy(model, path, control, strengths, axes))
    data = {
        "model": model.name,
        "parameters": model.parameters,
        "path": path.name,
        model.control: control,
        "curves": curves,
    }
    return data, "\n".join(f"written: {file}" for file in files) or "nothing written: name a file with -o"


def _overlap(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.curves import equation_of_state
    from amp_theory.plotting import View, plot_overlap

    model, path = _model(options), _path(options)
    control = _number(model.control, options.control)
    files = _outputs(options, (*PICTURES, ".csv"))
    View(model, path, options.axis, None)
    curve = equation_of_state(model, path, control)
    for file in files:
        if file.suffix.lower() == ".csv":
            curve.to_csv(file, overwrite=True)
        else:
            _save_picture(file, lambda axes: plot_overlap(model, path, control, axes, options.axis))
    data = {
        "model": model.name, "parameters": model.parameters, "path": path.name, model.control: control,
        "overlap": curve.overlap.tolist(), path.strength: curve.strength.tolist(),
        "free_entropy": [x if math.isfinite(x) else None for x in curve.free_entropy.tolist()],
        "mmse": curve.mmse.tolist(), "stable": curve.stable.tolist(),
        "folds": [{"overlap": q, path.strength: s} for q, s in curve.folds],
    }  # fmt: skip
    lines = [f"fold: overlap = {q:.12g}, {path.strength} = {s:.12g}" for q, s in curve.folds]
    return data, "\n".join([*(lines or ["no fold"]), *(f"written: {file}" for file in files)])


def _compare(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.compare import compare_samplers

    result = compare_samplers(_model(options), options.target)
    return result.to_dict(), result.report()


def _simulate(options: argparse.Namespace) -> tuple[Any, str]:
    from concurrent.futures import ProcessPoolExecutor

    from amp_theory.finite.simulation import baseline, simulate

    model, path = _model(options), _path(options)
    whole = {n: _whole(n, getattr(options, n)) for n in ("size", "instances", "seed", "batch", "steps", "sweeps")}
    samplers = [path.name, baseline(model)] if options.samplers is None else options.samplers.split(",")
    workers = integer_between("--workers", options.workers, 1, 1024)
    executor = ProcessPoolExecutor(workers) if workers > 1 else None
    try:
        found = simulate(
            model, _number(model.control, options.control), samplers=samplers, target=options.target,
            executor=executor, checkpoint=options.checkpoint, progress=_progress, **whole,
        )  # fmt: skip
    finally:
        if executor is not None:
            executor.shutdown(cancel_futures=True)
    return found.to_dict(), found.report()


def _whole(name: str, text: str) -> int:
    """Read an integer."""
    try:
        return int(text)
    except ValueError:
        raise InputError(f"--{name} must be an integer, got {text!r}") from None


def _reproduce(options: argparse.Namespace) -> tuple[Any, str]:
    from amp_theory.reproduction import as_dict, reproduce, table

    terminal = sys.stderr.isatty()
    rows = reproduce(options.folder, options.force, (lambda name: print(name, file=sys.stderr)) if terminal else None)
    data = {"folder": str(options.folder), "key_points": [as_dict(row) for row in rows]}
    return data, table(rows) + f"written to {options.folder}"


if __name__ == "__main__":
    sys.exit(main())
