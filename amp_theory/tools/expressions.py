"""Polynomials from strings or sympy expressions, parsed by whitelist, and the numbers that floats stand for."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.exclusive import alone

if TYPE_CHECKING:
    import sympy

#: powers of the variable -> exact coefficients
Coefficients = dict[int, Fraction]
MAX_LENGTH, MAX_POWER = 2000, 1000
#: denominators of the fractions that a float may stand for
SIMPLEST = 10_000
#: denominator^2 times the value up to which it is no accident that a float is next to a fraction
TELLING = 10**10
#: terms of a sum times those of another that may be multiplied
MOST_PRODUCTS = 4096


def exact(value: float | Fraction) -> Fraction:
    """Return the rational number that a float stands for where more digits are asked for than it has.

    It is the fraction with a small denominator, up to 10000, that rounds to the float, if there is one, else its
    shortest decimal: 0.08 means 8/100 and 1/3 a third, not the binary numbers next to them.

    Examples
    --------
    >>> exact(0.08), exact(1 / 3), exact(0.6744897502)
    (Fraction(2, 25), Fraction(1, 3), Fraction(3372448751, 5000000000))
    """
    if isinstance(value, Fraction):
        return value
    simple = Fraction(value).limit_denominator(SIMPLEST)
    # of large numbers nearly every one is next to such a fraction
    telling = simple.denominator**2 * (1 + abs(simple)) <= TELLING
    return simple if telling and float(simple) == value else Fraction(repr(float(value)))


def parse_polynomial(expression: str | sympy.Expr, variable: str) -> Coefficients:
    """Return the coefficients {power: coefficient} of a polynomial in `variable`, read exactly.

    Irrational ones of a sympy expression become the numbers that their floats stand for.

    Parameters
    ----------
    expression
        A string of numbers, the variable, + - * / ** (or ^) and parentheses; or a sympy expression.
    variable
        The variable's name.

    Raises
    ------
    InputError
        If it is anything else: other names, calls, negative or fractional powers, division by the variable.

    Examples
    --------
    >>> parse_polynomial("q**2/8 + q**4/2", "q")
    {2: Fraction(1, 8), 4: Fraction(1, 2)}
    """
    if not isinstance(expression, str):
        return _from_sympy(expression, variable)
    text = expression
    if len(text) > MAX_LENGTH:
        raise InputError(f"the formula is longer than {MAX_LENGTH} characters")
    try:
        if not text.isascii() or "#" in text or "\n" in text:
            raise ValueError("no comments or lines")
        source = text.replace("^", "**").strip()
        terms = _read(ast.parse(source, mode="eval").body, variable, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"cannot read the formula {text!r}: write a polynomial in {variable}") from None
    try:
        return {power: c for power, c in sorted(terms.items()) if float(c) != 0}
    except OverflowError:
        raise InputError(f"a coefficient in the formula {text!r} is too large") from None


@alone
def _from_sympy(expression: sympy.Expr, variable: str) -> Coefficients:
    """Return the coefficients of a sympy expression, which may hold any real constants."""
    import sympy

    message = f"xi must be a string or a sympy expression, a polynomial in {variable}, got {told(expression)}"
    if not isinstance(expression, sympy.Expr):
        raise InputError(message)
    symbols = {s.name: s for s in expression.free_symbols if isinstance(s, sympy.Symbol)}
    if set(symbols) - {variable}:
        raise InputError(message)
    symbol = symbols.get(variable, sympy.Symbol(variable))
    if not expression.is_polynomial(symbol):
        raise InputError(message)
    terms = sympy.Poly(expression, symbol).terms()
    if any(not c.is_real for _, c in terms) or any(power > MAX_POWER for (power,), _ in terms):
        raise InputError(message)
    return {
        int(power): Fraction(int(c.p), int(c.q)) if c.is_Rational else exact(float(c))
        for (power,), c in sorted(terms)
        if float(c) != 0
    }


def format_polynomial(coefficients: Mapping[int, float | Fraction], variable: str) -> str:
    """Return a normal form of the polynomial that `parse_polynomial` reads back exactly.

    Examples
    --------
    >>> format_polynomial({2: 0.125, 4: 1.0}, "q")
    'q**2/8 + q**4'
    """
    parts = []
    for power, value in sorted(coefficients.items()):
        base = variable if power == 1 else f"{variable}**{power}"
        c = exact(value)
        decimal = repr(float(c))
        if power == 0 or (c.denominator > SIMPLEST and Fraction(decimal) == c):
            parts.append(f"{decimal}*{base}" if power else decimal)
        else:
            head = "" if c.numerator == 1 else f"{c.numerator}*"
            parts.append(head + base + ("" if c.denominator == 1 else f"/{c.denominator}"))
    return " + ".join(parts) or "0"


#: what a formula may apply to a number
FUNCTIONS: dict[str, Callable[[Array], Array]] = {"sqrt": np.sqrt, "log": np.log, "exp": np.exp}
OPERATIONS: dict[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide, ast.Pow: np.power,
}  # fmt: skip


def parse_formula(text: str, variable: str) -> Callable[[Array], Array]:
    """Return the function that a formula in `variable` is, read by whitelist: nothing in it is ever run.

    Parameters
    ----------
    text
        Numbers, the variable, + - * / ** and parentheses, sqrt, log and exp.
    variable
        The variable's name.

    Raises
    ------
    InputError
        If it is anything else.

    Examples
    --------
    >>> float(parse_formula("1/sqrt(x)", "x")(np.array(4.0)))
    0.5
    """
    message = f"cannot read the formula {text!r}: write one in {variable} with numbers, + - * / **, sqrt, log, exp"
    if not isinstance(text, str) or len(text) > MAX_LENGTH:
        raise InputError(f"a formula must be text of at most {MAX_LENGTH} characters, got {told(text)}")
    try:
        return _function(ast.parse(text.strip(), mode="eval").body, variable)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        raise InputError(message) from None


def _function(node: ast.expr, variable: str) -> Callable[[Array], Array]:
    """Return one node of the syntax tree as a function."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            number = float(value)
            return lambda x: np.full_like(x, number)
        case ast.Name(id=name) if name == variable:
            return lambda x: x
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _function(operand, variable)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _function(operand, variable)
            return lambda x: -inner(x)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            apply, a, b = OPERATIONS[type(op)], _function(left, variable), _function(right, variable)
            return lambda x: apply(a(x), b(x))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            outer, inner = FUNCTIONS[name], _function(argument, variable)
            return lambda x: outer(inner(x))
    raise ValueError("not allowed")


def _read(node: ast.expr, variable: str, text: str) -> Coefficients:
    """Read one node of the syntax tree as a polynomial."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            written = ast.get_source_segment(text, node) or repr(value)
            if "_" in written:
                raise ValueError("no digits in groups")
            # a decimal counts with all its digits, not as the float next to it
            return {0: Fraction(written if isinstance(value, float) else value)}
        case ast.Name(id=name) if name == variable:
            return {1: Fraction(1)}
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand, variable, text)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _times(_read(operand, variable, text), {0: Fraction(-1)}, text)
        case ast.BinOp(left=left, op=op, right=right):
            return _combine(_read(left, variable, text), op, _read(right, variable, text), variable, text)
    raise InputError(f"the formula {text!r} may only hold numbers, {variable}, + - * / ** and parentheses")


def _combine(a: Coefficients, op: ast.operator, b: Coefficients, variable: str, text: str) -> Coefficients:
    """Apply one arithmetic operation."""
    number = b.get(0, Fraction(0)) if set(b) <= {0} else None
    match op:
        case ast.Add():
            return {k: a.get(k, Fraction(0)) + b.get(k, Fraction(0)) for k in {*a, *b}}
        case ast.Sub():
            return {k: a.get(k, Fraction(0)) - b.get(k, Fraction(0)) for k in {*a, *b}}
        case ast.Mult():
            return _times(a, b, text)
        case ast.Div() if number:
            return {k: c / number for k, c in a.items()}
        case ast.Pow() if number is not None and number.denominator == 1 and 0 <= number <= MAX_POWER:
            return _power(a, int(number), text)
    raise InputError(
        f"the formula {text!r} is not a polynomial in {variable}: powers must be whole numbers from 0 to "
        f"{MAX_POWER}, divisors non-zero numbers"
    )


def _power(a: Coefficients, exponent: int, text: str) -> Coefficients:
    """Raise a polynomial to a power by squaring."""
    result: Coefficients = {0: Fraction(1)}
    while exponent:
        if exponent % 2:
            result = _times(result, a, text)
        exponent //= 2
        if exponent:
            a = _times(a, a, text)
    return result


def _times(a: Coefficients, b: Coefficients, text: str) -> Coefficients:
    """Multiply two polynomials, refusing absurd degrees, coefficients and numbers of terms."""
    if len(a) * len(b) > MOST_PRODUCTS:
        raise InputError(f"the formula {text!r} has too many terms when multiplied out")
    result: Coefficients = {}
    for i, x in a.items():
        for j, y in b.items():
            result[i + j] = result.get(i + j, Fraction(0)) + x * y
    if max(result, default=0) > MAX_POWER or any(
        max(c.numerator.bit_length(), c.denominator.bit_length()) > 20_000 for c in result.values()
    ):
        raise InputError(f"the formula {text!r} has a degree beyond {MAX_POWER} or absurdly large coefficients")
    return result
