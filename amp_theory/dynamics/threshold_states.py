"""Where local moves from a random start leave the glassy states for the signal: a heuristic, and labelled so.

One-step glassy states without overlap with the signal appear at the dynamical point and do not disappear where message
passing begins to work; they become unstable towards the signal further down.  An overlap m with the signal grows within
them iff rho xi''(0) chi > 1, chi their response, and within a single block iff rho xi''(0) (<s2>_x - q) > 1.

- the aging line: the first is an equality for threshold states, which are marginal within;
- the fast line: the second is, for the same states (arXiv:1812.09066 on the sphere); it need not exist;
- the band: where the aging line moves to as other glassy states are chosen (`glassy_families`).

Below the fast line a random start finds the signal, beyond the aging line it is trapped, and between them the two
heuristics disagree.  On the sphere both lines are roots of polynomials (`ageing`).  All states are one-step ones
without overlap between blocks; whether that is stable, xi''(0) chi^2 < 1, is checked where a line is located, but for
the fast line on the sphere: q and with it the fast criterion do not depend on the blocks there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from amp_theory.dynamics.ageing import Ageing
from amp_theory.dynamics.glassy_averages import Apart, Sphere
from amp_theory.dynamics.glassy_families import KINDS, GlassyFamilies, States
from amp_theory.dynamics.glassy_state import GlassyState
from amp_theory.dynamics.trapping_lines import (
    NONE_HERE,
    UNSTABLE,
    begins_on_sphere,
    by_two_rules,
    error_bound,
    line_in,
    lines_on_sphere,
    missing_in_band,
    onset_of,
    why_not_defined,
)  # fmt: skip
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.tools.arrays import EPS, Array
from amp_theory.tools.errors import InputError, as_float, told
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.results import Located, MissingPoint, or_missing, plain_points, points_table, titled
from amp_theory.tools.tables import ResultTable


@dataclass(frozen=True)
class ThresholdStates(Reported):
    """The glassy states of an inference model along its control, and where they stop trapping local moves.

    Every number is that of a heuristic; `certainty` says so.

    Parameters
    ----------
    model
        The model.
    onset
        Where the states appear, at x = 1: the dynamical point.  None where they do not, or before every control.
    aging
        The aging line Delta_A: with less signal threshold states trap the dynamics.  None where it does not exist.
    fast
        The fast line: with more signal a random start finds the signal.  None where it does not exist.
    lines
        What the aging line becomes in other glassy states: "threshold", "most_numerous", "static", "least_responsive".
    visible_size
        Below so many variables trapping at the aging line is not seen: 1 over the complexity of its states, the number
        at which as many as e of them are expected; a lower estimate, for barriers are not known.  None without a line.
    reasons
        Why something is None; "band" also tells which lines a band lacks.
    certainty
        "heuristic".

    See Also
    --------
    threshold_states : Which returns it, with an example.
    """

    model: Model
    onset: Located | None
    aging: Located | None
    fast: Located | None
    lines: Mapping[str, Located] = field(hash=False)
    visible_size: float | None
    reasons: Mapping[str, str] = field(hash=False)
    _families: GlassyFamilies = field(repr=False, compare=False)
    _ageing: Ageing | None = field(repr=False, compare=False)
    certainty: str = "heuristic"

    @property
    def band(self) -> tuple[float, float] | None:
        """The controls between which the aging line moves with the choice of glassy state; None without that line."""
        if self.aging is None or len(self.lines) < 2:
            return None
        controls = [point.control for point in self.lines.values()]
        return min(controls), max(controls)

    def escapes(self, control: float | None = None, **named: float) -> bool | None:
        """Tell whether a random start leaves threshold states for the signal, by both criteria.

        Parameters
        ----------
        control, **named
            One control > 0; also under the model's own name, as noise=0.5.

        Returns
        -------
        bool or None
            True beyond the fast line; False where threshold states exist before the aging line, or, without one, as far
            as they were followed and trap; None between the lines, where neither is known, and where there are no
            such states, so that nothing traps by this criterion and nothing need be left.

        Raises
        ------
        InputError
            If it is no such number.

        See Also
        --------
        threshold_states : With an example.
        """
        intensity = self._intensity(control, named)
        if self._ageing is not None:
            fast, slow = self._ageing.finds(intensity)
            exist = self._on_sphere(intensity) is not None
            return True if fast else None if slow or not exist else False
        if self.fast is not None and intensity >= self._of(self.fast):
            return True
        return False if self._appeared <= intensity < self._trapped else None

    def why_undecided(self, control: float | None = None, **named: float) -> str:
        """Return why `escapes` tells nothing at one control; empty where it does.

        Parameters
        ----------
        control, **named
            One control > 0; also under the model's own name, as noise=0.5.

        Returns
        -------
        str
            That no such states exist, that they were not followed so far, or that the two criteria disagree.

        Raises
        ------
        InputError
            If it is no such number.

        See Also
        --------
        ThresholdStates.escapes : What it is asked after.
        """
        intensity = self._intensity(control, named)
        if self.escapes(control, **named) is not None:
            return ""
        disagree = "two heuristics disagree, whether threshold states trap a random start"
        if self._ageing is not None:
            here = self._on_sphere(intensity)
            if here is None:
                return NONE_HERE
            return disagree if here[0].outer[0] < 1 else UNSTABLE
        family = self._families.families.get("threshold")
        if family is None or intensity < self._appeared:
            return NONE_HERE
        k = int(np.searchsorted(family.states.intensity, intensity))
        if k == len(family.states.intensity):
            return "threshold states were not followed so far, so that it is not known whether they trap a random start"
        return disagree if family.states.outer[k] < 1 else UNSTABLE

    def at(self, control: float | None = None, **named: float) -> dict[str, GlassyState]:
        """Return the glassy states at one control.

        Parameters
        ----------
        control, **named
            One control > 0; also under the model's own name, as noise=0.5.

        Returns
        -------
        dict of GlassyState
            By kind: "threshold", "most_numerous", "static", "least_responsive", as far as they exist there.

        Raises
        ------
        InputError
            If it is no such number.

        Examples
        --------
        >>> from amp_theory import SparseRademacher, SpikedMatrix, threshold_states
        >>> state = threshold_states(SpikedMatrix(SparseRademacher(0.08))).at(noise=0.9 * 0.0064)["threshold"]
        >>> round(state.parisi, 4), round(state.overlap / 0.08, 4)
        (0.9069, 0.3622)
        """
        intensity = self._intensity(control, named)
        found = {kind: by_two_rules(lambda finer, k=kind: self._families.at(k, intensity, finer)) for kind in KINDS}  # type: ignore[misc]
        if found["threshold"] is None and self._ageing is not None:
            found["threshold"] = self._on_sphere(intensity)
        return {kind: self._state(kind, *pair) for kind, pair in found.items() if pair is not None}

    def _on_sphere(self, intensity: float) -> tuple[States, States] | None:
        """Return the threshold state on the sphere where no fold begins its family; None if there is none."""
        assert self._ageing is not None
        q = np.array([self._ageing.threshold_overlap(intensity)])
        if not 0 < q[0] < 1:
            return None
        snr = self._families.coupling.signal(np.array(intensity), q, 1 - q)
        parisi = 1 - (1 - q / ((1 - q) * snr)) / q
        if not 0 < parisi[0] < 1:
            return None
        states = self._families.states(snr, parisi)
        return states, states

    def _state(self, kind: str, states: States, other: States) -> GlassyState:
        here, there = ({name: float(value[0]) for name, value in s.numbers.items()} for s in (states, other))
        errors = {name: error_bound(here[name], there[name]) for name in here}
        errors["complexity"] += 64 * EPS  # it is a difference, zero in static states
        control = float(self.model.from_intensity(states.intensity)[0])
        outer = bool(states.outer[0] < 1)
        return GlassyState(
            kind=kind, control=control, control_name=self.model.control, outer=outer, errors=errors, **here
        )

    def _intensity(self, control: float | None, named: Mapping[str, float]) -> float:
        value = as_float(self.model.control, at_control(self.model, control, named))
        return float(self.model.intensity(self.model.check_control(value)))

    def _of(self, point: Located) -> float:
        return float(self.model.intensity(np.array(point.control)))

    @cached_property
    def _appeared(self) -> float:
        """The intensity from which on states exist, zero if at every control; infinite without states."""
        family = self._families.families.get("threshold")
        return np.inf if family is None else max(float(family.states.intensity[0]), 0.0)

    @cached_property
    def _trapped(self) -> float:
        """The intensity up to which threshold states trap, as far as they were followed; zero if they do not."""
        if self.aging is not None:
            return self._of(self.aging)
        family = self._families.families.get("threshold")
        if family is None:
            return 0.0
        states = family.states
        trap = (states.gain < 1) & (states.outer < 1) | (states.intensity <= 0)
        return float(states.intensity[-1]) if trap.all() else 0.0

    @property
    def judges(self) -> bool:
        """Whether `escapes` says something at some control."""
        return self._ageing is not None or self._trapped > 0 or self.fast is not None

    @property
    def in_words(self) -> str:
        """Both lines and the band in words, why one of them is missing, and the source."""
        control = self.model.control
        if self.aging is not None:
            parts = [f"aging line {control} = {self.aging.control:.6g}", self.band_in_words]
        elif self._trapped > 0:
            end = float(self.model.from_intensity(np.array(self._trapped)))
            parts = [f"no aging line down to {control} = {end:.4g}, and no band"]
        else:
            parts = [f"no aging line and no band ({self.reasons['aging']})"]
        if self.fast is not None:
            parts.append(f"fast line {control} = {self.fast.control:.6g}")
        elif self.reasons["fast"] == self.reasons.get("aging"):
            parts.append("no fast line")
        else:
            parts.append(f"no fast line ({self.reasons['fast']})")
        return f"{'; '.join(parts)}; ageing, arXiv:1805.05857, arXiv:1812.09066"

    @property
    def band_in_words(self) -> str:
        """The band, what it is, and which lines it lacks; or why there is none."""
        if self.band is None:
            return f"no band: {self.reasons['band']}"
        lo, hi = self.band
        lacks = f", {self.reasons['band']}" if "band" in self.reasons else ""
        return f"band {lo:.6g} to {hi:.6g}, the spread over the choice of glassy state{lacks}"

    def changes(self) -> list[float]:
        """Return the intensities at which what `escapes` and `why_undecided` say may change.

        Returns
        -------
        list of float
            Ascending.

        See Also
        --------
        ThresholdStates.escapes : What it says.
        """
        if self._ageing is not None:
            onset = [] if self.onset is None else [self._of(self.onset)]
            return sorted({*self._ageing.changes(), *onset})
        family = self._families.families.get("threshold")
        ends = [] if family is None else [float(family.states.intensity[-1])]
        fast = ends if self.fast is None else [self._of(self.fast)]
        return sorted({x for x in (self._appeared, *fast, self._trapped) if 0 < x < np.inf})

    @property
    def title(self) -> str:
        """The model with its parameters."""
        return f"{titled(self.model.name, self.model.parameters)}, threshold states ({self.certainty})"

    def points(self) -> dict[str, Located | MissingPoint]:
        """Return onset, aging line, fast line and the lines of other states by name.

        Returns
        -------
        dict
            A `MissingPoint` for one that does not exist.

        See Also
        --------
        threshold_states : With an example.
        """
        found = {"onset": self.onset, "aging": self.aging, "fast": self.fast}
        found |= {f"aging_{kind}": self.lines.get(kind) for kind in KINDS[1:]}
        return or_missing(found, self.reasons, self.model.control)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data in the layout of the command line's JSON."""
        points = plain_points(self.points())
        return {
            "model": self.model.name, "parameters": plain(self.model.parameters), "control": self.model.control,
            **points, "band": plain(self.band), "visible_size": self.visible_size, "certainty": self.certainty,
            "states": {kind: plain(columns) for kind, columns in self._columns().items()},
            "reasons": dict(self.reasons),
        }  # fmt: skip

    def _columns(self) -> dict[str, dict[str, Array]]:
        """Return the families along the control, as they were followed."""
        found = {}
        for kind, family in self._families.families.items():
            s = family.states
            exist = s.intensity > 0
            control = self.model.from_intensity(np.where(exist, s.intensity, 1.0))
            values = {self.model.control: control, **s.numbers}
            if exist.any():
                found[kind] = {name: value[exist] for name, value in values.items()}
        return found

    def report(self) -> str:
        """Return a readable text: lines, band, the size, and why something does not exist."""
        lines = [self.title]
        for name, point in self.points().items():
            lines.append(f"  {name:<22} {point if point else f'none: {point.reason}'}")
        lines.append(f"  {self.band_in_words}")
        size = self.reasons["visible_size"] if self.visible_size is None else f"{self.visible_size:.4g}"
        return "\n".join([*lines, f"  visible size           {size}"])

    def table(self) -> ResultTable:
        """Return the points as rows, with their error bounds or why there are none."""
        found = self.points()
        return points_table(
            self.title, [{"point": name, "certainty": self.certainty} for name in found], list(found.values())
        )


def threshold_states(model: Model) -> ThresholdStates:
    """Find the glassy states of an inference model, and where they stop trapping local moves: a heuristic.

    Below the fast line Monte Carlo and Langevin dynamics find the signal from a random start, with less signal than on
    the aging line they are trapped, and between the lines the two heuristics disagree.

    Parameters
    ----------
    model
        A dense model with polynomial coupling, xi''(0) > 0 and no field, of variables with the symmetry s -> -s that
        are mixtures of atoms and Gaussians, or spherical.

    Returns
    -------
    ThresholdStates
        The lines with their error bounds, the band by which the choice of glassy state moves the aging line, and the
        states at every control.

    Raises
    ------
    InputError
        If threshold states are not defined for the model, with the reason.
    NumericalError
        If a line is lost.

    References
    ----------
    arXiv:1812.09066 and arXiv:1805.05857 on the sphere; R. Monasson, Phys. Rev. Lett. 75, 2847 (1995).

    Examples
    --------
    >>> from amp_theory import SparseRademacher, SpikedMatrix
    >>> found = threshold_states(SpikedMatrix(SparseRademacher(0.08)))
    >>> print(f"{found.aging.noise / 0.0064:.4f}", [round(noise / 0.0064, 4) for noise in found.band], found.fast)
    0.9119 [0.9006, 0.9513] None
    >>> found.escapes(noise=0.95 * 0.0064), found.escapes(noise=0.5 * 0.0064)
    (False, None)
    """
    refused = why_not_defined(model)
    if refused:
        raise InputError(f"threshold states are not defined for {told(model)}: {refused}")
    return _found(model)


@lru_cache(maxsize=64)
def _found(model: Model) -> ThresholdStates:
    """Return the states of a model for which they are defined."""
    coupling, prior = model.polynomial, model.variable_prior
    assert coupling is not None
    assert isinstance(prior, MixturePrior)
    families = GlassyFamilies(Sphere() if model.spherical else Apart(prior.mixture), prior, coupling)
    ageing = Ageing(coupling) if model.spherical else None
    reasons: dict[str, str] = {}
    lines: dict[str, Located] = {}
    for kind in KINDS:
        found, reason = line_in(model, families, kind, lambda states: states.gain - 1)
        if found is not None:
            lines[kind] = found
        reasons[f"aging_{kind}"] = reason
    fast, reasons["fast"] = line_in(model, families, "threshold", lambda states: states.fast_gain - 1, "fast")
    reasons["aging"] = reasons.pop("aging_threshold")
    if ageing is not None:
        lines, fast = lines_on_sphere(model, ageing, lines, fast, reasons)
    onset, reasons["onset"] = onset_of(model, families)
    if ageing is not None and families.onset is None:
        reasons["onset"] = begins_on_sphere(model, ageing) or reasons["onset"]
    reasons["band"] = missing_in_band(lines)
    whole = ThresholdStates(
        model=model, onset=onset, aging=lines.get("threshold"), fast=fast, lines=lines, visible_size=None,
        reasons={name: reason for name, reason in reasons.items() if reason}, _families=families, _ageing=ageing,
    )  # fmt: skip
    return _with_size(whole)


def _with_size(found: ThresholdStates) -> ThresholdStates:
    """Return the same with 1 over the complexity of threshold states on the aging line, or why that is not told."""
    state = None if found.aging is None else found.at(found.aging.control).get("threshold")
    if state is not None and state.visible_size is not None:
        return replace(found, visible_size=state.visible_size)
    said = "there is no aging line"
    if found.aging is not None:
        said = "on the aging line the complexity of threshold states is zero within its error"
    return replace(found, reasons={**found.reasons, "visible_size": said})
