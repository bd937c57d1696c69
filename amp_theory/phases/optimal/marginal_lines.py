"""The control at which a state of overlap q becomes unstable, along paths with a name and under all bounds at once.

At every overlap q from M(0), where nothing is told, to E s^2 side information of slope S leaves a stable state iff
xi''(q) S < 1 (`marginal`).  The control where that is an equality is the line of one path
(`path_slopes`), of the best and the worst independent information (`least_slope`), or of a bound for all denoisers.
Each line's easiest control is the threshold: from easier ones the path meets no transition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.models.base import Model, as_model
from amp_theory.phases.optimal.attained import named_paths
from amp_theory.phases.optimal.best_path import BestPath, best_path, bounds_of
from amp_theory.phases.optimal.marginal import LOWEST, SlopeMargin
from amp_theory.phases.optimal.path_slopes import path_slopes
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import integer_between
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import Located, titled
from amp_theory.tools.tables import ResultTable, of_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: places of overlaps, log (q - M(0))/(E s^2 - q), up to which lines are computed, and the most of them
HIGHEST, MOST = 7.0, 2000
#: how far from their ends lines are drawn, as a distance of places
INSIDE = 1e-4


@dataclass(frozen=True, eq=False)
class MarginalLine(Reported):
    """The controls at which one kind of side information leaves marginal states, by overlap.

    Parameters
    ----------
    name
        A path's name, or "best", "worst" or "any_denoiser".
    control_name
        The model's name of the control.
    overlap, control
        The line, arrays of one shape; the control is NaN where states are stable at every control.
    point
        Its easiest control, None where there is none.
    certainty
        What the line is: exact within replica symmetry, a numerical optimum, or a bound.

    See Also
    --------
    marginal_lines : With an example.
    """

    name: str
    control_name: str
    overlap: Array
    control: Array
    point: Located | None
    certainty: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what does not exist becomes None."""
        return {
            "overlap": plain(self.overlap), self.control_name: plain(self.control),
            "point": None if self.point is None else self.point.to_dict(), "certainty": self.certainty,
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text: name, threshold and certainty."""
        return f"{self.name:<18} {self.point or 'no threshold'} ({self.certainty})"

    def table(self) -> ResultTable:
        """Return the line as rows of overlap and control."""
        return _table(self.name, self.control_name, [self])


@dataclass(frozen=True, eq=False)
class MarginalLines(Reported, Mapping[str, MarginalLine]):
    """All marginal lines of a model by name; `lines["flow"]` is one of them.

    Parameters
    ----------
    model
        The model.
    lines
        The lines by name: paths first, then "best", "worst" and "any_denoiser".
    bounds
        What `best_path` found.

    See Also
    --------
    marginal_lines : With an example.
    """

    model: Model
    lines: dict[str, MarginalLine] = field(repr=False)
    bounds: BestPath = field(repr=False)

    def __getitem__(self, name: str) -> MarginalLine:
        return self.lines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def title(self) -> str:
        """The model with its parameters."""
        return f"{titled(self.model.name, self.model.parameters)}, marginal {self.model.control} by overlap"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "model": self.model.name, "parameters": plain(self.model.parameters), "control": self.model.control,
            "lines": {name: line.to_dict() for name, line in self.items()},
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text, one line for every path and bound."""
        return "\n".join([self.title, *(f"  {line.report()}" for line in self.values())])

    def _summary(self) -> str:
        return self.report()

    def table(self) -> ResultTable:
        """Return all lines as rows: name, overlap and control."""
        return _table(self.title, self.model.control, list(self.values()))

    def plot(
        self,
        ax: Axes | None = None,
        *,
        legend: bool | str = True,
        title: str | bool | None = None,
        annotate: bool = True,
        style: str | Mapping[str, Any] | None = None,
    ) -> Axes:
        r"""Draw the marginal controls against the overlap, with the threshold of every line as a mark.

        What is shaded, no denoiser passes.  Two lines that are one, as the best path and the one that attains it, are
        drawn once, under the path's name.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.
        legend, title, annotate, style
            As for `plot_diagram`.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            For an option that does not exist.

        Examples
        --------
        >>> from amp_theory import SphericalPSpin, marginal_lines
        >>> marginal_lines(SphericalPSpin(p=3), points=50).plot().get_xlabel()
        'overlap $q$'
        """
        from amp_theory.phases.optimal.marginal_picture import plot_lines

        return plot_lines(self, ax, legend=legend, title=title, annotate=annotate, style=style)


def marginal_lines(model: Model, points: int = 120) -> MarginalLines:
    """Tell at every overlap from which control on a state of it is unstable, along every path and under every bound.

    Parameters
    ----------
    model
        A dense model that `best_path` knows.
    points
        Overlaps of every line, 20 to 2000.

    Returns
    -------
    MarginalLines
        A line for every path that the model's variables allow, for the best and the worst independent information and
        for the bound on all denoisers, with their thresholds.

    Raises
    ------
    InputError
        If `best_path` has no answer for the model, or the number of points is out of range.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085 for the paths; `best_path` for the bounds.

    Examples
    --------
    >>> from amp_theory import IsingPSpin, marginal_lines
    >>> lines = marginal_lines(IsingPSpin(p=3), points=40)
    >>> print(*(f"{name} {line.point:.6f}" for name, line in lines.items()), sep="; ")  # doctest: +NORMALIZE_WHITESPACE
    flow 0.740996; autoregressive 0.758742; uniform-diffusion 0.739200;
    best 0.739200; worst 0.758742; any_denoiser 0.705922
    """
    return _solved(as_model(model), integer_between("points", points, 20, MOST))


@lru_cache(maxsize=16)
def _solved(model: Model, points: int) -> MarginalLines:
    bounds = best_path(model)
    with stage("marginal lines of %r", model):
        margins = bounds_of(model)
        coupling, prior = margins["any_denoiser"].coupling, margins["any_denoiser"].prior
        paths = {
            path: SlopeMargin(coupling, prior, partial(path_slopes, path, prior), 16 * EPS)
            for path in named_paths(model.variable_prior)
        }
        place = _places(next(iter(paths.values())), min(HIGHEST, *(m.highest for m in margins.values())), points)
        lines = {}
        for path, margin in paths.items():
            point = thresholds(model, path).tricritical
            lines[path.name] = _line(model, path.name, margin, place, point, "exact within replica symmetry")
        for name, margin in margins.items():
            found = getattr(bounds, name)
            # where the dynamical point is the stronger bound it is none of this line
            point = None if found is bounds.dynamical else found
            lines[name] = _line(model, name, margin, place, point, bounds.certainty.get(name, "bound"))
    return MarginalLines(model, lines, bounds)


def _places(margin: SlopeMargin, highest: float, points: int) -> Array:
    """Return places of overlaps, up to where lines begin or end, which all do at the same overlaps."""
    grid = np.linspace(LOWEST, highest, points)
    excess = margin.last(grid)
    ends = margin.edges(grid, (excess[1:] > 0) != (excess[:-1] > 0))
    return np.sort(np.concatenate([grid, ends - INSIDE, ends + INSIDE]))


def _line(
    model: Model, name: str, margin: SlopeMargin, place: Array, point: Located | None, certainty: str
) -> MarginalLine:
    intensity = margin.intensities(place)
    with np.errstate(all="ignore"):
        control = np.where(intensity > 0, model.from_intensity(intensity), np.nan)
    return MarginalLine(name, model.control, margin.overlaps(place)[0], control, point, certainty)


def _table(title: str, control: str, lines: list[MarginalLine]) -> ResultTable:
    rows = [
        (line.name, q, c if np.isfinite(c) else None, line.certainty)
        for line in lines
        for q, c in zip(line.overlap.tolist(), line.control.tolist(), strict=True)
    ]
    return of_rows(title, ["line", "overlap", control, "certainty"], rows)
