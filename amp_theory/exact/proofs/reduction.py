"""The equation in one unknown, the total snr x, to which those of a special point reduce, over intervals.

For a coupling xi(q) = c A(q), with M = M(x) and A = A(M):

| point | F(x) | control and strength |
|---|---|---|
| dynamical, algorithmic | x A'' M' - A' | c = x/A', q = M |
| condensation, from q = 0 | psi - x (M - A/A')/2 | c = x/A', q = M |
| tricritical, flow | A''' M'^2 + A'' M'' | c = 1/(A'' M'), q = M, snr = x - c A' |
| tricritical, autoregressive, A = a q^p | (p - 1) x M'' + (p - 2) M' | see below |

In the last case 1 - theta = rho/(rho - M + (p - 1) x M'), q = (1 - theta) (p - 1) x M' and c = x/A'(q).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from amp_theory.exact.digits.channels import MixtureChannel, exact_channel
from amp_theory.exact.digits.contexts import iv
from amp_theory.exact.proofs.intervals import Enclosures, Interval, Rule, enclose, hull, interval
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.tools.errors import InputError
from amp_theory.tools.expressions import exact
from amp_theory.tools.registration import ByClass

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model


class Reduction(ABC):
    """F(x) and what follows from its zero, for the coupling of a problem.

    `equation` is F = 0 in words; `sign` is the sign of F' that goes with the point.
    """

    equation: str
    sign: int
    #: the name of the strength, if it is one of the coordinates
    strength: tuple[str, ...] = ()

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def total(self, signal: Any, strength: Any) -> Any:
        """Return x from the snr of the other variables and the strength, any kind of numbers: the former, mostly."""
        return signal

    @abstractmethod
    def function(self, x: Interval, m: Enclosures) -> Interval:
        """Return F."""

    @abstractmethod
    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        """Return dF/dx."""

    @abstractmethod
    def values(self, x: Interval, m: Enclosures) -> tuple[Interval, Interval, Interval]:
        """Return the intensity c, the strength if there is one, and the overlap."""


class _Fold(Reduction):
    """Along the curve of fixed points d c/dx has the sign of -F.

    The dynamical point is its minimum, where F' < 0, the algorithmic one its maximum.
    """

    equation = "x A''(M) M' - A'(M) = 0"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.sign = 1 if problem.point == "algorithmic" else -1

    def function(self, x: Interval, m: Enclosures) -> Interval:
        _, a1, a2, *_ = self.problem.coupling(m.overlap)
        return x * a2 * m.slope - a1

    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        _, _, a2, a3, _ = self.problem.coupling(m.overlap)
        return x * (a3 * m.slope**2 + a2 * m.curvature)

    def values(self, x: Interval, m: Enclosures) -> tuple[Interval, Interval, Interval]:
        return x / self.problem.coupling(m.overlap)[1], None, m.overlap


class _Condensation(_Fold):
    """The upper branch gains, F' > 0."""

    equation = "psi - x (M - A(M)/A'(M))/2 = 0"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.sign = 1
        if problem.channel.mean != 0 or min(power for power, _ in problem.terms) < 2:
            raise InputError("certificates of condensation are there for a jump from overlap 0 only")

    def function(self, x: Interval, m: Enclosures) -> Interval:
        a0, a1, *_ = self.problem.coupling(m.overlap)
        return m.free_entropy - x * (m.overlap - a0 / a1) / 2

    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        a0, a1, a2, *_ = self.problem.coupling(m.overlap)
        # d(M - A/A')/dx = A A''/A'^2 M'
        return m.overlap / 2 - (m.overlap - a0 / a1) / 2 - x * a0 * a2 / a1**2 * m.slope / 2


class _FlowCusp(Reduction):
    """Two stable branches become one, the spinodals' c being least: F' < 0."""

    equation, sign, strength = "A'''(M) M'^2 + A''(M) M'' = 0", -1, ("snr",)

    def total(self, signal: Any, strength: Any) -> Any:
        return signal if strength is None else signal + strength

    def function(self, x: Interval, m: Enclosures) -> Interval:
        _, _, a2, a3, _ = self.problem.coupling(m.overlap)
        return a3 * m.slope**2 + a2 * m.curvature

    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        _, _, a2, a3, a4 = self.problem.coupling(m.overlap)
        return a4 * m.slope**3 + 3 * a3 * m.slope * m.curvature + a2 * m.bend

    def values(self, x: Interval, m: Enclosures) -> tuple[Interval, Interval, Interval]:
        _, a1, a2, *_ = self.problem.coupling(m.overlap)
        c = 1 / (a2 * m.slope)
        return c, x - c * a1, m.overlap


class _PowerCusp(Reduction):
    """Two stable branches become one, the spinodals' c being least: F' < 0."""

    equation, sign, strength = "(p - 1) x M'' + (p - 2) M' = 0", -1, ("revealed",)

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        if len(problem.terms) > 1:
            raise _refused(problem)
        self.power = problem.terms[0][0]

    def function(self, x: Interval, m: Enclosures) -> Interval:
        p = self.power
        return (p - 1) * x * m.curvature + (p - 2) * m.slope

    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        p = self.power
        return (2 * p - 3) * m.curvature + (p - 1) * x * m.bend

    def values(self, x: Interval, m: Enclosures) -> tuple[Interval, Interval, Interval]:
        p, rho = self.power, interval(self.problem.channel.exact_second_moment)
        hidden = rho / (rho - m.overlap + (p - 1) * x * m.slope)
        q = hidden * (p - 1) * x * m.slope
        return x / self.problem.coupling(q)[1], 1 - hidden, q


def _refused(problem: Problem) -> InputError:
    return InputError(
        "certificates are there for dynamical, algorithmic and condensation points, and for tricritical points of "
        f"the flow, or of the autoregressive path with a pure power q^p; got the {problem.point} point of "
        f"{problem.model!r} along {problem.path.name}"
    )


@ByClass
def merging(path: Path, problem: Problem) -> Reduction:
    """Return the equation of a tricritical point along a path.

    Raises
    ------
    InputError
        For a path whose class has registered none, or a coupling for which there is none.
    """
    raise InputError(
        "certificates are there for dynamical, algorithmic and condensation points, and for tricritical points along "
        f"Flow and Autoregressive, not along {type(path).__name__}: register its equation with {merging.where}"
    )


@merging.register(Flow)
def _flow(path: Flow, problem: Problem) -> Reduction:
    return _FlowCusp(problem)


@merging.register(Autoregressive)
def _autoregressive(path: Autoregressive, problem: Problem) -> Reduction:
    return _PowerCusp(problem)


#: the equation of a special point, by its name
POINTS: dict[str, Callable[[Problem], Reduction]] = {
    "dynamical": _Fold,
    "algorithmic": _Fold,
    "condensation": _Condensation,
    "tricritical": lambda problem: merging(problem.path, problem),
}


class Problem:
    """The one-dimensional equation of a special point of a model along a path."""

    model: Model
    path: Path
    point: str

    def __init__(self, model: Model, path: Path, point: str) -> None:
        self.model, self.path, self.point = model, path, point
        coupling = model.polynomial
        if coupling is None or coupling.fixed_terms:
            raise InputError(f"certificates are there for couplings c A(q) with a polynomial A only, not for {model!r}")
        path.check_prior(model.variable_prior)
        channel = exact_channel(model.variable_prior)
        if not isinstance(channel, MixtureChannel) or (any(channel.variances) and len(channel.means) > 1):
            raise InputError(
                f"certificates are there for Gaussian and discrete priors with rational atoms only, not for {model!r}"
            )
        self.channel = channel
        self.terms = tuple((power, exact(c)) for power, c in coupling.scaled_terms)
        if point not in POINTS:
            raise _refused(self)
        self.reduction = POINTS[point](self)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The names of `values`."""
        return (self.model.control, *self.reduction.strength, "overlap")

    def coupling(self, q: Interval) -> list[Interval]:
        """Return A and its first four derivatives."""
        result = []
        for order in range(5):
            total = iv.mpf(0)
            for power, c in self.terms:
                factor = c
                for k in range(order):
                    factor *= power - k
                if factor:
                    total = total + interval(factor) * q ** (power - order)
            result.append(total)
        return result

    def values(self, x: Interval, m: Enclosures) -> dict[str, Interval]:
        """Return the coordinates of the point by name."""
        c, strength, overlap = self.reduction.values(x, m)
        named = dict.fromkeys(self.reduction.strength, strength)
        return {self.model.control: self.model.from_intensity(c), **named, "overlap": overlap}

    def changes_sign(self, ends: tuple[str, str], rule: Rule) -> bool:
        """Tell whether F has strictly opposite signs at two ends."""
        signs = []
        for end in ends:
            x = iv.mpf(end)
            f = self.reduction.function(x, enclose(self.channel, x, rule))
            signs.append(1 if f.a > 0 else -1 if f.b < 0 else 0)
        return signs[0] * signs[1] == -1

    def is_monotone(self, ends: tuple[str, str], rule: Rule) -> bool:
        """Tell whether F' has the point's sign everywhere between two ends."""
        x = hull(iv.mpf(ends[0]), iv.mpf(ends[1]))
        slope = self.reduction.derivative(x, enclose(self.channel, x, rule))
        return bool(slope.a > 0) if self.reduction.sign > 0 else bool(slope.b < 0)

    def enclosed(self, ends: tuple[str, str], rule: Rule) -> dict[str, Interval]:
        """Return the coordinates between two ends by name."""
        x = hull(iv.mpf(ends[0]), iv.mpf(ends[1]))
        return self.values(x, enclose(self.channel, x, rule))

    def exists(self, values: Mapping[str, Interval]) -> bool:
        """Tell whether the strength, if there is one, is positive and below that of complete information."""
        return all(values[name].a > 0 and values[name].b < self.path.limit for name in self.reduction.strength)
