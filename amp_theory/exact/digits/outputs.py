"""Output channels in mpmath, but for the absolute value.

For output channels with two labels y = +-1, A(q) = 2 [Psi_out(q) - Psi_out(0)] and, with g = log Z(y, omega),

    A' = E (g')^2,    A'' = E (g'')^2,    A''' = E [(g''')^2 - 2 (g'')^3],    Psi_out = E_omega sum_y Z log Z,

omega ~ N(0, q) and y ~ Z(y, omega).  These follow from the heat equation d_q Z = -Z''/2 for Z as a function of q and
omega, as M' and M'' do for the scalar channel.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.coupling_base import ScaledCoupling
from amp_theory.exact.digits.rules import Real, Rule, Values, gaussian_mean


@dataclass(frozen=True)
class ExactLinear(ScaledCoupling):
    """y = z + sqrt(noise) w: A = log((noise + rho)/(noise + rho - q)), A' = 1/(noise + rho - q)."""

    second_moment: Real
    noise: Real

    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""
        total = self.noise + self.second_moment
        r = 1 / (total - overlap)
        return [-mp.log1p(-overlap / total), r, r**2, 2 * r**3]


class Labels(ScaledCoupling):
    """An output channel with labels whose probability given omega is known with its derivatives."""

    def __init__(self, second_moment: Real) -> None:
        self.second_moment = second_moment

    @abstractmethod
    def likelihoods(self, omega: Real, gap: Real) -> list[Values]:
        """Return Z, Z', Z'', Z''' in omega for every label, and a weight 1/E Z if labels are given."""

    @property
    def normaliser(self) -> Real:
        """The probability that a label exists: one, or that of a constraint."""
        return mp.mpf(1)

    even = True

    def _potential(self, overlap: Real, rule: Rule) -> Values:
        """Return Psi_out and A', A'', A''' at q = `overlap`."""
        gap, root = self.second_moment - overlap, mp.sqrt(overlap)

        def integrand(v: Real) -> Values:
            total = [mp.mpf(0)] * 4
            for z0, z1, z2, z3 in self.likelihoods(root * v, gap):
                if z0 <= 0:
                    continue  # below the working precision
                g1, r2, r3 = z1 / z0, z2 / z0, z3 / z0
                g2 = r2 - g1 * g1
                g3 = r3 - 3 * g1 * r2 + 2 * g1**3
                parts = (z0 * mp.log(z0), z0 * g1**2, z0 * g2**2, z0 * (g3**2 - 2 * g2**3))
                total = [t + part for t, part in zip(total, parts, strict=True)]
            return total

        return [value / self.normaliser for value in gaussian_mean(rule, integrand, self.even)]

    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""
        psi, *derivatives = self._potential(overlap, rule)
        return [2 * (psi - self._start()), *derivatives]

    @abstractmethod
    def _start(self) -> Real:
        """Return Psi_out(0)."""

    def recovered(self) -> Real:
        """Return A(rho) = -2 Psi_out(0): at q = rho labels without noise are certain."""
        return -2 * self._start()


def _above(t: Real, scale: Real) -> Values:
    """Return Phi(t) for t = (edge)/scale and its first three derivatives in the edge."""
    density = mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi) / scale
    return [mp.erfc(-t / mp.sqrt(2)) / 2, density, -t / scale * density, (t * t - 1) / scale**2 * density]


class ExactSign(Labels):
    """y = sign(z + sqrt(noise) w): Z = Phi(y omega/sqrt(gap + noise)); one label, doubled by symmetry."""

    even = False

    def __init__(self, second_moment: Real, noise: Real) -> None:
        super().__init__(second_moment)
        self.noise = noise

    @property
    def normaliser(self) -> Real:
        """One half: the other label gives the same."""
        return mp.mpf(1) / 2

    def likelihoods(self, omega: Real, gap: Real) -> list[Values]:
        """Return Z(+1, omega) and its derivatives."""
        scale = mp.sqrt(gap + self.noise)
        return [_above(omega / scale, scale)]

    def _start(self) -> Real:
        return -mp.log(2)

    def recovered(self) -> Real:
        """Return A(rho) = 2 log 2 of noiseless labels."""
        return 2 * mp.log(2) if self.noise == 0 else super().recovered()


class ExactReLU(ScaledCoupling):
    """y = max(z, 0): means of the linear and the sign channel."""

    def __init__(self, second_moment: Real) -> None:
        self.parts = ExactLinear(second_moment, mp.mpf(0)), ExactSign(second_moment, mp.mpf(0))

    def scaled(self, overlap: Real, rule: Rule) -> Values:
        """Return A, A', A'', A''' at q = `overlap`."""
        pairs = zip(*(part.scaled(overlap, rule) for part in self.parts), strict=True)
        return [(a + b) / 2 for a, b in pairs]


class ExactDoor(Labels):
    """y = +1 if |z| <= kappa, else -1; as a constraint, y = +1 is given."""

    def __init__(self, second_moment: Real, kappa: Real, constraint: bool) -> None:
        super().__init__(second_moment)
        self.kappa, self.constraint = kappa, constraint
        self.inside = mp.erf(kappa / mp.sqrt(2 * second_moment))

    @property
    def normaliser(self) -> Real:
        """f_0 = P(|z| <= kappa) of a constraint, else one."""
        return self.inside if self.constraint else mp.mpf(1)

    def likelihoods(self, omega: Real, gap: Real) -> list[Values]:
        """Return Z and its derivatives inside, and outside where that is a label."""
        scale = mp.sqrt(gap)
        omega_ = abs(omega)
        sign = -1 if omega < 0 else 1
        right = _above((omega_ - self.kappa) / scale, scale)
        left = _above((-omega_ - self.kappa) / scale, scale)
        # left is a function of -omega: odd derivatives change sign
        outside = [right[k] + (-1) ** k * left[k] for k in range(4)]
        near = _above((self.kappa - omega_) / scale, scale)
        inside = [near[0] - left[0], *(-value for value in outside[1:])]
        labels = [inside] if self.constraint else [inside, outside]
        return [[label[0], sign * label[1], label[2], sign * label[3]] for label in labels]

    def _start(self) -> Real:
        if self.constraint:
            return mp.log(self.inside)
        outside = mp.erfc(self.kappa / mp.sqrt(2 * self.second_moment))
        return self.inside * mp.log(self.inside) + outside * mp.log(outside)
