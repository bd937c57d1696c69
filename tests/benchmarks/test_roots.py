"""Our bracketed Newton iteration against scipy's bracketing root finder on the same arrays of brackets.

The task is the solver's own: at zero strength, q = M(x) against x = xi'(q), at many temperatures, informed branch.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize.elementwise import find_root

import amp_theory as at
from amp_theory.tools.roots import solve_bracketed

TABLE = at.Rademacher().table
TEMPERATURE = np.linspace(0.3, 0.68, 200)
STRENGTH = 1.5 / TEMPERATURE**2
#: the informed branch has snr between that of the dynamical threshold and that of full overlap
LOWER, UPPER = np.full(200, 1.336), STRENGTH


class Counted:
    """x - xi'(M(x)), and how often it was evaluated."""

    def __init__(self) -> None:
        self.evaluations = 0

    def __call__(self, x: np.ndarray, strength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.evaluations += x.size
        values = TABLE(x)
        return x - strength * values.overlap**2, 1 - 2 * strength * values.overlap * values.slope


def by_newton(counted: Counted) -> np.ndarray:
    return solve_bracketed(lambda x, i: counted(x, STRENGTH[i]), LOWER, UPPER, True)


def by_scipy(counted: Counted) -> np.ndarray:
    result = find_root(lambda x, strength: counted(x, strength)[0], (LOWER, UPPER), args=(STRENGTH,))
    assert np.all(result.success)
    return result.x


@pytest.mark.parametrize("method", [by_newton, by_scipy], ids=["bracketed Newton", "scipy find_root"])
@pytest.mark.benchmark(group="200 roots in brackets")
def test_roots(benchmark, capsys, method):
    roots = benchmark.pedantic(lambda: method(Counted()), rounds=10)
    counted = Counted()
    method(counted)
    with capsys.disabled():
        print(f"\n{method.__name__}: {counted.evaluations / len(roots):.1f} evaluations per root")
    assert np.allclose(roots, STRENGTH * TABLE(roots).overlap ** 2, rtol=1e-12)


def test_newton_needs_fewer_evaluations():
    newton, scipy = Counted(), Counted()
    by_newton(newton)
    by_scipy(scipy)
    assert newton.evaluations < scipy.evaluations
