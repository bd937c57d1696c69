"""Random perceptrons against integrals over Brownian bridges, published numbers, identities and closed limits."""

import json

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.random_measures.pattern_averages import PatternAverages
from amp_theory.equations_of_state.random_measures.perceptrons import PerceptronMeasure
from amp_theory.phases.points.random_measures import first_cusp, stability_line
from tests.oracles import random_perceptrons as oracle

BINARY, SPHERE = at.Rademacher(), at.Gaussian()
#: kappa, exponent, q0 and q
POINTS = [
    (-2.5, 0, 0.3, 0.6), (0, 0, 0.25, 0.9), (0.5, 0, 0.5, 0.95),
    pytest.param(0, 1.5, 0.4, 0.8, marks=pytest.mark.slow), pytest.param(0, 1, 0.2, 0.5, marks=pytest.mark.slow),
]  # fmt: skip


class WholeMargin(at.Margin):
    """A hard margin whose averages are summed beyond the margin, too, where all but the weight vanishes."""

    margin = 0.5


def averages(potential, q0, gaps, check=False):
    """Return averages at several 1 - q."""
    gap = np.array([gaps], dtype=float)
    return PatternAverages(potential, check).inside(np.array([[q0]]), np.array([[1 - q0]]), 1 - q0 - gap, gap)


@pytest.mark.parametrize(("kappa", "exponent", "q0", "q"), POINTS)
def test_averages_are_those_over_bridges(kappa, exponent, q0, q):
    found = averages(at.Margin(kappa, exponent), q0, [1 - q])
    exact = oracle.averages(q0, q, kappa, exponent)
    for value, expected in zip(found[1:4], exact[1:], strict=True):
        assert value[0, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("potential", [WholeMargin(-1), at.Margin(0.3, 0.5), at.Margin(0, 1.5), at.Logistic(0.5, 2)])
@pytest.mark.parametrize("q0", [1e-8, 0.1, 0.6])
def test_weights_are_normalised_and_averages_martingales(potential, q0):
    gaps = (1 - q0) * np.array([0.9, 0.5, 0.1, 1e-3])
    here = averages(potential, q0, gaps)
    assert np.abs(here.weight - 1).max() < 1e-14
    h = 1e-3 * gaps
    columns = [averages(potential, q0, gaps + k * h) for k in (-2, -1, 1, 2)]

    def slope(name):
        a, b, c, d = (getattr(x, name) for x in columns)
        # towards larger q, which is smaller 1 - q
        return (d - 8 * c + 8 * b - a) / (12 * h)

    rounding = 1e-9 * np.abs(here.bend).max()
    assert slope("log_h") == pytest.approx(here.square / 2, rel=1e-7)
    assert slope("square") == pytest.approx(here.slope, rel=1e-7)
    assert slope("slope") == pytest.approx(here.bend, rel=1e-6, abs=rounding)


@pytest.mark.parametrize("potential", [at.Margin(), at.Margin(-2.5), at.Margin(0, 1), at.Margin(1, 0.5)])
def test_two_quadratures_agree_down_to_the_last_gap(potential):
    gaps = [0.4, 1e-3, 1e-8, 1e-15]
    for a, b in zip(averages(potential, 0.5, gaps)[1:4], averages(potential, 0.5, gaps, True)[1:4], strict=True):
        assert a == pytest.approx(b, rel=1e-11)


@pytest.mark.parametrize(("prior", "potential", "alpha"), [
    (SPHERE, at.Margin(-2.5), 275.0), (BINARY, at.Margin(), 0.4), (BINARY, at.Margin(0, 1.5), 0.66),
    (BINARY, at.Logistic(0, 2), 1.0)])  # fmt: skip
def test_free_entropy_has_the_strength_as_slope(prior, potential, alpha):
    for path in (at.Flow(), at.Autoregressive()):
        isotherms = PerceptronMeasure(at.RandomPerceptron(prior, potential), path).isotherms(np.array([alpha]))
        z = np.array([[0.2, 1.0, 3.0]])
        h = 1e-3 * z
        a, b, c, d = (isotherms.points(z + k * h) for k in (-2, -1, 1, 2))
        here = isotherms.points(z)

        def slope(name, a=a, b=b, c=c, d=d, h=h):
            return (getattr(a, name) - 8 * getattr(b, name) + 8 * getattr(c, name) - getattr(d, name)) / (12 * h)

        # phi = level + s level_s is stationary at s = strength; F' = snr/2 of a flow
        assert slope("level") == pytest.approx(-here.strength * slope("level_s"), rel=1e-7)
        assert slope("strength") == pytest.approx(here.strength_z, rel=1e-8)
        assert slope("stability") == pytest.approx(here.stability_z, rel=1e-7, abs=1e-9)
        assert slope("excess") == pytest.approx(here.overlap_z, rel=1e-8)


def test_strength_of_binary_weights_is_that_of_the_oracle():
    alpha, z = 0.4, 1.7
    qh, q0 = oracle.binary_base(alpha, 0.0)
    isotherms = PerceptronMeasure(at.RandomPerceptron(BINARY), at.Flow()).isotherms(np.array([alpha]))
    point = isotherms.points(np.array([[z]]))
    q = oracle.spin_overlap(qh, z)
    snr = z - (alpha * oracle.averages(q0, q, 0.0)[2] - qh)
    assert isotherms.base.overlap[0] == pytest.approx(q0, abs=1e-12)
    assert q0 == pytest.approx(0.255843, abs=5e-7)
    assert 1 - point.gap[0, 0] == pytest.approx(q, abs=1e-12)
    assert point.strength[0, 0] == pytest.approx(snr, abs=1e-11)


@pytest.mark.parametrize(
    ("prior", "potential", "alpha"), [(BINARY, at.Margin(), 0.4), (BINARY, at.Margin(0, 1.5), 0.6)]
)
def test_all_that_a_flow_tells_is_the_entropy(prior, potential, alpha):
    isotherms = PerceptronMeasure(at.RandomPerceptron(prior, potential), at.Flow()).isotherms(np.array([alpha]))
    level = isotherms.points(np.array([[64.0]])).level[0, 0]
    assert -level == pytest.approx(isotherms.base.entropy[0], abs=1e-7)  # up to sqrt(1 - q) of 1 - q = 1e-15
    if potential.margin == 0:
        assert isotherms.base.entropy[0] == pytest.approx(oracle.entropy(alpha, 0.0), abs=1e-12)


@pytest.mark.parametrize(("kappa", "alpha"), [(-1, 7.8735602), (-2, 61.878631)])
def test_above_the_tricritical_margin_the_flow_works_up_to_the_stability_line(kappa, alpha):
    found = at.thresholds(at.RandomPerceptron(potential=at.Margin(kappa)), at.Flow())
    assert found.first_failure.sampling_ratio == found.stability.sampling_ratio
    assert found.first_failure.how.startswith("stability")
    assert found.first_failure.sampling_ratio == pytest.approx(alpha, rel=1e-8)
    assert found.dynamical is None
    assert found.tricritical is None


def test_below_it_a_gap_opens():
    model = at.RandomPerceptron(potential=at.Margin(-2.5))
    found = at.thresholds(model, at.Flow())
    expected = {"first_failure": 269.73596, "dynamical": 280.80771, "condensation": 287.11520, "stability": 328.70898}
    for name, value in expected.items():
        assert getattr(found, name).sampling_ratio == pytest.approx(value, abs=6e-6)
    assert found.first_failure.how.startswith("first order")
    assert at.thresholds(model, at.Autoregressive()).first_failure.sampling_ratio == pytest.approx(253.4863, abs=6e-5)


def test_the_gap_closes_at_the_tricritical_margin():
    point = at.tricritical_margin(at.RandomPerceptron())
    assert point.kappa == pytest.approx(-2.0431233, abs=1e-7)
    assert point.sampling_ratio == pytest.approx(70.008442, abs=1e-6)
    q0 = oracle.spherical_base(point.sampling_ratio, point.kappa)
    assert point.overlap == pytest.approx(q0, abs=1e-10)
    assert point.sampling_ratio * (1 - q0) ** 2 * oracle.averages(q0, q0, point.kappa)[3] == pytest.approx(1, abs=1e-10)


def test_capacities():
    for kappa in (0.0, 0.5, 2.0):
        found = at.perceptron_capacity(at.RandomPerceptron(potential=at.Margin(kappa)))
        assert found.sampling_ratio == pytest.approx(oracle.gardner(kappa), rel=1e-12)
    # Krauth and Mezard have 0.833
    binary = at.perceptron_capacity(at.RandomPerceptron(BINARY))
    assert binary.sampling_ratio == pytest.approx(0.83307859974, abs=5e-12 + binary.error)
    with pytest.raises(at.InputError, match="negative margin"):
        at.perceptron_capacity(at.RandomPerceptron(potential=at.Margin(-1)))


@pytest.mark.slow
def test_binary_margins_are_frozen_at_every_ratio():
    model = at.RandomPerceptron(BINARY)
    found = at.thresholds(model, at.Flow())
    assert found.first_failure is None
    assert found.reasons["first_failure"].startswith("frozen q = 1")
    assert abs(oracle.entropy(found.condensation.sampling_ratio, 0.0)) < 1e-11
    assert at.thresholds(at.RandomPerceptron(BINARY, at.Margin(0, 0.7)), at.Flow()).first_failure is None
    jump = at.path_transitions(model, at.Flow(), 0.4)
    assert jump.first_order[0].strength == pytest.approx(3.27427, abs=1e-5)
    assert jump.uninformed_spinodal[0].strength == pytest.approx(3.95328, abs=1e-5)
    points = at.fixed_points(model, at.Flow(), 0.4, 3.4)
    assert points.region == "hard"
    assert [p.overlap for p in points.stable][-1] == 1.0
    assert points.stable[-1].mutual_information == pytest.approx(oracle.entropy(0.4, 0.0), abs=1e-12)
    assert at.compare_samplers(model)["flow"].at(0.4).succeeds is False
    lines = at.phase_diagram(model, at.Flow(), control_range=(0.2, 0.9), points=3).lines
    assert lines["first_order"].strength[0] > jump.first_order[0].strength


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "alpha", "digits"), [(1, 0.622502, 1e-6), (1.5, 0.666284, 2e-6)])
def test_tilted_binary_weights_are_sampled_up_to_a_cusp(exponent, alpha, digits):
    found = at.thresholds(at.RandomPerceptron(BINARY, at.Margin(0, exponent)), at.Flow())
    assert found.first_failure.sampling_ratio == pytest.approx(alpha, abs=digits)
    assert (found.dynamical is None) == (exponent == 1)


@pytest.mark.slow
def test_best_tilt_is_a_maximum():
    best = at.best_tilt()
    assert best.exponent == pytest.approx(1.4, abs=0.05)
    for step in (-0.05, 0.05):
        # without the points beyond the first failure, which take as long again
        _, other = first_cusp(
            PerceptronMeasure(at.RandomPerceptron(BINARY, at.Margin(0, best.exponent + step)), at.Flow())
        )
        assert other.sampling_ratio < best.sampling_ratio
    # a family of one's own that falls from its first parameter on has its best one at that end
    with pytest.raises(at.InputError, match=r"at an end, parameter = 0\.9"):
        at.best_tilt(family=lambda x: at.Margin(0, 1 + x), between=(0.9, 1.9))


@pytest.mark.parametrize("a", [0.5, 1.5, 3.3])
def test_powers_are_parabolic_cylinder_functions(a):
    """To a few roundings, of which log G once had a hundred: the step of its sum was rounded."""
    mp = pytest.importorskip("mpmath").mp.clone()
    mp.dps = 40
    x = np.array([-60.0, -30, -2, 0, 1, 9.5, 15.99, 16.01, 100])
    found = at.Margin(0, a).smoothed(x, np.ones(1))
    for k, value in enumerate(x):
        y, b = mp.mpf(float(value)), mp.mpf(a)
        exact = mp.log(mp.gamma(b + 1) / mp.sqrt(2 * mp.pi)) - y * y / 4 + mp.log(mp.pcfd(-b - 1, -y))
        slope = mp.pcfd(-b, -y) / mp.pcfd(-b - 1, -y)
        assert found.log_h[k] == pytest.approx(float(exact), rel=2e-15, abs=2e-15)
        assert found.g[k] == pytest.approx(float(slope), rel=2e-15)


@pytest.mark.parametrize("potential", [at.Margin(-1), at.Margin(0, 1.5), at.Logistic(0, 2)])
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()])
def test_where_the_sphere_is_log_concave_the_path_works(potential, path):
    """R >= (1 - q)(mu + snr) of a flow and mu (1 - Q(X)) of an autoregressive path, at every mu."""
    measure = PerceptronMeasure(at.RandomPerceptron(SPHERE, potential), path)
    ends = np.exp(measure.looked_at[[0, -1]])
    alpha = np.array([0.1 * ends[0], ends[0], np.sqrt(ends[0] * ends[1])])
    isotherms = measure.isotherms(alpha)
    base = isotherms.base
    bent = measure.averages(False).base(base.overlap, base.gap).bent
    mu = (1 / base.gap + alpha * bent)[:, None]
    points = isotherms.points(np.geomspace(1e-3, 1e3, 25) * np.ones((3, 1)))
    bound = points.gap * (mu + points.strength)
    if path.erases:
        bound = mu / (1 / base.gap[:, None] + points.signal)
    assert np.all(points.stability >= bound - 1e-10)
    assert mu[0] > 0
    # the search begins where it is not log-concave any more, and does find what is beyond
    if potential == at.Margin(-1):
        assert mu[2] < 0


def hinge(kappa):
    """Return psi = exp(-(kappa - s)_+^2/2), whose curvature jumps."""
    return at.LogConcave(
        lambda s: -(np.maximum(0, kappa - s) ** 2) / 2, lambda s: np.maximum(0, kappa - s), lambda s: -1.0 * (s < kappa)
    )


@pytest.mark.parametrize("kappa", [0.5, 0.3])  # a field that is checked, and one between two of them
def test_jumps_of_the_curvature_are_found_and_cut_at(kappa):
    potential = hinge(kappa)
    assert potential.breaks == (pytest.approx(kappa, abs=1e-12),)
    assert at.LogConcave(lambda s: -(s**2) / 2, lambda s: -s, lambda s: 0 * s - 1).breaks == ()
    w = np.linspace(-5, 4, 19)
    for v in (1.0, 1e-2, 1e-6):
        assert potential.smoothed(w, np.full(1, v)).log_h == pytest.approx(oracle.hinge(w, v, kappa)[0], abs=3e-14)
    here, other = (averages(potential, 0.4, [0.5, 1e-2, 1e-8], check) for check in (False, True))
    for a, b in zip(here, other, strict=True):
        assert a == pytest.approx(b, rel=1e-10)
    assert here.weight == pytest.approx(1, abs=1e-12)


def test_the_stability_line_of_a_potential_of_ones_own_is_that_of_another_quadrature():
    line = stability_line(PerceptronMeasure(at.RandomPerceptron(BINARY, hinge(0.5)), at.Flow()))
    assert oracle.hinge_stability(float(np.exp(line)), 0.5) == pytest.approx(0, abs=1e-10)


def gaussian(prior, c):
    """psi = exp(-c s^2/2): g' = -c/(1 + c) at q0 = 0, where R = 1 - alpha g'^2."""
    return at.RandomPerceptron(prior, at.LogConcave(lambda s: -c * s**2 / 2, lambda s: -c * s, lambda s: 0 * s - c))


@pytest.mark.parametrize("prior", [SPHERE, BINARY])
@pytest.mark.parametrize("c", [0.3, 1.9, 3.46, 7.4])
@pytest.mark.every(3)
def test_even_potentials_have_no_overlap_up_to_a_finite_ratio(prior, c):
    """On the sphere sqrt(alpha) = (1 + c V)/(c V) beyond the line, V = 1 - q0, where R = 0 stays."""
    measure = PerceptronMeasure(gaussian(prior, c), at.Flow())
    line, exact = stability_line(measure), ((1 + c) / c) ** 2
    assert np.exp(line) == pytest.approx(exact, rel=1e-12)
    beyond = 1 + np.array([0.0, 1e-12, 1e-9, 1e-6, 5e-4])
    base = measure.bases(np.concatenate([[0.5, 1 - 1e-12], beyond]) * exact)
    assert np.all(base.overlap[:2] < 1e-100)
    assert base.stability[:2] == pytest.approx([0.5, 1e-12], abs=1e-14)
    # ratios are told to rounding
    grown = 1 - 1 / (c * (np.sqrt(beyond * exact) - 1))
    if prior == SPHERE:
        assert base.overlap[2:] == pytest.approx(grown, rel=1e-8, abs=1e-14 * (1 + 1 / c) ** 2)
        assert base.stability[2:] == pytest.approx(0, abs=1e-14)
    else:
        assert base.overlap[2:] == pytest.approx(grown, rel=1e-2, abs=1e-14 * (1 + 1 / c) ** 2)
        assert base.stability[-1] < -1e-8


@pytest.mark.parametrize("prior", [SPHERE, BINARY])
@pytest.mark.parametrize("c", [1.4, 1.45])
@pytest.mark.every(2)
def test_an_overlap_that_grows_from_zero_hides_no_stability_line(prior, c):
    """psi = exp(-c s^4/40): R falls as q0^2 beyond the line, where signs of rounding once ended the search.

    It is at alpha g'(0)^2 = 1, with g'(0) = <u^2> - 1 in the weight psi(u) e^{-u^2/2}.
    """
    quartic = at.LogConcave(lambda s: -c * s**4 / 40, lambda s: -c * s**3 / 10, lambda s: -3 * c * s**2 / 10)
    u, weight = oracle.panels(np.linspace(-9, 9, 41), 12)
    weight = weight * np.exp(-c * u**4 / 40 - u * u / 2)
    line = stability_line(PerceptronMeasure(at.RandomPerceptron(prior, quartic), at.Flow()))
    assert np.exp(line) == pytest.approx((np.sum(weight * (u * u - 1)) / np.sum(weight)) ** -2, rel=1e-12)


def test_where_all_is_independent_nothing_fails():
    """psi = exp(c s) has <g'^2> = 0: a field on every weight."""
    tilted = at.LogConcave(lambda s: s / 2, lambda s: 0.5 + 0 * s, lambda s: 0 * s)
    measure = PerceptronMeasure(at.RandomPerceptron(BINARY, tilted), at.Flow())
    isotherms = measure.isotherms(np.exp(measure.looked_at[[0, -1]]))
    assert np.all(isotherms.points(np.array([[0.1, 3.0]] * 2)).stability == 1)


@pytest.mark.slow
def test_quiet_planting_limit():
    # corrections are powers of 1/kappa^2
    kappa = np.array([-3.0, -4.0, -5.0])
    ratios = []
    for k in kappa:
        found = at.thresholds(at.RandomPerceptron(potential=at.Margin(k)), at.Flow())
        density = np.exp(-k * k / 2) / np.sqrt(2 * np.pi)
        ratios.append([found.first_failure.control * density / -k, found.dynamical.control * density / -k])
    table = np.vander(kappa**-2, 3, increasing=True)
    limit = np.linalg.solve(table, np.array(ratios))[0]
    assert limit == pytest.approx([1.97701762, 2.40338935], rel=0.02)


def test_json_and_parameters_come_back():
    model = at.RandomPerceptron(BINARY, at.Margin(0.2, 1.5))
    found = at.thresholds(at.RandomPerceptron(potential=at.Margin(-1)), at.Flow())
    assert (
        json.loads(json.dumps(found.to_dict()))["first_failure"]["sampling_ratio"] == found.first_failure.sampling_ratio
    )
    from amp_theory.models.catalogue import build_model

    assert build_model("random-perceptron", model.parameters) == model
    assert build_model("random-perceptron", {"kappa": -2.5}) == at.RandomPerceptron(potential=at.Margin(-2.5))


@pytest.mark.parametrize(("make", "said"), [
    (lambda: at.Margin(float("nan")), "kappa must be one number"),
    (lambda: at.Margin(float("inf")), "kappa must be one number"),
    (lambda: at.Margin(20), "between -30 and 8"),
    (lambda: at.Margin(0, -1), "exponent must be >= 0"),
    (lambda: at.Margin(0, float("inf")), "exponent must be one number"),
    (lambda: at.Margin(0, 1e-3), "exponent must be 0"),
    (lambda: at.Logistic(steepness=0), "steepness must be between"),
    (lambda: at.LogConcave(lambda s: s**2, lambda s: 2 * s, lambda s: 2 + 0 * s), "log-concave"),
    (lambda: at.LogConcave(lambda s: np.log(s), lambda s: 1 / s, lambda s: -1 / s**2), "finite numbers"),
    (lambda: at.LogConcave(lambda s: -(s**2), lambda s: -s, lambda s: 0 * s - 2), "not the derivative of log_psi"),
    (lambda: at.LogConcave(3, lambda s: s, lambda s: s), "must be a function"),
    (lambda: at.LogConcave(lambda s: -np.abs(s - 0.1), lambda s: -np.sign(s - 0.1), lambda s: 0 * s), "must be continuous"),
    (lambda: at.LogConcave(lambda s: -(s**2), lambda s: -2 * s, lambda s: np.full_like(s, np.nan)), "finite numbers"),
    (lambda: at.draw_instance(at.RandomPerceptron(), 1e-4, 20, 0), "no pattern"),
    (lambda: at.draw_instance(at.RandomPerceptron(), 1.0, 20, 0, target="planted"), "no planted counterpart"),
    (lambda: at.RandomPerceptron(at.SparseRademacher(0.1)), "weights on the sphere"),
    (lambda: at.RandomPerceptron(potential=0.0), "must be a potential"),
    (lambda: at.RandomPerceptron().check_target("planted"), "no planted counterpart"),
    (lambda: at.thresholds(at.RandomPerceptron(), at.UniformDiscreteDiffusion()), "flow and autoregressive"),
    (lambda: at.fixed_points(at.RandomPerceptron(), at.Flow(), -1.0, 0.1), "patterns per weight"),
    (lambda: at.fixed_points(at.RandomPerceptron(potential=at.Margin(-1)), at.Flow(), 8.0, 0.1), "unstable"),
    (lambda: at.best_path(at.RandomPerceptron()), "planted measures"),
    (lambda: at.best_tilt(family=lambda x: at.Margin(x)), "needs between"),
    (lambda: at.best_tilt(family=3, between=(1, 2)), "must be a function of one parameter"),
    (lambda: at.best_tilt(family=lambda x: x, between=(1, 2)), "at 1.5 it returns"),
    (lambda: at.best_tilt(family=lambda x: 1 / 0, between=(1, 2)), "family failed with ZeroDivisionError"),
    (lambda: at.LogConcave(lambda s: 1 / 0, lambda s: s, lambda s: s), "log_psi failed with ZeroDivisionError"),
    (lambda: at.tricritical_margin(at.RandomPerceptron(BINARY)), "tricritical margin is one of"),
])  # fmt: skip
def test_bad_input_says_what_is_allowed(make, said):
    with pytest.raises(at.InputError, match=said):
        make()


def test_messages_name_functions_and_not_where_they_lie():
    def steep(s):
        return -np.minimum(0, s)

    own = at.LogConcave(lambda s: -(np.minimum(0, s) ** 2) / 2, steep, lambda s: -1.0 * (s < 0))
    with pytest.raises(at.NumericalError) as error:
        at.fixed_points(at.RandomPerceptron(SPHERE, own), at.Flow(), 1e9, 0.1)
    assert "LogConcave(log_psi=<lambda>, slope=steep, curvature=<lambda>)" in str(error.value)
    assert " at 0x" in repr(own)  # which tells functions of one name apart


def test_beyond_the_last_base_a_numerical_error_says_where():
    with pytest.raises(at.NumericalError, match=r"no base with 1 - q0"):
        at.fixed_points(at.RandomPerceptron(), at.Flow(), 2.5, 0.1)


@pytest.mark.parametrize("prior", [SPHERE, BINARY])
def test_a_potential_of_ones_own_is_the_named_one_it_equals(prior):
    named = at.Logistic(0.5, 2)
    own = at.LogConcave(*(lambda s, k=k: named.logarithm(s - 0.5)[k] for k in range(3)))
    for check in (False, True):
        a, b = (
            PerceptronMeasure(at.RandomPerceptron(prior, x), at.Flow()).isotherms(np.array([1.5]), check)
            for x in (named, own)
        )
        assert b.base.overlap == pytest.approx(a.base.overlap, rel=1e-12)
        assert b.base.stability == pytest.approx(a.base.stability, rel=1e-12)
        z = np.array([[0.3, 3.0]])
        assert b.points(z).strength == pytest.approx(a.points(z).strength, rel=1e-11)
        assert b.points(z).stability == pytest.approx(a.points(z).stability, rel=1e-11)


@pytest.mark.parametrize("gap", [1.0, 1 - 2.0**-53, 1 - 2.0**-52])
@pytest.mark.parametrize("kappa", [-3.0, -2.7, -0.1, 0.3])
def test_overlaps_far_below_rounding_ask_for_few_fields(kappa, gap):
    """Whatever rounding leaves of 1 - q0 and of margins over it: 1e125 fields were asked for once."""
    found = PatternAverages(at.Margin(kappa, 0)).base(np.array([1e-282]), np.array([gap]))
    assert np.all(np.isfinite(found))
