"""The formula parser reads polynomials exactly and nothing else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.tools.expressions import exact, format_polynomial, parse_formula, parse_polynomial


@pytest.mark.parametrize(
    ("text", "coefficients"),
    [
        ("q**2/2", {2: 0.5}),
        ("q^3", {3: 1.0}),
        ("(q/2)**2*3 + .5*q", {1: 0.5, 2: 0.75}),
        ("q*(q+1)*(q+2) - 2*q", {2: 3.0, 3: 1.0}),
        ("0.1*q**2 + 0.2*q**2", {2: Fraction(3, 10)}),
        ("+q**2 - -q**2", {2: 2.0}),
        ("q**2*1e-3", {2: Fraction(1, 1000)}),
    ],
)
def test_reads_polynomials(text, coefficients):
    assert parse_polynomial(text, "q") == coefficients


def test_decimal_numbers_are_exact():
    assert parse_polynomial("0.1*q + 0.2*q", "q") == {1: Fraction(3, 10)}  # not 0.30000000000000004


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('true')", "q.__class__", "(lambda: q)()", "open('x')", "exp(q)", "q if q else q", "[q]",
     "'q'", "q and q", "q @ q", "q // 2", "q % 2", "~q", "x*q", "q**q", "1/q", "q**-1", "q**2.5", "q**(10**9)",
     "9**9**9**9", "((((", "", "q +", "True", "None", "q\x00", "q" * 5000, "(" * 400 + "q" + ")" * 400, "1e999*q**2",
     "1e300*q**2*1e300", "f'{q}'", "q := 2", "0/0*q"],
)  # fmt: skip
def test_refuses_everything_else(text):
    with pytest.raises(at.InputError):
        parse_polynomial(text, "q")


@given(st.dictionaries(st.integers(1, 40), st.floats(1e-6, 1e6), min_size=1, max_size=6))
def test_normal_form_reads_back(coefficients):
    expected = {power: exact(c) for power, c in coefficients.items()}
    assert parse_polynomial(format_polynomial(coefficients, "q"), "q") == expected
    assert {power: float(c) for power, c in expected.items()} == coefficients


@given(st.dictionaries(st.integers(1, 40), st.fractions(Fraction(1, 10**6), 10**6), min_size=1, max_size=6))
def test_fractions_read_back(coefficients):
    assert parse_polynomial(format_polynomial(coefficients, "q"), "q") == coefficients


def test_absurd_products_are_refused_at_once():
    with pytest.raises(at.InputError, match="too many terms"):
        parse_polynomial("+".join(["(1+q)**999"] * 20), "q")
    assert parse_polynomial("(1 + q)**20 - 1", "q")[10] == 184756


def test_sympy_expressions():
    q = sympy.Symbol("q")
    assert parse_polynomial(q**2 / 2 + sympy.sqrt(2) * q**3, "q") == {2: 0.5, 3: exact(float(sympy.sqrt(2)))}
    assert parse_polynomial(sympy.Symbol("q", positive=True) ** 2, "q") == {2: 1.0}
    for bad in (
        sympy.exp(q),
        q ** sympy.Symbol("n"),
        sympy.Symbol("x") ** 2,
        1 / q,
        sympy.I * q**2,
        q**2000,
        3.0,
        None,
    ):
        with pytest.raises(at.InputError):
            parse_polynomial(bad, "q")


@pytest.mark.parametrize(
    ("xi", "message"),
    [("-q**2", ">= 0"), ("q**2 - q**3", ">= 0"), ("1 + q**2", "constant"), ("q", r"q\*\*2"), ("0*q**2", r"q\*\*2"),
     ("q**1001", "degree|powers"), (5, "string or a sympy"), ("1e308*q**2*10", "too large")],
)  # fmt: skip
def test_mixtures_must_be_covariances(xi, message):
    with pytest.raises(at.InputError, match=message):
        at.MixedPSpin(xi)


@given(st.floats(0.01, 100.0))
def test_formulas_are_what_python_makes_of_them(x):
    for text in ("x", "1/x", "1/sqrt(x)", "(1 - x)/2", "10*log(x/2)/log(10)", "-x**2 + exp(-x)", "2", "x**-0.5", "+x"):
        here = eval(text, {"x": x, "sqrt": np.sqrt, "log": np.log, "exp": np.exp})
        assert float(parse_formula(text, "x")(np.array(x))) == pytest.approx(here, rel=4e-16)


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('true')", "x.__class__", "(lambda: x)()", "open(x)", "sqrt(x, x)", "sqrt(x, out=x)", "sqrt",
     "y", "x if x else x", "[x]", "'x'", "x and x", "x // 2", "~x", "", "x +", "True", "x" * 5000, "(" * 400 + "x" + ")" * 400,
     "9" * 400, "1j", "x\x00", "sqrt(sqrt)", "x := 2", "f'{x}'", 3, None],
)  # fmt: skip
def test_other_formulas_are_refused(text):
    with pytest.raises(at.InputError) as caught:
        parse_formula(text, "x")
    assert "formula" in str(caught.value)
