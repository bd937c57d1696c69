"""Functions of products of messages as sums of powers: real and complex ones, on the range they were fitted for."""

import numpy as np
import pytest

from amp_theory.ingredients.factors.exponential_sums import FARTHEST, power_sums

NEAREST, TERMS = 1e-9, 12


def binomial(exponent):
    """(1 - y)^a - 1 and its power series; singular at y = 1 if a is no integer."""
    a, term, series = np.asarray(exponent), 1.0, []
    for n in range(1, TERMS + 1):
        term = term * (n - 1 - a) / n
        series.append(term)
    return lambda v: np.exp(np.multiply.outer(np.log(np.maximum(-np.expm1(-v), 1e-300)), a)) - 1, np.array(series)


@pytest.mark.parametrize("exponent", [[0.5], [0.5, 1.5, 3.0], [0.5 + 2j, 0.5 - 0.25j]])
def test_functions_are_sums_of_powers(exponent):
    function, series = binomial(exponent)
    sums = power_sums(function, series, 1, NEAREST, 0.08)
    v = np.concatenate([[0.0], np.geomspace(NEAREST, FARTHEST, 2999)])
    # what is left is the rounding of coefficients
    rounding = 100 * np.finfo(float).eps * np.abs(sums.coefficients).max()
    assert np.abs(sums(np.exp(-v)) - function(v)).max() < max(rounding, 1e-9)
    assert sums.coefficients.dtype == series.dtype
    assert sums.coefficients[:TERMS] == pytest.approx(series)


def test_complex_functions_are_pairs_of_real_ones():
    """Together, as parts of complex functions, or one by one: the same values; coefficients are hardly determined."""
    y = np.exp(-np.geomspace(NEAREST, FARTHEST, 500))
    one, two = (binomial([a]) for a in (0.5, 1.25))
    both = power_sums(lambda v: one[0](v) + 1j * two[0](v), one[1] + 1j * two[1], 1, NEAREST, 0.1)(y)
    for part, (function, series) in zip((both.real, both.imag), (one, two), strict=True):
        alone = power_sums(function, series, 1, NEAREST, 0.1)
        rounding = 100 * np.finfo(float).eps * np.abs(alone.coefficients).max()
        assert np.abs(part - alone(y)).max() < rounding
