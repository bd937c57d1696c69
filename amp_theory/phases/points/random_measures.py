"""The special points of random measures whose samples overlap, on the isotherms of all controls.

With the control getting easier (more signal), up to where the replica-symmetric measure ends:

- stability: R(q0) = 0, the line of de Almeida and Thouless, beyond which the measure is not replica symmetric;
- tricritical: the first control at which R has a zero beyond q0, R = dR/dz = 0 at positive strength;
- first failure: the first of both, where the path begins to fail;
- dynamical: a second stable branch at zero strength, strength = R = 0;
- condensation: that branch has the free entropy of the base.

Error bounds: what two quadratures and rounding leave of the function that vanishes, over its slope in the intensity,
with what an error of the place adds, times SAFETY.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import (
    DIFFERENCES,
    ROUNDING,
    Isotherms,
    Points,
    RandomMeasure,
)
from amp_theory.phases.geometry.random_measures import RandomGeometry, folds_of, least_stability, roots_along
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.zero_strength import control_error
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Located, Thresholds
from amp_theory.tools.roots import crossings, solve_bracketed

#: factor between intensities at which signs are looked at, how many at a time, and how often
RATIO, CHUNK, CHUNKS = 1.15, 24, 6
#: relative step of the intensity in derivatives
STEP = 1e-5
#: R counts as positive next to the stability line down to this
CLOSE = 1e-9
#: R below this has no sign for its rounding, and above that it does not vanish
NO_SIGN, JUMP = 1e-12, 1e-5
#: how often the intensity is lowered by a factor of e in search of a base that doubles hold
WARMER = 60


def random_thresholds(geo: RandomGeometry) -> Thresholds:
    """Return the special points of a random measure along a path."""
    search = _Search(geo.measure)
    found: dict[str, Located | str] = {
        "algorithmic": "the branch of the base ends where it loses its stability, by no jump",
        "weak_recovery": geo.eos.no_weak_recovery,
        "stability": search.stability(),
        "tricritical": search.tricritical(),
    }
    found["first_failure"] = search.first_failure(found)
    found["dynamical"], found["condensation"] = search.zero_strength()
    return Thresholds.of(geo.measure.model, geo.measure.path, found)


def _looked_at(measure: RandomMeasure) -> Array:
    """Return the log intensities at which signs are looked at, from where everything is stable to where bases end."""

    def solvable(x: float) -> bool:
        return bool(measure.solvable(measure.model.from_intensity(np.exp(np.array([x]))))[0])

    start = float(np.log(measure.model.intensity(np.array(measure.always_stable))))
    for _ in range(WARMER):
        if solvable(start):
            break
        start -= 1.0
    logs = start + np.log(RATIO) * np.arange(CHUNK * CHUNKS)
    if solvable(float(logs[-1])):
        return np.asarray(logs)
    low, high = 0, len(logs) - 1  # the first is solved, or its base says why not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if solvable(float(logs[middle])) else (low, middle)
    return np.asarray(logs[: low + 1])


def _chunks(x: Array) -> list[Array]:
    return np.array_split(x, max(1, -(-len(x) // CHUNK)))


def stability_line(measure: RandomMeasure) -> float | None:
    """Return the log intensity at which the replica-symmetric measure loses its stability, R(q0) = 0; None if nowhere.

    Raises
    ------
    NumericalError
        If a solver fails, or the base jumps where R changes its sign.
    """

    def stability(x: Array) -> Array:
        return measure.bases(measure.model.from_intensity(np.exp(x))).stability

    low: float | None = None
    for chunk in _chunks(_looked_at(measure)):
        r = stability(chunk)
        # a sign below the rounding of R is none
        bad, good = np.flatnonzero(r < -NO_SIGN), np.flatnonzero(r > NO_SIGN)
        if len(bad):
            good = good[good < bad[0]]
            low = float(chunk[good[-1]]) if len(good) else low
            high = float(chunk[bad[0]])
            low = high - np.log(RATIO) if low is None else low
            # without slopes: in weak fields the base ends, and jumps, right beyond the line
            line = crossings(lambda x, i: stability(x), np.array([low]), np.array([high]), absolute=4 * EPS)
            if abs(left := float(stability(line)[0])) > JUMP:
                control = float(measure.model.from_intensity(np.exp(line))[0])
                raise NumericalError(
                    f"R(q0) changes its sign at {measure.model.control} = {control:.6g} by a jump to {left:.3g}: the "
                    "base was not followed there", "ask for another field",
                )  # fmt: skip
            return float(line[0])
        low = float(chunk[good[-1]]) if len(good) else low
    return None


@dataclass(frozen=True)
class _Place:
    """A coordinate of the isotherm at one intensity, its points, their errors, and slopes in log intensity."""

    intensity: float
    coordinate: float
    overlap: float
    base_error: float
    points: Points
    errors: Points
    slopes: Points
    overlap_slope: float

    def column(self, part: str, name: str) -> float:
        """Return an entry of points, errors or slopes."""
        return float(getattr(getattr(self, part), name).flat[0])


class _Search:
    """All special points of one measure, in log intensities."""

    def __init__(self, measure: RandomMeasure) -> None:
        self.measure, self.model, self.path = measure, measure.model, measure.path
        self.logs = _looked_at(measure)
        self.stable_to = stability_line(measure)
        self.end = float(self.logs[-1]) if self.stable_to is None else self.stable_to

    def isotherms(self, log_intensity: Array) -> Isotherms:
        """Return the isotherms at log intensities."""
        return self.measure.isotherms(self.model.from_intensity(np.exp(log_intensity)))

    def _looked(self) -> str:
        last = float(self.model.from_intensity(np.exp(np.array(self.logs[-1]))))
        return f"as far as was searched, to {self.model.control} = {last:.6g}"

    # --- places ---

    def place(self, x: float, z: float) -> _Place:
        """Return all about the coordinate z at log intensity x."""
        pair = self.isotherms(np.array([x, x + STEP]))
        both = pair.points(np.full((2, 1), z))
        here = pair.take(np.array([0]))
        points = here.points(np.full((1, 1), z))
        slopes = Points(*((getattr(both, n)[1] - getattr(both, n)[0]) / STEP for n in Points.__slots__))
        q0, base = pair.base.overlap, here.check.base.overlap
        return _Place(
            intensity=float(np.exp(x)), coordinate=z, overlap=float(q0[0] + points.excess[0, 0]),
            base_error=float(DIFFERENCES * abs(base[0] - q0[0]) + ROUNDING * q0[0]), points=points,
            errors=here.errors(np.full((1, 1), z), points), slopes=slopes,
            overlap_slope=float((q0[1] - q0[0]) / STEP + slopes.excess[0]),
        )  # fmt: skip

    def located(self, at: _Place, vanishing: str, place: str, how: str, strength: bool) -> Located:
        """Return a place as a special point, from the column that gives the intensity and that which gives z."""
        x_error = at.column("errors", vanishing) / abs(at.column("slopes", vanishing)) + 4 * EPS
        z, h = at.coordinate, 1e-4 * at.coordinate
        around = self.isotherms(np.log([at.intensity])).points(np.array([[z - h, z + h]]))
        values = getattr(around, place)[0]
        bend = abs(float(values[1] - values[0])) / (2 * h)
        z_error = (at.column("errors", place) + abs(at.column("slopes", place)) * x_error) / bend + 1e-11 * z
        overlap = at.column("points", "overlap_z") * z_error + abs(at.overlap_slope) * x_error
        overlap += at.base_error + at.column("errors", "excess")
        control, errors = self._control(at.intensity, x_error)
        errors["overlap"] = SAFETY * overlap
        value = at.column("points", "strength")
        if strength:
            bound = at.column("errors", "strength") + abs(at.column("slopes", "strength")) * x_error
            errors[self.path.strength] = SAFETY * (bound + 4 * EPS * abs(value))
        return Located(control, at.overlap, errors, self.model.control, value if strength else None,
                       self.path.strength if strength else None, how=how)  # fmt: skip

    def _control(self, intensity: float, x_error: float) -> tuple[float, dict[str, float]]:
        control = float(self.model.from_intensity(np.array(intensity)))
        return control, {self.model.control: control_error(self.model, intensity, intensity * x_error)}

    # --- the points ---

    def stability(self) -> Located | str:
        """Locate where the replica-symmetric measure loses its stability."""
        if self.stable_to is None:
            return f"the replica-symmetric measure is stable at every {self.model.control}, {self._looked()}"
        x = self.stable_to
        # towards the stable side, where the base is continuous
        control = self.model.from_intensity(np.exp(np.array([x, x - STEP])))
        base, other = self.measure.bases(control), self.measure.isotherms(control[:1]).check.base
        slope = abs(float(base.stability[1] - base.stability[0])) / STEP
        off = DIFFERENCES * abs(float(other.stability[0] - base.stability[0])) + ROUNDING
        q_slope = abs(float(base.overlap[1] - base.overlap[0])) / STEP
        q_error = DIFFERENCES * abs(float(other.overlap[0] - base.overlap[0])) + ROUNDING
        value, errors = self._control(float(np.exp(x)), off / slope + 4 * EPS)
        errors["overlap"] = SAFETY * (q_error + q_slope * off / slope)
        how = "R(q0) = 0: stability of the replica-symmetric measure (de Almeida, Thouless)"
        return Located(value, float(base.overlap[0]), errors, self.model.control, how=how)

    def _failing(self) -> tuple[float, float] | None:
        """Return log intensities between which R first becomes negative beyond q0."""
        x = self.logs[self.logs < self.end]
        x = np.append(x, self.end + np.log1p(-CLOSE))
        for chunk in np.array_split(x, max(1, len(x) // CHUNK)):
            z, least = least_stability(isotherms := self.isotherms(chunk))
            bad = np.flatnonzero((least < 0) & (z > isotherms.grid[0]))
            if len(bad):
                return float(chunk[bad[0]]) - np.log(RATIO), float(chunk[bad[0]])
        return None

    def tricritical(self) -> Located | str:
        """Locate the first zero of R beyond q0."""
        self.failing: float | None = None
        bracket = self._failing()
        if bracket is None:
            return "R > 0 beyond q0 in the whole replica-symmetric region: no first-order transition along this path"

        def function(x: Array, i: Index) -> tuple[Array, Array]:
            pair = self.isotherms(np.concatenate([x, x + STEP]))
            z, least = least_stability(pair.take(np.arange(len(x))))
            above = pair.points(np.concatenate([z, z])[:, None]).stability[:, 0]
            return least, (above[len(x) :] - least) / STEP

        x = solve_bracketed(function, np.array(bracket[:1]), np.array(bracket[1:]), False, absolute=4 * EPS)
        z, _ = least_stability(self.isotherms(x))
        self.failing = float(x[0])
        how = "cusp of the isotherms: R = dR/dz = 0"
        return self.located(self.place(float(x[0]), float(z[0])), "stability", "stability_z", how, strength=True)

    def first_failure(self, found: dict[str, Located | str]) -> Located | str:
        """Return the first of the tricritical point and the stability line."""
        for name in ("tricritical", "stability"):
            if isinstance(point := found[name], Located):
                reason = "first order" if name == "tricritical" else "stability"
                return Located(
                    point.control, point.overlap, point.errors, point.control_name, point.strength,
                    point.strength_name, how=f"{reason}: {point.how}",
                )  # fmt: skip
        return f"R > 0 on all of [q0, 1): the path works at every {self.model.control}, {self._looked()}"

    def zero_strength(self) -> tuple[Located | str, Located | str]:
        """Locate where a second branch exists at zero strength, and where it has the free entropy of the base."""
        if self.failing is None:
            none = "no second branch exists at zero strength in the replica-symmetric region"
            return none, none
        end = self.end + np.log1p(-CLOSE)
        begin = self.failing + 1e-6 * min(1.0, end - self.failing)
        where = f"before the replica-symmetric measure ends at {self.model.control} = "
        where += f"{float(self.model.from_intensity(np.exp(np.array(self.end)))):.6g}"
        none = f"no second branch reaches zero strength {where}"
        bracket = self._changed(self._lowest, "strength", -1, begin, end)
        if bracket is None:
            return none, none
        dynamical = self._solved(self._lowest, "strength", *bracket, False)
        z = self._lowest(np.array([dynamical]))[0]
        first = self.located(self.place(dynamical, float(z[0])), "strength", "stability",
                             "a second branch at zero strength: strength = R = 0", strength=False)  # fmt: skip
        bracket = self._changed(self._upper, "level", 1, dynamical + 1e-9, end)
        if bracket is None:
            return first, f"the base is in equilibrium as long as it is stable: no crossing {where}"
        condensation = self._solved(self._upper, "level", *bracket, True)
        z = self._upper(np.array([condensation]))[0]
        second = self.located(self.place(condensation, float(z[0])), "level", "strength",
                              "equal free entropy at zero strength: F(q) = 0", strength=False)  # fmt: skip
        return first, second

    def _changed(
        self, at: Callable[[Array], tuple[Array, Points]], column: str, sign: int, begin: float, end: float
    ) -> tuple[float, float] | None:
        """Return log intensities between which a column first gets a sign; None if it does not up to the end."""
        low, step = begin, np.log(RATIO)
        while low < end:
            x = np.minimum(low + step * np.arange(1, 5), end)
            there = np.flatnonzero(sign * getattr(at(x)[1], column)[:, 0] > 0)
            if len(there):
                return float(x[there[0] - 1] if there[0] else low), float(x[there[0]])
            low = float(x[-1])
        return None

    def _lowest(self, x: Array) -> tuple[Array, Points]:
        """Return the last fold, where the strength is least above the first one, at log intensities past the cusp."""
        isotherms = self.isotherms(x)
        z = self._last_fold(isotherms)
        return z, isotherms.points(z[:, None])

    def _last_fold(self, isotherms: Isotherms) -> Array:
        """Return the last fold, or where R is least next to the cusp, where rounding hides the folds."""
        folds = folds_of(isotherms)
        last = np.max(np.nan_to_num(folds), axis=1, initial=0)
        return np.where(last > 0, last, least_stability(isotherms)[0]) if np.any(last == 0) else last

    def _upper(self, x: Array) -> tuple[Array, Points]:
        """Return the upper branch at zero strength."""
        isotherms = self.isotherms(x)
        low = self._last_fold(isotherms)
        if np.any(lost := isotherms.points(low[:, None]).strength[:, 0] > CLOSE):
            control = float(isotherms.base.control[lost][0])
            raise NumericalError(
                f"{self.model!r} along {self.path.name}: at {self.model.control} = {control:.6g} there is more than "
                "one second branch, of which condensation is not derived", "ask for another field or path",
            )  # fmt: skip
        high = np.full_like(low, isotherms.farthest)
        z = roots_along(isotherms, "strength", "strength_z", np.arange(len(x)), low, high, True)
        return z, isotherms.points(z[:, None])

    def _solved(
        self, at: Callable[[Array], tuple[Array, Points]], column: str, low: float, high: float, rising: bool
    ) -> float:
        """Return the log intensity at which a column of what is stationary in z vanishes."""

        def function(x: Array, i: Index) -> tuple[Array, Array]:
            z, points = at(x)
            value = getattr(points, column)[:, 0]
            above = getattr(self.isotherms(x + STEP).points(z[:, None]), column)[:, 0]
            return value, (above - value) / STEP

        return float(
            solve_bracketed(function, np.array([low]), np.array([high]), rising, absolute=4 * EPS, noise=4 * EPS)[0]
        )
