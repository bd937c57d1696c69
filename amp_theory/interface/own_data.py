"""The commands on data of one's own: `infer` runs message passing on them, `sample` draws configurations."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from amp_theory.interface.commands import Result, _model, _number, _outputs, _path, _whole
from amp_theory.tools.errors import FileError, InputError, one_of, unknown_name

if TYPE_CHECKING:
    from amp_theory.finite.instances.base import Instance
    from amp_theory.models.base import Model
    from amp_theory.tools.reports import Reported
    from amp_theory.tools.tables import ResultTable

#: usual symbols of data
SYMBOLS = {
    "J": "couplings", "Y": "couplings", "H": "graph", "b": "right_sides", "Phi": "sensing", "y": "measurements",
}  # fmt: skip
#: of which Y is the usual symbol too, in models that have these
MATRICES = ("matrix", "points")
#: what looks for solutions on graphs
SOLVERS = ("decimation", "reinforcement")
VECTORS = ("right_sides", "measurements", "planted")
#: couplings among several numbers of variables
BODIES = re.compile(r"(?:couplings|J|Y)_([0-9]+)")


def run_infer(options: argparse.Namespace) -> Result:
    """Run message passing on data of one's own."""
    from amp_theory.finite.inference.base import MessagePassingOptions
    from amp_theory.finite.inference.suited import run_suited

    files = _outputs(options, (".csv", ".npz"))
    how = MessagePassingOptions(
        damping=_number("--damping", options.damping), max_iterations=_whole("iterations", options.iterations),
        adapt_damping=True,
    )  # fmt: skip
    instance = _instance(options)
    found, suited = run_suited(instance, options.algorithm, how)
    arrays = {name: getattr(found, name) for name in ("mean", "variance", "effective_field", "precision", "converged")}
    # a missing free entropy is no entry of an array of numbers
    arrays["free_entropy"] = [x for x in found.free_entropy if x is not None]
    arrays |= {"status": [str(s) for s in found.status], "algorithm": suited.algorithm}
    content, text = _answer(instance, found, files, arrays, found.table())
    chosen = {"algorithm": suited.algorithm, "reason": suited.reason}
    return content | chosen, f"{text}\nalgorithm: {suited.algorithm}, as {suited.reason}"


def run_sample(options: argparse.Namespace) -> Result:
    """Draw configurations of data of one's own."""
    import numpy as np

    from amp_theory.finite.samplers.samplers import draw_samples
    from amp_theory.tools.tables import ResultTable

    files, path = _outputs(options, (".csv", ".npz")), _path(options)
    denoiser = {"amp": None, "exact": "exact"}[one_of("denoiser", options.denoiser, ["amp", "exact"])]
    whole: dict[str, Any] = {name: _whole(name, getattr(options, name)) for name in ("batch", "seed", "steps")}
    method, instance = one_of("method", options.method, ["path", *SOLVERS]), _instance(options)
    if method != "path":
        return _solved(method, instance, whole, files)
    drawn = draw_samples(instance, path.name, denoiser=denoiser, path=path, **whole)
    values = {f"s{i}": column for i, column in enumerate(drawn.configurations.T)}
    number = {"configuration": np.arange(len(drawn.configurations)), "reliable": drawn.reliable}
    table = ResultTable(drawn.report().splitlines()[0], number | values)
    return _answer(instance, drawn, files, {"configurations": drawn.configurations, "reliable": drawn.reliable}, table)


def _solved(method: str, instance: Instance, whole: dict[str, Any], files: Sequence[FilePath]) -> Result:
    """Look for configurations without violated factors, in as many runs as the batch has."""
    import numpy as np

    from amp_theory.finite.inference.decimation import solve_by_decimation
    from amp_theory.finite.inference.reinforcement import solve_by_reinforcement
    from amp_theory.tools.tables import ResultTable

    solve: Any = dict(zip(SOLVERS, (solve_by_decimation, solve_by_reinforcement), strict=True))[method]
    found = solve(instance, whole["batch"], whole["seed"])
    values = {f"s{i}": column for i, column in enumerate(found.configurations.T)}
    number = {"run": np.arange(len(found.violated)), "violated": found.violated}
    arrays = {"configurations": found.configurations, "violated": found.violated}
    table = ResultTable(found.report().splitlines()[0], number | values)
    return _answer(instance, found, files, arrays, table)


def _answer(
    instance: Instance, found: Reported, files: Sequence[FilePath], arrays: dict[str, Any], table: ResultTable
) -> Result:
    """Write a result as a table or as arrays, and tell it."""
    import numpy as np

    from amp_theory.tools.files import write

    for file in files:
        if file.suffix.lower() == ".csv":
            table.to_csv(file, overwrite=True)
        else:
            write(file, lambda stream: np.savez(stream, **arrays))
    model = instance.model
    head = {"model": model.name, "parameters": model.parameters, model.control: instance.control, "size": instance.size}
    lines = [repr(instance), found.report(), *(f"written: {file}" for file in files)]
    return head | found.to_dict(), "\n".join(lines)


def _instance(options: argparse.Namespace) -> Instance:
    """Return the instance that the data are: a saved one, or one made from arrays."""
    from amp_theory.finite.instances.own_data import instance_from
    from amp_theory.finite.instances.saved_instances import load_instance

    model = _model(options)
    control = None if options.control is None else _number(model.control, options.control)
    data: dict[str, Any] = {}
    for item in options.data:
        for name, value in _read(model, item).items():
            if name == "header":
                saved = load_instance(item, model)
                if control not in (None, saved.control):
                    raise InputError(f"{item!r} is of {model.control} = {saved.control:g}: leave --control out")
                return saved
            if name in data:
                raise InputError(f"--data gives {name} twice")
            data[name] = value
    return instance_from(model, control, check_scale=not options.any_scale, **_by_bodies(data))


def _by_bodies(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with couplings among several numbers of variables put together."""
    several = {int(found[1]): data.pop(name) for name in list(data) if (found := BODIES.fullmatch(name))}
    return data | ({"couplings": several} if several else {})


def _read(model: Model, item: str) -> dict[str, Any]:
    """Return the arrays in FILE or NAME=FILE, by the names of data."""
    from amp_theory.finite.instances.own_data import NAMES, own_data
    from amp_theory.tools.array_files import read_arrays

    known = {n: n for n in (*NAMES, "planted")} | SYMBOLS
    name, equals, file = item.partition("=")
    if not equals or not (name in known or BODIES.fullmatch(name)):
        name, file = "", item
    arrays, needed = read_arrays(file), own_data(model).needed
    if len(arrays) == 1 and not set(arrays) & set(known) and not any(map(BODIES.fullmatch, arrays)):
        if not name and len(needed) > 1:
            each = " and ".join(f"--data {n}=FILE" for n in needed)
            raise InputError(f"{file!r} holds one array, {model.name} needs {each}, or an .npz that holds them")
        arrays = {name or needed[0]: next(iter(arrays.values()))}
    elif name:
        if name not in arrays:
            raise FileError(f"{file!r} holds no array {name!r}; it has {', '.join(sorted(arrays))}")
        arrays = {name: arrays[name]}
    if "header" in arrays:
        return {"header": None}
    unknown = [n for n in arrays if n not in known and not BODIES.fullmatch(n)]
    if unknown:
        raise unknown_name(f"array in {file!r}", unknown[0], known)
    if needed[0] in MATRICES:
        known["Y"] = needed[0]
    return {ours: _shaped(ours, value) for ours, value in ((known.get(n, n), value) for n, value in arrays.items())}


def _shaped(name: str, value: Any) -> Any:
    """Return a vector that a table holds as one column or row; the only number of a size."""
    if name in VECTORS and getattr(value, "ndim", 0) == 2 and 1 in value.shape:
        return value.reshape(-1)
    return value.item() if name == "size" and getattr(value, "size", 0) == 1 else value
