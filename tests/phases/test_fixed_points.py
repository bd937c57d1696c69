"""All fixed points, none missed and none invented; regions; state evolution."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import PlainChannel, normal_nodes
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.phases.geometry.folds import locate
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.phases.points.fixed_points import regions, stable_fixed_points

Z, W = normal_nodes(0.1)


def count_by_scanning(model: at.Model, path: at.Path, control: float, strength: float, points: int = 1200) -> int:
    """Count sign changes of G(xi'(q), strength) - q on a fine grid of overlaps, G from plain sums."""
    prior = model.variable_prior
    rho = prior.second_moment
    t = np.linspace(-16, 16, points)
    q = rho / (1 + np.exp(-t))
    lam = model.intensity(np.array([control]))
    x = model.coupling.signal(lam, q, rho / (1 + np.exp(t)))
    gap = rho / (1 + np.exp(t))
    if path.name == "flow":
        missing = _mmse(prior, x + strength)
    elif path.name == "autoregressive":
        missing = (1 - strength) * _mmse(prior, x)
    else:
        h = np.arctanh(strength)
        missing = np.zeros_like(x)
        for eta in (1, -1):
            field = x[:, None] + np.sqrt(x)[:, None] * Z + eta * h
            missing += (1 + eta * strength) / 2 * (2 / (1 + np.exp(np.clip(2 * field, -700, 700)))) @ W
    difference = gap - missing
    # overlaps so close to zero or rho that the difference is rounding are no evidence
    sure = np.abs(difference) > 1e-13 * rho
    signs = np.sign(difference[sure])
    return int(np.count_nonzero(np.diff(signs)))


def _mmse(prior: at.Prior, x: np.ndarray) -> np.ndarray:
    """E (s* - <s>) s* for a discrete prior (by plain sums) or the Gaussian."""
    if isinstance(prior, at.Gaussian):
        return 1 / (1 + x)
    s, p = prior.mixture.means, prior.mixture.probabilities
    result = np.zeros_like(x)
    for planted, weight in zip(s, p, strict=True):
        y = np.sqrt(x)[:, None] * planted + Z
        exponent = np.sqrt(x)[:, None, None] * y[:, :, None] * s - x[:, None, None] * s**2 / 2 + np.log(p)
        w = np.exp(exponent - exponent.max(axis=2, keepdims=True))
        w /= w.sum(axis=2, keepdims=True)
        missing = (w * (planted - s)).sum(axis=2)
        result += weight * planted * (missing @ W)
    return result


SCAN_MODELS = {
    "ising": (at.IsingPSpin(3), (0.6, 0.8), (0.0, 0.25)),
    "spherical": (at.SphericalPSpin(4), (0.45, 0.7), (0.0, 0.5)),
    "sparse": (at.SpikedMatrix(at.SparseRademacher(0.08)), (0.0061, 0.0071), (0.0, 0.15)),
    "skew": (at.SpikedTensor(3, at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2])), (0.2, 1.2), (0.0, 0.3)),
    "mean": (at.SpikedMatrix(at.Discrete([0, 1], [0.97, 0.03])), (0.0018, 0.0024), (0.0, 0.5)),
    "two scales": (
        at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005])), (0.0008, 0.0015), (0.0, 0.4)
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n == "two scales" else n for n in sorted(SCAN_MODELS)]
)
@settings(max_examples=6)
@given(a=st.floats(0, 1), b=st.floats(0.01, 1))
@pytest.mark.every(2)
def test_number_of_fixed_points_by_scanning(name, a, b):
    model, controls, strengths = SCAN_MODELS[name]
    control = controls[0] + a * (controls[1] - controls[0])
    strength = strengths[0] + b * (strengths[1] - strengths[0])
    found = at.fixed_points(model, at.Flow(), control, strength)
    overlaps = np.array([p.overlap for p in found])
    # the scan resolves roots that are a few grid cells apart
    if len(overlaps) == 1 or np.min(np.diff(np.log(overlaps / (model.variable_prior.second_moment - overlaps)))) > 0.05:
        assert count_by_scanning(model, at.Flow(), control, strength) == len(found)


@pytest.mark.parametrize("path", [at.Autoregressive(), at.UniformDiscreteDiffusion()])
@settings(max_examples=10)
@given(control=st.floats(0.6, 0.8), strength=st.floats(0.01, 0.5))
def test_number_of_fixed_points_on_other_paths(path, control, strength):
    found = at.fixed_points(at.IsingPSpin(3), path, control, strength)
    overlaps = np.array([p.overlap for p in found])
    if len(overlaps) == 1 or np.min(np.diff(overlaps)) > 0.03:
        assert count_by_scanning(at.IsingPSpin(3), path, control, strength) == len(found)


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()])
@pytest.mark.every(3)
def test_none_missed_or_invented_next_to_a_fold(path, distance):
    """Just inside a spinodal there are two fixed points more than just outside."""
    model = at.IsingPSpin(3)
    geo = geometry_of(model, path)
    lam = model.intensity(np.array([0.70]))
    for piece in geo.curve.pieces:
        _, s = locate(geo.eos, piece, lam)
        strength = float(path.public(s)[0])
        inner, outer = strength * (1 + distance), strength * (1 - distance)
        if not piece.appears:
            inner, outer = outer, inner
        assert len(at.fixed_points(model, path, 0.70, inner)) == 3
        assert len(at.fixed_points(model, path, 0.70, outer)) == 1


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9])
def test_fixed_points_next_to_a_fold_are_where_the_square_root_law_puts_them(distance):
    """q_+ - q_- grows like the square root of the distance: the next scale must follow from the last."""
    model, path = at.SphericalPSpin(3), at.Flow()
    geo = geometry_of(model, path)
    piece = next(p for p in geo.curve.pieces if not p.appears)
    lam = model.intensity(np.array([0.64]))
    _, s = locate(geo.eos, piece, lam)
    gaps = []
    for d in (distance, distance / 4):
        points = at.fixed_points(model, path, 0.64, float(s[0]) * (1 - d))
        gaps.append(points[1].overlap - points[0].overlap)
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=2e-1 if distance == 1e-3 else 1e-2)


@pytest.mark.parametrize("name", sorted(SCAN_MODELS))
def test_fixed_points_are_stationary_points_of_the_free_entropy(name):
    """Where xi'' > 0 the zeros of G - q are the zeros of d phi/dq; stable ones are maxima."""
    model, controls, strengths = SCAN_MODELS[name]
    control, strength = float(np.mean(controls)), 0.4 * strengths[1]
    found = at.fixed_points(model, at.Flow(), control, strength)
    q, phi = at.free_entropy_curve(model, at.Flow(), control, strength, points=6000)
    slope = np.gradient(phi, q)
    crossings = q[:-1][np.diff(np.sign(slope)) != 0]
    assert len(crossings) == len(found)
    for p, crossing in zip(found, crossings, strict=True):
        assert p.overlap == pytest.approx(crossing, abs=3 * (q[1] - q[0]))
        here = np.interp(p.overlap, q, phi)
        assert p.free_entropy == pytest.approx(here, abs=1e-6 * np.abs(phi).max())
        sides = np.interp(p.overlap + np.array([-15, 15]) * (q[1] - q[0]), q, phi)
        assert (sides.max() < p.free_entropy) == p.stable


@pytest.mark.slow
@given(st.floats(0.6, 0.8), st.floats(0.005, 0.25))
def test_state_evolution_ends_on_the_branches(temperature, snr):
    model, path = at.IsingPSpin(3), at.Flow()
    found = at.fixed_points(model, path, temperature, snr)
    for start, branch in (("uninformed", found.uninformed), ("informed", found.informed)):
        run = at.state_evolution(model, path, temperature, snr, start=start, max_steps=20000, tolerance=1e-14)
        if run.converged and len(run.overlap) < 2000:
            assert run.overlap[-1] == pytest.approx(branch.overlap, abs=1e-10)
        assert np.all(np.diff(run.overlap) * (1 if start == "uninformed" else -1) >= -1e-15)


def test_state_evolution_iterates():
    """The first iterates by hand, for all paths."""
    temperature = 0.8
    x = 3 / (2 * temperature**2) * 0.3**2
    plain = PlainChannel([-1, 1], [0.5, 0.5])
    flow = at.state_evolution(at.IsingPSpin(3), at.Flow(), temperature, 0.2, start=0.3, max_steps=1)
    assert flow.overlap[1] == pytest.approx(plain.overlap(x + 0.2), abs=1e-12)
    auto = at.state_evolution(at.IsingPSpin(3), at.Autoregressive(), temperature, 0.2, start=0.3, max_steps=1)
    assert auto.overlap[1] == pytest.approx(0.8 * plain.overlap(x) + 0.2, abs=1e-12)
    assert not auto.converged
    assert np.allclose(auto.overlap + auto.mmse, 1)


def test_state_evolution_leaves_an_unstable_zero():
    run = at.state_evolution(at.SherringtonKirkpatrick(), at.Flow(), 0.5, 0.0)
    assert run.converged
    assert run.overlap[-1] == pytest.approx(
        at.fixed_points(at.SherringtonKirkpatrick(), at.Flow(), 0.5, 0.0).informed.overlap
    )
    stays = at.state_evolution(at.SherringtonKirkpatrick(), at.Flow(), 1.5, 0.0)
    assert stays.overlap[-1] == 0


def test_zero_strength():
    sk = at.fixed_points(at.SherringtonKirkpatrick(), at.Flow(), 0.5, 0)
    assert [(p.kind, p.stable) for p in sk] == [("unstable", False), ("uninformed", True)]
    assert sk[0].overlap == 0
    assert sk.uninformed is sk.informed
    for control, count in ((0.70, 1), (0.66, 3)):
        points = at.fixed_points(at.IsingPSpin(3), at.Flow(), control, 0)
        assert len(points) == count
        assert points.uninformed.overlap == 0
    sparse = at.fixed_points(at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow(), 0.99 * 0.0064, 0)
    assert [p.kind for p in sparse] == ["unstable", "uninformed", "unstable", "informed"]
    marginal = at.fixed_points(at.SherringtonKirkpatrick(), at.Flow(), 1.0, 0)
    assert [p.overlap for p in marginal] == [0.0]
    no_zero = at.fixed_points(at.MixedPSpin("q/100 + q**3/2"), at.Flow(), 0.9, 0)
    assert no_zero.uninformed.overlap > 0


@given(st.floats(1e-12, 1e-3))
def test_weak_recovery_opens_linearly(distance):
    """SK just below T = 1: q ~ (1/T^2 - 1)/2 ... found however small."""
    temperature = 1 - distance
    point = at.fixed_points(at.SherringtonKirkpatrick(), at.Flow(), temperature, 0).uninformed
    # q = lambda q - (lambda q)^2 + ...: q ~ (lambda - 1)
    expected = 1 / temperature**2 - 1
    assert point.overlap == pytest.approx(expected, rel=5 * distance + 1e-3, abs=2 * point.errors["overlap"] + 1e-15)


def test_low_temperature():
    points = at.fixed_points(at.IsingPSpin(3), at.Flow(), 0.05, 0.0001)
    assert points.informed.overlap <= 1
    assert 0 < points.informed.mmse < 1e-100
    assert points.region == "hard"


@given(st.floats(0.62, 0.78), st.floats(0.01, 0.24))
def test_mutual_information(temperature, snr):
    """I = rho snr/2 + xi(rho)/2 - phi; it grows with the snr at rate mmse/2 and stays below log 2."""
    model = at.IsingPSpin(3)
    point = at.fixed_points(model, at.Flow(), temperature, snr).equilibrium
    assert point.mutual_information == pytest.approx(snr / 2 + 1 / (4 * temperature**2) - point.free_entropy, rel=1e-12)
    assert point.mutual_information <= np.log(2)
    assert point.mmse == pytest.approx(1 - point.overlap, abs=1e-15)
    auto = at.fixed_points(model, at.Autoregressive(), temperature, 0.5).equilibrium
    assert auto.mutual_information <= np.log(2)
    uniform = at.fixed_points(model, at.UniformDiscreteDiffusion(), temperature, 0.999999).equilibrium
    assert uniform.mutual_information == pytest.approx(np.log(2), abs=1e-4)


def test_infinite_information_is_null_in_json():
    points = at.fixed_points(at.SphericalPSpin(3), at.Autoregressive(), 0.7, 0.2)
    assert np.isinf(points[0].mutual_information)
    assert points[0].to_dict()["mutual_information"] is None


def test_arrays_broadcast():
    model, path = at.IsingPSpin(3), at.Flow()
    controls, strengths = np.array([0.66, 0.70, 0.75])[:, None], np.array([0.0, 0.05, 0.12, 0.2])
    low = at.uninformed_overlap(model, path, controls, strengths)
    high = at.informed_overlap(model, path, controls, strengths)
    assert low.shape == high.shape == (3, 4)
    for i, j in np.ndindex(low.shape):
        points = at.fixed_points(model, path, controls[i, 0], strengths[j])
        assert low[i, j] == pytest.approx(points.uninformed.overlap, abs=1e-13)
        assert high[i, j] == pytest.approx(points.informed.overlap, abs=1e-13)
    assert np.all(low <= high)


def test_masks_are_refused_with_what_to_do():
    controls = np.ma.array([0.66, 0.70], mask=[False, True])
    with pytest.raises(at.InputError, match=r"temperature must have no mask, got .*: give \.compressed\(\) or"):
        at.fixed_points(at.IsingPSpin(3), at.Flow(), controls, 0.1)
    assert len(at.fixed_points(at.IsingPSpin(3), at.Flow(), controls.compressed(), 0.1)) == 1


def test_regions_from_branches():
    """The region follows from the free entropies of the stable fixed points, wherever they are computed."""
    model, path = at.IsingPSpin(3), at.Flow()
    rng = np.random.default_rng(1)
    control, strength = rng.uniform(0.62, 0.78, 60), rng.uniform(0, 0.22, 60)
    geo = geometry_of(model, path)
    names = regions(geo, model.intensity(control), strength)
    assert set(names) == {"easy", "easy_metastable", "hard"}
    for c, s, name in zip(control, strength, names, strict=True):
        points = at.fixed_points(model, path, c, s)
        if len(points.stable) == 1:
            assert name == "easy"
        else:
            assert name == ("hard" if points.equilibrium is not points.uninformed else "easy_metastable")
        assert points.region == name


def test_on_the_first_order_line_the_region_is_the_worse_one():
    diagram = at.phase_diagram(at.SphericalPSpin(3), at.Flow())
    line = diagram.line("first_order")
    k = len(line) // 2
    assert diagram.region(line.control[k], line.strength[k]) == "hard"
    assert diagram.region(line.control[k], line.strength[k] * (1 - 1e-6)) == "easy_metastable"


def test_landscape_is_padded():
    model, path = at.IsingPSpin(3), at.Flow()
    view = stable_fixed_points(geometry_of(model, path), model.intensity(np.array([0.7, 0.9])), np.array([0.12, 0.12]))
    assert view.count.tolist() == [2, 1]
    assert np.isnan(view.overlap[1, 1])


@pytest.mark.parametrize(("model", "control", "strength", "message"), [
    # next to recovery the gap is that of R ~ 1/gap - 0.61 gap^-1/2, 4e-23
    (at.GLM(at.Gaussian(), at.AbsChannel()), 1.0, 1e11, "no stable fixed point"),
    (at.GLM(at.GaussBernoulli(0.3), at.LinearChannel(0.0)), 0.3, 1e11, "no stable fixed point"),
    (at.XORSAT(3), 0.67, 1e11, "no uncertainty"),
    (at.XORSAT(3), 0.67, 1470, "no uncertainty"),
])  # fmt: skip
@pytest.mark.every(2)
def test_a_strength_that_leaves_less_than_doubles_tell_is_one_numerical_error(model, control, strength, message):
    for question in (at.fixed_points, at.uninformed_overlap, at.informed_overlap):
        with pytest.raises(at.NumericalError, match=message):
            question(model, at.Flow(), control, strength)
    (point,) = at.fixed_points(model, at.Flow(), control, 1000)
    assert 0 < point.mmse < 1e-3


@pytest.mark.parametrize(("control", "strength"), [(0, 0.1), (-1, 0.1), (np.nan, 0.1), (np.inf, 0.1), (0.7, -1),
                                                   (0.7, np.nan), (0.7, np.inf)])  # fmt: skip
def test_bad_values(control, strength):
    with pytest.raises(at.InputError):
        at.fixed_points(at.IsingPSpin(3), at.Flow(), control, strength)
    with pytest.raises(at.InputError):
        at.state_evolution(at.IsingPSpin(3), at.Flow(), control, strength)


def test_bad_options():
    args = (at.IsingPSpin(3), at.Flow(), 0.7, 0.1)
    with pytest.raises(at.UnknownNameError, match="did you mean 'informed'"):
        at.state_evolution(*args, start="infomed")
    for start in (-0.1, 1.1):
        with pytest.raises(at.InputError, match="start must be"):
            at.state_evolution(*args, start=start)
    for steps in (0, -1, 2.5):
        with pytest.raises(at.InputError, match="max_steps"):
            at.state_evolution(*args, max_steps=steps)
    with pytest.raises(at.InputError, match="one control"):
        at.state_evolution(at.IsingPSpin(3), at.Flow(), [0.7, 0.8], 0.1)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (at.IsingPSpin(3), at.Flow()),
        (at.IsingPSpin(5), at.UniformDiscreteDiffusion()),
        (at.SphericalPSpin(3), at.Flow()),
        (at.SpikedMatrix(at.SparseRademacher(0.05)), at.Autoregressive()),
    ],
)
@pytest.mark.slow
def test_there_is_a_fixed_point_at_the_tricritical_point_to_the_last_digit(model, path):
    """Where two folds meet no interval between them is left, and rounding decides on the sign of the slope."""
    cusp = at.thresholds(model, path).tricritical
    for control in (-1e-15, -1e-16, 0.0, 1e-16, 1e-15):
        for strength in (-1e-15, -1e-16, 0.0, 1e-16, 1e-15):
            where = cusp.control * (1 + control), cusp.strength * (1 + strength)
            found = at.fixed_points(model, path, *where)
            # a cube root: what one digit of the control does to the overlap there
            assert min(abs(p.overlap - cusp.overlap) for p in found) < 1e-4
            assert any(p.stable for p in found)
            assert abs(at.uninformed_overlap(model, path, *where) - cusp.overlap) < 1e-4
