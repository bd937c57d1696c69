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
from amp_theory.phases.revealing.march import first_overlap, march, overlaps_of
from amp_theory.phases.revealing.marginal import extrapolated
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_float
from amp_theory.tools.progress import stage
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import titled
from amp_theory.tools.tables import ERROR, ResultTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: steps of the marches; what is told at the overlaps of the first
STEPS = (48, 96, 192)
#: the march ends here, or where xi'' times what is left, a bound on xi'' S, is at most a half
END = 0.97
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
        return _followed(model, path.order, value)


def _followed(model: Model, order: str, control: float) -> RevealingCurve:
    coupling, prior = model.coupling, model.variable_prior
    assert coupling is not None
    intensity = float(model.intensity(np.array(control)))
    start = first_overlap(coupling, prior, intensity)
    # xi'' grows with q
    steepest = float(coupling.curvature(np.array(intensity), np.array(1.0), np.array(0.0)))
    end = max(1 - min(1 - END, 0.5 / steepest), 0.5 * (1 + start))
    found = []
    for steps in STEPS:
        overlaps = overlaps_of(coupling, intensity, start, end, steps)
        run = march(coupling, prior, intensity, order, overlaps)
        gaps = 1 - overlaps
        energy = coupling.value(np.array(intensity), overlaps, gaps)
        told = -(gaps * run.snr + energy) / 2 - run.entropy
        rows = np.array([1 - run.hidden, told - told[0], 1 - run.feedback, run.edge])
        found.append(rows[:, :: steps // STEPS[0]])
    values, errors = extrapolated(np.array(found))
    q, x = overlaps[:: STEPS[-1] // STEPS[0]], run.snr[:: STEPS[-1] // STEPS[0]]
    margin, error = values[2], errors[2]
    bad, sure = np.flatnonzero(margin + error < 0), bool(np.all(margin > error))
    stop = int(bad[0]) + 1 if len(bad) else len(q)
    names = ("revealed", "told", "margin", "edge")
    reason = (
        f"the margin is positive at all overlaps up to {end:.4g}, and beyond since S <= 1 - q" if sure
        else f"the state is unstable at overlap {q[stop - 1]:.6g}: a first-order transition" if len(bad)
        else "the least margin is smaller than its error"
    )  # fmt: skip
    return RevealingCurve(
        model=model.name, order=order, control_name=model.control, parameters=model.parameters, control=control,
        overlap=q[:stop], snr=x[:stop], **{name: values[k][:stop] for k, name in enumerate(names)},
        errors={name: errors[k][:stop] for k, name in enumerate(names)},
        succeeds=False if len(bad) else True if sure else None, certainty=CERTAINTY, reason=reason,
    )  # fmt: skip
