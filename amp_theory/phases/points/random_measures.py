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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from amp_theory.equations_of_state.random_measures.isotherms import (
    DIFFERENCES,
    RATIO,
    ROUNDING,
    Bases,
    Points,
    RandomMeasure,
)
from amp_theory.phases.geometry.random_measures import RandomGeometry
from amp_theory.phases.geometry.solved import SAFETY
from amp_theory.phases.points.random_rows import BESIDE, STEP, IsothermRows, Spot, Spots, spots_before
from amp_theory.phases.points.zero_strength import control_error
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.results import Located, Thresholds
from amp_theory.tools.roots import crossings

#: rows from which the stability line is guessed, and steps to it before brackets are halved
NEAR, NEWTON = 4, 24
#: a step to it whose square is rounding: its slopes are exact to the square of STEP
SMALL = 1e-9
#: how far on either side of the line its sign is seen
CLOSELY = 3 * SMALL
NO_TIP = "R > 0 beyond q0 in the whole replica-symmetric region: no first-order transition along this path"
#: stands for the lead of a branch that has ended
GONE = -1.0
NO_JUMP = "the branch of the base ends where it loses its stability, by no jump"
#: a coordinate that stands for the base
BASE = 1e-20
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
        "algorithmic": search.jump(),
        "weak_recovery": geo.eos.no_weak_recovery,
        "stability": search.stability(),
        "tricritical": tips[0] if tips else NO_TIP,
    }
    found["first_failure"] = search.first_failure(found)
    found["dynamical"], found["condensation"] = search.zero_strength()
    return Thresholds.of(geo.measure.model, geo.measure.path, found, tips[1:])


def _frozen(geo: RandomGeometry, search: _Search) -> Thresholds:
    """Return the special points of a measure whose solutions are isolated at every control."""
    control = geo.measure.model.control
    always = f"frozen q = 1: the path fails at every {control}, before any cusp"
    first = f"frozen q = 1: a first-order transition onto q = 1 at every {control} > 0"
    if geo.measure.path.informed:
        first += ", unless what is known from the start tells everything"
    found: dict[str, Located | str] = {
        "algorithmic": NO_JUMP,
        "weak_recovery": geo.eos.no_weak_recovery,
        "stability": search.stability(), "condensation": search.no_entropy(), "tricritical": always,
        "first_failure": first, "dynamical": f"frozen q = 1: it is a second stable fixed point at every {control} > 0",
    }  # fmt: skip
    return Thresholds.of(geo.measure.model, geo.measure.path, found)


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
    return _first_unstable(measure, lambda x: measure.bases(measure.model.from_intensity(np.exp(x))))


def _first_unstable(measure: RandomMeasure, look: Callable[[Array], Bases]) -> float | None:
    """Return the same, where `look` returns the bases at the log intensities that are looked at."""
    low: float | None = None
    flat: float | None = None
    for chunk in measure.chunks():
        r = look(chunk).stability
        # a sign below the rounding of R is none
        bad, good = np.flatnonzero(r < -NO_SIGN), np.flatnonzero(r > NO_SIGN)
        if not len(bad):
            low = float(chunk[good[-1]]) if len(good) else low
            flat = None if r[-1] > NO_SIGN else float(chunk[-1])
            continue
        good = good[good < bad[0]]
        low, high = float(chunk[good[-1]]) if len(good) else low, float(chunk[bad[0]])
        if low is None:  # where R has no sign for its rounding
            low = high - 2 * np.log(RATIO)
        elif measure.even and (found := _where_it_bends(measure, low, high)) is not None:
            return found
        guess = _vanishing(r[: bad[0] + 2], chunk[: bad[0] + 2])
        return _crossed(measure, low, high, guess if low < guess < high else 0.5 * (low + high))
    return _where_it_bends(measure, low, flat) if measure.even and low is not None and flat is not None else None


def _where_it_bends(measure: RandomMeasure, low: float, high: float) -> float | None:
    """Return where R of q0 = 0, 1 less a multiple of the intensity, falls to zero; None if it is not seen closely."""

    def stability(x: Array) -> Array:
        return measure.bases(measure.model.from_intensity(np.exp(x))).stability

    guess = low - float(np.log1p(-stability(np.array([low]))[0]))
    return _seen_closely(stability, (low, high), guess, NO_SIGN)


def _vanishing(r: Array, x: Array) -> float:
    """Return where the polynomial through the last rows vanishes, x over R; NaN where there is none."""
    r, x = r[-NEAR:], x[-NEAR:].copy()
    with np.errstate(all="ignore"):
        for order in range(1, len(r)):  # Neville's scheme at R = 0
            x = (r[order:] * x[:-1] - r[:-order] * x[1:]) / (r[order:] - r[:-order])
    return float(x[0])


def _crossed(measure: RandomMeasure, low: float, high: float, guess: float) -> float:
    """Return where R changes its sign in a bracket: by Newton steps, else by halving it."""

    def stability(x: Array) -> Array:
        return measure.bases(measure.model.from_intensity(np.exp(x))).stability

    closely = _seen_closely(stability, (low, high), guess)
    if closely is not None:
        return closely
    # without slopes: in weak fields the base ends, and jumps, right beyond the line
    line = float(crossings(lambda x, i: stability(x), np.array([low]), np.array([high]), absolute=4 * EPS)[0])
    if abs(left := float(stability(np.array([line]))[0])) > JUMP:
        control = float(measure.model.from_intensity(np.exp(np.array(line))))
        raise NumericalError(
            f"R(q0) changes its sign at {measure.model.control} = {control:.6g} by a jump to {left:.3g}: the "
            "base was not followed there", "ask for another field",
        )  # fmt: skip
    return line


def _seen_closely(
    stability: Callable[[Array], Array], bracket: tuple[float, float], guess: float, least: float = 0.0
) -> float | None:  # fmt: skip
    """Return where R vanishes by Newton steps with slopes towards the stable side; None if it is not seen closely.

    Right before, R is to be larger than `least`, and to have fallen beyond: in weak fields it is flatter than over
    STEP.  Where q0 grows from zero on R is about zero beyond the line.
    """
    x, around = guess, np.array([-2 * STEP, -STEP, -CLOSELY, CLOSELY])
    near, wide = STEP - CLOSELY, 2 * STEP - CLOSELY
    for _ in range(NEWTON):
        far, before, left, right = stability(x + around).tolist()
        slope = left * (1 / near + 1 / wide) - (before * wide / near - far * near / wide) / STEP
        beyond = far > 0 >= left
        if beyond:
            step = STEP * (before / (far - before) - 1) if before > 0 else -STEP
        elif slope < 0:
            step = -left / slope - CLOSELY
        else:
            return None
        x = x + step
        if not bracket[0] < x < bracket[1]:
            return None
        if abs(step) <= SMALL and not beyond:
            return float(x) if left > least and right < 0.5 * left else None
    return None


class _Value(NamedTuple):
    """A number of the base, by how much a second quadrature differs from it, and its slope in log intensity."""

    value: float
    off: float
    slope: float

    @property
    def error(self) -> float:
        """A bound on the error of the number."""
        return DIFFERENCES * self.off + ROUNDING * abs(self.value)


@dataclass(frozen=True)
class _Place:
    """A coordinate of the isotherm at one intensity: the base, points, their errors, and slopes in log intensity."""

    intensity: float
    coordinate: float
    base: dict[str, _Value]
    points: dict[str, float]
    errors: dict[str, float]
    slopes: dict[str, float]
    bends: dict[str, float]


class _Search:
    """All special points of one measure, in log intensities."""

    def __init__(self, measure: RandomMeasure) -> None:
        self.measure, self.model, self.path = measure, measure.model, measure.path
        self.rows: list[IsothermRows] = []
        self.stable_to = _first_unstable(measure, self._look)
        self.end = float(measure.looked_at[-1]) if self.stable_to is None else self.stable_to

    def _look(self, log_intensity: Array) -> Bases:
        """Return the bases at log intensities, and keep the isotherms."""
        self.rows.append(IsothermRows.at(self.measure, log_intensity))
        return self.rows[-1].isotherms.base

    def _looked(self) -> str:
        last = float(self.model.from_intensity(np.exp(np.array(self.measure.looked_at[-1]))))
        return f"as far as was searched, to {self.model.control} = {last:.6g}"

    # --- places ---

    @cached_property
    def spots(self) -> Spots:
        """Where cusps are, and what happens at zero strength."""
        end, followed = self.end + np.log1p(-CLOSE), self.measure.followed_to
        return spots_before(self.measure, self.rows, min(end, followed), zero=followed >= self.end)

    @cached_property
    def places(self) -> dict[Spot, _Place]:
        """All about the spots, and about a coordinate at the stability line."""
        spots = [] if self.measure.frozen else [
            *self.spots.cusps, self.spots.dynamical, self.spots.condensation, self.spots.jump,
        ]  # fmt: skip
        spots.append(None if self.stable_to is None else (self.stable_to, BASE))
        known = [spot for spot in spots if spot is not None]
        return dict(zip(known, self._places(known), strict=True)) if known else {}

    def _places(self, spots: list[Spot]) -> Iterator[_Place]:
        """Yield all about coordinates at log intensities."""
        (x, z), n = np.array(spots).T, len(spots)
        # at the stability line towards the stable side, where the base is continuous
        step = np.where(x == self.stable_to, -STEP, STEP)
        both = self.measure.isotherms(self.model.from_intensity(np.exp(np.concatenate([x, x + step]))))
        around = both.from_begin(np.tile(z, 2)[:, None] * np.array([1.0, 1 + BESIDE, 1 - BESIDE]))
        here, table = both.take(np.arange(n)), {name: getattr(around, name) for name in Points.__slots__}
        points = Points(*(v[:n, :1] for v in table.values()))
        errors = points.bounds(here.check.from_begin(z[:, None]))
        bases = ((name, getattr(both.base, name), getattr(here.check.base, name)) for name in ("overlap", "stability"))
        base = {name: (v[:n], np.abs(other - v[:n]), (v[n:] - v[:n]) / step) for name, v, other in bases}
        for k in range(n):
            yield _Place(
                intensity=float(np.exp(x[k])), coordinate=float(z[k]),
                base={name: _Value(*(float(v[k]) for v in values)) for name, values in base.items()},
                points={name: float(v[k, 0]) for name, v in table.items()},
                errors={name: float(getattr(errors, name)[k, 0]) for name in table},
                slopes={name: float(v[n + k, 0] - v[k, 0]) / float(step[k]) for name, v in table.items()},
                bends={name: float(v[k, 1] - v[k, 2]) / (2 * BESIDE * float(z[k])) for name, v in table.items()},
            )  # fmt: skip

    def located(self, at: _Place, vanishing: str, place: str, how: str, strength: bool) -> Located:
        """Return a place as a special point, from the column that gives the intensity and that which gives z."""
        # what is left of both columns counts as an error, too
        off = at.errors[vanishing] + abs(at.points[vanishing])
        x_error = off / abs(at.slopes[vanishing]) + 4 * EPS
        off = at.errors[place] + abs(at.points[place])
        z_error = (off + abs(at.slopes[place]) * x_error) / abs(at.bends[place])
        z_error += 1e-11 * at.coordinate
        base = at.base["overlap"]
        overlap = at.points["overlap_z"] * z_error + abs(base.slope + at.slopes["excess"]) * x_error
        overlap += base.error + at.errors["excess"]
        control, errors = self._control(at.intensity, x_error)
        errors["overlap"] = SAFETY * overlap
        value = at.points["strength"]
        if strength:
            bound = at.errors["strength"] + abs(at.slopes["strength"]) * x_error
            errors[self.path.strength] = SAFETY * (bound + 4 * EPS * abs(value))
        return Located(
            control, base.value + at.points["excess"], errors, self.model.control, value if strength else None,
            self.path.strength if strength else None, how=how,
        )  # fmt: skip

    def _control(self, intensity: float, x_error: float) -> tuple[float, dict[str, float]]:
        control = float(self.model.from_intensity(np.array(intensity)))
        return control, {self.model.control: control_error(self.model, intensity, intensity * x_error)}

    # --- the points ---

    def stability(self) -> Located | str:
        """Locate where the replica-symmetric measure loses its stability."""
        if self.stable_to is None:
            return f"the replica-symmetric measure is stable at every {self.model.control}, {self._looked()}"
        place = self.places[self.stable_to, BASE]
        r, q0 = place.base["stability"], place.base["overlap"]
        off = DIFFERENCES * r.off + ROUNDING
        x_error = off / abs(r.slope) + 4 * EPS
        while True:
            around = self.stable_to + 2 * x_error * np.array([-1.0, 1.0])
            beside = self.measure.bases(self.model.from_intensity(np.exp(around)))
            # beyond the line bases may end; where q0 grows from zero R is linear before it, and about zero beyond
            if beside.stability[0] >= off and (self.measure.even or not beside.stability[1] > -off):
                break
            x_error *= 2  # in weak fields R is much flatter next to the line than over a step
            if x_error > 1:
                raise NumericalError(f"the sign of R(q0) of {self.model!r} is lost in rounding around where it changes")
        value, errors = self._control(place.intensity, x_error)
        near = beside.overlap[beside.stability > -JUMP]
        errors["overlap"] = SAFETY * (DIFFERENCES * q0.off + ROUNDING + float(np.max(np.abs(near - q0.value))))
        how = "R(q0) = 0: stability of the replica-symmetric measure (de Almeida, Thouless)"
        return Located(value, q0.value, errors, self.model.control, how=how)

    def no_entropy(self) -> Located | str:
        """Locate where the entropy of the target vanishes, or with something known q = 1 leads."""
        informed = self.path.informed

        def entropy(x: Array, check: bool = False) -> Array:
            control = self.model.from_intensity(np.exp(x))
            if not informed:
                return self.measure.bases(control, check).entropy
            isotherms = self.measure.isotherms(control)
            isotherms = isotherms.check if check else isotherms
            left = isotherms.base.entropy - isotherms.known + isotherms.begin_level
            return np.where(np.isfinite(isotherms.begin), left, GONE)

        x = self.measure.looked_at
        x = np.append(x[x < self.end], self.end)
        values = entropy(x)
        below = np.flatnonzero(values < 0)
        if not len(below) or not below[0]:
            return f"the entropy does not vanish where it was looked at, {self._looked()}"
        k = int(below[0])
        place = crossings(lambda x, i: entropy(x), x[k - 1 : k], x[k : k + 1], absolute=4 * EPS)
        base, other = entropy(place + np.array([0.0, STEP])), entropy(place, check=True)
        slope = float(base[1] - base[0]) / STEP
        off = DIFFERENCES * abs(float(other[0] - base[0])) + ROUNDING
        value, errors = self._control(float(np.exp(place[0])), off / abs(slope) + 4 * EPS)
        errors["overlap"] = 0.0
        how = "q = 1 has the free entropy of where the path begins" if informed else (
            "F(1) = 0: the entropy of the target vanishes"
        )  # fmt: skip
        return Located(value, 1.0, errors, self.model.control, how=how)

    @cached_property
    def states(self) -> list[tuple[Spot, Located]]:
        """The cusps at positive strength, which are states of the model, and what is known of each."""
        how = "cusp of the isotherms: R = dR/dz = 0"
        places = [(spot, self.places[spot]) for spot in self.spots.cusps]
        return [
            (spot, self.located(p, "stability", "stability_z", how, strength=True)) for spot, p in places
            if p.points["strength"] > 0
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

    def jump(self) -> Located | str:
        """Locate where the branch on which the path begins ends by a jump: if something is known."""
        spot = self.spots.jump
        if spot is None:
            return NO_JUMP
        how = "the branch on which the path begins ends at zero strength: strength = R = 0"
        return self.located(self.places[spot], "strength", "stability", how, strength=False)

    def zero_strength(self) -> tuple[Located | str, Located | str]:
        """Locate where a second branch exists at zero strength, and where one has the free entropy of the base."""
        if self.measure.followed_to < self.end:
            none = "the second branch is closer to q = 1 than is followed, 1 - q < 1e-15"
            return none, none
        if not self.spots.cusps:
            none = "no second branch exists at zero strength in the replica-symmetric region"
            return none, none
        where = f"before the replica-symmetric measure ends at {self.model.control} = "
        where += f"{float(self.model.from_intensity(np.exp(np.array(self.end)))):.6g}"
        none = f"no second branch reaches zero strength {where}"
        dynamical, condensation = self.spots.dynamical, self.spots.condensation
        if dynamical is None:
            return none, none
        how = "a second branch at zero strength: strength = R = 0"
        first = self.located(self.places[dynamical], "strength", "stability", how, strength=False)
        if condensation is None:
            return first, f"the base is in equilibrium as long as it is stable: no crossing {where}"
        how = "equal free entropy at zero strength: F(q) = 0"
        return first, self.located(self.places[condensation], "level", "strength", how, strength=False)
