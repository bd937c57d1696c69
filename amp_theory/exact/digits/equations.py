"""The equations that define fixed points and special points, in mpmath.

With x = xi'(q), at intensity c and strength s:

    fixed point    G(x, s) = q
    fold           and dG/dq = G_x xi'' = 1
    cusp           and d^2G/dq^2 = G_xx xi''^2 + G_x xi''' = 0
    equal heights  two fixed points with phi = Psi(x, s) - [q x - xi]/2 alike

q = 0 (phi = 0 at zero strength) and q = rho (phi = xi(rho)/2 + evidence - entropy) may be one of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Literal

from amp_theory.equations_of_state.choose import check_random_order
from amp_theory.equations_of_state.recovery import Recovery
from amp_theory.exact.digits.channel_base import ExactChannel
from amp_theory.exact.digits.channels import exact_channel
from amp_theory.exact.digits.contexts import called, mp
from amp_theory.exact.digits.coupling_base import ExactCoupling
from amp_theory.exact.digits.couplings import exact_coupling
from amp_theory.exact.digits.erasures import ErasureChannel, erasure_form
from amp_theory.exact.digits.responses import exact_response
from amp_theory.exact.digits.rules import Real, Rule, Values, trapezoid_rule
from amp_theory.models.coloring import Coloring
from amp_theory.models.sparse import SparseModel
from amp_theory.tools.errors import InputError, NumericalError

if TYPE_CHECKING:
    from amp_theory.ingredients.couplings.base import GeneralCoupling
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model

#: what the other fixed point of two with equal free entropies is
Lower = Literal["null", "branch"]
Upper = Literal["recovered", "branch"]


@dataclass(frozen=True)
class Residuals:
    """Residuals at one overlap: G - q, dG/dq - 1, d^2G/dq^2; the free entropy; x and rho - G."""

    fixed: Real
    marginal: Real
    bend: Real
    free_entropy: Real
    signal: Real
    gap: Real


@singledispatch
def scalar_form(model: Model, path: Path) -> tuple[GeneralCoupling, ExactChannel]:
    """Return the coupling and the channel that stand for a model: a dense model's own, unless others are registered."""
    if model.coupling is None:
        raise InputError(f"no digits beyond double precision for {model!r}: no scalar form of its class is registered")
    return model.coupling, exact_channel(model.variable_prior)


@scalar_form.register(SparseModel)
@scalar_form.register(Coloring)
def _of_erasures(model: SparseModel | Coloring, path: Path) -> tuple[GeneralCoupling, ExactChannel]:
    return erasure_form(model, path), ErasureChannel()


class Equations:
    """The equations of one model along a path, to the working precision at hand when called."""

    def __init__(self, model: Model, path: Path) -> None:
        check_random_order(path)
        self.model, self.path = model, path
        self.coupling, self.channel = scalar_form(model, path)
        self._exact_coupling()  # refuses what is not there
        self.response = exact_response(path, self.channel)

    def _exact_coupling(self) -> ExactCoupling:
        """Return the coupling for the working precision."""
        return exact_coupling(self.coupling, self.channel.second_moment)

    def intensity(self, control: Real) -> Real:
        """Return the intensity at a control."""
        return called(self.model.intensity, control)

    def control(self, intensity: Real) -> Real:
        """Return the control at an intensity."""
        return called(self.model.from_intensity, intensity)

    @property
    def recovery(self) -> Recovery | None:
        """The fixed point q = rho, if it is stable anywhere."""
        if self.coupling.singularity is None:
            return None
        return Recovery.of(self.model.variable_prior, self.coupling, self.path)

    def both(self, overlap: Real, strength: Real, intensity: Real, rule: Rule) -> dict[str, tuple[Real, Real]]:
        """Return the overlaps of both kinds of variables by name, each with its slope in q; none of one kind."""
        return {}

    def at(self, overlap: Real, strength: Real, intensity: Real, rule: Rule) -> Residuals:
        """Return the residuals at q = `overlap`, the strength in its public unit.

        Raises
        ------
        NumericalError
            If the overlap is negative, where a step of Newton's method may lead.
        """
        check_overlap(overlap)
        xi, x, second, third = self._exact_coupling().at(intensity, overlap, rule)
        g = self.response.at(x, strength, rule)
        return Residuals(
            g.overlap - overlap,
            g.slope * second - 1,
            g.curvature * second**2 + g.slope * third,
            self.channel.unit * (g.free_entropy - (overlap * x - xi) / 2),
            x,
            g.gap,
        )

    def recovered(self, strength: Real, intensity: Real) -> Real:
        """Return phi at q = rho where it is finite."""
        a = self._exact_coupling().recovered()
        return intensity * a / 2 + self.response.evidence(strength) - self.channel.entropy

    def forgetful(self, intensity: Real) -> bool:
        """Tell whether q = 0 is a fixed point at zero strength, exactly."""
        return bool(self.channel.mean == 0 and self._exact_coupling().at(intensity, mp.mpf(0), trapezoid_rule)[1] == 0)

    def weak_recovery(self, rule: Rule) -> Real:
        """Return the intensity at which xi''(0) Var(s)^2 = 1."""
        coupling = self._exact_coupling()
        # affine in the intensity, as all couplings with xi'(0) = 0 are
        fixed, total = (coupling.at(mp.mpf(k), mp.mpf(0), rule)[2] for k in (0, 1))
        return (1 / self.channel.variance**2 - fixed) / (total - fixed)


def check_overlap(overlap: Real) -> None:
    """Raise a `NumericalError` where an overlap is negative."""
    if overlap < 0:
        raise NumericalError("Newton's method leads to a negative overlap", "ask for fewer digits, or another control")


@singledispatch
def equations_of(model: Model, path: Path) -> Equations:
    """Return the equations of a model along a path: those of a scalar form, unless others are registered."""
    return Equations(model, path)


#: residuals of a system as a function of its unknowns
System = Callable[[Sequence[Real], Rule], Values]


def fixed_point(eq: Equations, strength: Real, intensity: Real) -> System:
    """Return the system of the unknown (q)."""
    return lambda v, rule: [eq.at(v[0], strength, intensity, rule).fixed]


def zero_fold(eq: Equations) -> System:
    """Return the system of the unknowns (q, c) of a fold at zero strength."""

    def system(v: Sequence[Real], rule: Rule) -> Values:
        p = eq.at(v[0], mp.mpf(0), v[1], rule)
        return [p.fixed, p.marginal]

    return system


def fold(eq: Equations, intensity: Real) -> System:
    """Return the system of the unknowns (q, s) of a spinodal."""

    def system(v: Sequence[Real], rule: Rule) -> Values:
        p = eq.at(v[0], v[1], intensity, rule)
        return [p.fixed, p.marginal]

    return system


def cusp(eq: Equations) -> System:
    """Return the system of the unknowns (q, s, c) of a tricritical point."""

    def system(v: Sequence[Real], rule: Rule) -> Values:
        p = eq.at(v[0], v[1], v[2], rule)
        return [p.fixed, p.marginal, p.bend]

    return system


def equal_heights(eq: Equations, lower: Lower, upper: Upper, intensity: Real | None) -> System:
    """Return the system of two fixed points with equal free entropies.

    Unknowns are the overlaps of the branches, lower and upper, and the strength at a given intensity, or the
    intensity at zero strength (None).
    """

    def system(v: Sequence[Real], rule: Rule) -> Values:
        *overlaps, last = v
        s, c = (mp.mpf(0), last) if intensity is None else (last, intensity)
        points = [eq.at(q, s, c, rule) for q in overlaps]
        low = mp.mpf(0) if lower == "null" else points[0].free_entropy
        high = eq.recovered(s, c) if upper == "recovered" else points[-1].free_entropy
        return [*(p.fixed for p in points), high - low]

    return system
