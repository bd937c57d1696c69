"""Many digits of every prior and coupling: other formulas, derivatives, doubles within their bounds, refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import amp_theory as at
from amp_theory.exact.digits.absolute import ExactAbs, bessel
from amp_theory.exact.digits.channels import exact_channel
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.couplings import exact_coupling
from amp_theory.exact.digits.equations import Equations, cusp, equal_heights, fixed_point
from amp_theory.exact.digits.groups import PottsChannel, ScaledChannel
from amp_theory.exact.digits.newton import solve_system
from amp_theory.exact.digits.points import Sharpener
from amp_theory.exact.digits.rotational import ExactRowOrthogonal, ExactSpectrum
from amp_theory.exact.digits.rules import GaussLegendrePanels, trapezoid_rule
from amp_theory.ingredients.couplings.base import PolynomialCoupling
from amp_theory.ingredients.priors.groups import PottsPrior
from amp_theory.ingredients.priors.mixtures import Mixture
from amp_theory.ingredients.priors.named import MixturePrior
from amp_theory.tools.errors import NumericalError

FLOW, ORDER = at.Flow(), at.Autoregressive()
REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "output_channel_reference.json").read_text())["cases"]
ABS_CASES = [case for case in REFERENCE if case["channel"] == "abs"]


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(30):
        yield


def derivative(function, value):
    """Return derivatives of several functions by a central difference, to 30 digits of 50."""
    with mp.workdps(50):
        h = mp.mpf("1e-16") * value
        up, down = (function(value + sign * h) for sign in (1, -1))
        return [(a - b) / (2 * h) for a, b in zip(up, down, strict=True)]


def relative(a, b):
    return abs(a / b - 1)


def channel_columns(v):
    return [v.free_entropy, v.overlap, v.mmse, v.slope, v.curvature]


def agree(model, path, digits):
    """Return the thresholds after checking them against doubles and against more digits, if several are given."""
    rough = at.thresholds(model, path)
    fine = [at.thresholds(model, path, digits=d) for d in digits]
    seen = 0
    for name, old in rough.points().items():
        points = [getattr(f, name) for f in fine]
        assert all((p is None) == (old is None) for p in points)
        if old is None:
            continue
        for coordinate, error in old.errors.items():
            values = [Decimal(p.decimals[coordinate]) for p in points]
            double = old.overlap if coordinate == "overlap" else old[coordinate]
            assert abs(float(values[0]) - double) <= error + 4e-16 * abs(double), (name, coordinate)
            for value, number in zip(values[1:], digits, strict=False):
                assert abs(values[0] - value) <= abs(value) * Decimal(10) ** (1 - number), (name, coordinate)
            seen += 1
    assert seen
    return fine[-1]


def test_xorsat_thresholds():
    fine = agree(at.XORSAT(3), ORDER, (20, 30))
    assert fine.tricritical.decimals["density"] == "0.666666666666666666666666666667"
    assert fine.tricritical.decimals["overlap"] == "0.500000000000000000000000000000"


def test_weights_of_any_sum_are_exact():
    prior = at.SparseRademacher(0.3)
    one, two = (
        at.thresholds(at.SpectralSensing(prior, [0, 1], w), FLOW, digits=25) for w in ([1, 40010], [2, 80020])
    )  # fmt: skip
    assert one.to_dict()["reasons"] == two.to_dict()["reasons"]
    for a, b in zip(one.points().values(), two.points().values(), strict=True):
        assert (a is None) == (b is None)
        assert a is None or a.decimals == b.decimals


# --- absolute value -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ABS_CASES[::3], ids=lambda c: c["overlap"])
@pytest.mark.every(3)
def test_abs_channel_agrees_with_reference(case):
    q, d = mp.mpf(float(case["overlap"])), mp.mpf(float(case["gap"]))
    values = ExactAbs(q + d).scaled(q, trapezoid_rule)
    for name, value in zip(("free_entropy", "response", "slope", "curvature"), values, strict=True):
        assert relative(value, mp.mpf(case[name])) < mp.mpf("1e-19")


def test_abs_channel_agrees_with_doubles():
    q = np.array([1e-5, 0.05, 0.3, 1.1, 1.49999])
    values = at.AbsChannel().functions(q, 1.5 - q)
    for k, overlap in enumerate(q.tolist()):
        exact = ExactAbs(mp.mpf("1.5")).scaled(mp.mpf(overlap), trapezoid_rule)
        columns = (values.free_entropy, values.response, values.slope, values.curvature)
        for value, column in zip(exact, columns, strict=True):
            assert relative(mp.mpf(float(column[k])), value) <= float(values.relative_error[k])


@pytest.mark.slow
def test_abs_channel_derivatives_and_rules():
    coupling, q = ExactAbs(mp.mpf(2)), mp.mpf("0.7")
    values = coupling.scaled(q, trapezoid_rule)
    slopes = derivative(lambda x: coupling.scaled(x, trapezoid_rule), q)
    assert all(relative(a, b) < mp.mpf("1e-25") for a, b in zip(slopes[:3], values[1:], strict=True))
    other = coupling.scaled(q, GaussLegendrePanels(8))
    assert all(relative(a, b) < mp.mpf("1e-28") for a, b in zip(other, values, strict=True))
    # q = 0: the sign of z is lost altogether
    near, zero = coupling.scaled(mp.mpf("1e-15"), trapezoid_rule), coupling.scaled(mp.mpf(0), trapezoid_rule)
    assert zero[:2] == [0, 0]
    assert all(abs(a / b - 1) < mp.mpf("1e-13") for a, b in zip(near[2:], zero[2:], strict=True))


def test_bessel_functions():
    for s in ("1e-20", "0.3", "7", "80"):
        s = mp.mpf(s)
        for order, value in enumerate(bessel(s)):
            assert relative(value, mp.besselk(order, s)) < mp.mpf("1e-28")


@pytest.mark.parametrize(
    ("prior", "digits"),
    [(at.Rademacher(), (20, 30)), (at.Gaussian(), (20, 30)), (at.GaussBernoulli(0.3), (20,))],
    ids=["rademacher", "gaussian", "gauss-bernoulli"],
)
@pytest.mark.slow
def test_phase_retrieval_thresholds(prior, digits):
    points = agree(at.GLM(prior, at.AbsChannel()), FLOW, digits)
    assert Decimal(points.weak_recovery.decimals["sampling_ratio"]) == Decimal("0.5")


@pytest.mark.slow
def test_phase_retrieval_fixed_points():
    model = at.GLM(at.Rademacher(), at.AbsChannel())
    rough, fine = (at.fixed_points(model, ORDER, 0.8, 0.01, digits=d) for d in (None, 20))
    assert len(rough) == len(fine) == 3
    assert fine[2].kind == rough[2].kind
    assert fine[2].decimals["overlap"] == "1." + 19 * "0"
    assert (fine[2].overlap, fine[2].free_entropy) == (1, np.inf)  # without noise nothing else is as likely
    for a, b in zip(rough[:2], fine[:2], strict=True):
        assert abs(a.overlap - b.overlap) <= a.errors["overlap"]
        assert abs(a.free_entropy - b.free_entropy) <= a.errors["free_entropy"] + b.errors["free_entropy"]


# --- groups -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_equal_groups_are_ising_spins():
    x = mp.mpf("0.9")
    ising = channel_columns(exact_channel(at.Rademacher()).values(x, trapezoid_rule))
    assert channel_columns(exact_channel(PottsPrior(2)).values(x, trapezoid_rule)) == ising
    potts = channel_columns(PottsChannel(2).values(x, trapezoid_rule))
    assert all(relative(a, b) < mp.mpf("1e-28") for a, b in zip(potts, ising, strict=True))


@pytest.mark.slow
def test_three_groups_by_the_double_integral():
    """psi and M of three vectors in the plane, as means over z in two dimensions by a trapezoidal sum."""
    x, h, reach = mp.mpf("1.3"), mp.mpf("0.2"), 45
    vertices = [(mp.cos(a), mp.sin(a)) for a in (0, 2 * mp.pi / 3, 4 * mp.pi / 3)]
    psi = overlap = total = mp.mpf(0)
    with mp.workdps(20):
        for i in range(-reach, reach + 1):
            for j in range(reach + 1):  # the mirror images of the others
                weight = mp.exp(-(i * i + j * j) * h * h / 2) * (2 if j else 1)
                y = mp.sqrt(x) + i * h, j * h
                levels = [mp.exp(mp.sqrt(x) * (y[0] * a + y[1] * b) - x / 2) for a, b in vertices]
                norm = mp.fsum(levels)
                psi += weight * mp.log(norm / 3)
                overlap += weight * mp.fdot(levels, [a for a, _ in vertices]) / norm
                total += weight
    values = PottsChannel(3).values(x, trapezoid_rule)
    assert relative(psi / total, values.free_entropy) < mp.mpf("1e-16")
    assert relative(overlap / total, values.overlap) < mp.mpf("1e-16")


@pytest.mark.parametrize(("k", "snr"), [(3, 0.2), (4, 1e-4), (30, 9.0)])
@pytest.mark.slow
def test_groups_agree_with_doubles(k, snr):
    d = PottsPrior(k).channel(snr)
    exact = PottsChannel(k).values(mp.mpf(snr), trapezoid_rule)
    doubles = (d.free_entropy, d.overlap, d.mmse, d.overlap_slope)
    for value, double in zip(channel_columns(exact), doubles, strict=False):
        assert relative(mp.mpf(float(double)), value) <= float(d.relative_error)
    other = PottsChannel(k).values(mp.mpf(snr), GaussLegendrePanels(8))
    assert all(relative(a, b) < mp.mpf("1e-22")
               for a, b in zip(channel_columns(other), channel_columns(exact), strict=True))  # fmt: skip


@pytest.mark.slow
def test_group_derivatives():
    channel, x = PottsChannel(5), mp.mpf("0.8")
    with mp.workdps(40):
        h = mp.mpf("1e-14")
        up, down = (channel_columns(channel.values(x + sign * h, trapezoid_rule)) for sign in (1, -1))
        slopes = [(a - b) / (2 * h) for a, b in zip(up, down, strict=True)]
        v = channel.values(x, trapezoid_rule)
    for a, b in ((2 * slopes[0], v.overlap), (slopes[1], v.slope), (-slopes[2], v.slope), (slopes[3], v.curvature)):
        assert relative(a, b) < mp.mpf("1e-25")
    none = channel.values(mp.mpf(0), trapezoid_rule)
    with mp.workdps(15):
        near = channel.values(mp.mpf("1e-7"), trapezoid_rule)
    assert relative(near.slope, none.slope) < 1e-6
    assert relative(near.curvature, none.curvature) < 1e-5
    with pytest.raises(NumericalError, match="60 digits"):
        channel.values(mp.mpf(1000), trapezoid_rule)


@pytest.mark.slow
def test_block_model():
    model = at.StochasticBlockModel(3)
    (rough,), (fine,) = (tuple(at.fixed_points(model, FLOW, 3.0, 0.3, digits=d)) for d in (None, 17))
    assert abs(rough.overlap - fine.overlap) <= rough.errors["overlap"]
    assert abs(rough.free_entropy - fine.free_entropy) <= rough.errors["free_entropy"]
    assert abs(Equations(model, FLOW).weak_recovery(trapezoid_rule) - 1) < mp.mpf("1e-29")


@pytest.mark.slow
def test_block_model_cusp_with_many_digits():
    sharpened_agrees(at.StochasticBlockModel(5), "tricritical")


def test_two_groups_are_no_decimals():
    prior = at.two_groups(0.15)
    channel = exact_channel(prior)
    assert isinstance(channel, ScaledChannel)
    assert abs(channel.second_moment - 1) < mp.mpf("1e-29")
    assert channel.mean == 0
    # the doubles taken as decimals are something else
    floats = exact_channel(at.Discrete([*prior.values, 5.0], [*prior.probabilities, 0.0]))
    assert mp.mpf("1e-18") < abs(floats.second_moment - 1) < mp.mpf("1e-15")
    # rational atoms, two ways: 2 and -1/2
    two = exact_channel(at.two_groups(0.2)).values(mp.mpf("0.7"), trapezoid_rule)
    three = exact_channel(at.Discrete([2, -0.5, 7], [0.2, 0.8, 0])).values(mp.mpf("0.7"), trapezoid_rule)
    pairs = zip(channel_columns(two), channel_columns(three), strict=True)
    assert all(relative(a, b) < mp.mpf("1e-28") for a, b in pairs)


@pytest.mark.slow
def test_two_groups_thresholds():
    points = agree(at.SpikedMatrix(at.two_groups(0.1)), FLOW, (20,))
    assert points.weak_recovery.decimals["noise"] == "1." + 19 * "0"


# --- rotationally invariant matrices ------------------------------------------------------------------------


@pytest.mark.parametrize("overlap", ["0", "0.3", "0.799"])
def test_orthogonal_rows_two_ways(overlap):
    """alpha of the eigenvalues are one, the others zero."""
    noise, rho, q = mp.mpf(3) / 100, mp.mpf("0.8"), mp.mpf(overlap)
    rows = ExactRowOrthogonal(noise, rho).at(mp.mpf("0.3"), q, trapezoid_rule)
    alpha = Fraction(3, 10)
    spectrum = ExactSpectrum((Fraction(0), Fraction(1)), (1 - alpha, alpha), rho).at(1 / noise, q, trapezoid_rule)
    for a, b in zip(rows, spectrum, strict=True):
        assert abs(a - b) <= mp.mpf("1e-25") * abs(b)


ROTATIONAL = [
    (at.RowOrthogonalSensing(at.GaussBernoulli(0.4), 0.01).coupling, 0.5, 0.4),
    (at.SpectralSensing(at.Rademacher(), [1 / 3, 2, 5, 0], [0.4, 0.25, 0.25, 0.1]).coupling, 7.0, 1.0),
]


@pytest.mark.parametrize(("coupling", "intensity", "rho"), ROTATIONAL, ids=["rows", "spectrum"])
def test_rotational_couplings(coupling, intensity, rho):
    exact, c = exact_coupling(coupling, mp.mpf(str(rho))), mp.mpf(intensity)
    q = mp.mpf(str(rho)) * mp.mpf("0.7")
    values = exact.at(c, q, trapezoid_rule)
    slopes = derivative(lambda x: exact.at(c, x, trapezoid_rule), q)
    assert all(relative(a, b) < mp.mpf("1e-25") for a, b in zip(slopes[:3], values[1:], strict=True))
    overlap, gap = np.array(float(q)), np.array(rho - float(q))
    doubles = [f(np.array(intensity), overlap, gap) for f in (coupling.value, coupling.signal, coupling.curvature)]
    assert all(relative(mp.mpf(float(a)), b) < mp.mpf("1e-12") for a, b in zip(doubles, values, strict=False))


def test_orthogonal_rows_with_every_measurement():
    """alpha = 1: each variable is seen on its own, x = 1/noise."""
    xi, x, second, third = ExactRowOrthogonal(mp.mpf("0.1"), mp.mpf(1)).at(mp.mpf(1), mp.mpf("0.95"), trapezoid_rule)
    assert relative(x, 10) < mp.mpf("1e-28")
    assert mp.isfinite(xi)
    assert abs(second) < mp.mpf("1e-26") > abs(third)


@pytest.mark.slow
def test_rotational_thresholds():
    agree(at.RowOrthogonalSensing(at.Rademacher(), 0.1), ORDER, (20,))


@pytest.mark.slow
def test_spectral_fixed_points():
    model = at.SpectralSensing(at.SparseRademacher(0.1), [0.2, 0.4], [0.5, 0.5])
    rough, fine = (at.fixed_points(model, FLOW, 0.05, 0.5, digits=d) for d in (None, 12))
    for a, b in zip(rough, fine, strict=True):
        assert abs(a.overlap - b.overlap) <= a.errors["overlap"] + b.errors["overlap"]
        assert abs(a.free_entropy - b.free_entropy) <= a.errors["free_entropy"] + b.errors["free_entropy"]


@pytest.mark.slow
def test_rotational_thresholds_with_many_digits():
    agree(at.RowOrthogonalSensing(at.GaussBernoulli(0.1), 0), FLOW, (20,))


@pytest.mark.slow
def test_spectral_cusp_with_many_digits():
    sharpened_agrees(at.SpectralSensing(at.Rademacher(), [0, 1], [0.43, 0.57]), "tricritical")


def sharpened_agrees(model, name):
    """Check one point of the flow against its doubles."""
    rough = at.thresholds(model, FLOW).points()[name]
    fine = Sharpener(model, FLOW, 20).point(name, rough)
    for coordinate, error in rough.errors.items():
        double = rough.overlap if coordinate == "overlap" else rough[coordinate]
        assert abs(float(fine.decimals[coordinate]) - double) <= error + 4e-16 * abs(double), coordinate


# --- erasures -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def xorsat():
    return Equations(at.XORSAT(3), ORDER)


def test_xorsat_tricritical_in_closed_form(xorsat):
    """alpha = 2/3 at q = 1/2 and theta = 1 - e^(1/2)/2, for k = 3."""
    root, bounds = solve_system(cusp(xorsat), [0.5 + 1e-9, 0.17563936, 0.66666667], 30)
    wanted = (mp.mpf(1) / 2, 1 - mp.exp(mp.mpf(1) / 2) / 2, mp.mpf(2) / 3)
    for value, target, bound in zip(root, wanted, bounds, strict=True):
        assert abs(value - target) <= bound + mp.mpf("1e-30")


def test_xorsat_condensation_by_counting(xorsat):
    """In the core are as many checks as spins: n (q - x (1 - q)) = alpha q^k."""
    (q, alpha), _ = solve_system(equal_heights(xorsat, "null", "branch", None), [0.88, 0.918], 30)
    x = 3 * alpha * q**2
    assert abs(q - x * (1 - q) - alpha * q**3) < mp.mpf("1e-29")
    assert abs(alpha - mp.mpf("0.917935276658")) < mp.mpf("1e-12")


@pytest.mark.slow
def test_xorsat_free_entropy_is_that_of_density_evolution(xorsat):
    for point in at.fixed_points(at.XORSAT(3), ORDER, 0.8, 0.05):
        strength, density = mp.mpf("0.05"), mp.mpf("0.8")
        (q,), _ = solve_system(fixed_point(xorsat, strength, density), [point.overlap], 20)
        assert abs(q - point.overlap) <= point.errors["overlap"]
        phi = xorsat.at(q, strength, density, trapezoid_rule).free_entropy
        assert abs(phi - point.free_entropy) <= point.errors["free_entropy"]


# --- what is not there --------------------------------------------------------------------------------------


class OwnPrior(MixturePrior):
    name = "own"
    parameters = {}  # noqa: RUF012

    def _components(self):
        return Mixture(np.full(2, 0.5), np.array([-1.0, 1.0]), np.zeros(2))


@dataclass(frozen=True)
class OwnSpins(at.Rademacher):
    pass


@dataclass(frozen=True)
class OwnCoupling(PolynomialCoupling):
    pass


@dataclass(frozen=True)
class OwnModel(at.SherringtonKirkpatrick):
    @property
    def coupling(self):
        return OwnCoupling(((2, 0.5),))


class OwnPath(at.Flow):
    pass


class OwnChannel(at.SignChannel):
    pass


def logistic(y, z):
    return 1 / (1 + np.exp(-y * z))


REFUSED = [
    (at.SpikedMatrix(OwnPrior()), FLOW, "priors of the package.*Discrete"),
    (at.SpikedMatrix(OwnSpins()), FLOW, "priors of the package.*Discrete"),
    (OwnModel(), FLOW, "couplings of the package.*OwnCoupling"),
    (at.IsingPSpin(3), OwnPath(), "not for OwnPath"),
    (at.GLM(at.Rademacher(), at.Channel([-1, 1], logistic)), FLOW, "output channel.*numpy"),
    (at.GLM(at.Rademacher(), OwnChannel()), FLOW, "output channel.*exact_output.register"),
    (at.Bicoloring(3), ORDER, "Bicoloring.*laws on a grid"),
    (at.XORSAT(3), FLOW, "XORSAT.*along flow.*laws on a grid"),
    (at.XORSAT(3, temperature=0.3), ORDER, "XORSAT.*laws on a grid"),
    (at.Coloring(4), FLOW, "Coloring.*populations"),
]


@pytest.mark.parametrize(("model", "path", "reason"), REFUSED, ids=[type(m).__name__ + p.name for m, p, _ in REFUSED])
def test_refused_with_the_reason(model, path, reason):
    with pytest.raises(at.InputError, match=reason):
        at.thresholds(model, path, digits=20)
