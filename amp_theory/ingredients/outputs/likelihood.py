"""An output channel given by its likelihood: outcomes, a density, or both.

The likelihood is tabulated once for every second moment rho of z, on panels of z on which all outcomes are
resolved to rounding; a continuous y is cut into panels whose Gauss-Legendre nodes are taken as outcomes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.outputs.base import OutputChannel
from amp_theory.ingredients.outputs.table import OutputTable, Powers, ScaledOutputTable, ScaledTable, build_table
from amp_theory.ingredients.outputs.tabulated import FARTHEST, NOTHING, TabulatedLikelihood
from amp_theory.tools.arrays import Array, Bools
from amp_theory.tools.errors import InputError, answer_of, as_float, as_list, as_real, as_support, positive, told
from amp_theory.tools.panels import halves, last_coefficients, panel_nodes, refined, spanning

Likelihood = Callable[[float, Array], npt.ArrayLike]

#: places of z at which a likelihood is looked at when it is given, in the units of z
PLACES = np.array([-0.97, -0.53, -0.11, -0.013, 0.072, 0.41, 0.89])
#: how far from one the sum of a likelihood may be there, and on the average over z
CLOSE, NORMALISED = 1e-6, 1e-8
#: the last Legendre coefficients of a likelihood on a panel of z, relative to its largest values, for derivatives and
#: for integrals, which err like their square; and values that are negligible
RESOLVED, INTEGRABLE, NEGLIGIBLE = 4e-15, 1e-10, 1e-21
#: a panel of y is accepted when halving it changes its integral by less; a tail of y ends at this part of the whole
SETTLED, FAINT = 2e-15, 1e-18
DEPTH, MOST_PANELS, MOST_OUTCOMES = 24, 1500, 5000
#: places z times outputs y
MOST_NUMBERS = 3e6
#: how often a panel of the table of responses may be halved
SPLITS = 20
#: the largest relative error of a response
ROUGHEST = 1e-6
#: a small gap, at which it is known after one evaluation
PROBE = np.array([1e-6])


@dataclass(frozen=True)
class Channel(OutputChannel):
    """An output channel with a likelihood of the user's own.

    Parameters
    ----------
    outcomes
        The values y that have a probability: a list of numbers.
    likelihood
        P(y|z) of an outcome: takes one y and an array of z, and returns an array of values >= 0.
    density
        The density of y given z where y is continuous: takes one y and an array of z.  With `outcomes` as well
        the output is mixed.
    support
        Increasing places (lo, ..., hi) between which the density is smooth in y: two ends, which may be
        infinite, and any kinks or jumps between them.
    breakpoints
        Places z at which a likelihood jumps, has a kink, or vanishes, for any y.

    Raises
    ------
    InputError
        If a likelihood is negative or not finite, if outcomes and density do not sum to one, or if it is too rough.

    Notes
    -----
    All functions are interpolated in a table, which takes a fraction of a second for a few smooth outcomes, and
    seconds for hundreds of outcomes or a density with little noise.  Their stated errors are about 1e-11,
    those of A and R are much smaller.

    Examples
    --------
    >>> logistic = Channel([-1, 1], lambda y, z: 1 / (1 + np.exp(-y * z)))
    >>> values = logistic.functions(overlap=0.3, gap=0.7)
    >>> print(f"{float(values.response):.10f}")
    0.1800103816
    >>> counts = lambda y, z: np.exp(-(z**2)) * z ** (2 * y) / math.factorial(y)
    >>> photons = Channel(range(60), counts, breakpoints=[0])  # all but y = 0 vanish there
    >>> photons.even
    True
    """

    outcomes: tuple[float, ...]
    likelihood: Likelihood | None
    density: Likelihood | None
    support: tuple[float, ...]
    breakpoints: tuple[float, ...]
    name: ClassVar[str] = "channel"
    _has_scale: ClassVar[bool] = True

    def __init__(
        self,
        outcomes: Sequence[float] = (),
        likelihood: Likelihood | None = None,
        *,
        density: Likelihood | None = None,
        support: Sequence[float] = (),
        breakpoints: Sequence[float] = (),
    ) -> None:
        object.__setattr__(self, "outcomes", _distinct("outcomes", outcomes))
        object.__setattr__(self, "likelihood", likelihood)
        object.__setattr__(self, "density", density)
        object.__setattr__(self, "support", as_support(support, optional=True))
        object.__setattr__(self, "breakpoints", tuple(sorted(_distinct("breakpoints", breakpoints))))
        self._check_arguments()
        total = self._tabulate(PLACES, 1.0)
        worst = int(np.argmax(np.abs(total.sum(axis=1) - 1)))
        _check_normalised(float(total[worst].sum()), f"at z = {PLACES[worst]:g}", CLOSE)

    def _check_arguments(self) -> None:
        for name, function, values, of in (
            ("likelihood", self.likelihood, self.outcomes, "outcomes"),
            ("density", self.density, self.support, "support"),
        ):
            if (function is None) != (not values):
                raise InputError(f"{name} and {of} must be given together, got {told(function)} and {told(values)}")
            if function is not None and not callable(function):
                raise InputError(f"{name} must be callable, got {told(function)}")
        if self.likelihood is None and self.density is None:
            raise InputError("a channel needs outcomes with a likelihood, or a density with its support")

    @property
    def parameters(self) -> dict[str, Any]:
        """The outcomes, the support and the breakpoints."""
        support = [x if math.isfinite(x) else str(x) for x in self.support]
        return {"outcomes": list(self.outcomes), "support": support, "breakpoints": list(self.breakpoints)}

    # --- the likelihood in numbers ---

    def values_at(self, function: Likelihood, y: float, z: Array) -> Array:
        """Return a likelihood of y at z of shape (n,), checked.

        Parameters
        ----------
        function
            The `likelihood` or the `density`.
        y
            One output.
        z
            Places, shape (n,), in the units of z.

        Returns
        -------
        array
            P(y|z), shape (n,).

        Raises
        ------
        InputError
            If the function fails, or a value is negative, not finite or no real number.

        Examples
        --------
        >>> channel = Channel([-1, 1], lambda y, z: 1 / (1 + np.exp(-y * z)))
        >>> channel.values_at(channel.likelihood, 1, np.array([-1.0, 0.0, 1.0])).round(6).tolist()
        [0.268941, 0.5, 0.731059]
        """
        with np.errstate(over="ignore", under="ignore"):
            raw = answer_of("the likelihood", function, y, z)
        values = as_real("the likelihood", raw)
        if values.shape not in ((), z.shape):
            raise InputError(
                f"the likelihood must return one value per z of an array, got shape {values.shape} for {z.size} places"
            )
        values = np.broadcast_to(values, z.shape)
        bad = ~np.isfinite(values) | (values < 0)
        if bad.any():
            k = int(np.argmax(bad))
            raise InputError(f"the likelihood must be finite and >= 0, got {values[k]:g} at y = {y:g}, z = {z[k]:g}")
        return values

    def _law(self, z: Array, density_nodes: Array) -> Array:
        """Return the likelihoods of the outcomes, then the density at nodes of y: shape (z, outcomes + nodes)."""
        columns = []
        if (likelihood := self.likelihood) is not None:
            columns += [self.values_at(likelihood, y, z) for y in self.outcomes]
        if (density := self.density) is not None:
            columns += [self.values_at(density, y, z) for y in density_nodes.tolist()]
        return np.stack(columns, axis=1)

    def output_panels(self, z: Array, importance: Array) -> tuple[Array, Array]:
        """Return nodes of a continuous y that integrate its density at all z, and the weights of all outcomes.

        Parameters
        ----------
        z
            Places, shape (n,), in the units of z.
        importance
            How much each counts, >= 0, shape (n,).

        Returns
        -------
        nodes, weights
            Outputs y of shape (m,), and weights of shape (outcomes + m,), those of outcomes being one.

        Raises
        ------
        InputError
            If the density is too rough or decays too slowly in y.

        See Also
        --------
        Channel.values_at : The likelihood itself.
        """
        ones = np.ones(len(self.outcomes))
        if self.density is None:
            return np.empty(0), ones
        density = self.density

        def mass(panels: Array) -> Array:
            y, weight = panel_nodes(panels)
            values = np.stack([self.values_at(density, float(x), z) for x in y.ravel()])
            # the integrands of R are finer than the density, like this one
            finer = values * np.log(np.maximum(values, NOTHING)) ** 2
            both = np.concatenate([values * importance, finer * importance], axis=1).reshape(*y.shape, -1)
            return np.asarray(np.einsum("pn,pnz->pz", weight, both))

        panels = _output_panels(mass, self.support)
        y, weight = panel_nodes(panels)
        if y.size > MOST_OUTCOMES:
            raise _too_rough_in_y(panels)
        return y.ravel(), np.concatenate([ones, weight.ravel()])

    def _tabulate(self, z: Array, importance: float) -> Array:
        """Return the weighted likelihoods of all outcomes at a few z, shape (z, outcomes)."""
        y, weights = self.output_panels(z, np.full(len(z), importance))
        return np.asarray(self._law(z, y) * weights)

    @cached_property
    def _nearby(self) -> tuple[Array, Array]:
        """Places z > 0, and the likelihoods there and at -z."""
        z = np.linspace(0.013, 4.0, 60)
        y = self.output_panels(np.concatenate([-z, z]), np.ones(2 * len(z)))[0]
        return self._law(z, y), self._law(-z, y)

    # --- what every channel has ---

    @property
    def discrete_output(self) -> bool:
        """Whether there is no density."""
        return self.density is None

    @cached_property
    def noiseless(self) -> bool:
        """Whether every outcome has probability zero or one, whatever z."""
        return self.discrete_output and all(bool(np.all((p == 0) | (p == 1))) for p in self._nearby)

    @cached_property
    def even(self) -> bool:
        """Whether the likelihoods of z and -z agree."""
        plus, minus = self._nearby
        return bool(np.all(np.abs(plus - minus) <= 1e-13 * plus.max(axis=0)))

    def check(self, second_moment: float) -> None:
        """Raise an `InputError` if the likelihood cannot be tabulated or normalised for z of this second moment."""
        _tabulated(self, positive("second_moment", second_moment))

    def free_entropy_at_zero(self, second_moment: float) -> float:
        """Return Psi_out(0) = sum_y Z log Z, minus the entropy of y, for z ~ N(0, second_moment)."""
        table = _tabulated(self, positive("second_moment", second_moment))
        p = table.at_zero
        return float(table.weights @ (p * np.log(np.where(p > 0, p, 1.0))))

    def table(self, second_moment: float) -> OutputTable:
        """Return interpolated functions at one second moment rho, for the solvers."""
        rho = positive("second_moment", second_moment)
        return ScaledOutputTable(_scaled_table(self, rho), rho)

    def _evaluate(self, second_moment: float, overlap: Array, gap: Array) -> Array:
        v = ScaledOutputTable(_scaled_table(self, second_moment), 1.0)(overlap, gap)
        return np.stack([v.free_entropy, v.response, v.slope, v.curvature, v.relative_error])

    def _resolved(self, second_moment: float) -> TabulatedLikelihood:
        """Tabulate the likelihoods on panels of z/sqrt(rho) that resolve them."""
        unit = math.sqrt(second_moment)
        places = np.linspace(-7.0, 7.0, 57)
        y, weights = self.output_panels(unit * places, np.exp(-places * places / 4))
        breaks = np.array([b / unit for b in self.breakpoints if abs(b) < FARTHEST * unit])

        def law(z: Array) -> Array:
            return self._law(unit * z, y)

        edges = np.unique(np.concatenate([np.arange(-FARTHEST, FARTHEST + 1, 2.0), breaks]))
        first = np.stack([edges[:-1], edges[1:]], axis=1)

        def failure(z: float, k: int) -> InputError:
            return InputError(
                f"the likelihood of y = {[*self.outcomes, *y][k]:.4g} is not resolved near z = {unit * z:.4g}: if it "
                "jumps, has a kink or vanishes there, name the place in `breakpoints`; if not, it is too sharp, or its "
                "rounding errors are too large: take more noise, or a formula without large terms that cancel"
            )

        panels = _resolve(law, first, weights, INTEGRABLE, 1.0, failure)
        smooth = _resolve(law, panels, weights, RESOLVED, 0.5, failure)
        z, measure = panel_nodes(panels)
        if z.size * len(weights) > MOST_NUMBERS:
            raise InputError(
                f"the likelihood is too sharp: it takes {z.size} places z to resolve, times {len(weights)} outputs y, "
                f"of which {MOST_NUMBERS:g} are possible; take fewer outputs or more noise"
            )
        values = law(z.ravel())
        total = values @ weights - 1
        density = measure.ravel() * np.exp(-(z.ravel() ** 2) / 2) / math.sqrt(2 * math.pi)
        defect = float(density @ np.abs(total))
        _check_normalised(1 + math.copysign(defect, float(density @ total)), "on the average over z", NORMALISED)
        return TabulatedLikelihood(law, panels, smooth, values, weights, breaks, max(defect - 1e-14, 0.0))


def _resolve(
    law: Callable[[Array], Array], panels: Array, weights: Array, resolved: float, power: float,
    failure: Callable[[float, int], InputError],
) -> Array:  # fmt: skip
    """Halve panels of z until all likelihoods are resolved; `failure` is asked about the worst place and output.

    Relative to largest^(1 - power) most^power, their maxima on a panel and altogether: 1 for integrals, 1/2 for
    derivatives, whose squares are divided by the likelihood.
    """
    most, worst = np.zeros(len(weights)), (0.0, 0)

    def look(panels: Array) -> tuple[Bools]:
        nonlocal most, worst
        z = panel_nodes(panels)[0]
        values = law(z.ravel()).reshape(len(panels), z.shape[1], -1)
        largest = values.max(axis=1)
        most = np.maximum(most, largest.max(axis=0))
        nearest = np.where(panels[:, 0] * panels[:, 1] < 0, 0.0, np.abs(panels).min(axis=1))
        matters = largest * weights * np.exp(-nearest * nearest / 2)[:, None] > NEGLIGIBLE
        # a likelihood e^-E comes with a relative rounding error in proportion to E
        allowed = resolved * largest * (1 - np.log(np.clip(largest, NEGLIGIBLE, 1.0)))
        allowed = np.maximum(allowed, resolved * largest ** (1 - power) * most**power)
        excess = np.where(matters, last_coefficients(np.moveaxis(values, 1, -1)) - allowed, 0.0)
        panel, output = np.unravel_index(np.argmax(excess), excess.shape)
        worst = float(panels[panel].mean()), int(output)
        return (np.asarray((excess > 0).any(axis=1)),)

    return refined(panels, look, DEPTH, lambda _: failure(*worst), MOST_PANELS)[0]


@lru_cache(maxsize=16)
def _tabulated(channel: Channel, second_moment: float) -> TabulatedLikelihood:
    return channel._resolved(second_moment)


@lru_cache(maxsize=16)
def _scaled_table(channel: Channel, second_moment: float) -> ScaledTable:
    """Return the table of responses; jumps and kinks of the likelihood fix its powers of the gap."""
    likelihood = _tabulated(channel, second_moment)
    high = (0, 1, 3) if len(likelihood.breakpoints) else (0, 0, 0)
    high = (1, 3, 5) if likelihood.jumps else high

    def response(overlap: Array, gap: Array) -> Array:
        values = likelihood.response(overlap, gap)
        if values[3].max() > ROUGHEST:
            raise InputError(
                "the likelihood is too rough or too sharp in z: name the places where it jumps, has a kink or vanishes "
                "in `breakpoints`; if there are none, take more noise"
            )
        return values

    powers = Powers(likelihood.exponent - 1, high)
    response(1 - PROBE, PROBE)  # what is too rough shows here, and need not cost a table
    return build_table(response, powers, SPLITS)


def _check_normalised(total: float, where: str, allowed: float) -> None:
    if not abs(total - 1) <= allowed:
        raise InputError(
            f"the likelihood sums to {total:.12g} over all outputs {where}, not to 1: list every outcome, and give "
            "the whole support of the density"
        )


def _output_panels(mass: Callable[[Array], Array], support: tuple[float, ...]) -> Array:
    """Return panels of y on which the density at all z is integrated to rounding."""
    failure = "the density of y decays too slowly, or vanishes: its integral cannot be resolved"
    first = spanning(
        support, lambda ends: float(mass(ends).max()), lambda part, total: part <= FAINT * total, 120, failure
    )
    total = np.zeros(1)

    def look(panels: Array) -> tuple[Bools]:
        nonlocal total
        parts = mass(halves(panels)).reshape(2, len(panels), -1).sum(axis=0)
        total = np.maximum(total, parts.sum(axis=0))
        return ((np.abs(mass(panels) - parts) > SETTLED * np.maximum(total, 1)).any(axis=1),)

    return refined(first, look, DEPTH, _too_rough_in_y, MOST_PANELS)[0]


def _too_rough_in_y(panels: Array) -> InputError:
    """Return the error for panels of y of which the narrowest is at a kink or jump, if there is one."""
    y = float(panels[np.argmin(panels[:, 1] - panels[:, 0])].mean())
    return InputError(
        f"the density is too rough or too narrow in y, as near y = {y:.4g}: name its kinks and jumps in `support`; "
        "those that move with z, as of uniform or Laplace noise, cannot be: smooth them a little, as by Gaussian noise"
    )


def _distinct(name: str, given: Sequence[float]) -> tuple[float, ...]:
    items = as_list(name, given)
    # whole numbers stay so: a user's likelihood may need their factorial
    numbers = tuple(item if type(item) is int else as_float(f"every one of {name}", item) for item in items)
    if len(set(numbers)) != len(numbers):
        raise InputError(f"{name} must be distinct, got {numbers}")
    return numbers
