"""What an order of revealing meets at one control: how much is told, and whether the state is stable, at every overlap.

The overlap is the coordinate (phases.revealing): the path exists as long as 1 - xi''(q) S > 0, and succeeds if it does
at all overlaps.  What is told is counted by the chain rule: with h the entropy of single hidden spins,

    told(q) + h(q) = const - [(1 - q) xi'(q) + xi(q)]/2,

which is the integral of d h/dx = -(1 - q)/2 over the snr, the same for every order; nothing is told at the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.named import CONFIDENCE_ORDERS
from amp_theory.models.base import Model, as_model
from amp_theory.models.own_names import at_control
from amp_theory.phases.geometry.solved import check_order
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.phases.revealing.march import first_overlap, last_overlap, march, overlaps_of
from amp_theory.phases.revealing.marginal import Search, extrapolated
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ERROR, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: steps of the marches up to the least margin, and half of them beyond; what is told at the overlaps of the first
STEPS = (32, 64, 128, 256)
#: no march goes on where xi'' S is so large
LOST = 1.5
#: a margin below so many of its errors is compared with the threshold, whose error is that of some
NEAR = 50
CERTAINTY = "exact within replica symmetry"


@dataclass(frozen=True, eq=False)
class RevealingCurve(Reported):
    """How an order of revealing goes at one control: arrays along the overlap, up to where it fails or has all but won.

    Parameters
    ----------
    model, order, control_name
        The model's name, the order's, and the model's name of the control.
    parameters
        The model's parameters by name.
    control
        The control, in the model's unit.
    overlap, snr
        q, ascending, and x = xi'(q), shape (n,).
    revealed
        Fraction of the variables that is known exactly.
    told
        What has been told, in nats per variable.
    margin
        1 - xi''(q) S: how far the state is from being unstable.
    edge
        |field| beyond which, below which or up to which spins are told of; nothing for the random order.
    errors
        Bounds on the errors of revealed, told, margin and edge, by name, shape (n,).
    succeeds
        Whether the margin is positive at all overlaps; None if its error hides that.
    certainty, reason
        How sure that is, and what it rests on.

    See Also
    --------
    revealing_curve : Which returns it, with an example.
    """

    model: str
    order: str
    control_name: str
    parameters: dict[str, Any]
    control: float
    overlap: Array
    snr: Array
    revealed: Array
    told: Array
    margin: Array
    edge: Array
    errors: dict[str, Array] = field(repr=False)
    succeeds: bool | None
    certainty: str
    reason: str

    @property
    def title(self) -> str:
        """The model with its parameters, the order and the control."""
        return f"{titled(self.model, self.parameters)}, order {self.order}, {self.control_name} = {self.control:g}"

    def report(self) -> str:
        """Return a readable text: whether the order succeeds, why, and where it comes nearest to failing."""
        k = int(np.argmin(self.margin))
        least = f"least margin {self.margin[k]:.6g} +- {self.errors['margin'][k]:.1g} at overlap {self.overlap[k]:.6g}"
        where = f"{self.revealed[k]:.6g} revealed, {self.told[k]:.6g} nats told"
        return f"{self.title}\n  succeeds: {self.succeeds} ({self.certainty}): {self.reason}\n  {least}, {where}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the control under its own name, arrays as lists, their errors under "error"."""
        names = ("overlap", "snr", "revealed", "told", "margin", "edge")
        return {
            "model": self.model, "parameters": plain(self.parameters), "order": self.order,
            self.control_name: self.control, **{name: plain(getattr(self, name)) for name in names},
            "error": plain(self.errors), "succeeds": self.succeeds, "certainty": self.certainty, "reason": self.reason,
        }  # fmt: skip

    def table(self) -> ResultTable:
        """Return a row for every overlap, with error bounds."""
        columns: dict[str, Any] = {"overlap": self.overlap, "snr": self.snr}
        for name, error in self.errors.items():
            columns |= {name: getattr(self, name), ERROR + name: error}
        return ResultTable(self.title, columns)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the margin against the overlap; the order fails where it crosses zero.

        Parameters
        ----------
        ax
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            Where the picture is.

        Raises
        ------
        InputError
            If `ax` is none.

        See Also
        --------
        revealing_curve : With an example.
        """
        from amp_theory.phases.diagram.styles import as_axes, canvas

        axes = canvas(as_axes(ax), None)
        axes.plot(self.overlap, self.margin, label=self.order)
        axes.axhline(0.0, color="gray", lw=0.8)
        axes.set(xlabel="overlap $q$", ylabel=r"margin $1 - \xi''(q)\, S$")
        axes.legend()
        return axes


def revealing_curve(model: Model, path: Path, control: float | None = None, **named: float) -> RevealingCurve:
    """Follow an order of revealing at one control, from overlap to overlap, and tell whether it succeeds.

    Parameters
    ----------
    model
        A dense model of unbiased +-1 variables.
    path
        Autoregressive(order=...), with a confidence order or the random one.
    control
        The model's control, > 0.
    **named
        The control under the model's own name for it, such as temperature=0.77.

    Returns
    -------
    RevealingCurve
        What is told at every overlap and the margin of stability, with error bounds, and the verdict.

    Raises
    ------
    InputError
        If the model or the path has no such orders, or for a bad control.
    NumericalError
        If steps are not resolved.

    References
    ----------
    The equations stand on top of the modules `field_density` and `orders`.

    Examples
    --------
    >>> from amp_theory import Autoregressive, IsingPSpin
    >>> [revealing_curve(IsingPSpin(3), Autoregressive(order=name), temperature=0.762).succeeds
    ...  for name in ("random", "most-confident")]
    [True, False]
    """
    check_order(model, path)
    value = float(model.check_control(as_float(model.control, at_control(model, control, named))))
    if CONFIDENCE_ORDERS[0] not in as_model(model).orders or not as_path(path).erases:
        raise InputError(
            f"revealing_curve is there for autoregressive paths in dense models of unbiased +-1 variables, not for "
            f"{path!r} in {model!r}"
        )
    with stage("%r along %r at %g", model, path, value):
        return _followed(model, path, value)


def _followed(model: Model, path: Path, control: float) -> RevealingCurve:
    coupling, prior, order = model.coupling, model.variable_prior, path.order
    assert coupling is not None
    intensity = float(model.intensity(np.array(control)))
    parts = _parts(Search(coupling, prior, order), intensity)
    found = []
    for k, steps in enumerate(STEPS):
        overlaps = np.concatenate([part[:: 2 ** (len(STEPS) - 1 - k)] for part in parts])
        run = march(coupling, prior, intensity, order, overlaps)
        gaps = 1 - overlaps
        energy = coupling.value(np.array(intensity), overlaps, gaps)
        told = -(gaps * run.snr + energy) / 2 - run.entropy
        rows = np.array([1 - run.hidden, told - told[0], 1 - run.feedback, run.edge])
        found.append(rows[:, :: steps // STEPS[0]])
    values, errors = extrapolated(np.array(found))
    q, x = overlaps[:: STEPS[-1] // STEPS[0]], run.snr[:: STEPS[-1] // STEPS[0]]
    succeeds, reason, stop = _verdict(model, path, control, q, values[2], errors[2])
    names = ("revealed", "told", "margin", "edge")
    return RevealingCurve(
        model=model.name, order=order, control_name=model.control, parameters=model.parameters, control=control,
        overlap=q[:stop], snr=x[:stop], **{name: values[k][:stop] for k, name in enumerate(names)},
        errors={name: errors[k][:stop] for k, name in enumerate(names)},
        succeeds=succeeds, certainty=CERTAINTY if succeeds is not None else "unknown", reason=reason,
    )  # fmt: skip


def _parts(search: Search, intensity: float) -> list[Array]:
    """Return the overlaps of the longest march: up to the least margin, which is one of them, and beyond."""
    coupling = search.coupling
    start = first_overlap(coupling, search.prior, intensity)
    end = last_overlap(coupling, intensity, start)
    looked = overlaps_of(coupling, intensity, start, end, STEPS[1])
    run = march(coupling, search.prior, intensity, search.order, looked, most=LOST)
    if len(run.overlap) < len(looked):
        return [overlaps_of(coupling, intensity, start, float(run.overlap[-1]), STEPS[-1])]
    middle = search.top(intensity, STEPS[:-1])
    if middle is None:
        return [overlaps_of(coupling, intensity, start, end, STEPS[-1])]
    beyond = overlaps_of(coupling, intensity, middle, end, STEPS[-1] // 2)
    return [overlaps_of(coupling, intensity, start, middle, STEPS[-1]), beyond[1:]]


def _verdict(
    model: Model, path: Path, control: float, overlap: Array, margin: Array, error: Array
) -> tuple[bool | None, str, int]:
    """Return whether the order succeeds, why, and how many overlaps there are up to where it fails.

    Within the error of the threshold nobody knows; where the error of the margin is the larger one the threshold tells.
    """
    least, bad = int(np.argmin(margin)), np.flatnonzero(margin + error < 0)
    succeeds = False if len(bad) else True if np.all(margin > error) else None
    place = int(bad[0]) if len(bad) else least
    here = f"at overlap {overlap[place]:.6g}"
    reasons: dict[bool | None, str] = {
        True: f"the margin is positive at all overlaps up to {overlap[-1]:.4g}, and beyond since S <= 1 - q",
        False: f"the state is unstable {here}: a first-order transition",
        None: f"the least margin, {here}, is smaller than its error",
    }
    point = thresholds(model, path).tricritical if abs(margin[least]) < NEAR * error[least] else None
    if point is not None:
        beyond = control - point.control
        threshold = f"the threshold {point.control:.10g} +- {point.error:.1g}"
        if abs(beyond) <= point.error:
            succeeds, reasons[None] = None, f"the control is within the error of {threshold}"
        elif succeeds is None:
            succeeds = bool(model.intensity(np.array(control)) < model.intensity(np.array(point.control)))
            reasons[succeeds] = (
                f"the control is {abs(beyond):.2g} {'easier' if succeeds else 'harder'} than {threshold}"
            )
    return succeeds, reasons[succeeds], len(overlap) if succeeds else place + 1
