"""Certificates: proofs by interval arithmetic that a special point's equations have exactly one solution.

The equations of a point reduce to one, F(x) = 0, for the total snr x (`exact.reduction`).  A certificate states an
interval `solution` of x at whose ends F has opposite signs, and an interval `unique_within` around it in which F' has
no zero: F = 0 has exactly one solution in `unique_within`, and it lies in `solution`.  It also states intervals that
hold the control, the strength and the overlap there.  All is computed with mpmath's interval arithmetic and rigorous
bounds for the quadrature (`exact.intervals`); `verify` computes it anew from the model.

What is proved is a statement about these equations: that no other branch or jump precedes the point is what
`thresholds` finds.

A proof takes seconds to minutes, so that `verify` looks at everything else first: the digest tells a certificate that
was damaged since it was written, and doubles tell numbers that cannot belong together.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.equations_of_state.choose import check_random_order
from amp_theory.exact.digits.contexts import interval_digits, iv, mp
from amp_theory.exact.digits.points import Sharpener
from amp_theory.exact.proofs.intervals import Interval, Rule
from amp_theory.exact.proofs.reduction import Problem
from amp_theory.models.catalogue import MODELS, build_model, build_path
from amp_theory.tools.errors import InputError, NumericalError, told
from amp_theory.tools.files import check_output, read_bytes, to_json, write_text
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import Located, Origin
from amp_theory.tools.tables import ResultTable, of_rows

if TYPE_CHECKING:
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model

FORMAT, VERSION = "amp_theory certificate", 2
#: working digits of the intervals, digits of the numbers in a certificate
WORKING, WRITTEN = 40, 30
#: relative half widths of `solution`, and of `unique_within`, tried in turn
RADII, REGIONS = ("1e-18", "1e-16", "1e-14"), ("1e-3", "1e-4", "1e-5", "1e-6", "1e-7")
#: largest relative width of a certified coordinate
TIGHT = Fraction(1, 10**12)
#: e^-DECAY bounds the quadrature errors before prefactors; how far the sums reach; most nodes times squared atoms
DECAY, REACH, MOST_WORK = 80, 13, 200_000
#: most characters of a file: one with as many atoms as can be proved has less than a tenth
MOST_CHARACTERS = 200_000
#: how many times finer than needed a quadrature may be
FINEST = 2
#: relative difference between what doubles say and a certificate
NEAR = 1e-6
#: how numbers are written
DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Certificate(Reported):
    """A proof that F(x) = 0 has exactly one solution in `unique_within`, that it lies in `solution`, and what follows.

    Parameters
    ----------
    model, parameters, path, point, equation
        Which special point it is, by names and the model's parameters, and F(x) = 0 in words, as in `reduction`.
    solution, unique_within, values
        Intervals of the total snr x, and of the point's coordinates by name: pairs of decimal strings.
    nodes_per_unit, reach
        The quadrature whose error bound the proof uses.

    See Also
    --------
    certify : Which returns it, with an example.
    """

    model: str
    parameters: dict[str, Any] = field(hash=False)
    path: str
    point: str
    equation: str
    solution: tuple[str, str]
    unique_within: tuple[str, str]
    values: dict[str, tuple[str, str]] = field(hash=False)
    nodes_per_unit: int
    reach: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as `verify` takes it."""
        content = self._content()
        return content | {"digest": digest(content)}

    def _content(self) -> dict[str, Any]:
        """Return plain data without the digest."""
        return {
            "format": FORMAT, "version": VERSION, "model": self.model, "parameters": self.parameters,
            "path": self.path, "point": self.point, "equation": self.equation, "solution": list(self.solution),
            "unique_within": list(self.unique_within), "values": {k: list(v) for k, v in self.values.items()},
            "nodes_per_unit": self.nodes_per_unit, "reach": self.reach,
        }  # fmt: skip

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the certificate as JSON.

        Parameters
        ----------
        path
            The file, ending in .json.
        overwrite
            Whether a file that exists may be replaced.

        Raises
        ------
        InputError, FileError
            For another ending; if the file exists or cannot be written.

        See Also
        --------
        verify : Which takes the file.
        """
        write_text(check_output(path, [".json"], overwrite), to_json(self.to_dict()))

    def report(self) -> str:
        """Return what is proved, as text."""
        given = ", ".join(f"{k}={v}" for k, v in self.parameters.items())
        rows = [
            f"{self.point} point of {self.model}({given}), path {self.path}: {self.equation}",
            f"  has exactly one solution with {self.unique_within[0]} <= x <= {self.unique_within[1]}, and there",
        ]
        rows += [f"  {a} <= {name} <= {b}" for name, (a, b) in self.values.items()]
        rows.append("  (that it is the first such point along the control is no part of the proof)")
        return "\n".join(rows)

    def table(self) -> ResultTable:
        """Return the certified intervals as rows of decimal strings: where the solution is the only one, and lies."""
        title = f"{self.point} point of {self.model}, path {self.path}: {self.equation}"
        rows = [("x, exactly one solution in", *self.unique_within), ("x, it lies in", *self.solution)]
        return of_rows(title, ["quantity", "from", "to"], [*rows, *((n, *v) for n, v in self.values.items())])


# --- writing ------------------------------------------------------------------------------------------------


def digest(content: Mapping[str, Any]) -> str:
    """Return a fingerprint of a certificate's plain data, in which every change shows.

    Raises
    ------
    InputError
        If it is no plain data.
    """
    try:
        text = json.dumps({k: v for k, v in content.items() if k != "digest"}, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InputError("the certificate is wrong: it holds more than finite numbers, texts, lists of them") from None
    return hashlib.sha256(text.encode()).hexdigest()


def certifiable(model: Model, path: Path, point: str) -> Problem:
    """Return the equation to be proved for a special point, before anything is known about the point.

    Raises
    ------
    InputError
        If there are no certificates for this kind of point, prior or coupling.
    """
    if MODELS.get(model.name) is not type(model):
        raise InputError(f"certificates are there for the models of the package only, not for {model!r}")
    return Problem(model, path, point)


def certify(threshold: Located) -> Certificate:
    """Prove that the equations of a special point have exactly one solution in an interval around it.

    Parameters
    ----------
    threshold
        A point that `thresholds` returned, for instance thresholds(IsingPSpin(p=3), Flow()).dynamical.

    Returns
    -------
    Certificate
        With coordinates enclosed to 1e-12 (relative) or better.

    Raises
    ------
    InputError
        If there are no certificates for this kind of point, prior or coupling.
    NumericalError
        If the intervals are too wide for a proof.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin, thresholds
    >>> proof = certify(thresholds(SphericalPSpin(p=3), Flow()).tricritical)  # snr = 1/8
    >>> float(proof.values["snr"][0]) <= 0.125 <= float(proof.values["snr"][1])
    True
    """
    if not isinstance(threshold, Located):
        raise InputError(f"certify takes a point such as thresholds(model, path).dynamical, got {told(threshold)}")
    origin = threshold.origin
    if origin is None:
        raise InputError("certify takes a special point as `thresholds` returns it: this one does not know its model")
    check_random_order(origin.path)
    problem = certifiable(origin.model, origin.path, origin.name)
    _check_affordable(problem, _rule(problem, _snr(problem, threshold.control, threshold.overlap, threshold.strength)))
    centre = _total_snr(problem, threshold, origin)
    with interval_digits(WORKING):
        return _prove(problem, centre)


def _total_snr(problem: Problem, threshold: Located, origin: Origin) -> Any:
    """Return x at the point to 25 digits."""
    if threshold.overlap == 0:
        raise InputError("a point at overlap 0 is known in closed form and needs no certificate")
    sharp = Sharpener(origin.model, origin.path, 25)
    if origin.name == "condensation" and sharp.lower_overlap(threshold) > 0:
        raise InputError("certificates of condensation are there for a jump from overlap 0 only")
    point = sharp.point(origin.name, threshold)
    with mp.workdps(40):
        q, control = mp.mpf(point.decimals["overlap"]), mp.mpf(point.decimals[point.control_name])
        slope = mp.fsum(mp.mpf(c.numerator) / c.denominator * k * q ** (k - 1) for k, c in problem.terms)
        x = problem.model.intensity(control) * slope
        strength = point.decimals.get(problem.path.strength)
        return problem.reduction.total(x, None if strength is None else mp.mpf(strength))


def _snr(problem: Problem, control: float, overlap: float, strength: float | None) -> float:
    """Return x at the point in doubles."""
    # numpy's powers overflow to infinity
    slope = sum(float(c) * k * np.float64(overlap) ** (k - 1) for k, c in problem.terms)
    x = float(problem.model.intensity(np.array(control))) * slope
    return float(problem.reduction.total(x, strength))


def _prove(problem: Problem, centre: Any) -> Certificate:
    rule = _rule(problem, centre)
    _check_affordable(problem, rule)
    solution = next((ends for ends in map(_around(centre), RADII) if problem.changes_sign(ends, rule)), None)
    region = next((ends for ends in map(_around(centre), REGIONS) if problem.is_monotone(ends, rule)), None)
    if solution is None or region is None:
        raise NumericalError(
            f"no proof for the {problem.point} point of {problem.model!r}: the intervals are too wide",
            "a point further from another one, or digits=, may do",
        )
    found = problem.enclosed(solution, rule)
    if not problem.exists(found):
        raise InputError(f"{problem.model!r} has no {problem.point} point at a strength within the path")
    certificate = Certificate(
        model=problem.model.name,
        parameters=problem.model.parameters,
        path=problem.path.name,
        point=problem.point,
        equation=problem.reduction.equation,
        solution=solution,
        unique_within=region,
        values={name: _outward(value) for name, value in found.items()},
        nodes_per_unit=rule.per_unit,
        reach=rule.reach,
    )
    _check_tight(certificate)
    return certificate


def _rule(problem: Problem, centre: Any) -> Rule:
    """Return nodes per unit so that e^(-2 pi b/h) <= e^-DECAY in the strip |Im t| < 1.2/(sqrt(x) H)."""
    means = problem.channel.means
    half = float(max(means) - min(means)) / 2
    return Rule(max(4, int(DECAY / 6.28 * float(centre) ** 0.5 * half / 1.2) + 1), REACH)


def _check_affordable(problem: Problem, rule: Rule) -> None:
    """Raise a `NumericalError` unless the sums over nodes, atoms and terms are short enough to be checked."""
    if rule.per_unit * rule.reach * len(problem.terms) * len(problem.channel.means) ** 2 > MOST_WORK:
        raise NumericalError(
            f"a proof for {problem.model!r} would take hours",
            "prove it for fewer atoms or a smaller snr, or ask for digits=",
        )


def _around(centre: Any) -> Any:
    """Return a function that makes the interval of a relative half width about the centre, as decimals."""

    def make(radius: str) -> tuple[str, str]:
        with mp.workdps(WRITTEN + 10):
            low, high = (centre * (1 + sign * mp.mpf(radius)) for sign in (-1, 1))
            return mp.nstr(low, WRITTEN), mp.nstr(high, WRITTEN)

    return make


def _outward(value: Interval) -> tuple[str, str]:
    """Return decimal strings whose interval holds `value`."""
    with mp.workdps(WORKING):
        low, high = mp.mpf(value.a), mp.mpf(value.b)
        margin = max(abs(low), abs(high), mp.mpf(10) ** -WRITTEN) * mp.mpf(10) ** (2 - WRITTEN)
        return mp.nstr(low - margin, WRITTEN), mp.nstr(high + margin, WRITTEN)


# --- what is checked ----------------------------------------------------------------------------------------


def _check_tight(certificate: Certificate) -> None:
    """Raise a `NumericalError` unless all coordinates are enclosed to 1e-12."""
    for name, (low, high) in certificate.values.items():
        a, b = Fraction(low), Fraction(high)
        if b - a > TIGHT * max(abs(a), abs(b)):
            raise NumericalError(
                f"the certified interval of {name} is too wide, {low} to {high}",
                "a point further from another one, or digits=, may do",
            )


def verify(certificate: Certificate | Mapping[str, Any] | str | os.PathLike[str]) -> Certificate:
    """Check a certificate by computing the proof anew, and return it.

    Parameters
    ----------
    certificate
        A `Certificate`, its plain data, or the name of a JSON file.

    Returns
    -------
    Certificate
        The one that was given, proved.

    Raises
    ------
    FileError
        If the file cannot be read.
    InputError
        If anything in it is malformed or wrong; the message says what.

    Examples
    --------
    >>> from amp_theory import Flow, SphericalPSpin, thresholds
    >>> proof = certify(thresholds(SphericalPSpin(p=3), Flow()).dynamical)
    >>> verify(proof) == proof
    True
    """
    stated = _read(certificate if isinstance(certificate, Certificate) else _load(certificate))
    model = build_model(stated.model, stated.parameters)
    same = to_json(model.parameters) == to_json(stated.parameters)
    _require(same, f"the parameters must be written as {json.dumps(model.parameters)}")
    problem = certifiable(model, build_path(stated.path), stated.point)
    rule = Rule(stated.nodes_per_unit, stated.reach)
    _check_facts(problem, stated)
    with interval_digits(WORKING):
        _require(problem.changes_sign(stated.solution, rule), "F does not change its sign across `solution`")
        message = "F' may vanish in `unique_within`, or has a sign that does not belong to the point"
        _require(problem.is_monotone(stated.unique_within, rule), message)
        found = problem.enclosed(stated.solution, rule)
        _require(problem.exists(found), "the point is not at a positive strength below its limit")
        for name, value in found.items():
            a, b = (iv.mpf(text) for text in stated.values[name])
            _require(a.b <= value.a and value.b <= b.a, f"{name} is not enclosed by {stated.values[name]}")
    return replace(stated, parameters=model.parameters)


def _check_facts(problem: Problem, stated: Certificate) -> None:
    """Raise an `InputError` for what is wrong without any proof."""
    low, high = map(Fraction, stated.solution)
    first, last = map(Fraction, stated.unique_within)
    _require(stated.equation == problem.reduction.equation, f"the equation is {problem.reduction.equation}")
    _require(0 < first <= low < high <= last, "`solution` must lie within `unique_within`, at positive x")
    names = problem.coordinates
    _require(set(stated.values) == set(names), f"the values must be those of {', '.join(names)}")
    needed = _rule(problem, high)
    fine = stated.nodes_per_unit <= FINEST * needed.per_unit and stated.reach <= FINEST * needed.reach
    _require(fine, f"so fine a quadrature takes long: {needed.per_unit} nodes per unit up to {needed.reach} are enough")
    try:
        _check_affordable(problem, needed)
        _check_tight(stated)
    except NumericalError as error:
        raise InputError(f"the certificate is wrong: {error}") from None
    _require(
        _are_near(problem, float(low), {name: float(ends[0]) for name, ends in stated.values.items()}),
        "its numbers do not belong together: they do not solve the equation of state",
    )


def _are_near(problem: Problem, x: float, at: Mapping[str, float]) -> bool:
    """Tell whether a point solves x = c A'(q) and q = G(x, strength), to some digits."""
    control, q, revealed = at[problem.model.control], at["overlap"], at.get("revealed", 0.0)
    if not (control > 0 and q > 0 and revealed < 1):
        return False
    rho = float(problem.channel.exact_second_moment)
    with np.errstate(all="ignore"):  # nothing is known about these numbers
        total = _snr(problem, control, q, at.get(problem.path.strength))
        found = float(problem.model.variable_prior.table(np.array([x])).overlap[0])
    return abs(total - x) <= NEAR * x and abs(revealed * rho + (1 - revealed) * found - q) <= NEAR * q


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InputError(f"the certificate is wrong: {message}")


def _load(source: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"verify takes a certificate, its data or a file name, got {told(source)}")
    content = read_bytes(source, MOST_CHARACTERS)
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{os.fspath(source)!r} is not a certificate: it is no JSON") from None
    if not isinstance(data, dict):
        raise InputError(f"{os.fspath(source)!r} is not a certificate: it is no JSON object")
    return data


def _read(source: Certificate | Mapping[str, Any]) -> Certificate:
    """Return the certificate in plain data, every entry checked, and that none was changed since it was written."""
    data = source._content() if isinstance(source, Certificate) else source
    expected, version = {"format", "version", *Certificate.__dataclass_fields__}, data.get("version")
    if data.get("format") != FORMAT or type(version) is not int or not 1 <= version <= VERSION:
        raise InputError(f"this is no {FORMAT} of versions 1 to {VERSION}")
    if data is source and version > 1:  # before, the proof alone told
        expected.add("digest")
    if set(data) != expected:
        different = sorted(map(str, set(data) ^ expected))
        raise InputError(f"the certificate is wrong: entries missing or unknown: {', '.join(different)}")
    _require(digest(data) == data.get("digest", digest(data)), "it was changed since it was written")
    texts = {name: data[name] for name in ("model", "path", "point", "equation")}
    _require(all(isinstance(text, str) for text in texts.values()), "names must be strings")
    _require(isinstance(data["parameters"], dict), "parameters must be an object")
    _require(isinstance(data["values"], dict), "values must be an object")
    counts = {name: data[name] for name in ("nodes_per_unit", "reach")}
    _require(all(type(n) is int and n >= 1 for n in counts.values()), "counts must be integers >= 1")
    return Certificate(
        **texts, parameters=data["parameters"], solution=_pair(data["solution"]),
        unique_within=_pair(data["unique_within"]),
        values={str(name): _pair(value) for name, value in data["values"].items()}, **counts,
    )  # fmt: skip


def _pair(value: Any) -> tuple[str, str]:
    """Return two decimal strings after checking that they are numbers in order."""
    good = isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(text, str) for text in value)
    good = good and all(len(text) <= 100 and DECIMAL.fullmatch(text) for text in value)
    _require(good, f"intervals are two decimal strings, got {value!r}")
    _require(Fraction(value[0]) <= Fraction(value[1]), f"intervals are two decimals in order, got {value!r}")
    return value[0], value[1]
