"""The equations of variables of two kinds in mpmath, in the overlap q of u; see `equations_of_state.two_sides`.

Eliminating v leaves a scalar form, xi(q) = 2 alpha Psi_v(lambda q, s), whose derivatives are those of v's response:

    xi' = alpha lambda G_v,    xi'' = alpha lambda^2 G_v',    xi''' = alpha lambda^3 G_v''.
"""

from __future__ import annotations

from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.dense import DenseEquationOfState
from amp_theory.exact.digits.channels import exact_channel
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.equations import Equations, Residuals, check_overlap, equations_of
from amp_theory.exact.digits.rationals import to_mp
from amp_theory.exact.digits.responses import ResponseValues, exact_response
from amp_theory.exact.digits.rules import Real, Rule
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.two_sides import TwoSidedModel

__all__ = ["TwoSidedEquations", "equations_of"]


class TwoSidedEquations(Equations):
    """The equations of a model with variables of two kinds: those of u, v being eliminated."""

    def __init__(self, model: TwoSidedModel, path: Path) -> None:
        eos = equation_of_state_of(model, path)  # refuses paths without a side
        assert isinstance(eos, DenseEquationOfState)
        self.model, self.path, self.two, self.coupling = model, path, model, eos.coupling
        self.channel, self.second = (exact_channel(prior) for prior in model.priors)
        self.response, self.of_second = exact_response(path, self.channel), exact_response(path, self.second)
        self.told_u, self.told_v = (path.side in (None, "both", side) for side in "uv")

    def intensity(self, control: Real) -> Real:
        """Return lambda in the unit of the equations."""
        return to_mp(self.two.unit) / control

    def control(self, intensity: Real) -> Real:
        """Return the noise at such a lambda."""
        return to_mp(self.two.unit) / intensity

    def _v(self, overlap: Real, strength: Real, intensity: Real, rule: Rule) -> ResponseValues:
        """Return the response of v."""
        return self.of_second.at(intensity * overlap, strength if self.told_v else mp.mpf(0), rule)

    def both(self, overlap: Real, strength: Real, intensity: Real, rule: Rule) -> dict[str, tuple[Real, Real]]:
        """Return q_u and q_v by name, each with its slope in q_u."""
        v = self._v(overlap, strength, intensity, rule)
        return {"overlap_u": (overlap, mp.mpf(1)), "overlap_v": (v.overlap, intensity * v.slope)}

    def at(self, overlap: Real, strength: Real, intensity: Real, rule: Rule) -> Residuals:
        """Return the residuals at the overlap of u, the strength in its public unit.

        Raises
        ------
        NumericalError
            If the overlap is negative, where a step of Newton's method may lead.
        """
        check_overlap(overlap)
        v = self._v(overlap, strength, intensity, rule)
        ratio = to_mp(self.two.exact_ratio)
        scale = ratio * intensity
        x, second, third = scale * v.overlap, scale * intensity * v.slope, scale * intensity**2 * v.curvature
        u = self.response.at(x, strength if self.told_u else mp.mpf(0), rule)
        level = u.free_entropy + ratio * v.free_entropy - overlap * x / 2
        return Residuals(
            u.overlap - overlap, u.slope * second - 1, u.curvature * second**2 + u.slope * third,
            self.two.components * level, x, u.gap,
        )  # fmt: skip

    def forgetful(self, intensity: Real) -> bool:
        """Tell whether no overlap is a fixed point at zero strength: whether both priors are centred."""
        return bool(self.channel.mean == 0 and self.second.mean == 0)

    def weak_recovery(self, rule: Rule) -> Real:
        """Return the intensity at which alpha lambda^2 Var(u)^2 Var(v)^2 = 1."""
        return 1 / (mp.sqrt(to_mp(self.two.exact_ratio)) * self.channel.variance * self.second.variance)


@equations_of.register(TwoSidedModel)
def _of_two_sides(model: TwoSidedModel, path: Path) -> Equations:
    return TwoSidedEquations(model, path)
