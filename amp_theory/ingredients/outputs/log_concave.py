"""A log-concave potential of one's own, by its logarithm and two derivatives, which are checked.

Where its curvature jumps, and where it bends within a short length, is found once: `bends`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from amp_theory.ingredients.outputs.bends import Bends, Edge, bends_of
from amp_theory.ingredients.outputs.graded_sums import GradedPotential
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, answer_of, told

#: fields at which a potential of one's own is checked, steps of its differences, and what these may differ by
CHECKED, DIFFERENCE, TOLERANCE = np.linspace(-12.0, 12.0, 97), 1e-4, 1e-3
#: steps of differences in units of the least length on which it bends
SHORT = 0.02
#: fields at which its curvature is looked at, which may be large between the others
DENSE = np.linspace(-12.0, 12.0, 6145)
#: how often intervals are halved in search of a jump, and the least that counts
HALVINGS, JUMP = 60, 1e-6
#: steps of the sums by which those of a potential of one's own are judged
FINER = 0.8


@dataclass(frozen=True)
class LogConcave(GradedPotential):
    """A log-concave potential of one's own, by its logarithm and two derivatives.

    Parameters
    ----------
    log_psi
        Function of an array of fields s: log psi(s), finite.
    slope, curvature
        Functions of the same: first derivative, continuous, and second, <= 0.  They are checked by differences.  The
        second may jump: where it does, between s = -12 and 12, is found, and integrals are cut there.

    Raises
    ------
    InputError
        If a function is none, returns something else than finite numbers of the same shape, if a derivative is not
        that of the function before, log psi is not concave, or its curvature changes on lengths below about 0.001
        without a jump.

    Examples
    --------
    >>> LogConcave(lambda s: -(s**2) / 2, lambda s: -s, lambda s: 0 * s - 1).name
    'own'
    """

    log_psi: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    curvature: Callable[[Array], Array]
    name: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        x = CHECKED
        parts = [self._checked(n, x) for n in ("log_psi", "slope", "curvature")]
        if jumps := self._jumps("slope", parts[1]):
            raise InputError(f"slope must be continuous, it jumps at s = {jumps[0]:.6g}: smooth log psi there")
        object.__setattr__(self, "_breaks", self._jumps("curvature", parts[2]))
        found = bends_of(lambda s: self._checked("slope", s), lambda s: self._checked("curvature", s), self.breaks)
        object.__setattr__(self, "_bends", found)
        h = min(DIFFERENCE, SHORT * found.scale)
        names = ("log_psi", "slope", "curvature")
        for k in (1, 2):
            rise = (self._checked(names[k - 1], x + h) - self._checked(names[k - 1], x - h)) / (2 * h)
            wrong = np.abs(rise - parts[k]) > TOLERANCE * (1 + np.abs(parts[k]).max())
            if k == 2:  # across a jump differences are none
                wrong &= ~np.any(np.abs(x[:, None] - np.array(self.breaks)) <= h, axis=1)
            if np.any(wrong):
                i = int(np.argmax(wrong))
                raise InputError(
                    f"{names[k]} is not the derivative of {names[k - 1]}: at s = {x[i]:.6g} it is {parts[k][i]:.6g}, "
                    f"differences have {rise[i]:.6g}"
                )
        bent = self._checked("curvature", DENSE)
        most = float(np.abs(bent).max())
        convex = bent > 1e-9 * (1 + most)
        if np.any(convex):
            i = int(np.argmax(convex))
            raise InputError(
                f"the potential must be log-concave, curvature <= 0; at s = {DENSE[i]:.6g} it is {bent[i]:.6g}: one "
                "replica-symmetric state is known for log-concave potentials only"
            )
        slopes = self._checked("slope", np.array(self.breaks)).tolist() if self.breaks else []
        broken = tuple(Edge(x, slope, 0.0) for x, slope in zip(self.breaks, slopes, strict=True))
        object.__setattr__(self, "_edges", broken + found.edges)

    def _jumps(self, name: str, values: Array) -> tuple[float, ...]:
        """Return where a function jumps, from its values at the fields that are checked."""
        low, high, below, above = CHECKED[:-1], CHECKED[1:], values[:-1], values[1:]
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            here = self._checked(name, middle)
            left = np.abs(here - below) >= np.abs(above - here)
            low, high = np.where(left, low, middle), np.where(left, middle, high)
            below, above = np.where(left, below, here), np.where(left, here, above)
        found = np.unique(high[np.abs(above - below) > JUMP * (1 + np.abs(values).max())])
        # an end that two intervals share jumps in both
        return tuple(float(x) for k, x in enumerate(found) if not k or x - found[k - 1] > DIFFERENCE)

    def _checked(self, name: str, x: Array) -> Array:
        function = getattr(self, name)
        if not callable(function):
            raise InputError(f"{name} must be a function of an array of fields, got {told(function)}")
        with np.errstate(all="ignore"):
            found = np.asarray(answer_of(name, function, x))
        if found.dtype.kind not in "biuf":
            raise InputError(f"{name} must return an array of numbers, got {told(found)}")
        values = found.astype(float)
        if values.shape != x.shape or not np.all(np.isfinite(values)):
            bad = x[~np.isfinite(values)] if values.shape == x.shape else x
            told_at = f"between s = -12 and 12; it does not at s = {bad[0]:.6g}"
            raise InputError(f"{name} must return finite numbers of the shape it is given, {told_at}")
        return values

    @property
    def _found(self) -> Bends:
        found: Bends = self.__dict__["_bends"]
        return found

    @property
    def scale(self) -> float:  # type: ignore[override]
        """The length on which it bends, about a third of the distance of singularities from the real axis."""
        return self._found.scale

    @property
    def background(self) -> float:  # type: ignore[override]
        """That elsewhere than next to edges."""
        return self._found.background

    @property
    def bend(self) -> float:
        """The largest -f'' that was seen."""
        return self._found.most

    @property
    def breaks(self) -> tuple[float, ...]:  # type: ignore[override]
        """Where the curvature jumps, between s = -12 and 12."""
        found: tuple[float, ...] = self.__dict__["_breaks"]
        return found

    @property
    def edges(self) -> tuple[Edge, ...]:  # type: ignore[override]
        """The breaks, and where it bends within a short length."""
        found: tuple[Edge, ...] = self.__dict__["_edges"]
        return found

    @property
    def finer(self) -> LogConcave:
        """The same by sums with shorter steps."""
        same = object.__new__(_Finer)
        same.__dict__.update(self.__dict__)
        return same

    @property
    def parameters(self) -> dict[str, Any]:
        """None that a file could hold."""
        return {"log_psi": self.log_psi, "slope": self.slope, "curvature": self.curvature}

    def logarithm(self, distance: Array) -> tuple[Array, Array, Array]:
        """Return what the user's functions do."""
        return tuple(np.asarray(f(distance), dtype=float) for f in (self.log_psi, self.slope, self.curvature))  # type: ignore[return-value]


class _Finer(LogConcave):
    """A potential of one's own by sums with shorter steps: it differs from the other where sums are kept."""

    fine = FINER
