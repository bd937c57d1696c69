"""Closed forms for Gaussian variables, also standing for the spherical constraint: M(x) = x/(1 + x).

With h = q/(1-q), m = 1 for the flow and h = q, m = 1 - q for an autoregressive path (the second being 1 - q times
the first) the equation of state, its marginal points and the fixed points without side information are

    strength(q) = h - m xi'(q),                                    xi = lambda A + B, lambda the intensity,
    d strength/dq = 0:   lambda = (h' - m' B' - m B'')/(m' A' + m A''),
    strength = 0:        lambda = (q/(1-q) - B')/A',

as G(x, snr) = (x + snr)/(1 + x + snr) and G(x, theta) = (x + theta)/(1 + x).  The free entropy at a fixed point is

    flow:            2 phi = q/(1-q) + log(1-q) - q x + xi,        x = xi'(q),
    autoregressive:  2 phi = (1-q) [x - (1+x) log(1+x)] + xi.

For xi = lambda c q^p/p the extrema of these curves are rational in q (spherical p-spin of arXiv:2308.14085):

    dynamical:                   q = (p-2)/(p-1),  1/(lambda c) = (1-q) q^(p-2)
    tricritical, flow:           q = (p-2)/p,      1/(lambda c) = 4 (p-1)/p^2 q^(p-2),  snr = (p-2)^2/(4 (p-1))
    tricritical, autoregressive: q = (p-2)/p,      1/(lambda c) = q^(p-2),              theta = q^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from sympy import Expr, Integer

from amp_theory.exact.formulas.paths import GaussianPath
from amp_theory.exact.formulas.setting import COORDINATES, Setting, Terms, derivative, q


@dataclass(frozen=True)
class Curves:
    """The formulas above for sums of powers A and B."""

    setting: Setting
    path: GaussianPath

    def xi(self, intensity: Expr, order: int) -> Expr:
        """Return a derivative of xi at an intensity."""
        return intensity * derivative(self.setting.scaled, order) + derivative(self.setting.fixed, order)

    def strength(self, intensity: Expr) -> Expr:
        """Return strength(q) at an intensity."""
        return self.path.h - self.path.m * self.xi(intensity, 1)

    def _marginal(self, terms: Terms) -> Expr:
        """Return m' A' + m A'', the powers of q collected term by term."""
        m = self.path.m
        return sum((c * n * q ** (n - 2) * sympy.expand(m.diff(q) * q + m * (n - 1)) for n, c in terms), Integer(0))

    @property
    def marginal(self) -> Expr:
        """Minus the change of d strength/dq with the intensity, m' A' + m A''."""
        return self._marginal(self.setting.scaled)

    @property
    def spinodal(self) -> Expr:
        """The intensity at which the fixed point of overlap q is marginal."""
        return (self.path.slope - self._marginal(self.setting.fixed)) / self.marginal

    @property
    def zero_strength(self) -> Expr:
        """The intensity at which q is a fixed point without side information, numerator and denominator over q."""
        scaled, fixed = (sum((c * n * q ** (n - 2) for n, c in t), Integer(0)) for t in self._terms)
        return 1 / (scaled * (1 - q)) if fixed == 0 else (1 / (1 - q) - fixed) / scaled

    @property
    def _terms(self) -> tuple[Terms, Terms]:
        return self.setting.scaled, self.setting.fixed

    @property
    def free_entropy(self) -> Expr:
        """Phi at the fixed point of overlap q."""
        lam = self.setting.intensity
        # q x - xi, term by term
        scaled, fixed = (sum((c * (n - 1) * q**n for n, c in t), Integer(0)) for t in self._terms)
        return self.path.free_entropy(self.xi(lam, 1), self.xi(lam, 0), lam * scaled + fixed)

    @property
    def overlap(self) -> Expr | None:
        """The overlap at given strength if xi is quadratic: the equation of state then is, its roots of unlike sign."""
        if any(not n.is_number or n > 2 for n, _ in self.setting.scaled + self.setting.fixed):
            return None
        excess = self.strength(self.setting.intensity) - COORDINATES[self.setting.strength]
        a, b, c = sympy.Poly(sympy.fraction(sympy.together(excess))[0], q).all_coeffs()
        a, b, c = (x if a.subs(self._one()) > 0 else -x for x in (a, b, c))
        return sympy.simplify((-b + sympy.sqrt(b**2 - 4 * a * c)) / (2 * a))

    def _one(self) -> dict[Expr, int]:
        return dict.fromkeys(self.setting.symbols.values(), 1)

    @property
    def condensation(self) -> sympy.Eq:
        """The equation for the overlap of a fixed point that without side information has phi = 0, as q = 0 has."""
        (n, _), *more = self.setting.scaled
        xi = q**2 / (n * (1 - q)) if not more and not self.setting.fixed else self.xi(self.zero_strength, 0)
        return sympy.Eq(q + sympy.log(1 - q) + xi, 0)


def spinodal_line(curves: Curves) -> dict[str, Expr]:
    """Return control and strength of the marginal fixed point at overlap q."""
    setting = curves.setting
    intensity = curves.spinodal
    pure = curves.path.fold(setting.scaled[0][0]) if len(setting.scaled) == 1 and not setting.fixed else None
    strength = curves.strength(intensity) if pure is None else pure
    return {setting.control: setting.from_intensity(intensity), setting.strength: strength}


def pure_points(curves: Curves) -> dict[str, dict[str, Expr]]:
    """Return the dynamical and, if known, the tricritical point of xi = lambda c q^p/p, p >= 3 or a symbol."""
    setting = curves.setting
    ((p, coefficient),) = setting.scaled
    c = coefficient * p
    middle, low = (p - 2) / (p - 1), (p - 2) / p
    dynamical = setting.from_intensity((p - 1) / (c * middle ** (p - 2)))
    found = {"dynamical": {setting.control: dynamical, "overlap": middle}}
    merging = curves.path.tricritical(p, c)
    if merging is not None:
        control = setting.from_intensity(merging[0])
        found["tricritical"] = {setting.control: control, setting.strength: merging[1], "overlap": low}
    return found
