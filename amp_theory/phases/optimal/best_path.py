"""Which denoising path is best, and what no denoiser can do: thresholds of the bounds on side information.

A state of overlap q is stable under side information of slope S = dG/dx iff xi''(q) S < 1.  Hence, replica symmetric
and Bayes optimal,

- `best`: with the least slope of memoryless side information (`least_slope`), the control beyond which no path of
  independent information about single variables stays stable at all overlaps;
- `worst`: the same with the largest slope;
- `any_denoiser`: the stronger of two conditions for information of any kind about single variables, which may depend on
  what is known already.  At the dynamical point a second branch exists at zero strength: with G_0(xi'(q)) > q between
  the two no overlap is a fixed point there under any information, since information only raises G.  And xi''(q) S < 1
  with the least S at all: (rho - q)^2 by Jensen's inequality, the floor of `adaptive` for spins.

For Gaussian and spherical variables the flow attains Jensen's bound; arXiv:2404.15651 has the same condition for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from amp_theory.ingredients.paths.named import Flow
from amp_theory.models.base import Model, as_model
from amp_theory.phases.geometry.solved import check_pair
from amp_theory.phases.optimal.attained import first_transitions
from amp_theory.phases.optimal.certificate import least_reduced_cost
from amp_theory.phases.optimal.known import BOUND, EXACT, JENSEN, SEARCHED, known_of, same_law
from amp_theory.phases.optimal.least_slope import LeastSlope, greatest_slopes, least_slope, least_slopes
from amp_theory.phases.optimal.marginal import MarginalPoint, SlopeMargin
from amp_theory.phases.optimal.order import ordered
from amp_theory.phases.optimal.programme import PROVEN
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.phases.points.zero_strength import control_error
from amp_theory.tools.arrays import EPS
from amp_theory.tools.errors import InputError
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import Located, MissingPoint, or_missing, plain_points, points_table, titled
from amp_theory.tools.tables import ResultTable

#: what is located, in the order of reports
NAMES = ("best", "worst", "any_denoiser", "dynamical")
#: where around the best point the order of laws is looked at, as log (q - M(0))/(rho - q), if this much is told there
AROUND, LEAST_TOLD = (-1.0, -0.5, 0.0, 0.5, 1.0), 1e-6
#: error bounds in units of what the interpolants tell
SAFETY = 4.0


@dataclass(frozen=True)
class BestPath(Reported):
    """Where the best and the worst path of independent information work, and where no denoiser can.

    Parameters
    ----------
    model, control
        The model's name, and its name of the control.
    parameters
        The model's parameters by name.
    best
        Where the largest xi''(q) S* over q is one, S* the least slope; None if there is no such point.
    worst
        The same with the largest slope.
    any_denoiser
        Where a bound for all denoisers, adaptive ones included, is one; not the threshold of a denoiser.
    dynamical
        Where a second branch exists at zero strength, which no denoiser passes.
    attained_by
        The path with a name that works as far as `best`, "uniform-diffusion" or "flow"; None if none is known.
    paths
        Where every path with a name that is defined for the prior meets a transition first; None if it meets none.
    certificate
        The least slope at `best`, with its multipliers and the least reduced cost over all posteriors.
    ordered
        Whether the optimal side information at every overlap is a degradation of that at larger ones, so that a path
        goes through all, as far as `reasons` say; None if it is not known.
    certainty
        What each point is: exact within replica symmetry, a numerical optimum, or a bound.
    reasons
        Why something is None, and what the certainties rest on.

    Examples
    --------
    >>> from amp_theory import IsingPSpin, best_path
    >>> found = best_path(IsingPSpin(p=3))
    >>> print(f"{found.best:.6f} {found.worst:.6f} {found.any_denoiser:.6f} {found.attained_by}")
    0.739200 0.758742 0.705922 uniform-diffusion
    """

    model: str
    control: str
    parameters: dict[str, Any] = field(hash=False)
    best: Located | None
    worst: Located | None
    any_denoiser: Located | None
    dynamical: Located | None
    attained_by: str | None
    paths: dict[str, Located | None] = field(hash=False)
    certificate: LeastSlope | None
    ordered: bool | None
    certainty: dict[str, str] = field(hash=False)
    reasons: dict[str, str] = field(hash=False)

    @property
    def title(self) -> str:
        """The model with its parameters."""
        return f"{titled(self.model, self.parameters)}, best path"

    def points(self) -> dict[str, Located | MissingPoint]:
        """Return the points by name.

        Returns
        -------
        dict
            A `MissingPoint` for one that does not exist.

        See Also
        --------
        BestPath : With an example.
        """
        found = {name: getattr(self, name) for name in NAMES}
        return or_missing(found, self.reasons, self.control)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = plain_points(self.points())
        proof = None if self.certificate is None else plain(vars(self.certificate))
        return {
            "model": self.model, "parameters": plain(self.parameters), "control": self.control, **points,
            "attained_by": self.attained_by, "paths": self._paths(), "ordered": self.ordered, "certificate": proof,
            "certainty": dict(self.certainty), "reasons": dict(self.reasons),
        }  # fmt: skip

    def shortfalls(self) -> dict[str, float | None]:
        """Return by how much every path with a name falls short of `best`, in units of the control.

        Returns
        -------
        dict
            Zero where no difference is seen beyond the error bounds; None where one of the two points does not exist.

        See Also
        --------
        BestPath : With an example.
        """
        return {name: self._shortfall(point) for name, point in self.paths.items()}

    def _shortfall(self, point: Located | None) -> float | None:
        if point is None or self.best is None:
            return None
        apart = abs(point.control - self.best.control)
        return 0.0 if apart <= point.error + self.best.error else apart

    def _paths(self) -> dict[str, Any]:
        short = self.shortfalls()
        return {n: None if p is None else p.to_dict() | {"falls_short": short[n]} for n, p in self.paths.items()}

    def report(self) -> str:
        """Return a readable text of all points, how sure they are, and why."""
        lines = self._summary().splitlines()
        if self.certificate is not None:
            c = self.certificate
            lines.append(f"  least reduced cost over all posteriors at the best point: {c.reduced_cost:.1g}")
        lines += [f"  path {name:<17} {self._far(name, point)}" for name, point in self.paths.items()]
        return "\n".join([*lines, *(f"  {name}: {text}" for name, text in self.reasons.items())])

    def _far(self, name: str, point: Located | None) -> str:
        if point is None:
            return "no first-order transition is seen"
        short = self.shortfalls()[name]
        if short is None:
            return f"{point}"
        return f"{point}, {f'{short:.6g} short of the best' if short else 'the best'}"

    def _summary(self) -> str:
        lines = [self.title]
        for name, point in self.points().items():
            sure = f" ({self.certainty[name]})" if point else ""
            lines.append(f"  {name:<13} {point}{sure}" if point else f"  {name:<13} none")
        return "\n".join([*lines, f"  attained by   {self.attained_by or 'no known path'}"])

    def table(self) -> ResultTable:
        """Return the points as rows: coordinates, error bounds, and how they were found or why there is none."""
        found = self.points()
        rows = [{"point": name, "certainty": self.certainty.get(name)} for name in found]
        return points_table(self.title, rows, list(found.values()))


def best_path(model: Model) -> BestPath:
    """Find how far the best denoising path works, and how far any denoiser could.

    Paths reveal independent, memoryless information about single variables, of any kind.  Points are on the side of
    easy controls: there they meet, if at all, a first-order transition first.

    Parameters
    ----------
    model
        A dense model of discrete variables of two to six values, or of Gaussian or spherical variables; of variables
        with a density only the bound for all denoisers is known.

    Returns
    -------
    BestPath
        Thresholds with error bounds, the path that attains the best, and its certificate.

    Raises
    ------
    InputError
        If the model is sparse, has other variables, or an outer overlap.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2404.15651 for the condition of spherical models, which `least_slope` extends.

    Examples
    --------
    >>> from amp_theory import SphericalPSpin
    >>> found = best_path(SphericalPSpin(p=3))
    >>> round(float(found.best), 12), found.attained_by
    (0.666666666667, 'flow')
    """
    if as_model(model).outer_overlap:
        raise InputError(
            f"best_path is there for planted measures: the variables of {model!r} have random outer fields, with which "
            "the programme for the least slope is not solved; `thresholds` locates the first failure of flow and "
            "autoregressive"
        )
    check_pair(model, Flow())
    return _solved(model)


@lru_cache(maxsize=64)
def _solved(model: Model) -> BestPath:
    with stage("best path of %r", model):
        return _Bounds(model).result()


def bounds_of(model: Model) -> dict[str, SlopeMargin]:
    """Return the lines on which slopes are marginal: "best" and "worst" where they are known, and "any_denoiser".

    Raises
    ------
    InputError
        If the model is sparse, or has other variables.
    """
    bounds = _Bounds(model)
    lines = {"best": bounds.line(1.0)} if bounds.known.solved else {}
    if "worst" not in bounds.known.reasons:
        lines["worst"] = bounds.line(-1.0)
    return lines | {"any_denoiser": bounds.any_line()}


class _Bounds:
    """Locates all bounds of a model."""

    def __init__(self, model: Model) -> None:
        if model.coupling is None:
            raise InputError(f"best_path is there for dense models, with a coupling xi(q); {model!r} has none")
        self.model, self.coupling, self.prior = model, model.coupling, same_law(model.variable_prior)
        self.known = known_of(self.prior)
        self.searched = False
        self.certainty: dict[str, str] = {}
        self.reasons = dict(self.known.reasons)

    def line(self, sign: float) -> SlopeMargin:
        """Return the marginal line of the least slope (sign 1) or of the largest (-1)."""
        if self.known.line is not None:
            return self.known.line(self.coupling, sign, self.known.error)
        slopes = partial(least_slopes if sign > 0 else greatest_slopes, self.prior)
        return SlopeMargin(self.coupling, self.prior, slopes, self.known.error, self.known.highest)

    def any_line(self) -> SlopeMargin:
        """Return the marginal line of the bound for all denoisers."""
        return SlopeMargin(self.coupling, self.prior, self.known.bound, self.known.error, self.known.highest)

    def located(
        self, name: str, line: SlopeMargin, how: str, certainty: str
    ) -> tuple[Located | None, MarginalPoint | None]:
        """Return where a slope is marginal first; where there is no such point, say why."""
        found = line.first()
        if isinstance(found, str):
            self.reasons[name] = found
            return None, None
        return self.point(name, found, how, certainty), found

    def point(self, name: str, found: MarginalPoint, how: str, certainty: str) -> Located:
        """Return a point of a line in units of the control."""
        self.certainty[name] = certainty
        errors = {
            self.model.control: control_error(self.model, found.intensity, found.intensity_error),
            "overlap": SAFETY * (found.overlap_error + EPS * found.overlap),
        }
        control = float(self.model.from_intensity(np.array(found.intensity)))
        return Located(control, found.overlap, errors, self.model.control, how=how)

    def result(self) -> BestPath:
        """Return everything."""
        known, best, place, worst = self.known, None, None, None
        if known.solved:
            how = f"largest xi''(q) S* over q is one; {known.how}"
            best, place = self.located("best", self.line(1.0), how, known.certainty)
            worst = self._worst()
        paths, dynamical = first_transitions(self.model), self._dynamical()
        found = BestPath(
            self.model.name, self.model.control, self.model.parameters, best=best, worst=worst,
            any_denoiser=self._any_denoiser(best, dynamical), dynamical=dynamical, attained_by=known.attained_by,
            paths=paths, certificate=self._certificate(place), ordered=self._ordered(place), certainty=self.certainty,
            reasons=self.reasons,
        )  # fmt: skip
        if known.line is None or best is None:
            return found
        equal = [name for name, short in found.shortfalls().items() if short == 0]
        if not equal:
            self.reasons["attained_by"] = "no path with a name has the optimal law of posteriors at the best point"
            return found
        self.certainty["best"] = SEARCHED if self.searched else known.certainty
        return replace(found, attained_by=equal[0])

    def _certificate(self, best: MarginalPoint | None) -> LeastSlope | None:
        if best is None:
            self.reasons.setdefault("certificate", self.reasons["best"])
            return None
        found = least_slope(self.prior, best.overlap, best.snr)
        if self.known.line is not None:
            if found.error > PROVEN * found.slope:
                self.searched = True
                self.reasons["certificate"] = (
                    "the reduced cost is not bounded between nodes: no better posterior was found, and the least slope "
                    f"lies between {found.slope - found.error:.6g} and {found.slope:.6g}, at the best point"
                )
            return found
        return replace(found, reduced_cost=least_reduced_cost(self.prior, found))

    def _ordered(self, best: MarginalPoint | None) -> bool | None:
        """Tell whether the optimal laws are ordered; for programmes it is computed around the best point."""
        if best is None or self.known.line is None:
            return self.known.ordered
        line = self.known.line(self.coupling, 1.0, self.known.error)
        gap = self.prior.second_moment - best.overlap
        overlaps, gaps = line.overlaps(np.log(self.prior.variance / gap - 1) + np.array(AROUND))
        snrs = self.coupling.signal(np.array(best.intensity), overlaps, gaps)
        there = gaps < np.asarray(self.prior.mmse(snrs)) * (1 - LEAST_TOLD)
        found = ordered(line.laws(overlaps[there], snrs[there]))
        says = (
            "each optimal law is a degradation of the next, so that a path passes through them"
            if found
            else "not each optimal law is a degradation of the next; the best point is a bound that no path need attain"
        )
        where = f"computed at {there.sum()} overlaps from {overlaps[there][0]:.4g} to {overlaps[there][-1]:.4g}"
        self.reasons["ordered"] = f"{where} at the best point's control: {says}"
        self.certainty["best"] = self.known.certainty if found else BOUND
        if self.searched:
            self.certainty["best"] = SEARCHED
        return found

    def _worst(self) -> Located | None:
        """Return where the largest slope is marginal first, if it is known."""
        if "worst" in self.reasons:
            return None
        told = "by linear programming" if self.known.line else "variables are revealed, or nothing is told of them"
        how = f"largest xi''(q) S over q is one, S the largest slope: {told}"
        line = self.line(-1.0)
        found, place = self.located("worst", line, how, self.known.certainty)
        limit = line.limit()
        if limit is None or (place is not None and place.intensity <= limit.intensity):
            return found
        self.reasons["worst"] = "the supremum is approached as q falls to its start; no state has it"
        return self.point("worst", limit, f"{how}; {self.reasons['worst']}", BOUND)

    def _dynamical(self) -> Located | None:
        special = thresholds(self.model, Flow())
        if special.dynamical is None:
            self.reasons["dynamical"] = special.reasons["dynamical"]
        else:
            self.certainty["dynamical"] = BOUND
        return special.dynamical

    def _any_denoiser(self, best: Located | None, dynamical: Located | None) -> Located | None:
        """Return the stronger of the two bounds, which is exact where the best path attains it."""
        how = f"largest xi''(q) S over q is one; {self.known.bound_how}"
        slope, _ = self.located("any_denoiser", self.any_line(), how, BOUND)
        found = [point for point in (slope, dynamical) if point is not None]
        if not found:
            return None
        self.reasons.pop("any_denoiser", None)
        intensity = [float(self.model.intensity(np.array(point.control))) for point in found]
        stronger = found[int(np.argmin(intensity))]
        attained = best is not None and self.known.bound_how == JENSEN and self.known.attained_by is not None
        self.certainty["any_denoiser"] = EXACT if attained else BOUND
        return stronger
