"""The tricritical point in field and temperature, where the first-order line meets that of de Almeida and Thouless.

Along the stability line R(q0) = 0 the isotherm leaves q0 with dR/dz < 0 at weak fields: it has a fold beyond q0, and
the path fails before the measure does.  Where dR/dz = 0 as well, xi''' Q'^2 + xi'' Q'' = 0, fold and base become one,
and in stronger fields the path works in the whole replica-symmetric region.  It is the same point along all paths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from amp_theory.equations_of_state.random_measures.fields import FieldMeasure
from amp_theory.equations_of_state.random_measures.isotherms import DIFFERENCES, ROUNDING, Isotherms
from amp_theory.ingredients.paths.named import Flow
from amp_theory.models.base import as_model
from amp_theory.models.spin_glasses import FieldModel
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.random_measures import stability_line
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError, NumericalError, told
from amp_theory.tools.results import Located
from amp_theory.tools.roots import solve_bracketed

if TYPE_CHECKING:
    from amp_theory.models.base import Model

#: fields that are looked at, in units of the temperature above which everything is stable, and a relative step
FIELDS, STEP = np.geomspace(1e-2, 2.0, 14), 1e-5
#: a coordinate that stands for z -> 0
BASE = 1e-20


def tricritical_field(model: Model) -> Located:
    """Locate the tricritical point in field and temperature of a spin glass; its own field plays no part.

    In weaker fields paths meet a first-order transition before the replica-symmetric measure loses its stability, in
    stronger ones they work as far as that reaches.

    Parameters
    ----------
    model
        An Ising, spherical or mixed p-spin.

    Returns
    -------
    Located
        temperature, field and the outer overlap, each with an error bound.

    Raises
    ------
    InputError
        If the model takes no field, or has no such point.
    NumericalError
        If a solver fails.

    References
    ----------
    A one-step replica ansatz at Parisi parameter one over the replica-symmetric state; equations in the
    module `fields`.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> point = tricritical_field(SphericalPSpin(p=3))  # T = 2/3, h^2 = T^2 3/8, q0 = 1/3
    >>> round(point.temperature, 9), round(point.field**2, 9), round(point.overlap, 9)
    (0.666666667, 0.166666667, 0.333333333)
    """
    family = as_model(model)
    if not isinstance(family, FieldModel):
        raise InputError(f"a tricritical field is one of spin glasses that take a field, got {told(model)}")
    unit = FieldMeasure(family.in_field(1.0), Flow()).always_stable
    fields = unit * FIELDS
    slope = np.array([_slope_or_nan(family, float(h)) for h in fields])
    up = np.flatnonzero((slope[:-1] < 0) & (slope[1:] >= 0))
    if not len(up):
        raise InputError(
            f"{model!r} has no tricritical field: {_kind(slope)}, field = {fields[0]:.3g} to {fields[-1]:.3g}"
        )

    def function(h: Array, i: Index) -> tuple[Array, Array]:
        value = _slope(family, float(h[0]))
        return np.array([value]), np.array([(_slope(family, float(h[0]) * (1 + STEP)) - value) / (STEP * float(h[0]))])

    found = solve_bracketed(function, fields[up[:1]], fields[up[:1] + 1], True, absolute=8 * EPS * unit)
    return _located(family, float(found[0]))


def _kind(slope: Array) -> str:
    """Return what was seen where dR/dz does not begin to be positive."""
    known = slope[np.isfinite(slope)]
    if not len(known):
        return "no stability line was found"
    kind = "the path works" if np.all(known >= 0) else "a first-order transition comes first"
    return f"{kind} wherever the stability line was looked at"


def _at(family: FieldModel, field: float) -> tuple[float, Isotherms] | None:
    """Return the temperature of the stability line in a field, and the isotherm there; None where it is not met."""
    measure = FieldMeasure(family.in_field(field), Flow())
    end = stability_line(measure)
    if end is None:
        return None
    control = float(measure.model.from_intensity(np.exp(np.array(end))))
    return control, measure.isotherms(np.array([control]))


def _slope(family: FieldModel, field: float) -> float:
    """Return dR/dz at q0 on the stability line; a `NumericalError` if it is lost."""
    found = _at(family, field)
    if found is None:
        raise NumericalError(f"the stability line was lost at field = {field:.9g}")
    return float(found[1].points(np.full((1, 1), BASE)).stability_z[0, 0])


def _slope_or_nan(family: FieldModel, field: float) -> float:
    """Return the same for a first look at many fields, of which some may have no answer: NaN, which is left out."""
    try:
        return _slope(family, field)
    except NumericalError:
        return float("nan")


def _located(family: FieldModel, field: float) -> Located:
    found, after = _at(family, field), _at(family, field * (1 + STEP))
    if found is None or after is None:
        raise NumericalError(f"the stability line was lost at field = {field:.9g}")
    (control, isotherms), z = found, np.full((1, 1), BASE)
    points = isotherms.points(z)
    errors = isotherms.errors(z, points)
    other, base = isotherms.check.base, isotherms.base
    step = STEP * field
    slope = float(after[1].points(z).stability_z[0, 0] - points.stability_z[0, 0]) / step
    line = (after[0] - control) / step
    # what an error of R(q0) moves the line by, at constant field
    nearby = FieldMeasure(family.in_field(field), Flow()).bases(np.array([control * (1 + STEP)]))
    steep = abs(float(nearby.stability[0] - base.stability[0])) / (STEP * control)
    off = DIFFERENCES * abs(float(other.stability[0] - base.stability[0])) + ROUNDING
    moved = off / steep
    h_error = (float(errors.stability_z[0, 0]) + abs(_bend(isotherms)) * moved) / abs(slope)
    overlap_slope = abs(float(after[1].base.overlap[0] - base.overlap[0])) / step
    q_error = DIFFERENCES * abs(float(other.overlap[0] - base.overlap[0])) + ROUNDING
    bounds = {
        "temperature": SAFETY * (abs(line) * h_error + moved), "field": SAFETY * (h_error + 8 * EPS * field),
        "overlap": SAFETY * (q_error + overlap_slope * h_error + moved),
    }  # fmt: skip
    how = "R(q0) = dR/dz = 0: the first-order line meets the stability line (de Almeida, Thouless)"
    return Located(control, float(base.overlap[0]), bounds, "temperature", field, "field", how=how)


def _bend(isotherms: Isotherms) -> float:
    """Return d^2R/dz^2 next to q0, the scale with which dR/dz moves when the line does."""
    slopes = isotherms.points(np.array([[BASE, 1e-4]])).stability_z[0]
    return float(slopes[1] - slopes[0]) / 1e-4
