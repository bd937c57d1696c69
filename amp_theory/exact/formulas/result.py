"""What `closed_forms` returns: formulas, where they hold, and why others are missing."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy
from sympy import Expr, Symbol

import amp_theory.tools.expressions as expressions
from amp_theory.tools.errors import InputError, as_array, one_of, told
from amp_theory.tools.exclusive import alone
from amp_theory.tools.reports import Reported
from amp_theory.tools.results import POINTS
from amp_theory.tools.tables import ResultTable, of_rows

#: the largest number that stands for a symbol
LARGEST = 1e300
#: the formulas that are functions of the overlap (`overlap` of control and strength), and their titles
CURVES = {
    "equation_of_state": "equation of state",
    "free_entropy": "free entropy at a fixed point",
    "overlap": "overlap",
    "zero_strength": "fixed points at zero strength",
}
#: formulas longer than this are given by their value alone in texts
LONGEST = 160


@dataclass(frozen=True)
class ClosedForms(Reported):
    """Exact formulas of one model, or family of models, along one path, as sympy expressions.

    Attributes
    ----------
    title
        The model and the path in words.
    control, strength
        Names of the model's control and the path's strength.
    symbols
        The sympy symbols by name: overlap, control, strength and the parameters that were left open.
    equation_of_state
        The strength that makes an overlap a fixed point, as a function of overlap and control.
    free_entropy
        phi in nats at the fixed point of that overlap and control, its strength being the equation of state's; the
        log likelihood ratio against pure noise, up to a function of the strength alone for autoregressive paths of
        continuous variables.
    overlap
        The overlap as a function of control and strength, where that is one branch.
    zero_strength
        The control at which an overlap is a fixed point without side information.
    spinodal
        Control and strength at which the fixed point of a given overlap is marginal, dG/dq = 1, by name.
    points
        Coordinates of the special points: name in `results.POINTS` -> {coordinate -> formula}.
    further_tricritical
        Tricritical points at harder controls.
    equations
        For points without a closed form: an equation whose solution is the point's overlap.  The control then follows
        from `zero_strength`, or from `spinodal` for a tricritical point.
    conditions
        For which values of the open parameters a point exists; no entry: for all.
    reasons
        Why a point or a formula is missing.

    See Also
    --------
    closed_forms : Which returns it, with an example.
    """

    title: str
    control: str
    strength: str
    symbols: dict[str, Symbol] = field(hash=False)
    equation_of_state: Expr | None = None
    free_entropy: Expr | None = None
    overlap: Expr | None = None
    zero_strength: Expr | None = None
    spinodal: dict[str, Expr] = field(default_factory=dict, hash=False)
    points: dict[str, dict[str, Expr]] = field(default_factory=dict, hash=False)
    further_tricritical: tuple[dict[str, Expr], ...] = field(default=(), hash=False)
    equations: dict[str, sympy.Eq] = field(default_factory=dict, hash=False)
    conditions: dict[str, sympy.Basic] = field(default_factory=dict, hash=False)
    reasons: dict[str, str] = field(default_factory=dict, hash=False)

    @alone
    def subs(self, **values: Any) -> ClosedForms:
        """Return the same with symbols replaced by exact values or other expressions.

        Parameters
        ----------
        values
            By the names in `symbols`; numbers are taken as they are written in decimals.

        Returns
        -------
        ClosedForms
            With fewer symbols.

        Raises
        ------
        UnknownNameError
            If a name is not among `symbols`.
        InputError
            If a condition of a point is violated: points are never silently wrong.

        See Also
        --------
        closed_forms : With an example.
        """
        known = self._replacements(values)

        def put(expression: Any) -> Any:
            return None if expression is None else expression.subs(known)

        conditions = {name: put(c) for name, c in self.conditions.items()}
        for name, condition in conditions.items():
            if condition == sympy.false:
                raise InputError(f"{name} exists for {self.conditions[name]} only, not at {_listed(values)}")
        return replace(
            self,
            symbols={n: s for n, s in self.symbols.items() if s not in known},
            **{name: put(getattr(self, name)) for name in CURVES},
            spinodal={n: put(e) for n, e in self.spinodal.items()},
            points={n: {c: put(e) for c, e in point.items()} for n, point in self.points.items()},
            further_tricritical=tuple({c: put(e) for c, e in point.items()} for point in self.further_tricritical),
            equations={n: put(e) for n, e in self.equations.items()},
            conditions={n: c for n, c in conditions.items() if c != sympy.true},
        )

    @alone
    def evaluate(self, name: str, **values: npt.ArrayLike) -> Any:
        """Return numbers.

        Parameters
        ----------
        name
            equation_of_state, free_entropy, overlap, zero_strength, spinodal, or a special point.
        values
            Of all symbols in that formula, by name; arrays are broadcast, except for special points.

        Returns
        -------
        float, ndarray, or a dict of them by coordinate
            The last for spinodal and for special points.

        Raises
        ------
        InputError
            If the formula does not exist (with the reason), a value is missing, or the point does not exist there.

        Examples
        --------
        >>> from amp_theory import Flow, SphericalPSpin
        >>> from amp_theory.exact.formulas.forms import closed_forms
        >>> forms = closed_forms(SphericalPSpin, Flow())
        >>> forms.evaluate("tricritical", p=3)["snr"]
        0.125
        >>> forms.evaluate("equation_of_state", overlap=0.5, temperature=1, p=3)
        0.625
        """
        known = (*CURVES, "spinodal", *POINTS)
        one_of("formula", name, known)
        formula = self.points.get(name) if name in POINTS else getattr(self, name)
        if not formula and formula != 0:
            raise InputError(f"{self.title} has no closed form of {name}: {self.reasons.get(name, 'none is known')}")
        self._replacements(values)
        if name in POINTS:
            return self._point(name, values)
        if isinstance(formula, dict):
            return {key: self._curve(name, e, values) for key, e in formula.items()}
        return self._curve(name, formula, values)

    def _replacements(self, values: Mapping[str, Any]) -> dict[Symbol, Expr]:
        """Return what symbols are replaced by, after checking the names."""
        for name in values:
            one_of("symbol", name, self.symbols)
        several = {
            n for n, v in values.items() if isinstance(v, list | tuple | np.ndarray) and as_array(n, v, "finite").ndim
        }
        numbers = {n: v for n, v in values.items() if n not in several}
        return {self.symbols[name]: expression_of(name, value) for name, value in numbers.items()}

    def _check_complete(self, name: str, expression: Expr, values: Mapping[str, Any]) -> None:
        missing = [n for n, s in self.symbols.items() if s in expression.free_symbols and n not in values]
        if missing:
            raise InputError(f"{name} of {self.title} needs values of {', '.join(missing)}")

    def _point(self, name: str, values: Mapping[str, Any]) -> dict[str, float]:
        chosen = self.conditions.get(name)
        only = replace(
            self, points={name: self.points[name]}, conditions={} if chosen is None else {name: chosen}, equations={}
        )
        for expression in self.points[name].values():
            self._check_complete(name, expression, values)
        return {c: float(e.evalf(20)) for c, e in only.subs(**values).points[name].items()}

    def _curve(self, name: str, expression: Expr, values: Mapping[str, npt.ArrayLike]) -> Any:
        self._check_complete(name, expression, values)
        names = [n for n in self.symbols if n in values]
        arrays = [as_array(n, values[n], "finite") for n in names]
        try:
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
        except ValueError:
            raise InputError(f"values must broadcast, got shapes {', '.join(str(a.shape) for a in arrays)}") from None
        function = sympy.lambdify([self.symbols[n] for n in names], expression, "numpy")
        with np.errstate(all="ignore"):
            result = np.asarray(function(*arrays)) + np.zeros(shape)
        if not np.all(np.isfinite(result)):
            raise InputError(f"{name} of {self.title} is not defined at every point of {_listed(values)}")
        return float(result) if result.ndim == 0 else result

    # --- texts ---

    def _rows(self) -> list[tuple[str, list[tuple[str, Any]]]]:
        """Return what there is to tell: title, and names with formulas."""
        left = {"equation_of_state": self.strength, "free_entropy": "phi", "zero_strength": self.control}
        rows: list[tuple[str, list[tuple[str, Any]]]] = []
        for name, title in CURVES.items():
            expression = getattr(self, name)
            if expression is not None:
                rows.append((title, [(left.get(name, name), expression)]))
        if self.spinodal:
            rows.append(("spinodals, by overlap", list(self.spinodal.items())))
        rows += [(name, list(self.points[name].items())) for name in POINTS if name in self.points]
        rows += [("tricritical (a further one)", list(point.items())) for point in self.further_tricritical]
        rows += [(f"{name}, overlap from", [("", equation)]) for name, equation in self.equations.items()]
        return rows

    def _condition(self, title: str) -> sympy.Basic | None:
        return self.conditions.get(title.split(",")[0])

    @alone
    def to_dict(self) -> dict[str, Any]:
        """Return all formulas as strings that sympy reads, by name, and the reasons for what is missing."""
        curves = {name: getattr(self, name) for name in CURVES}
        return {
            "title": self.title, "symbols": {name: str(symbol) for name, symbol in self.symbols.items()},
            **{name: None if e is None else str(e) for name, e in curves.items()},
            "spinodal": _strings(self.spinodal),
            "points": {name: _strings(point) for name, point in self.points.items()},
            "further_tricritical": [_strings(point) for point in self.further_tricritical],
            "equations": _strings(self.equations), "conditions": _strings(self.conditions), "reasons": self.reasons,
        }  # fmt: skip

    @alone
    def report(self) -> str:
        """Return a readable text of all formulas, their conditions and what is missing."""
        lines = [self.title]
        for title, formulas in self._rows():
            condition = self._condition(title)
            lines.append(f"  {title}" + (f" (for {condition})" if condition is not None else ""))
            lines += [f"    {name} = {_text(e)}" if name else f"    {_text(e)}" for name, e in formulas]
        if self.reasons:
            lines.append("  without closed form")
            lines += [f"    {name}: {reason}" for name, reason in self.reasons.items()]
        used = ", ".join(f"{s} = {n}" for n, s in self.symbols.items() if str(s) != n)
        lines.append(f"  symbols: {used}")
        return "\n".join(lines)

    @alone
    def table(self) -> ResultTable:
        """Return the formulas as rows of texts that sympy reads, with conditions, and why others are missing."""
        rows: list[tuple[str | None, ...]] = [
            (title, name, _cell(formula), None if self._condition(title) is None else str(self._condition(title)), None)
            for title, formulas in self._rows()
            for name, formula in formulas
        ]
        rows += [(name, name, None, None, reason) for name, reason in self.reasons.items()]
        return of_rows(self.title, ["of", "quantity", "formula", "condition", "reason"], rows)

    def _latex(self, expression: Any) -> str:
        if _too_long(expression):
            return str(sympy.latex(expression.evalf(15)))
        return str(sympy.latex(expression, symbol_names=LATEX))

    @alone
    def _repr_latex_(self) -> str:
        lines = []
        for title, formulas in self._rows():
            for name, e in formulas:
                left = f"{self._symbol_latex(name)} = " if name else ""
                lines.append(rf"\text{{{title.replace('_', ' ')}: }} & {left}{self._latex(e)}")
        return r"$\displaystyle \begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}$"

    def _symbol_latex(self, name: str) -> str:
        symbol = self.symbols.get(name)
        return r"\phi" if name == "phi" else name if symbol is None else self._latex(symbol)

    @alone
    def to_html(self) -> str:
        """Return the formulas as an HTML table with LaTeX, as notebooks show it."""
        rows = []
        for title, formulas in self._rows():
            body = "<br>".join(
                f"$\\displaystyle {self._symbol_latex(n) + ' = ' if n else ''}{html.escape(self._latex(e))}$"
                for n, e in formulas
            )
            condition = self._condition(title)
            where = f" (for ${html.escape(self._latex(condition))}$)" if condition is not None else ""
            rows.append(f"<tr><td>{html.escape(title.replace('_', ' '))}{where}</td><td>{body}</td></tr>")
        for name, reason in self.reasons.items():
            rows.append(f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>none: {html.escape(reason)}</td></tr>")
        return f"<table><caption>{html.escape(self.title)}</caption>{''.join(rows)}</table>"


#: how symbols look that are not LaTeX on their own
LATEX = {Symbol("snr", real=True): r"\gamma^{2}"}


def _strings(expressions: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(expression) for name, expression in expressions.items()}


def _cell(expression: Any) -> str:
    """Return a formula that sympy reads; in brackets where a spreadsheet would run it."""
    text = str(expression)
    return f"({text})" if text.startswith(("-", "+")) else text


def _too_long(expression: Any) -> bool:
    return not expression.free_symbols and len(str(expression)) > LONGEST


def _text(expression: Any) -> str:
    """Return a formula as text; a number also in decimals, and only so if its formula is long."""
    if expression.free_symbols or isinstance(expression, sympy.Rational):
        return str(expression)
    value = f"{expression.evalf(15)}"
    if _too_long(expression):
        return f"{value} (an exact expression of {sympy.count_ops(expression)} operations)"
    return f"{expression} = {value}"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items())


def expression_of(name: str, value: Any) -> Expr:
    """Return a number as the simple fraction that it rounds, else as its decimals say; expressions as they are.

    Examples
    --------
    >>> expression_of("rho", 0.08), expression_of("weight", 1 / 3)
    (2/25, 1/3)
    """
    if isinstance(value, Expr):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    real = isinstance(value, int | float | Fraction) and not isinstance(value, bool)
    if not real or not -LARGEST <= value <= LARGEST:
        raise InputError(f"{name} must be a number up to {LARGEST:g} or a sympy expression, got {told(value)}")
    if isinstance(value, int):
        return sympy.Integer(value)
    number = expressions.exact(value)
    return sympy.Rational(number.numerator, number.denominator)
