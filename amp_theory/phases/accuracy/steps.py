"""What a finite number of steps loses: the left Riemann area of a schedule, and its constant C as steps become many.

A sampler asks its denoiser at strengths 0 = s_0 < ... < s_{K-1} and, after the last answer, draws every variable from
its marginal.  Up to the next strength it keeps what it was told: a flow or diffusion the drift, so that its path has
the relative entropy 1/2 int (q(s) - q(s_k)) ds per variable (Girsanov); all others the snr x_k of the other variables,
with which each variable's next side information is drawn independently.  By the chain rule

    KL/N = sum_k phi(s_{k+1}) - phi(s_k) - [Psi(x_k, s_{k+1}) - Psi(x_k, s_k)],

for masks int (h(theta_k) - h(theta)) dtheta.  The last draw costs [xi(rho) - xi(q) - (rho - q) x]/2 in dense models.
A short step ds costs g ds^2, with g = (dq/ds)/4 for flows, else (d Psi_s/dx)(dx/ds)/2 along the branch; steps at equal
parts of int sqrt(g) ds are the best, and then K KL/N -> C = (int sqrt(g) ds)^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.equations_of_state.surface import Surface
from amp_theory.phases.accuracy.along import ends_of, integral
from amp_theory.phases.accuracy.stays import Stay, points_on
from amp_theory.tools.arrays import EPS, Array, Index
from amp_theory.tools.errors import InputError

#: the least snr, and what the derivative of a table's free entropy may lose
TINY, OF_SLOPES = 1e-300, 100.0
#: how far beyond the end of a branch schedules ask anew, and how exactly strengths are told in 12 digits, relative
PAST, DIGITS = 2e-6, 1e-11


@dataclass(frozen=True)
class Answers:
    """What the denoiser tells at strengths, arrays of one shape: q, rho - q, x, phi and its slope in s, and g."""

    strength: Array
    overlap: Array
    gap: Array
    signal: Array
    free_entropy: Array
    free_entropy_s: Array
    loss: Array
    signal_s: Array

    def take(self, which: slice) -> Answers:
        """Return some of them."""
        return Answers(*(getattr(self, item.name)[..., which] for item in fields(self)))


class Stepping:
    """What steps along the uninformed branch of one isotherm lose; strengths are internal ones."""

    def __init__(self, eos: EquationOfState, intensity: float, stays: Sequence[Stay], lead: float) -> None:
        """Take the branches that the sampler stays on, and by how much the equilibrium leads at zero strength."""
        self.eos, self.intensity, self.stays, self.lead = eos, intensity, list(stays), lead
        self.path, self.prior = eos.path, eos.prior
        #: strengths and snrs x of stays by their number, where they have been tabulated: to start solvers from
        self.known: dict[int, tuple[Array, Array]] = {}
        self.dense = eos.model.coupling is not None
        #: where schedules enter stays: a little beyond their start, or else rounding asks before the branch has ended
        self.entries = [min(stay.start * (1 + PAST), 0.9 * stay.start + 0.1 * self.end(stay)) for stay in self.stays]
        if not (self.dense or self.path.erases):
            raise InputError(
                f"steps along the path {self.path.name} are derived for dense models only: the marginals of "
                f"{eos.model.name} that are drawn in the end are not known; the autoregressive path has steps there"
            )

    # --- the denoiser ---

    def stay_of(self, strength: Array) -> Index:
        """Return the numbers of the stays at strengths; where a branch ends, of the next."""
        return np.searchsorted([stay.start for stay in self.stays], strength, side="right") - 1

    def end(self, stay: Stay) -> float:
        """Return the strength at which a stay ends, infinite or that of complete information for the last one."""
        return ends_of(self.eos, stay)[1]

    def answers(self, strength: Array) -> Answers:
        """Return what the denoiser tells at strengths of any shape."""
        s = np.ravel(strength)
        rows = np.zeros((7, len(s)))
        which = self.stay_of(s)
        for number, stay in enumerate(self.stays):
            here = np.flatnonzero(which == number)
            null = stay.branch.lower == 0 and self.eos.symmetric and self.intensity <= self.eos.start
            nothing = here[s[here] == 0] if null else here[:0]
            rows[1, nothing] = self.prior.second_moment
            here = np.setdiff1d(here, nothing)
            if len(here):
                guess = None
                if number in self.known:
                    signal = np.maximum(np.interp(s[here], *self.known[number]), TINY)
                    guess = self.path.coordinate(signal, s[here])
                rows[:, here] = self.told(points_on(self.eos, stay.branch, self.intensity, s[here], guess))
        return Answers(strength, *rows.reshape(7, *strength.shape))

    def told(self, f: Surface) -> list[Array]:
        """Return the rows of `Answers` after the strength."""
        return [f.overlap, f.gap, f.signal, f.free_entropy, f.free_entropy_s, self.loss(f), self.growth(f)]

    def growth(self, f: Surface) -> Array:
        """Return dx/ds along the branch."""
        signal_s = -1.0 if self.path.strength_is_snr else 0.0
        return np.asarray(_along(f) + signal_s)

    def loss(self, f: Surface) -> Array:
        """Return g, what a short step ds loses, over ds^2."""
        along = _along(f)
        if self.path.strength_is_snr:
            return np.asarray((f.overlap_z * along + f.overlap_s) / 4)
        # on graphs it would be a difference of values in tables
        return np.asarray(f.overlap_s * along / 4) if self.dense else np.full(f.strength.shape, np.nan)

    # --- losses ---

    def gains(self, a: Answers, strength: Array) -> Array:
        """Return how much of phi a step to the next strength keeps: Psi(x_k, s) - Psi(x_k, s_k), or the drift's."""
        if self.path.strength_is_snr or self.path.erases:
            return np.asarray(a.free_entropy_s * (strength - a.strength))
        ends = [
            self.path.response(self.prior, np.maximum(a.signal, TINY), s).free_entropy
            for s in (strength, a.strength)
        ]  # fmt: skip
        return np.asarray(ends[0] - ends[1])

    def slope(self, a: Answers) -> Array:
        """Return the derivative of the loss by every strength, the last axis; by the first, which is zero, zero."""
        following, before = a.strength[..., 1:], a.take(slice(None, -1))
        if self.path.strength_is_snr or self.path.erases:
            further = before.free_entropy_s
            less = 2 * before.loss * (following - before.strength) - before.free_entropy_s
        else:
            x = np.maximum(before.signal, TINY)
            ends = [self.path.response(self.prior, x, s) for s in (following, before.strength)]
            further = ends[0].free_entropy_s
            less = before.signal_s * (ends[0].overlap - ends[1].overlap) / 2 - before.free_entropy_s
        result = np.zeros(a.strength.shape)
        result[..., :-1] -= less
        result[..., 1:] -= further
        result[..., -1] += (a.free_entropy_s - a.gap * a.signal_s / 2)[..., -1]
        result[..., 0] = 0.0
        return result

    def drawn(self, a: Answers) -> Array:
        """Return what drawing every variable from its marginal loses: the total correlation of what is left."""
        lam, rho = np.full(a.strength.shape, self.intensity), np.full(a.strength.shape, self.prior.second_moment)
        if self.dense:
            coupling = self.eos.model.coupling
            assert coupling is not None
            ends = coupling.value(lam, rho, 0 * rho) - coupling.value(lam, a.overlap, a.gap)
            return np.asarray((ends - a.gap * a.signal) / 2)
        end = self.eos.evidence(lam[:1], 1.0) - self.prior.entropy
        return np.asarray(end - a.free_entropy - a.free_entropy_s * (1 - a.strength))

    def total(self, a: Answers) -> float:
        """Return the nats per variable that a schedule loses, those of a branch left too late included."""
        kept = self.gains(a.take(slice(None, -1)), a.strength[1:])
        last = float(self.drawn(a.take(slice(-1, None)))[0])
        return max(float(a.free_entropy[-1] - a.free_entropy[0]) - self.lead - float(kept.sum()) + last, 0.0)

    def known_total(self, strength: Array) -> tuple[float, float]:
        """Return what a schedule loses, and a bound on its error if its strengths are told in 12 digits only."""
        told = self.answers(strength)
        value, bound = self.total(told), self.rounding(told)
        if self.dense:
            bound += DIGITS * float(np.abs(self.slope(told) * strength).sum())
        for sign in (1, -1):
            moved = strength * (1 + sign * DIGITS)
            moved = np.where(moved < self.end(self.stays[-1]), moved, strength)
            # where a branch ends the slope does not tell
            if not (self.dense and np.array_equal(self.stay_of(moved), self.stay_of(strength))):
                bound += abs(self.total(self.answers(moved)) - value)
        return value, bound

    def rounding(self, a: Answers) -> float:
        """Return a bound on the error of `total` beyond that of the gap: of phi, and of its slope in tables."""
        if self.dense:
            return 64 * EPS * (1 + float(np.abs(a.free_entropy).max()))
        # at zero strength nothing is known of errors: inside the table instead
        inside = np.maximum(a.strength[-1:], (1 + self.stays[-1].start) / 2)
        f = points_on(self.eos, self.stays[-1].branch, self.intensity, inside)
        return OF_SLOPES * float(self.eos.errors(f).free_entropy[0])

    # --- many steps ---

    def check_many(self) -> None:
        """Raise an `InputError` if g is not known: on sparse graphs."""
        if not self.dense:
            raise InputError(
                f"the best steps are derived for dense models; for {self.eos.model.name} sampling_error takes the "
                f"strengths of a schedule of your own, steps=[0, ...]"
            )

    def lengths(self) -> tuple[list[float], float]:
        """Return int sqrt(g) ds of every stay, and the error estimate of their sum."""
        self.check_many()
        if self.endless:
            return [float("inf")] * len(self.stays), 0.0

        def root(f: Surface) -> Array:
            return np.sqrt(np.maximum(self.loss(f), 0.0))  # rounding may make nothing negative

        found = [integral(self.eos, self.intensity, stay, root) for stay in self.stays]
        return [value for value, _ in found], sum(error for _, error in found)

    @property
    def endless(self) -> bool:
        """Whether int sqrt(g) ds diverges at large snr, as it does for variables whose rho - q falls like 1/snr."""
        return bool(np.isinf(self.path.limit)) and self.prior.information_dimension > 0


def _along(f: Surface) -> Array:
    """Return dz/ds at constant intensity, on a stable branch; where that ends it is infinite but for rounding."""
    return np.asarray(-f.drift / np.maximum(f.fold, EPS))
