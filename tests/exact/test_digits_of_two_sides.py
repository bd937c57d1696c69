"""Variables of two kinds with many digits, and their doubles, against an independent table (`two_sides_table`)."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from two_sides import GaussianAndSparse

import amp_theory as at
from amp_theory.exact.digits.points import Sharpener

TABLE = json.loads((Path(__file__).parents[1] / "data" / "two_sides_reference.json").read_text())
PCA = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)
CLUSTERS = at.GaussianMixture(k=10, aspect=1)
PATHS = {f"{p.name} {p.side}": p for p in (k(side=s) for k in (at.Flow, at.Autoregressive) for s in ("u", "v", "both"))}
AT_ZERO = ("dynamical", "condensation", "algorithmic", "weak_recovery")


def within(point, values, digits=28):
    """Tell whether lambda and strength of a point are those of the table, within its bounds and its last digit."""
    with localcontext() as context:
        context.prec = 50
        lam = Decimal(values[0])
        control = Decimal(point.decimals.get(point.control_name, repr(point.control)))
        last = Decimal(10) ** -digits
        assert abs(1 / control - lam) <= lam * (lam * Decimal(point.error) + last)
        if len(values) > 1:
            strength = Decimal(point.decimals.get(point.strength_name, repr(point.strength)))
            assert abs(strength - Decimal(values[1])) <= Decimal(point.errors[point.strength_name]) + last
    return True


@pytest.mark.parametrize("name", PATHS)
def test_doubles_of_sparse_pca_are_within_their_bounds(name):
    found = at.thresholds(PCA, PATHS[name])
    for point in AT_ZERO:
        assert found[point].error < 1e-13
        assert within(found[point], TABLE["sparse PCA"][point])
    assert found.tricritical.error < 1e-12
    assert within(found.tricritical, TABLE["sparse PCA"][name])


@pytest.mark.parametrize("rho", TABLE["sparser"])
def test_the_algorithmic_point_of_ever_sparser_vectors(rho):
    """Just above weak recovery, lambda rho = 1 + 3 rho^2 + ...: at last within rounding of it, and its bound says so."""
    found = at.thresholds(at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(float(rho)), 1), at.Flow(side="u"))
    (value,) = TABLE["sparser"][rho]
    assert abs(1 / found.algorithmic.control - float(value)) <= float(value) ** 2 * found.algorithmic.error
    assert found.algorithmic.error <= 1e-8 * float(rho)
    assert float(value) * float(rho) - 1 == pytest.approx(3 * float(rho) ** 2, rel=0.1)


def test_doubles_of_clusters_are_within_their_bounds():
    found = at.thresholds(CLUSTERS, at.Flow(side="v"))
    for name, values in TABLE["ten clusters"].items():
        point = found.tricritical if name == "flow v" else found[name]
        scaled = [str(10 * Decimal(values[0])), *values[1:]]
        assert point.error < 1e-12
        assert within(point, scaled, 13)


@pytest.mark.slow
def test_thirty_digits_of_a_tricritical_point():
    name = "autoregressive v"
    sharp = Sharpener(PCA, PATHS[name], 30)
    assert within(sharp.point("tricritical", at.thresholds(PCA, PATHS[name]).tricritical), TABLE["sparse PCA"][name])


@pytest.mark.slow
def test_thirty_digits_at_zero_strength():
    name, path = "condensation", at.Flow(side="both")
    sharp = Sharpener(PCA, path, 30)
    assert within(sharp.point(name, at.thresholds(PCA, path)[name]), TABLE["sparse PCA"][name])


def test_digits_of_a_fixed_point_confirm_its_doubles():
    model, path = at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 3), at.Flow(side="u")
    (plain,), (sharp,) = (at.fixed_points(model, path, 0.9, 0.4, digits=n) for n in (None, 20))
    q_u, q_v = (Decimal(sharp.decimals[name]) for name in ("overlap_u", "overlap_v"))
    assert q_u == Decimal(sharp.decimals["overlap"])
    lam = 1 / Decimal("0.9")
    # q_u = y/(1 + y), y = s + alpha lambda q_v, and q_v = x/(1 + x), x = lambda q_u
    assert abs(q_v - lam * q_u / (1 + lam * q_u)) < Decimal("1e-19")
    y = Decimal("0.4") + 3 * lam * q_v
    assert abs(q_u - y / (1 + y)) < Decimal("1e-19")
    for name in ("overlap_u", "overlap_v", "free_entropy"):
        assert abs(getattr(plain, name) - float(sharp.decimals[name])) <= plain.errors[name] + 1e-16
        assert sharp.errors[name] < 1e-19


def test_no_overlap_is_none_of_either_kind():
    (null, *_) = at.fixed_points(PCA, at.Flow(), 0.06, 0.0, digits=15)
    assert [null.decimals[name] for name in ("overlap", "overlap_u", "overlap_v", "free_entropy")] == ["0"] * 4


def test_parameters_count_as_the_numbers_they_are_written_as():
    """Weak recovery: lambda^2 alpha Var_u^2 Var_v^2 = 1, exactly."""
    third = at.thresholds(at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 1 / 9), at.Flow(), digits=20)
    assert third.weak_recovery.decimals["noise"] == "0.33333333333333333333"
    unequal = at.thresholds(at.GaussianMixture(weights=[0.3, 0.7], aspect=4), at.Flow(side="v"), digits=20)
    assert unequal.weak_recovery.decimals["noise"] == "0.84000000000000000000"
    balanced = at.thresholds(at.GaussianMixture(3, 1), at.Flow(side="v"), digits=20)
    assert balanced.weak_recovery.decimals["noise"] == "0.33333333333333333333"


@pytest.mark.slow
def test_the_table_is_what_its_script_computes():
    cusps = GaussianAndSparse("0.05", 1).flow_cusps(2.2)
    for side, values in cusps.items():
        wanted = TABLE["sparse PCA"][f"flow {side}"]
        assert [str(x)[:26] for x in values] == [text[:26] for text in wanted]
