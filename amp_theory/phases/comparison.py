"""What a comparison of samplers returns: verdicts, one for every interval of the control; the rules are in `rules`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal, Protocol

import numpy as np

from amp_theory.ingredients.paths.sides import without_both
from amp_theory.models.base import Model, Target
from amp_theory.models.own_names import at_control
from amp_theory.models.synonyms import canonical
from amp_theory.tools.errors import InputError, NumericalError, as_float
from amp_theory.tools.reports import Reported, plain
from amp_theory.tools.tables import ResultTable, of_rows

Certainty = Literal["theorem", "conjecture", "bound", "heuristic", "unknown"]
#: what is judged beside samplers: paths of independent information of every kind, and denoisers of every kind
BOUNDS = ("any product path", "any denoiser (bound)")
Algorithm = Literal["message passing", "local moves"]


class Sized(Protocol):
    """What tells the size of a failure: `SamplingError`, from a room above."""

    @property
    def nats_per_variable(self) -> float | None: ...  # noqa: D102
    @property
    def visible_size(self) -> float | None: ...  # noqa: D102
    @property
    def errors(self) -> Mapping[str, float]: ...  # noqa: D102
    @property
    def reasons(self) -> Mapping[str, str]: ...  # noqa: D102


@dataclass(frozen=True)
class Verdict(Reported):
    """What holds for controls between lo and hi (0 and infinity at the ends).

    It is about one algorithm and one target.

    Parameters
    ----------
    lo, hi
        The interval, in the units of the control.
    succeeds
        True, False, or None where no theory tells.
    certainty
        "theorem", "conjecture", "bound", "heuristic" or "unknown".
    reason
        A sentence, with the source where there is one.
    algorithm, target
        "message passing" or "local moves"; "planted" or "random".
    exceptions
        Which other algorithms are known to do better, empty where none is known.
    sized
        What computes the size of a failure at one control; None for intervals, and where there is no such number.

    See Also
    --------
    compare_samplers : With an example.
    """

    lo: float
    hi: float
    succeeds: bool | None
    certainty: Certainty
    reason: str
    algorithm: Algorithm
    target: Target
    exceptions: str = ""
    sized: Callable[[], Sized] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def _found(self) -> tuple[Sized | None, str]:
        """The size of the failure, and why there is none."""
        if self.sized is None:
            return None, "known of denoisers, where they fail at one control"
        try:
            found = self.sized()
        except (InputError, NumericalError) as error:
            return None, str(error)
        return found, found.reasons.get("nats_per_variable", "")

    @property
    def nats_per_variable(self) -> float | None:
        """The relative entropy per variable of a denoiser that fails at one control; None where it is not known."""
        return None if self._found[0] is None else self._found[0].nats_per_variable

    @property
    def visible_size(self) -> float | None:
        """The number of variables from which that failure can be seen; None where it is not known."""
        return None if self._found[0] is None else self._found[0].visible_size

    @property
    def size(self) -> str:
        """How large the failure is, in words; empty for intervals."""
        if self.sized is None:
            return ""
        if self.nats_per_variable is None:
            return f"of unknown size ({self._found[1]})"
        if not self.nats_per_variable:
            return "by nothing yet: this is where failure begins"
        if self.visible_size is None:
            return "by less than the error bound of the relative entropy"
        return f"by {self.nats_per_variable:.6g} nats per variable, seen from {self.visible_size:.4g} variables on"

    def report(self) -> str:
        """Return a readable text: range, answer, how sure it is, why, and how large a failure at one control is."""
        more = "".join(f"; {text}" for text in (self.size, self.exceptions) if text)
        kind = f"{self.algorithm}, {self.target}, {self.certainty}"
        return f"{self.lo:.10g} to {self.hi:.10g}: {WORDS[self.succeeds]} ({kind}): {self.reason}{more}"

    def table(self) -> ResultTable:
        """Return the verdict as one row."""
        return _verdicts_table("verdict", "control", [({}, self)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; an infinite end of the range becomes None."""
        names = ("succeeds", "certainty", "reason", "algorithm", "target", "exceptions")
        data = {"range": _plain(self.lo, self.hi), **{name: getattr(self, name) for name in names}}
        if self.sized is None:
            return data
        found, reason = self._found
        return data | {
            "nats_per_variable": self.nats_per_variable, "visible_size": plain(self.visible_size),
            "error": {} if found is None else plain(dict(found.errors)),
            "reasons": {"visible_size": reason} if reason else {},
        }  # fmt: skip


@dataclass(frozen=True)
class SamplerVerdicts(Reported):
    """The verdicts on one sampler of a model, by rising control.

    Parameters
    ----------
    sampler, model
        The sampler's name and the model.
    verdicts
        One for every interval of the control.
    resolution
        For the end of every verdict but the last, how far from it a control counts as on it.
    sized
        What computes the size of a denoiser's failure at one control; None for all others.

    See Also
    --------
    compare_samplers : With an example.
    """

    sampler: str
    model: Model
    verdicts: tuple[Verdict, ...]
    resolution: tuple[float, ...] = ()
    sized: Callable[[float], Sized] | None = field(default=None, compare=False, repr=False)

    @property
    def succeeds(self) -> tuple[tuple[float, float], ...]:
        """The intervals of control where the sampler succeeds."""
        return self._where(True)

    @property
    def fails(self) -> tuple[tuple[float, float], ...]:
        """The intervals of control where the sampler fails."""
        return self._where(False)

    def _where(self, answer: bool) -> tuple[tuple[float, float], ...]:
        joined: list[tuple[float, float]] = []
        for v in self.verdicts:
            if v.succeeds is answer:
                if joined and joined[-1][1] == v.lo:
                    joined[-1] = (joined[-1][0], v.hi)
                else:
                    joined.append((v.lo, v.hi))
        return tuple(joined)

    def at(self, control: float | None = None, **named: float) -> Verdict:
        """Return the verdict at one control; on a boundary, to within `resolution`, the less favourable one.

        Parameters
        ----------
        control, **named
            One control > 0; also under the model's own name, as temperature=0.7.

        Returns
        -------
        Verdict
            That of the interval in which it lies; where a denoiser fails, with the size from which that is seen.

        Raises
        ------
        InputError
            If it is no such number.

        See Also
        --------
        compare_samplers : With an example.
        """
        value = as_float(self.model.control, at_control(self.model, control, named))
        number = float(self.model.check_control(value))
        around = [*self.resolution, *[0.0] * (len(self.verdicts) - len(self.resolution))]
        below = [0.0, *around]
        here = [
            v for v, low, high in zip(self.verdicts, below, around, strict=False) if v.lo - low <= number <= v.hi + high
        ]
        found = min(here, key=lambda v: _FAVOUR[v.succeeds])
        if found.succeeds is not False or self.sized is None:
            return found
        return replace(found, sized=partial(self.sized, number))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; an infinite end of an interval becomes None."""
        return {
            "succeeds": [_plain(lo, hi) for lo, hi in self.succeeds],
            "fails": [_plain(lo, hi) for lo, hi in self.fails],
            "verdicts": [v.to_dict() for v in self.verdicts],
        }

    @property
    def _name(self) -> str:
        """The sampler, and the algorithm that the verdicts are about."""
        return f"{self.sampler} ({self.verdicts[0].algorithm})"

    @property
    def title(self) -> str:
        """Sampler, algorithm, whose measure is sampled, and the control."""
        return f"{self._name}, {self.verdicts[0].target} measure of {self.model!r}, by {self.model.control}"

    def _lines(self) -> list[str]:
        """Return a line for every interval."""
        return [f"  {v.lo:.10g} to {v.hi:.10g}: {WORDS[v.succeeds]} ({v.certainty}): {v.reason}" for v in self.verdicts]

    def report(self) -> str:
        """Return a readable text, one line per interval."""
        return "\n".join([self.title, *self._lines()])

    def _short(self) -> str:
        """Return the intervals in one line, without reasons."""
        parts = []
        for v in self.verdicts:
            sure = "" if v.succeeds is None else f" ({v.certainty})"
            parts.append(f"{WORDS[v.succeeds]}{sure} {v.lo:.6g} to {v.hi:.6g}")
        return ", ".join(parts)

    def _summary(self) -> str:
        return f"{self.title}:\n  {self._short()}"

    def table(self) -> ResultTable:
        """Return the verdicts as rows."""
        return _verdicts_table(self.title, self.model.control, [({}, v) for v in self.verdicts])


WORDS = {True: "succeeds", False: "fails", None: "unknown"}
#: on a boundary: without an answer on one side there is none
_FAVOUR = {None: 0, False: 1, True: 2}


@dataclass(frozen=True)
class Comparison(Reported):
    """The verdicts on all samplers for one model; `comparison["mcmc"]` gives one of them, `samplers` all.

    Parameters
    ----------
    model, target
        The model, and whose verdicts these are: "planted" or "random".
    judged
        Those of flow, autoregressive, uniform-diffusion, mcmc and langevin.
    further
        What returns the verdicts on any product path and on any denoiser, when they are asked for; None for none.

    See Also
    --------
    compare_samplers : Which returns it, with an example.
    """

    model: Model
    target: Target
    judged: tuple[SamplerVerdicts, ...]
    further: Callable[[], tuple[SamplerVerdicts, ...]] | None = field(default=None, compare=False)

    @cached_property
    def samplers(self) -> tuple[SamplerVerdicts, ...]:
        """The verdicts on all samplers, on any path of independent information, and on any denoiser."""
        return (*self.judged, *(self.further() if self.further else ()))

    def __getitem__(self, name: str) -> SamplerVerdicts:
        given = without_both(name, self.model.sides)
        known = canonical("sampler", given, [*(sampler.sampler for sampler in self.judged), *BOUNDS])
        rows = self.samplers if known in BOUNDS else self.judged
        return {sampler.sampler: sampler for sampler in rows}[known]

    def __iter__(self) -> Iterator[SamplerVerdicts]:
        return iter(self.samplers)

    def __len__(self) -> int:
        return len(self.samplers)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; an infinite end of an interval becomes None."""
        return {
            "model": self.model.name, "parameters": self.model.parameters, "control": self.model.control,
            "target": self.target, "samplers": {s.sampler: s.to_dict() for s in self.samplers},
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text, one line per interval."""
        lines = [f"  {line}" for s in self.samplers for line in (s._name, *s._lines())]
        exceptions = {v.exceptions for s in self.samplers for v in s.verdicts if v.exceptions}
        return "\n".join([self.title, *lines, *(f"  other algorithms: {text}" for text in sorted(exceptions))])

    def _summary(self) -> str:
        return "\n".join([self.title, *(f"  {s._name}: {s._short()}" for s in self.samplers)])

    def table(self) -> ResultTable:
        """Return all verdicts as rows."""
        return _verdicts_table(
            self.title, self.model.control, [({"sampler": s.sampler}, v) for s in self.samplers for v in s.verdicts]
        )

    @property
    def title(self) -> str:
        """The model, whose measure is sampled, and its control."""
        control = self.model.control + self.model.control_note
        return f"{self.model!r}, samplers of the {self.target} measure, by {control}"


def _verdicts_table(title: str, control: str, rows: Sequence[tuple[dict[str, str], Verdict]]) -> ResultTable:
    """Return verdicts as rows, each with its labels and the range of the control that it is about."""
    names = ("certainty", "reason", "algorithm", "target", "exceptions")
    cells = [
        label
        | {"verdict": WORDS[v.succeeds], f"{control}_from": v.lo, f"{control}_to": v.hi}
        | {name: getattr(v, name) for name in names}
        for label, v in rows
    ]
    return of_rows(title, list(cells[0]), [list(row.values()) for row in cells])


def _plain(lo: float, hi: float) -> list[float | None]:
    return [lo, hi if np.isfinite(hi) else None]
