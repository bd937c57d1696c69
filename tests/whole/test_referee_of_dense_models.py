"""Dense models against the referee: random models of every kind, known numbers, and faults it has to see.

`PYTHONPATH=. python tests/oracles/referee_models.py 0 5000 16 > report.jsonl` compares the models of 5,000 seeds on 16 processes.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from referee_models import Case, Report, compare, compare_points, compare_thresholds, random_case
from referee_oracle import Linear, Polynomial, Referee, Response, scalar_channel

import amp_theory as at

CUBE = Polynomial(((3, 1 / 3),))
SQUARE = Polynomial(((2, 1 / 2),))


def temperature(lam: float) -> float:
    return math.sqrt(3 / (2 * lam))


def relative_noise(lam: float) -> float:
    return 1 / lam / 0.08**2


# the table of the theory: kind of prior, coupling, path, control of lambda, control, strength and overlap of the cusp
CUSPS = [
    (("rademacher",), CUBE, "flow", temperature, (0.740996, 0.167044, 0.437826)),
    (("rademacher",), CUBE, "autoregressive", temperature, (0.758742, 0.135316, None)),
    pytest.param(("rademacher",), CUBE, "uniform", temperature, (0.739200, 0.384537, None), marks=pytest.mark.slow),
    (("gaussian",), CUBE, "flow", temperature, (2 / 3, 1 / 8, 1 / 3)),
    (("gaussian",), CUBE, "autoregressive", temperature, (1 / math.sqrt(2), 1 / 9, None)),
    (("sparse", 0.08), SQUARE, "flow", relative_noise, (1.080131, 0.115679, None)),
    (("sparse", 0.08), SQUARE, "autoregressive", relative_noise, (1.069441, 0.009897, None)),
]


@pytest.mark.parametrize(("prior", "coupling", "path", "control", "known"), CUSPS)
def test_referee_knows_the_cusps_of_the_theory(prior, coupling, path, control, known):
    lam, strength, overlap = Referee(scalar_channel(*prior), coupling, path).tricritical()[0]
    assert control(lam) == pytest.approx(known[0], abs=6e-7)
    assert strength == pytest.approx(known[1], abs=6e-7)
    assert known[2] is None or overlap == pytest.approx(known[2], abs=6e-7)


@pytest.mark.parametrize(
    ("prior", "coupling", "control", "known"),
    [
        (("rademacher",), CUBE, temperature, (0.681598, 0.651385, None, None)),
        (("gaussian",), CUBE, temperature, (math.sqrt(3 / 8), 0.586054, None, None)),
        (("sparse", 0.08), SQUARE, relative_noise, (1.040860, 1.029420, 0.980792, 1.0)),
        (("rademacher",), SQUARE, lambda lam: 1 / math.sqrt(lam), (None, None, None, 1.0)),
    ],
)
def test_referee_knows_the_thresholds_of_the_theory(prior, coupling, control, known):
    found = Referee(scalar_channel(*prior), coupling, "flow").thresholds()
    for name, value in zip(("dynamical", "condensation", "algorithmic", "weak_recovery"), known, strict=True):
        assert (found[name] is None) == (value is None)
        assert value is None or control(found[name][0]) == pytest.approx(value, abs=6e-7)


def test_referee_sees_branches_that_a_small_mean_makes():
    tensor = Referee(scalar_channel("discrete", (3.0, -0.3333), (0.1, 0.9)), CUBE, "flow")
    found = [(p.overlap, p.stable) for p in tensor.fixed_points(1 / 0.6, 0.0)]
    assert [stable for _, stable in found] == [True, False, True]
    assert [q for q, _ in found] == pytest.approx([9.0e-10, 0.59160, 0.85055], rel=1e-5)


def ising_case(**changes) -> Case:
    referee = Referee(scalar_channel("rademacher"), CUBE, "flow")
    case = Case("ising", at.IsingPSpin(3), at.Flow(), referee, 1.5, -2.0)
    return dataclasses.replace(case, **changes)


def test_comparison_agrees_and_sees_faults(monkeypatch):
    """A right model passes; a wrong coupling, a branch removed and a wrong threshold do not."""
    right = Report(0, "right")
    compare_points(ising_case(), right, 0.70, 0.12)
    compare_thresholds(ising_case(), right)
    assert right.compared > 10
    assert not right.disagreements
    assert not right.errors
    wrong = Report(0, "wrong coupling")
    compare_points(ising_case(factor=1.5 * (1 + 1e-7)), wrong, 0.70, 0.12)
    assert {d["what"] for d in wrong.disagreements} >= {"overlap", "free entropy difference"}
    thresholds = Report(0, "wrong coupling")
    compare_thresholds(ising_case(factor=1.5 * (1 + 1e-7)), thresholds)
    assert {d["what"] for d in thresholds.disagreements} == {"dynamical", "condensation", "tricritical"}
    whole = Referee.fixed_points
    monkeypatch.setattr(Referee, "fixed_points", lambda self, lam, s: whole(self, lam, s)[:1])
    missing = Report(0, "branch removed")
    compare_points(ising_case(), missing, 0.70, 0.12)
    assert [d["what"] for d in missing.disagreements] == ["count"]


@pytest.mark.parametrize(
    ("channel", "kappa", "noise"),
    [("sign", 0.0, 0.0), ("sign", 0.0, 0.3), ("abs", 0.0, 0.0), ("relu", 0.0, 0.0), ("door", 0.7, 0.0),
     ("symmetric-perceptron", 0.7, 0.0)],
)  # fmt: skip
def test_energy_of_output_channels_is_the_integral_of_their_response(channel, kappa, noise):
    """By finite differences, and the slope too: three functions of one table."""
    response, q, h = Response(channel, 1.0, kappa, noise), np.array([0.2, 0.5, 0.9, 0.99]), 1e-6
    up, down = (q + h, 1 - q - h), (q - h, 1 - q + h)
    by_difference = (response.energy(*up) - response.energy(*down)) / (2 * h)
    assert by_difference == pytest.approx(response.value(q, 1 - q), rel=1e-7)
    by_difference = (response.value(*up) - response.value(*down)) / (2 * h)
    assert by_difference == pytest.approx(response.slope(q, 1 - q), rel=1e-6)


def test_linear_channel_is_compressed_sensing():
    """Gaussian prior without noise: the only threshold is one measurement per variable."""
    found = Referee(scalar_channel("gaussian"), Linear(0.0, 1.0), "flow").thresholds()
    assert found["algorithmic"] is None


def complaints(seed: int) -> list[str]:
    report = compare(seed)
    return [f"{report.name}: {entry}" for entry in (*report.disagreements, *report.errors)]


def test_random_models_are_many():
    """The generator reaches every kind: else random models say less than they seem to."""
    cases = [random_case(seed) for seed in (3, 4, 5, 6, 12)]
    assert {type(c.path) for c in cases} >= {at.Flow, at.Autoregressive, at.UniformDiscreteDiffusion}
    assert len({type(c.model) for c in cases}) >= 3


@pytest.mark.parametrize("seed", [3, 4, 5, 10, 11])
@pytest.mark.slow
def test_a_few_random_models(seed):
    assert complaints(seed) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", [20, 70])
def test_random_models(first):
    assert [text for seed in range(first, first + 4) for text in complaints(seed)] == []
