"""Special points of families of random perceptrons: tricritical margin, capacity, best tilt.

- *Tricritical margin.*  Along the stability line R(q0) = 0 the isotherm leaves q0 with dR/dz < 0 at margins far below
  zero: it has a fold beyond q0, and the path fails before the measure does.  Where dR/dz = 0 as well, of spherical
  weights 2/(1 - q0)^3 = alpha E(g''^2 - 2 g'^3), fold and base become one; above it the path works in the whole
  replica-symmetric region.
- *Capacity.*  Spherical weights, kappa >= 0: 1/alpha = (1 + kappa^2) Phi(kappa) + kappa phi(kappa), where q0 = 1
  (E. Gardner, J. Phys. A 21, 257, 1988); binary ones: zero entropy (W. Krauth, M. Mezard, J. Phys. France 50, 3057,
  1989).
- *Best tilt.*  Where the first failure of a one-parameter family of potentials is largest; it is the cusp of the
  isotherms, followed from one parameter to the next.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import DIFFERENCES, ROUNDING
from amp_theory.equations_of_state.random_measures.perceptrons import PerceptronMeasure
from amp_theory.ingredients.outputs.margins import Margin
from amp_theory.ingredients.outputs.potentials import Potential
from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.named import Flow
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.named import Rademacher
from amp_theory.models.base import Model
from amp_theory.models.perceptrons import RandomPerceptron
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.random_measures import NO_TIP, first_cusp, stability_line
from amp_theory.phases.points.random_rows import Spot, meeting
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError, NumericalError, answer_of, as_float, told
from amp_theory.tools.results import Located
from amp_theory.tools.roots import crossings

#: margins between which the tricritical one is looked for, a coordinate that stands for z -> 0 (dR/dz is off by about
#: as much), a step of the margin
MARGINS, BASE, STEP = np.linspace(-3.5, -0.5, 7), 1e-16, 1e-5
#: parameters of a family that are looked at, step of its derivatives as part of the range, and Newton steps
LOOKS, PART, NEWTON = 9, 0.01, 6
#: exponents between which the best tilt is looked for
EXPONENTS = (1.05, 3.0)


def tricritical_margin(model: Model) -> Located:
    """Locate the tricritical margin of a random perceptron with a margin; its own margin plays no part.

    At lower margins paths meet a first-order transition before the replica-symmetric measure loses its stability, at
    higher ones they work as far as that reaches.

    Parameters
    ----------
    model
        A `RandomPerceptron` with weights on the sphere and a hard margin.

    Returns
    -------
    Located
        sampling_ratio, kappa and the outer overlap, each with an error bound.

    Raises
    ------
    InputError
        If the model is another.
    NumericalError
        If a solver fails.

    References
    ----------
    A one-step replica ansatz at Parisi parameter one; equations on top of the module `random_perceptrons`.

    Examples
    --------
    >>> point = tricritical_margin(RandomPerceptron())
    >>> print(f"{point.kappa:.7f} {point.sampling_ratio:.6f}")
    -2.0431233 70.008442
    """
    if not isinstance(model, RandomPerceptron) or not model.spherical or model.potential.margin != 0:
        raise InputError(
            f"a tricritical margin is one of RandomPerceptron(Gaussian(), Margin(kappa)) with a hard margin, "
            f"got {told(model)}"
        )

    def slope(kappa: Array, i: Index) -> Array:
        return np.array([_on_line(model, float(k))[1] for k in kappa])

    values = slope(MARGINS, np.arange(len(MARGINS)))
    up = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
    if not len(up):
        raise NumericalError(f"no tricritical margin was found between {MARGINS[0]:g} and {MARGINS[-1]:g}")
    kappa = float(crossings(slope, MARGINS[up[:1]], MARGINS[up[:1] + 1], absolute=1e-13)[0])
    here, after = _on_line(model, kappa), _on_line(model, kappa + STEP)
    checked = _on_line(model, kappa, here[0])
    steep, line, turn = ((after[k] - here[k]) / STEP for k in (1, 0, 2))
    off = DIFFERENCES * abs(checked[1] - here[1]) + ROUNDING * abs(here[3]) + abs(here[1])
    error = off / abs(steep) + 1e-13
    own = DIFFERENCES * abs(checked[4] - here[4]) + ROUNDING * here[0]
    bounds = {"sampling_ratio": SAFETY * (abs(line) * error + own), "kappa": SAFETY * error,
              "overlap": SAFETY * (abs(turn) * error + own / here[0])}  # fmt: skip
    how = "R(q0) = dR/dz = 0: the first-order line meets the stability line (de Almeida, Thouless)"
    return Located(here[0], here[2], bounds, "sampling_ratio", kappa, "kappa", how=how)


def _on_line(model: RandomPerceptron, kappa: float, ratio: float | None = None) -> tuple[float, ...]:
    """Return alpha, dR/dz at q0, q0 and the size of dR/dz on the stability line of a margin, and where R = 0 is.

    With `ratio` by the second quadrature at that alpha.
    """
    measure = PerceptronMeasure(RandomPerceptron(model.prior, Margin(kappa)), Flow())
    if ratio is None:
        line = stability_line(measure)
        if line is None:
            raise NumericalError(f"the stability line was lost at kappa = {kappa:.9g}")
        alpha = float(np.exp(line))
    else:
        alpha = ratio
    isotherms = measure.isotherms(np.array([alpha]), check=ratio is not None)
    base, z = isotherms.base, np.full((1, 1), BASE)
    # to first order in how far R is from zero: it is steep in alpha, R ~ 1 - alpha
    moved = alpha * (1 + float(base.stability[0]))
    size = 2 * float(base.gap[0])
    return alpha, float(isotherms.points(z).stability_z[0, 0]), float(base.overlap[0]), size, moved


def perceptron_capacity(model: Model) -> Located:
    """Locate the largest number of patterns per weight whose margins weights can keep, where replica symmetric.

    Parameters
    ----------
    model
        A `RandomPerceptron` with a margin: spherical weights and kappa >= 0, or binary weights.

    Returns
    -------
    Located
        sampling_ratio with an error bound.

    Raises
    ------
    InputError
        If the model is another, its potential keeps no margin, or replica symmetry breaks before the capacity.

    References
    ----------
    E. Gardner, J. Phys. A 21, 257 (1988); W. Krauth and M. Mezard, J. Phys. France 50, 3057 (1989).

    Examples
    --------
    >>> round(perceptron_capacity(RandomPerceptron()).sampling_ratio, 12)
    2.0
    >>> print(f"{perceptron_capacity(RandomPerceptron(Rademacher())).sampling_ratio:.4f}")
    0.8331
    """
    if not isinstance(model, RandomPerceptron) or not isinstance(model.potential, Margin):
        raise InputError(f"a capacity is one of RandomPerceptron with a Margin, got {told(model)}")
    kappa = model.potential.kappa
    if not model.spherical:
        found = thresholds(RandomPerceptron(model.prior, Margin(kappa)), Flow())
        if found.condensation is None:
            raise InputError(f"{model!r} has no replica-symmetric capacity: {found.reasons['condensation']}")
        return found.condensation
    if kappa < 0:
        raise InputError(
            f"kappa = {kappa:g}: spherical weights with a negative margin lose replica symmetry before their capacity, "
            "at `thresholds(...).stability`"
        )
    from scipy.special import ndtr

    value = 1 / ((1 + kappa**2) * float(ndtr(kappa)) + kappa * float(np.exp(-(kappa**2) / 2)) / np.sqrt(2 * np.pi))
    errors = {"sampling_ratio": 16 * EPS * value, "overlap": 0.0}
    return Located(float(value), 1.0, errors, "sampling_ratio", how="closed form: q0 = 1")


def best_tilt(
    prior: Prior | None = None, kappa: float = 0.0, path: Path | None = None,
    family: Callable[[float], Potential] | None = None, between: tuple[float, float] | None = None,
) -> Located:  # fmt: skip
    """Find the tilt with which a path samples weights of a random perceptron up to the most patterns.

    The uniform measure over binary weights that keep a margin cannot be sampled at any number of patterns; one that
    weighs them by psi(s) = (s - kappa)_+^a can, up to a first failure that is largest at one exponent a.

    Parameters
    ----------
    prior
        Rademacher() (default), or Gaussian().
    kappa
        The margin, where no family is given.
    path
        Flow() (default) or Autoregressive().
    family
        A function of one parameter that returns a potential; (s - kappa)_+^a without.
    between
        The two ends of the parameter; exponents from 1.05 to 3 by default, which a family has to be given.

    Returns
    -------
    Located
        sampling_ratio, the first failure at the best tilt, and exponent (`parameter` of a family), each with an error
        bound; and the overlap there.

    Raises
    ------
    InputError
        If an argument is not allowed, the path meets no first-order transition, or the first failure is largest at an
        end of the range.
    NumericalError
        If a solver fails.

    Examples
    --------
    >>> point = best_tilt()  # doctest: +SKIP
    """
    weights = Rademacher() if prior is None else prior
    way = Flow() if path is None else as_path(path)
    name = "exponent" if family is None else "parameter"
    margin = Margin(kappa).kappa
    make = (lambda a: Margin(margin, a)) if family is None else _checked_family(family)
    low, high = _ends(between, family is not None)
    search = _Family(weights, way, make, name)
    values = np.linspace(low, high, LOOKS)
    alphas = np.empty(LOOKS)
    for j in sorted(range(LOOKS), key=lambda j: abs(j - LOOKS // 2)):  # from the middle, where the cusp is seen best
        alphas[j] = search.cusp(float(values[j]))
    k = int(np.argmax(alphas))
    if k in (0, LOOKS - 1):
        raise InputError(
            f"the first failure is largest at an end, {name} = {values[k]:g}, where sampling_ratio = "
            f"{float(np.exp(alphas[k])):.6g}: widen `between`, or take that end"
        )
    return search.located(float(values[k]), PART * (high - low), (float(values[k - 1]), float(values[k + 1])))


def _checked_family(family: object) -> Callable[[float], Potential]:
    """Return the family, after checking that it is a function; what it returns is checked at every call."""
    what = "family must be a function of one parameter that returns a potential"
    if not callable(family):
        raise InputError(f"{what}, got {told(family)}")

    def make(x: float) -> Potential:
        potential = answer_of("family", family, x)
        if not isinstance(potential, Potential):
            raise InputError(f"{what}, at {x:g} it returns {told(potential)}")
        return potential

    return make


def _ends(between: tuple[float, float] | None, needed: bool) -> tuple[float, float]:
    if between is None:
        if needed:
            raise InputError("a family needs between=(low, high), the ends of its parameter")
        return EXPONENTS
    try:
        low, high = between
    except (TypeError, ValueError):
        raise InputError(f"between must be two numbers (low, high), got {told(between)}") from None
    low, high = as_float("between", low), as_float("between", high)
    if not low < high:
        raise InputError(f"between must be two numbers, the lower first, got {told(between)}")
    return low, high


class _Family:
    """The cusps of perceptrons of one family, in log sampling ratio, each followed from the nearest known one."""

    def __init__(self, prior: Prior, path: Path, make: Callable[[float], Potential], name: str) -> None:
        self.prior, self.path, self.make, self.name = prior, path, make, name
        self.known: dict[float, Spot] = {}

    def measure(self, x: float) -> PerceptronMeasure:
        """Return the measure at a parameter."""
        return PerceptronMeasure(RandomPerceptron(self.prior, self.make(x)), self.path)

    def first(self, x: float) -> tuple[Spot, Located]:
        """Return the first cusp at a parameter, from all that is looked at."""
        measure = self.measure(x)
        if measure.frozen:
            raise InputError(f"{self.name} = {x:g}: no cusp to follow, the path fails at every sampling ratio")
        found = first_cusp(measure)
        if found is None:
            raise InputError(f"{self.name} = {x:g}: no cusp to follow, {NO_TIP}")
        return found

    def cusp(self, x: float) -> float:
        """Return the log sampling ratio of the cusp at a parameter."""
        if x not in self.known:
            start = None
            if self.known:
                near = min(self.known, key=lambda y: abs(y - x))
                start = self.known[near]
            spot = None if start is None else meeting(self.measure(x), *start, "stability", "stability_z")
            self.known[x] = self.first(x)[0] if spot is None else spot
        return self.known[x][0]

    def overlap(self, x: float) -> float:
        """Return the overlap of the cusp at a parameter."""
        y, z = self.known[x]
        isotherms = self.measure(x).isotherms(np.array([np.exp(y)]))
        return float(isotherms.base.overlap[0] + isotherms.points(np.full((1, 1), z)).excess[0, 0])

    def slopes(self, x: float, h: float) -> tuple[float, float]:
        """Return the first two derivatives, by differences of fourth order."""
        a, b, c, d, e = (self.cusp(x + k * h) for k in (-2, -1, 0, 1, 2))
        return (a - 8 * b + 8 * d - e) / (12 * h), (-a + 16 * b - 30 * c + 16 * d - e) / (12 * h * h)

    def located(self, x: float, h: float, between: tuple[float, float]) -> Located:
        """Return the largest first failure next to a parameter."""
        step = np.inf
        for _ in range(NEWTON):
            slope, bend = self.slopes(x, h)
            if not bend < 0:
                break
            step = -slope / bend
            x = min(max(x + step, between[0]), between[1])
            if abs(step) < h * h:
                break
        else:
            raise NumericalError(f"the best {self.name} did not converge", partial=x)
        _, point = self.first(x)
        if abs(np.log(point.control) - self.cusp(x)) > 1e-6:
            raise NumericalError(f"at {self.name} = {x:g} another cusp comes first, which was not followed")
        (fine, bend), (coarse, _) = self.slopes(x, h), self.slopes(x, 2 * h)
        noise = point.error / point.control / h
        error = SAFETY * ((abs(fine) + abs(coarse - fine) + noise) / abs(bend))
        bounds = {
            "sampling_ratio": point.error + point.control * abs(bend) * error**2, self.name: error,
            "overlap": point.errors["overlap"] + error * abs(self.overlap(x + h) - point.overlap) / h,
        }  # fmt: skip
        how = f"largest first failure along {self.path.name}: {point.how}"
        return Located(point.control, point.overlap, bounds, "sampling_ratio", x, self.name, how=how)
