"""How long many digits, proofs and pages take."""

from __future__ import annotations

import pytest

import amp_theory as at


@pytest.mark.parametrize("p", [3, 10, 100])
@pytest.mark.parametrize("digits", [30, 50])
def test_digits_of_a_dynamical_temperature(benchmark, p, digits):
    if benchmark.disabled and digits > 30:
        pytest.skip("nothing is timed, and fewer digits take the same way")
    from amp_theory.exact.digits.points import Sharpener

    point = at.thresholds(at.IsingPSpin(p), at.Flow()).dynamical
    sharp = Sharpener(at.IsingPSpin(p), at.Flow(), digits)
    benchmark.pedantic(lambda: sharp.point("dynamical", point), rounds=2)


@pytest.mark.parametrize("name", ["dynamical", "condensation", "tricritical"])
def test_certificate(benchmark, name):
    if benchmark.disabled and name == "condensation":
        pytest.skip("nothing is timed, and tests/exact proves all kinds of points")
    point = at.thresholds(at.IsingPSpin(3), at.Flow()).points()[name]
    benchmark.pedantic(lambda: at.verify(at.certify(point)), rounds=2)


def test_explorer(benchmark):
    diagram = at.phase_diagram(at.IsingPSpin(3), at.Flow())
    benchmark.pedantic(lambda: at.explorer_html(diagram), rounds=2)
