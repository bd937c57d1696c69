"""The special points of random measures whose samples overlap, on the isotherms of all controls.

With the control getting easier (more signal), up to where the replica-symmetric measure ends:

- stability: R(q0) = 0, the line of de Almeida and Thouless, beyond which the measure is not replica symmetric;
- tricritical: where two folds appear or disappear beyond q0, R = dR/dz = 0 at positive strength: the first is the first
  control at which R has a zero there, all others are further ones;
- first failure: the first of both, where the path begins to fail;
- dynamical: a second stable branch at zero strength, strength = R = 0;
- condensation: the second branch of largest free entropy has that of the base.

Error bounds: what two quadratures and rounding leave of the function that vanishes, over its slope in the intensity,
with what an error of the place adds, times SAFETY.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import (
    DIFFERENCES,
    RATIO,
    ROUNDING,
    Isotherms,
    Points,
    RandomMeasure,
)
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.random_rows import BESIDE, ENOUGH, STEP, IsothermRows, Spot, cusps, first_at_zero_strength
from amp_theory.phases.points.zero_strength import control_error
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Located, Thresholds
from amp_theory.tools.roots import crossings

#: how many intensities are looked at at a time
CHUNK = 24
#: steps to the stability line before brackets are halved
NEWTON = 10
NO_TIP = "R > 0 beyond q0 in the whole replica-symmetric region: no first-order transition along this path"
#: R counts as positive next to the stability line down to this
CLOSE = 1e-9
#: R below this has no sign for its rounding, and above that it does not vanish
NO_SIGN, JUMP = 1e-12, 1e-5


def random_thresholds(geo: RandomGeometry) -> Thresholds:
    """Return the special points of a random measure along a path."""
    search = _Search(geo.measure)
    if geo.measure.frozen:
        return _frozen(geo, search)
    tips = [point for _, point in search.states]
    found: dict[str, Located | str] = {
        "algorithmic": "the branch of the base ends where it loses its stability, by no jump",
        "weak_recovery": geo.eos.no_weak_recovery,
        "stability": search.stability(),
        "tricritical": tips[0] if tips else NO_TIP,
    }
    found["first_failure"] = search.first_failure(found)
    found["dynamical"], found["condensation"] = search.zero_strength()
    return Thresholds.of(geo.measure.model, geo.measure.path, found, tips[1:])


def _frozen(geo: RandomGeometry, search: _Search) -> Thresholds:
    """Return the special points of a measure whose solutions are isolated at every control."""
    always = f"frozen q = 1: the path fails at every {geo.measure.model.control}, before any cusp"
    found: dict[str, Located | str] = {
        "algorithmic": "the branch of the base ends where it loses its stability, by no jump",
        "weak_recovery": geo.eos.no_weak_recovery,
        "stability": search.stability(), "condensation": search.no_entropy(), "tricritical": always,
        "first_failure": f"frozen q = 1: a first-order transition onto q = 1 at every {geo.measure.model.control} > 0",
        "dynamical": f"frozen q = 1: it is a second stable fixed point at every {geo.measure.model.control} > 0",
    }  # fmt: skip
    return Thresholds.of(geo.measure.model, geo.measure.path, found)


def _chunks(x: Array) -> list[Array]:
    """Return parts of an array, in order, of CHUNK + 1 at most; neighbours share an end."""
    return [x[k : k + CHUNK + 1] for k in range(0, max(len(x) - 1, 1), CHUNK)]


def first_cusp(measure: RandomMeasure) -> tuple[Spot, Located] | None:
    """Return where the first cusp at positive strength is, and what is known of it; None if there is none.

    Raises
    ------
    NumericalError
        If a solver fails.
    """
    states = _Search(measure).states
    return states[0] if states else None


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
    for chunk in _chunks(measure.looked_at):
        r = stability(chunk)
        # a sign below the rounding of R is none
        bad, good = np.flatnonzero(r < -NO_SIGN), np.flatnonzero(r > NO_SIGN)
        if len(bad):
            good = good[good < bad[0]]
            low = float(chunk[good[-1]]) if len(good) else low
            high = float(chunk[bad[0]])
            low = high - np.log(RATIO) if low is None else low
            line = _crossed(stability, low, high)
            if np.isnan(line):
                raise NumericalError(
                    f"the sign of R(q0) of {measure.model!r} is lost in rounding where it changes",
                    "use field=0, or raise it",
                )
            if abs(left := float(stability(np.array([line]))[0])) > JUMP:
                control = float(measure.model.from_intensity(np.exp(np.array(line))))
                raise NumericalError(
                    f"R(q0) changes its sign at {measure.model.control} = {control:.6g} by a jump to {left:.3g}: the "
                    "base was not followed there", "ask for another field",
                )  # fmt: skip
            return line
        low = float(chunk[good[-1]]) if len(good) else low
    return None


def _crossed(stability: Callable[[Array], Array], low: float, high: float) -> float:
    """Return where R changes its sign in a bracket: by Newton steps, with slopes towards the stable side."""
    x = 0.5 * (low + high)
    for _ in range(NEWTON):
        here, before = stability(np.array([x, x - STEP])).tolist()
        if not here < before:
            break
        step = float(here * STEP / (before - here))
        x += step
        if not low < x < high:
            break
        if abs(step) <= ENOUGH:
            return x
    # without slopes: in weak fields the base ends, and jumps, right beyond the line
    return float(crossings(lambda x, i: stability(x), np.array([low]), np.array([high]), absolute=4 * EPS)[0])


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
    bends: Points

    def column(self, part: str, name: str) -> float:
        """Return an entry of points, errors or slopes."""
        return float(getattr(getattr(self, part), name).flat[0])


class _Search:
    """All special points of one measure, in log intensities."""

    def __init__(self, measure: RandomMeasure) -> None:
        self.measure, self.model, self.path = measure, measure.model, measure.path
        self.stable_to = stability_line(measure)
        self.end = float(measure.looked_at[-1]) if self.stable_to is None else self.stable_to

    def isotherms(self, log_intensity: Array) -> Isotherms:
        """Return the isotherms at log intensities."""
        return self.measure.isotherms(self.model.from_intensity(np.exp(log_intensity)))

    def _looked(self) -> str:
        last = float(self.model.from_intensity(np.exp(np.array(self.measure.looked_at[-1]))))
        return f"as far as was searched, to {self.model.control} = {last:.6g}"

    # --- places ---

    def place(self, x: float, z: float) -> _Place:
        """Return all about the coordinate z at log intensity x."""
        pair = self.isotherms(np.array([x, x + STEP]))
        around = pair.points(z * np.tile([1.0, 1 + BESIDE, 1 - BESIDE], (2, 1)))
        here, table = pair.take(np.array([0])), {n: getattr(around, n) for n in Points.__slots__}
        points = Points(*(v[:1, :1] for v in table.values()))
        slopes = Points(*((v[1, :1] - v[0, :1]) / STEP for v in table.values()))
        bends = Points(*((v[0, 1:2] - v[0, 2:]) / (2 * BESIDE * z) for v in table.values()))
        q0, base = pair.base.overlap, here.check.base.overlap
        return _Place(
            intensity=float(np.exp(x)), coordinate=z, overlap=float(q0[0] + points.excess[0, 0]),
            base_error=float(DIFFERENCES * abs(base[0] - q0[0]) + ROUNDING * q0[0]), points=points,
            errors=here.errors(np.full((1, 1), z), points), slopes=slopes,
            overlap_slope=float((q0[1] - q0[0]) / STEP + slopes.excess[0]), bends=bends,
        )  # fmt: skip

    def located(self, at: _Place, vanishing: str, place: str, how: str, strength: bool) -> Located:
        """Return a place as a special point, from the column that gives the intensity and that which gives z."""
        # what is left of both columns counts as an error, too
        off = at.column("errors", vanishing) + abs(at.column("points", vanishing))
        x_error = off / abs(at.column("slopes", vanishing)) + 4 * EPS
        off = at.column("errors", place) + abs(at.column("points", place))
        z_error = (off + abs(at.column("slopes", place)) * x_error) / abs(at.column("bends", place))
        z_error += 1e-11 * at.coordinate
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
        q_error = DIFFERENCES * abs(float(other.overlap[0] - base.overlap[0])) + ROUNDING
        x_error = off / slope + 4 * EPS
        while x_error < 1:
            beside = self.measure.bases(self.model.from_intensity(np.exp(np.array([x - 2 * x_error]))))
            if float(beside.stability[0] - base.stability[0]) >= off:
                break
            x_error *= 2  # in weak fields R is much flatter next to the line than over a step
        value, errors = self._control(float(np.exp(x)), x_error)
        errors["overlap"] = SAFETY * (q_error + abs(float(beside.overlap[0] - base.overlap[0])))
        how = "R(q0) = 0: stability of the replica-symmetric measure (de Almeida, Thouless)"
        return Located(value, float(base.overlap[0]), errors, self.model.control, how=how)

    def no_entropy(self) -> Located | str:
        """Locate where the entropy of the target vanishes, that of isolated solutions."""

        def entropy(x: Array) -> Array:
            return self.measure.bases(self.model.from_intensity(np.exp(x))).entropy

        x = self.measure.looked_at
        x = np.append(x[x < self.end], self.end)
        values = entropy(x)
        below = np.flatnonzero(values < 0)
        if not len(below) or not below[0]:
            return f"the entropy does not vanish where it was looked at, {self._looked()}"
        k = int(below[0])
        place = crossings(lambda x, i: entropy(x), x[k - 1 : k], x[k : k + 1], absolute=4 * EPS)
        here, there = (self.isotherms(place + step) for step in (0.0, STEP))
        slope = float(there.base.entropy[0] - here.base.entropy[0]) / STEP
        off = DIFFERENCES * abs(float(here.check.base.entropy[0] - here.base.entropy[0])) + ROUNDING
        value, errors = self._control(float(np.exp(place[0])), off / abs(slope) + 4 * EPS)
        errors["overlap"] = 0.0
        return Located(value, 1.0, errors, self.model.control, how="F(1) = 0: the entropy of the target vanishes")

    @cached_property
    def cusps(self) -> list[Spot]:
        """Where two folds appear or disappear, from the easy side on, at strengths of either sign."""
        end = min(self.end, self.measure.followed_to)
        x = self.measure.looked_at[self.measure.looked_at < end]
        x = np.append(x, end + np.log1p(-CLOSE))
        return [spot for chunk in _chunks(x) for spot in cusps(self.measure, IsothermRows.at(self.measure, chunk))]

    @cached_property
    def states(self) -> list[tuple[Spot, Located]]:
        """The cusps at positive strength, which are states of the model, and what is known of each."""
        how = "cusp of the isotherms: R = dR/dz = 0"
        places = [(spot, self.place(*spot)) for spot in self.cusps]
        return [
            (spot, self.located(p, "stability", "stability_z", how, strength=True)) for spot, p in places
            if p.column("points", "strength") > 0
        ]  # fmt: skip

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
        """Locate where a second branch exists at zero strength, and where one has the free entropy of the base."""
        if self.measure.followed_to < self.end:
            none = "the second branch is closer to q = 1 than is followed, 1 - q < 1e-15"
            return none, none
        if not self.cusps:
            none = "no second branch exists at zero strength in the replica-symmetric region"
            return none, none
        where = f"before the replica-symmetric measure ends at {self.model.control} = "
        where += f"{float(self.model.from_intensity(np.exp(np.array(self.end)))):.6g}"
        none = f"no second branch reaches zero strength {where}"
        end = self.end + np.log1p(-CLOSE)
        dynamical, condensation = first_at_zero_strength(self.measure, self.cusps[0][0], end)
        if dynamical is None:
            return none, none
        how = "a second branch at zero strength: strength = R = 0"
        first = self.located(self.place(*dynamical), "strength", "stability", how, strength=False)
        if condensation is None:
            return first, f"the base is in equilibrium as long as it is stable: no crossing {where}"
        how = "equal free entropy at zero strength: F(q) = 0"
        return first, self.located(self.place(*condensation), "level", "strength", how, strength=False)
