"""Variables of two kinds with many digits, and their doubles, against an independent table (`two_sides_table`)."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext
from pathlib import Path

import mpmath as mp
import pytest
from pairs_of_priors import Atoms, Normal, Pair, Simplex, Spike
from two_sides import GaussianAndSparse

import amp_theory as at
from amp_theory.exact.digits.points import Sharpener
from amp_theory.ingredients.priors.groups import PottsPrior

TABLE = json.loads((Path(__file__).parents[1] / "data" / "two_sides_reference.json").read_text())
PCA = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)
ONES = at.Discrete([0, 1], [0.97, 0.03])
OTHERS = {
    "ten clusters": at.GaussianMixture(k=10, aspect=1),
    "unequal clusters": at.GaussianMixture(weights=[0.03, 0.97], aspect=1),
    "spikes": at.RectangularMatrix(at.Gaussian(), at.GaussBernoulli(0.02), 0.5),
}
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


@pytest.mark.parametrize("name", OTHERS)
def test_doubles_of_other_pairs_are_within_their_bounds(name):
    """Clusters of equal and of unequal weights, and spikes: all points."""
    for point, values in TABLE[name].items():
        kind = point.split()[0]
        tricritical = kind in ("flow", "autoregressive")
        found = at.thresholds(OTHERS[name], PATHS[point] if tricritical else at.Flow(side="v"))
        located = found.tricritical if tricritical else found[point]
        assert located.error < 1e-11 * located.control
        assert within(located, values)


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


@pytest.mark.slow
def test_printed_values_of_other_pairs_are_what_the_script_computes():
    """Cusps, found with fewer digits: of spikes, of unequal clusters, and of ten clusters near one place."""
    mp.mp.dps = 25
    w = mp.mpf("0.03")
    labels = Atoms([mp.sqrt((1 - w) / w), -mp.sqrt(w / (1 - w))], [w, 1 - w], steps=8)
    cases = (
        ("unequal clusters", "flow v", labels, 1, 2 * w * (1 - w), ("0.6696", "0.09639", "0.07235")),
        ("spikes", "flow both", Spike("0.02", steps=8), "0.5", 1, ("28.6", "0.06402", "1.744")),
        ("ten clusters", "flow u", Simplex(10, ["0.5578"], "0.005", 6, 7), mp.mpf(1) / 9, mp.mpf("0.9"),
         ("8.521", "0.07005", "0.5578")),
    )  # fmt: skip
    for name, point, law, alpha, unit, guess in cases:
        lam, snr = Pair(Normal(), law, alpha, digits=9).flow_cusp(point.split()[1], guess)
        for value, wanted in zip((lam / unit, snr), TABLE[name][point], strict=True):
            assert mp.almosteq(value, mp.mpf(wanted), rel_eps=mp.mpf(10) ** -15), (name, value)


@pytest.mark.slow
def test_pairs_without_a_gaussian_side_are_within_their_bounds():
    """A cusp of signs and sparse signs, and a fold of zeros and ones on both sides, solved here with twenty digits."""
    mp.mp.dps = 20
    r = mp.mpf("0.05") / 2
    u, v = Atoms([1, -1], ["0.5", "0.5"], steps=6), Atoms([0, 1, -1], [1 - 2 * r, r, r], steps=8)
    cusp = Pair(u, v, 2, digits=12).flow_cusp("v", ("13.6628", "0.163808", "2.05651"))
    model = at.RectangularMatrix(at.Rademacher(), at.SparseRademacher(0.05), 2)
    found = at.thresholds(model, at.Flow(side="v")).tricritical
    assert within(found, [mp.nstr(x, 17) for x in cusp], 15)
    ones = Atoms([0, 1], ["0.97", "0.03"], steps=8)
    (fold,) = Pair(ones, ones, 1, digits=12).fold(("456.362", "5.33423", "5.33423"))
    found = at.thresholds(at.RectangularMatrix(ONES, ONES, 1), at.Flow()).dynamical
    assert within(found, [mp.nstr(fold, 17)], 15)


@pytest.mark.parametrize(
    ("law", "prior"),
    [
        (Atoms([0, 1], ["0.97", "0.03"], steps=8), ONES),
        (Spike("0.02", steps=8), at.GaussBernoulli(0.02)),
        (Simplex(5, [], steps=5), PottsPrior(5)),
    ],
    ids=["atoms", "spike", "simplex"],
)
def test_laws_of_the_script_are_the_priors(law, prior):
    mp.mp.dps = 16
    values = prior.channel(0.8)
    y = mp.mpf("0.8")
    level = law.direct(y) if isinstance(law, Simplex) else (law.overlap(y), law.free_entropy(y))
    assert float(level[0]) == pytest.approx(float(values.overlap), rel=1e-11)
    assert float(level[1]) == pytest.approx(float(values.free_entropy), rel=1e-11)
    if not isinstance(law, Simplex):
        _, slope, curvature = law.derivatives(y)
        assert float(slope) == pytest.approx(float(values.overlap_slope), rel=1e-11)
        assert float(curvature) == pytest.approx(float(values.overlap_curvature), rel=1e-11)
