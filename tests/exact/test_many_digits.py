"""Many digits: against an independent table, at several precisions, and refused where they are not there."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from digits_table import MODELS, PATHS
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.exact.digits.channels import DensityChannel, exact_channel
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.equations import Equations
from amp_theory.exact.digits.faint import faint_values
from amp_theory.exact.digits.newton import confirmed, solve_system
from amp_theory.exact.digits.rules import GaussLegendrePanels, gaussian_mean, trapezoid_rule
from amp_theory.tools.expressions import exact

MODEL = at.IsingPSpin(3)
TABLE = json.loads((Path(__file__).parents[1] / "data" / "digits.json").read_text(encoding="utf-8"))


def agree(found: str, reference: str, digits: int) -> bool:
    """Whether a decimal string is the reference rounded to that many digits."""
    with mp.workdps(60):
        value, true = mp.mpf(found), mp.mpf(reference)
        if true == 0:
            return bool(value == 0)
        unit = mp.mpf(10) ** (mp.floor(mp.log10(abs(true))) + 1 - digits)
        return bool(abs(value - true) <= unit * mp.mpf("0.51"))


def digits_of(text: str) -> int:
    return len(text.split("e")[0].lstrip("-0.").replace(".", ""))


# --- the acceptance table ------------------------------------------------------------------------------------


def quick(case):
    """Whether a case is short: three atoms and other paths than the flow take longer, closed forms do not."""
    if case["model"] == "sparse":
        return case["point"] in ("algorithmic", "weak_recovery")
    return case["path"] == "flow" or case["model"] == "spherical"


POINTS = [
    pytest.param(c, id=f"{c['model']}-{c['path']}-{c['point']}", marks=[] if quick(c) else pytest.mark.slow)
    for c in TABLE["points"]
]


@pytest.mark.parametrize("case", POINTS)
@pytest.mark.slow
def test_thirty_digits_of_all_dense_thresholds(case):
    model, path = MODELS[case["model"]][0], PATHS[case["path"]][0]
    point = at.thresholds(model, path).points()[case["point"]]
    sharp = sharpened(model, path, case["point"], 30)
    names = {"control": model.control, "strength": path.strength, "overlap": "overlap"}
    for key, name in names.items():
        if key not in case:
            continue
        assert agree(sharp.decimals[name], case[key], 30), (name, sharp.decimals[name], case[key])
        assert case[key] == "0" or digits_of(sharp.decimals[name]) == 30
        # doubles, their bounds and the bounds of the digits
        with mp.workdps(50):
            true = mp.mpf(case[key])
            assert abs(point[name] - true) <= point.errors[name]
            assert abs(mp.mpf(sharp.decimals[name]) - true) <= sharp.errors[name]


def sharpened(model, path, name, digits):
    from amp_theory.exact.digits.points import Sharpener

    return Sharpener(model, path, digits).point(name, at.thresholds(model, path).points()[name])


#: the first path shows all there is, the others take longer
LINES = [
    pytest.param(*place, id="-".join(place[:2]), marks=pytest.mark.slow if n else [])
    for n, place in enumerate(dict.fromkeys((c["model"], c["path"], c["control"]) for c in TABLE["lines"]))
]


@pytest.mark.parametrize(("model_name", "path_name", "control"), LINES)
@pytest.mark.slow
def test_thirty_digits_of_points_on_lines(model_name, path_name, control):
    model, path = MODELS[model_name][0], PATHS[path_name][0]
    cases = [c for c in TABLE["lines"] if (c["model"], c["path"], c["control"]) == (model_name, path_name, control)]
    assert len(cases) == 3
    found = at.path_transitions(model, path, float(control), digits=30)
    rough = at.path_transitions(model, path, float(control))
    for case in cases:
        ((point,), (near,)) = (getattr(f, case["line"]) for f in (found, rough))
        for key, name in (("strength", path.strength), ("overlap", "overlap")):
            assert agree(point.decimals[name], case[key], 30)
            with mp.workdps(50):
                assert abs(near[name] - mp.mpf(case[key])) <= near.errors[name]
        assert float(point.decimals[model.control]) == float(control)


def test_spherical_points_in_closed_form():
    flow = at.thresholds(at.SphericalPSpin(3), at.Flow(), digits=50)
    with mp.workdps(60):
        expected = {
            "dynamical": (mp.sqrt(mp.mpf(3) / 8), mp.mpf(1) / 2),
            "tricritical": (mp.mpf(2) / 3, mp.mpf(1) / 3),
        }
    for name, (temperature, overlap) in expected.items():
        point = flow.points()[name]
        assert agree(point.decimals["temperature"], mp.nstr(temperature, 55), 50)
        assert agree(point.decimals["overlap"], mp.nstr(overlap, 55), 50)
    assert flow.tricritical.decimals["snr"] == "0.125" + 47 * "0"
    other = at.thresholds(at.SphericalPSpin(4), at.Autoregressive(), digits=40).tricritical
    assert agree(other.decimals["revealed"], "0.25", 40)


@pytest.mark.parametrize("digits", [1, 7, 20, pytest.param(50, marks=pytest.mark.slow)])
def test_every_number_of_digits(digits):
    point = sharpened(at.IsingPSpin(3), at.Flow(), "dynamical", digits)
    reference = TABLE["points"][0]["control"]
    if digits <= 35:
        assert agree(point.decimals["temperature"], reference, digits)
    else:
        assert agree(point.decimals["temperature"], reference, 35)
        # two precisions agree
        more = sharpened(at.IsingPSpin(3), at.Flow(), "dynamical", digits - 3)
        assert agree(point.decimals["temperature"], more.decimals["temperature"], digits - 3)
    assert digits_of(point.decimals["temperature"]) == digits


@pytest.mark.slow
def test_two_precisions_agree_at_large_p():
    for p, name in ((10, "condensation"), (1000, "dynamical")):
        few, many = (sharpened(at.IsingPSpin(p), at.Flow(), name, n).decimals["temperature"] for n in (20, 26))
        assert agree(few, many, 20)


# --- what the digits rest on ---------------------------------------------------------------------------------


def test_rules_agree_and_have_their_exact_values():
    with mp.workdps(50):
        for rule in (trapezoid_rule, GaussLegendrePanels(8)):
            one, second, fourth, cosine = gaussian_mean(rule, lambda z: [mp.mpf(1), z**2, z**4, mp.cos(z)])
            for value, true in ((one, 1), (second, 1), (fourth, 3), (cosine, mp.exp(-mp.mpf(1) / 2))):
                assert abs(value - true) < mp.mpf(10) ** -45
            even = gaussian_mean(rule, lambda z: [z**2], True)[0]
            assert abs(even - 1) < mp.mpf(10) ** -45


@given(snr=st.floats(1e-3, 30), case=st.sampled_from(range(5)))
@settings(max_examples=15, deadline=None)
@pytest.mark.slow
def test_channels_agree_with_the_doubles(snr, case):
    prior = (
        at.Rademacher(), at.SparseRademacher(0.03), at.GaussBernoulli(0.4), at.Gaussian(),
        at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2]),
    )[case]  # fmt: skip
    doubles = prior.channel(snr)
    with mp.workdps(40):  # psi is of order x^2, and small differences of the exact side lose digits, too
        v = exact_channel(prior).values(mp.mpf(snr), trapezoid_rule)
        pairs = (
            (v.free_entropy, doubles.free_entropy), (v.overlap, doubles.overlap), (v.mmse, doubles.mmse),
            (v.slope, doubles.overlap_slope),
        )  # fmt: skip
        for value, other in pairs:
            assert abs(value - float(other)) <= 4 * float(doubles.relative_error) * abs(value)


@pytest.mark.slow
@given(snr=st.floats(0.1, 10))
@settings(max_examples=5, deadline=None)
def test_identities_to_all_digits(snr):
    """M = 2 psi', M' = dM/dx, M'' = dM'/dx, rho = M + mmse."""
    with mp.workdps(40):
        channel, x, h = exact_channel(at.SparseRademacher(0.3)), mp.mpf(snr), mp.mpf(10) ** -9
        here, up, down = (channel.values(x + k * h, trapezoid_rule) for k in (0, 1, -1))
        derivative = {n: (getattr(up, n) - getattr(down, n)) / (2 * h) for n in ("free_entropy", "overlap", "slope")}
        assert abs(2 * derivative["free_entropy"] - here.overlap) < 1e-16
        assert abs(derivative["overlap"] - here.slope) < 1e-16
        assert abs(derivative["slope"] - here.curvature) < 1e-15
        assert abs(here.overlap + here.mmse - mp.mpf(3) / 10) < mp.mpf(10) ** -38


def test_no_information_gives_the_moments_of_the_prior():
    with mp.workdps(30):
        for prior in (at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2]), at.Rademacher(), at.GaussBernoulli(0.4)):
            channel = exact_channel(prior)
            none, little = channel.values(mp.mpf(0), trapezoid_rule), channel.values(mp.mpf(10) ** -14, trapezoid_rule)
            for name in ("overlap", "mmse", "slope", "curvature"):
                assert abs(getattr(none, name) - getattr(little, name)) < 1e-12


def test_floats_stand_for_the_numbers_they_are_written_as():
    assert exact(0.08) == Fraction(2, 25)
    assert exact(1 / 3) == Fraction(1, 3)
    assert exact(0.6744897502) == Fraction("0.6744897502")
    assert exact(math.pi) == Fraction(repr(math.pi))
    assert exact(2.0) == 2
    assert exact(1e23) == 10**23
    assert exact(1234567890.1234567) == Fraction("1234567890.1234567")
    # 8/100, not the double next to it: the noise at weak recovery is its square
    assert sharpened(MODELS["sparse"][0], at.Flow(), "weak_recovery", 40).decimals["noise"] == "0.0064" + 38 * "0"
    # the tensor's own noise too, through 1/(p Delta_p)
    point = at.thresholds(at.SpikedMatrixTensor(3, 0.1234567), at.Flow())
    assert at.SpikedMatrixTensor(3, 0.1234567).coupling.fixed_terms[0][1] == 1 / (3 * Fraction("0.1234567"))
    assert point.weak_recovery is not None


@pytest.mark.slow
def test_a_wrong_root_is_not_confirmed():
    """The second rule refuses what the first one got wrong: negative control."""
    model = at.IsingPSpin(3)
    eq = Equations(model, at.Flow())

    def crooked(v, rule):
        p = eq.at(v[0], mp.mpf(0), v[1], rule)
        wrong = mp.mpf(10) ** -22 if rule is trapezoid_rule else 0
        return [p.fixed + wrong, p.marginal]

    point = at.thresholds(model, at.Flow()).dynamical
    with pytest.raises(at.NumericalError, match="does not confirm 30 digits"):
        solve_system(crooked, [point.overlap, point.temperature**-2], 30)


def test_a_wrong_value_is_not_confirmed():
    def crooked(rule):
        return [mp.pi + (mp.mpf(10) ** -25 if rule is trapezoid_rule else 0)]

    assert abs(confirmed(crooked, 20)[0] - mp.pi) < 1e-15
    with pytest.raises(at.NumericalError, match="does not confirm 30 digits"):
        confirmed(crooked, 30)


def test_newton_far_from_a_root_says_so():
    with pytest.raises(at.NumericalError, match="does not converge"):
        solve_system(lambda v, rule: [v[0] ** 2 + 1], [0.3], 20)


# --- densities ------------------------------------------------------------------------------------------------


def gauss(s):
    exp = mpmath.exp if isinstance(s, mpmath.mpf) else np.exp
    return exp(-s * s / 2) / (2 * math.pi) ** 0.5


@pytest.mark.slow
def test_a_density_that_mpmath_can_evaluate_gives_digits():
    """A Gaussian by its density has the closed forms of the spherical model."""
    prior = at.Density(gauss, (-np.inf, np.inf))
    with mp.workdps(40):
        channel = exact_channel(prior)
        assert isinstance(channel, DensityChannel)
        x = mp.mpf("1.7")
        v = channel.values(x, trapezoid_rule)
        assert abs(v.overlap - x / (1 + x)) < mp.mpf(10) ** -36
        assert abs(v.free_entropy - (x - mp.log(1 + x)) / 2) < mp.mpf(10) ** -36
        assert abs(v.curvature + 2 / (1 + x) ** 3) < mp.mpf(10) ** -36


@pytest.mark.slow
def test_thresholds_of_a_density():
    bowl = at.Density(lambda s: 3 * (1 - s * s) / 4, (-1, 1))
    point = at.thresholds(at.SpikedTensor(3, bowl), at.Flow()).dynamical
    sharp = sharpened(at.SpikedTensor(3, bowl), at.Flow(), "dynamical", 17)
    assert abs(point.noise - float(sharp.decimals["noise"])) <= point.error
    assert 0 < sharp.error <= 1e-16 * sharp.noise


def test_a_numpy_density_is_refused_with_the_reason():
    prior = at.Density(lambda s: np.exp(-s * s / 2) / np.sqrt(2 * np.pi), (-np.inf, np.inf))
    with pytest.raises(at.InputError, match=r"takes and returns mpmath numbers.*raised TypeError"):
        at.thresholds(at.SpikedTensor(3, prior), at.Flow(), digits=20)
    floats = at.Density(lambda s: 0.5 + 0 * np.asarray(s, dtype=float), (-1, 1))
    with pytest.raises(at.InputError, match=r"takes and returns mpmath numbers.*returned"):
        at.thresholds(at.SpikedTensor(3, floats), at.Flow(), digits=20)


# --- tiny overlaps ----------------------------------------------------------------------------------------------


def rough_point(overlap, free_entropy=0.0):
    """Return a fixed point as doubles might have found it."""
    errors = dict.fromkeys(("overlap", "free_entropy", "mutual_information"), 0.0)
    return at.FixedPoint(overlap, free_entropy, True, "uninformed", 1 - overlap, 0.0, 0.0, errors)


def sharp_fixed_point(model, path, control, strength, overlap, digits):
    from amp_theory.exact.digits.points import Sharpener

    return Sharpener(model, path, digits).fixed_point(rough_point(overlap), control, strength).decimals


@pytest.mark.parametrize("field", ["1e-9", "1e-20", "1e-30"])
@pytest.mark.parametrize("prior", [at.Gaussian(), pytest.param(at.Rademacher(), marks=pytest.mark.slow)])
def test_overlaps_of_a_tiny_field_have_their_relative_digits(field, prior):
    """q = M((h + 3 q^2/2)/T^2): M = x/(1 + x), or x - x^2 + 5 x^3/3 - ... of Ising spins."""
    with mpmath.workdps(90):
        h, t = mpmath.mpf(field), mpmath.mpf("0.9")

        def gain(x):
            if isinstance(prior, at.Gaussian):
                return x / (1 + x)
            return x - x**2 + 5 * x**3 / 3  # its next term is below 1e-27 of it

        q = h / t**2
        for _ in range(60):
            q = gain((h + 3 * q * q / 2) / t**2)
        start, reference = float(q), mpmath.nstr(q, 30)
    model = at.MixedPSpin(f"{field}*q + q**3/2", prior)
    assert agree(sharp_fixed_point(model, at.Flow(), 0.9, 0.0, start, 20)["overlap"], reference, 20)


@pytest.mark.parametrize("strength", [1e-20, 1e-100, 1e-300])
@pytest.mark.parametrize("model", [at.IsingPSpin(3), at.SphericalPSpin(4)])
def test_overlaps_of_a_tiny_strength_are_not_zero(model, strength):
    found = sharp_fixed_point(model, at.Flow(), 0.9, strength, 1.01 * strength, 15)
    assert agree(found["overlap"], repr(strength), 15)
    with mp.workdps(20):
        ratio = mp.mpf(found["free_entropy"]) / mp.mpf(repr(strength)) ** 2
    assert abs(ratio - 0.25) < 1e-14


def overlap_by_quadrature(values, probabilities, x):
    """Return M(x) = E s* <s> of atoms, by mpmath's own quadrature."""
    root = mpmath.sqrt(x)

    def integrand(z, own):
        y = x * own + root * z
        weights = [p * mpmath.exp(y * s - x * s * s / 2) for s, p in zip(values, probabilities, strict=True)]
        return mpmath.fdot(weights, values) / mpmath.fsum(weights) * mpmath.npdf(z)

    return sum(
        p * s * mpmath.quad(lambda z, s=s: integrand(z, s), range(-16, 17, 4))
        for s, p in zip(values, probabilities, strict=True)
    )


@pytest.mark.parametrize("second", ["-0.3333", "-0.333333"])
@pytest.mark.slow
def test_uninformed_overlap_of_a_nearly_centred_prior(second):
    prior = at.Discrete([3, float(second)], [0.1, 0.9])
    with mpmath.workdps(50):
        values, weights = [mpmath.mpf(3), mpmath.mpf(second)], [mpmath.mpf(1) / 10, mpmath.mpf(9) / 10]
        q = mpmath.fdot(values, weights) ** 2
        start = float(q)
        for _ in range(4):
            q = overlap_by_quadrature(values, weights, q * q / mpmath.mpf("0.6"))
        reference = mpmath.nstr(q, 25)
    assert agree(sharp_fixed_point(at.SpikedTensor(3, prior), at.Flow(), 0.6, 0.0, start, 20)["overlap"], reference, 20)


@pytest.mark.parametrize("second", ["-0.3333", pytest.param("-0.333333", marks=pytest.mark.slow), "-0.3333333333"])
def test_a_fold_at_a_tiny_overlap(second):
    """q = M(q^2/Delta) and 2 q M'/Delta = 1 next to q = 2 m^2, with M to third order in x from the prior's moments."""
    prior = at.Discrete([3, float(second)], [0.1, 0.9])
    with mpmath.workdps(60):
        values, weights = (mpmath.mpf(3), mpmath.mpf(second)), (mpmath.mpf(1) / 10, mpmath.mpf(9) / 10)
        mean = mpmath.fdot(values, weights)
        v, third = (mpmath.fsum(w * (s - mean) ** n for s, w in zip(values, weights, strict=True)) for n in (2, 3))

        def equations(q, noise):
            x = q * q / noise
            curvature = third**2 - 2 * v**3
            return [mean**2 + v**2 * x + curvature * x * x / 2 - q, 2 * q / noise * (v**2 + curvature * x) - 1]

        start = [2 * mean**2, 4 * mean**2 * v**2]
        scaled = mpmath.findroot(
            lambda a, b: [e / s for e, s in zip(equations(a * start[0], b * start[1]), (start[0], 1), strict=True)],
            (1, 1), tol=1e-40,
        )  # fmt: skip
        q, noise = scaled[0] * start[0], scaled[1] * start[1]
    old = at.Located(float(noise), float(q), {"noise": 0.0, "overlap": 0.0}, "noise")
    from amp_theory.exact.digits.points import Sharpener

    found = Sharpener(at.SpikedTensor(3, prior), at.Flow(), 14).point("algorithmic", old).decimals
    for name, value in (("overlap", q), ("noise", noise)):
        assert agree(found[name], mpmath.nstr(value, 20), 14)


def test_a_mean_that_only_rounding_makes_is_none():
    """3/10 - (1/3) 9/10 = 0, which floats miss; what doubles find there is q = 0.  One of 3e-15 is one."""
    model = at.SpikedMatrix(at.Discrete([3, -1 / 3], [0.1, 0.9]))
    for noise in (0.9, 1.0, 1.1):
        assert sharp_fixed_point(model, at.Flow(), noise, 0.0, 1e-34, 20)["overlap"] == "0"
    other = at.SpikedTensor(3, at.Discrete([3, -0.33333333333333], [0.1, 0.9]))
    # a start from a mean in doubles is off by a few per mille
    assert agree(sharp_fixed_point(other, at.Flow(), 0.6, 0.0, 8.98e-30, 20)["overlap"], "9e-30", 20)


@pytest.mark.slow
def test_newton_does_not_wander_to_another_solution():
    """Labels tell something of the signal: there is no fixed point at 1e-20, but one at 0.29."""
    model = at.GLM(at.Rademacher(), at.SignChannel())
    with pytest.raises(at.NumericalError, match=r"another solution|does not converge"):
        sharp_fixed_point(model, at.Flow(), 0.5, 0.0, 1.5e-20, 12)


PRIORS = [
    at.Rademacher(), at.Discrete([3, -0.3333], [0.1, 0.9]), at.SparseRademacher(1e-4), at.Discrete([1, 2], [0.5, 0.5]),
]  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("snr", ["3e-12", "1e-25"])
@pytest.mark.every(3)
def test_the_series_of_faint_channels_has_all_digits(prior, snr):
    channel = exact_channel(prior)
    with mp.workdps(30):
        series = faint_values((channel.probabilities, channel.means), channel.exact_variance, mp.mpf(snr))
        assert faint_values((channel.probabilities, channel.means), channel.exact_variance, mp.mpf("0.01")) is None
    with mp.workdps(100):  # where the series does not have all digits
        assert faint_values((channel.probabilities, channel.means), channel.exact_variance, mp.mpf(snr)) is None or (
            snr == "1e-25"
        )
        exact_values = channel.values(mp.mpf(snr), trapezoid_rule)
        for name in ("free_entropy", "overlap", "mmse", "slope", "curvature"):
            assert abs(getattr(series, name) / getattr(exact_values, name) - 1) < mp.mpf(10) ** -26, name


# --- the public face --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [0, 51, 3.5, -1, "many", None, True])
def test_bad_digits(digits):
    if digits is None:
        assert at.thresholds(at.IsingPSpin(3), at.Flow(), digits=None).dynamical.decimals == {}
        return
    for call in (
        lambda: at.thresholds(at.IsingPSpin(3), at.Flow(), digits=digits),
        lambda: at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.7, 0.12, digits=digits),
        lambda: at.path_transitions(at.IsingPSpin(3), at.Flow(), 0.7, digits=digits),
    ):
        with pytest.raises(at.InputError, match="digits must be an integer from 1 to 50"):
            call()


@pytest.mark.slow
def test_fixed_points_with_digits():
    rough = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.70, 0.12)
    sharp = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.70, 0.12, digits=24)
    more = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.70, 0.12, digits=30)
    assert sharp.region == rough.region
    for a, b, c in zip(rough, sharp, more, strict=True):
        assert (a.kind, a.stable) == (b.kind, b.stable)
        for name in ("overlap", "free_entropy", "mmse"):
            assert agree(b.decimals[name], c.decimals[name], 24)
        for name in ("overlap", "free_entropy"):
            assert abs(getattr(a, name) - float(b.decimals[name])) <= a.errors[name]
    zero = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.66, 0.0, digits=20)
    assert zero.uninformed.overlap == 0
    assert zero.uninformed.decimals["mmse"] == "1." + 19 * "0"
    assert len(zero) == 3


@pytest.mark.parametrize(
    ("path", "temperature", "strength"),
    [
        (at.Flow(), 0.8, 1e-12),
        pytest.param(at.Autoregressive(), 0.8, 1e-9, marks=pytest.mark.slow),
        pytest.param(at.Flow(), 0.1, 0.1, marks=pytest.mark.slow),
    ],
)
def test_tiny_free_entropies_and_errors_have_their_digits(path, temperature, strength):
    """psi ~ snr^2/4 and the mmse ~ e^(-x/2) vanish next to the terms that they are sums of."""
    few, many = (at.fixed_points(MODEL, path, temperature, strength, digits=n) for n in (12, 20))
    for a, b in zip(few, many, strict=True):
        for name in ("overlap", "free_entropy", "mmse"):
            assert agree(a.decimals[name], b.decimals[name], 12)
            assert abs(float(a.decimals[name]) - float(b.decimals[name])) <= a.errors[name]
            assert a.errors[name] <= 1e-11 * float(a.decimals[name])


def test_digits_close_to_a_tricritical_point():
    bend = {}
    for distance in (1e-6, 2e-6, 2e-9):
        model, path = at.SphericalPSpin(3), at.Flow()
        found = at.path_transitions(model, path, 2 / 3 - distance, digits=20)
        informed, first, uninformed = (
            Fraction(getattr(found, line)[0].decimals["snr"])
            for line in ("informed_spinodal", "first_order", "uninformed_spinodal")
        )
        assert informed < first < uninformed < Fraction(1, 8)
        # snr = 1/8 - (9/8) epsilon + bend epsilon^2 + O(epsilon^3)
        epsilon = Fraction(2, 3) - Fraction(found.first_order[0].decimals["temperature"])
        bend[distance] = float((first - Fraction(1, 8) + Fraction(9, 8) * epsilon) / epsilon**2)
    # changes of order epsilon, and half a unit of the twentieth digit over epsilon^2
    assert abs(bend[2e-6] / bend[1e-6] - 1) < 10 * 2e-6
    assert abs(bend[2e-9] - bend[1e-6]) < 10 * 1e-6 + 0.5e-20 / 2e-9**2


def test_json_has_decimal_strings():
    data = at.thresholds(at.SphericalPSpin(3), at.Flow(), digits=20).to_dict()
    assert data["tricritical"]["snr"] == "0.12500000000000000000"
    assert isinstance(data["tricritical"]["error"]["snr"], float)
    assert data["algorithmic"] is None
    assert "0.12500000000000000000" in str(at.thresholds(at.SphericalPSpin(3), at.Flow(), digits=20))


def test_precision_of_the_caller_is_left_alone():
    before = mpmath.mp.prec, mpmath.iv.prec
    at.thresholds(at.SphericalPSpin(3), at.Flow(), digits=20)
    at.certify(at.thresholds(at.SphericalPSpin(3), at.Flow()).dynamical)
    assert (mpmath.mp.prec, mpmath.iv.prec) == before


@pytest.mark.slow
def test_coefficients_of_a_mixture_are_exact():
    """q**2/30011 keeps its digits, which a float would not."""
    long = at.MixedPSpin("0.12345678901234567890123*q**3")
    assert dict(long.coupling.scaled_terms) == {3: Fraction("0.12345678901234567890123")}
    model = at.MixedPSpin("q**2/30011 + 0.1234567891234567*q**3/7")
    assert model == at.MixedPSpin(model.xi)
    assert dict(model.coupling.scaled_terms) == {2: Fraction(1, 30011), 3: Fraction("0.1234567891234567") / 7}
    pure = sharpened(at.MixedPSpin("q**3/2"), at.Flow(), "dynamical", 30)
    assert pure.decimals == sharpened(at.IsingPSpin(3), at.Flow(), "dynamical", 30).decimals
