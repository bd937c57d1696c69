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

from typing import TYPE_CHECKING

from amp_theory.exact.digits.channels import MixtureChannel, exact_channel
from amp_theory.exact.digits.contexts import iv
from amp_theory.exact.proofs.intervals import Enclosures, Interval, interval
from amp_theory.ingredients.paths.named import Autoregressive, Flow
from amp_theory.tools.errors import InputError
from amp_theory.tools.expressions import exact

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model

EQUATIONS = {
    "fold": "x A''(M) M' - A'(M) = 0",
    "condensation": "psi - x (M - A(M)/A'(M))/2 = 0",
    "flow": "A'''(M) M'^2 + A''(M) M'' = 0",
    "autoregressive": "(p - 1) x M'' + (p - 2) M' = 0",
}


class Problem:
    """The one-dimensional equation of a special point of a model along a path."""

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
        self.kind = self._kind()

    def _kind(self) -> str:
        if self.point in ("dynamical", "algorithmic"):
            return "fold"
        if self.point == "condensation":
            if self.channel.mean != 0 or min(power for power, _ in self.terms) < 2:
                raise InputError("certificates of condensation are there for a jump from overlap 0 only")
            return "condensation"
        if self.point == "tricritical" and type(self.path) is Flow:
            return "flow"
        if self.point == "tricritical" and type(self.path) is Autoregressive and len(self.terms) == 1:
            return "autoregressive"
        raise InputError(
            "certificates are there for dynamical, algorithmic and condensation points, and for tricritical points of "
            f"the flow, or of the autoregressive path with a pure power q^p; got the {self.point} point of "
            f"{self.model!r} along {self.path.name}"
        )

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The names of `values`."""
        strength = {"flow": ("snr",), "autoregressive": ("revealed",)}.get(self.kind, ())
        return (self.model.control, *strength, "overlap")

    @property
    def sign(self) -> int:
        """The sign of F' that goes with the point.

        Along the curve of fixed points d c/dx has the sign of -F at a fold: the dynamical point is its minimum, where
        F' < 0, the algorithmic one its maximum.  At condensation the upper branch gains, F' > 0.  At a tricritical
        point two stable branches become one, the spinodals' c being least: F' < 0.
        """
        return 1 if self.point in ("algorithmic", "condensation") else -1

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

    def function(self, x: Interval, m: Enclosures) -> Interval:
        """Return F."""
        a0, a1, a2, a3, _ = self.coupling(m.overlap)
        if self.kind == "fold":
            return x * a2 * m.slope - a1
        if self.kind == "condensation":
            return m.free_entropy - x * (m.overlap - a0 / a1) / 2
        if self.kind == "flow":
            return a3 * m.slope**2 + a2 * m.curvature
        p = self.terms[0][0]
        return (p - 1) * x * m.curvature + (p - 2) * m.slope

    def derivative(self, x: Interval, m: Enclosures) -> Interval:
        """Return dF/dx."""
        a0, a1, a2, a3, a4 = self.coupling(m.overlap)
        if self.kind == "fold":
            return x * (a3 * m.slope**2 + a2 * m.curvature)
        if self.kind == "condensation":
            # d(M - A/A')/dx = A A''/A'^2 M'
            return m.overlap / 2 - (m.overlap - a0 / a1) / 2 - x * a0 * a2 / a1**2 * m.slope / 2
        if self.kind == "flow":
            return a4 * m.slope**3 + 3 * a3 * m.slope * m.curvature + a2 * m.bend
        p = self.terms[0][0]
        return (2 * p - 3) * m.curvature + (p - 1) * x * m.bend

    def values(self, x: Interval, m: Enclosures) -> dict[str, Interval]:
        """Return the coordinates of the point by name."""
        _, a1, a2, *_ = self.coupling(m.overlap)
        if self.kind in ("fold", "condensation"):
            return {self.model.control: self.model.from_intensity(x / a1), "overlap": m.overlap}
        if self.kind == "flow":
            c = 1 / (a2 * m.slope)
            return {self.model.control: self.model.from_intensity(c), "snr": x - c * a1, "overlap": m.overlap}
        p = self.terms[0][0]
        rho = self.channel.exact_second_moment
        hidden = interval(rho) / (interval(rho) - m.overlap + (p - 1) * x * m.slope)
        q = hidden * (p - 1) * x * m.slope
        c = x / self.coupling(q)[1]
        return {self.model.control: self.model.from_intensity(c), "revealed": 1 - hidden, "overlap": q}
