"""Reading saved instances: everything in a file is checked, and nothing in it is ever run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from amp_theory.finite.instances.base import FORMAT, VERSION, Instance
from amp_theory.finite.instances.own_data import restored
from amp_theory.models.base import Model, as_model
from amp_theory.models.catalogue import build_model
from amp_theory.tools.array_files import read_arrays
from amp_theory.tools.errors import FileError, InputError
from amp_theory.tools.files import to_json
from amp_theory.tools.reports import plain


def load_instance(file: str | os.PathLike[str], model: Model | None = None) -> Instance:
    """Read an instance that `Instance.save` has written; nothing in the file is run.

    Parameters
    ----------
    file
        The file, .npz.
    model
        Needed for a model, prior or channel of the user's own, which a file cannot hold.

    Returns
    -------
    Instance
        The same instance, bit for bit.

    Raises
    ------
    FileError
        If the file is damaged, no instance, of a newer version, or of another model than given.

    Examples
    --------
    >>> import tempfile
    >>> from amp_theory import XORSAT, draw_instance
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     draw_instance(XORSAT(3, 0.5), 0.5, 20, seed=0).save(f"{folder}/instance.npz")
    ...     instance = load_instance(f"{folder}/instance.npz")
    >>> instance.size, instance.control, float(instance.energy(instance.planted)[0])
    (20, 0.5, 0.05)
    """
    if model is not None:
        as_model(model)
    arrays = read_arrays(file, (".npz",))
    try:
        header = json.loads(str(arrays.pop("header")))
        known = isinstance(header, dict) and header.get("format") == FORMAT
    except (KeyError, ValueError, RecursionError):
        known = False
    if not known:
        raise FileError(f"{str(file)!r} is not an instance saved by amp_theory")
    if type(header.get("version")) is not int or not 1 <= header["version"] <= VERSION:
        raise FileError(
            f"{str(file)!r} has version {header.get('version')!r}; this amp_theory reads versions 1 to {VERSION}"
        )
    if "control" not in header:
        raise FileError(f"{str(file)!r} is damaged: it tells no control")
    chosen = _model(file, header, model)
    try:
        return restored(chosen, header["control"], arrays)
    except InputError as error:
        raise FileError(f"{str(file)!r} is damaged: {error}") from error


def _model(file: str | os.PathLike[str], header: Mapping[str, Any], given: Model | None) -> Model:
    """Return the model given if it is that of the file, or the one made again from its name and parameters."""
    name, parameters = header.get("model"), header.get("parameters")
    if given is not None:
        if (given.name, json.loads(to_json(plain(given.parameters)))) != (name, parameters):
            raise FileError(f"{str(file)!r} is of the model {name} with parameters {parameters}, not of {given!r}")
        return given
    if not isinstance(name, str) or not isinstance(parameters, dict):
        raise FileError(f"{str(file)!r} is damaged: it names no model")
    try:
        return build_model(name, parameters)
    except InputError as error:
        raise FileError(f"{str(file)!r} is of {name}, which is not built in: give model= ({error})") from error
