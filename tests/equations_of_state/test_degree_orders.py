"""Orders of revealing by degree on sparse graphs: thresholds, the knapsack argument, files, refusals."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import poisson

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.sparse.erasure_orders import ErasureOrder
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.tools.errors import FileError, InputError
from tests.oracles.degree_order_cusps import cusp
from tests.oracles.degree_order_slopes import iterated

HIGHEST, LOWEST = (at.Autoregressive(order=f"{which}-degree") for which in ("highest", "lowest"))


def tricritical(model, path):
    return at.thresholds(model, path).tricritical


@pytest.mark.parametrize(
    ("k", "path", "degree", "start"),
    [
        (3, HIGHEST, 5, (0.555, 2.366, 0.0853)),
        pytest.param(3, LOWEST, 1, (0.7, 1.36, 0.546), marks=pytest.mark.slow),
        pytest.param(4, HIGHEST, 4, (0.71, 2.96, 0.215), marks=pytest.mark.slow),
        pytest.param(5, HIGHEST, 4, (0.79, 3.35, 0.32), marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_thresholds_of_parity_checks_solve_the_iteration_along_edges(k, path, degree, start):
    density, revealed, _ = cusp(k, path is HIGHEST, degree, start)
    point = tricritical(at.XORSAT(k), path)
    assert point.density == pytest.approx(density, abs=2e-9)
    assert abs(point.density - density) <= point.errors["density"]
    assert abs(point.revealed - revealed) <= point.errors["revealed"]


def test_numbers_of_three_spins_and_that_the_order_matters():
    assert cusp(3, True, 5, (0.555, 2.366, 0.0853))[0] == pytest.approx(0.788681657, abs=5e-10)
    assert cusp(3, True, 5, (0.555, 2.366, 0.0853))[2] == pytest.approx(0.555031, abs=5e-7)
    assert cusp(3, False, 1, (0.7, 1.36, 0.546))[0] == pytest.approx(0.453046971, abs=5e-10)


def test_no_random_degree_order_has_a_smaller_slope_at_given_overlap():
    rng, c, w = np.random.default_rng(1), 2.4, 0.69
    j = np.arange(60)
    a = poisson.pmf(j, c)
    mass = a * w**j

    def slope(h):
        return np.sum(a * h * j * w ** (j - 1.0))

    for _ in range(300):
        h = rng.random(len(j)) ** rng.uniform(0.2, 5)
        goal, full = np.sum(mass * h), np.cumsum(mass)
        best = np.clip((goal - (full - mass)) / mass, 0, 1)
        worst = np.clip((goal - (mass.sum() - full)) / mass, 0, 1)
        assert np.sum(mass * best) == pytest.approx(goal)
        assert slope(best) < slope(h) < slope(worst)


@pytest.mark.parametrize("highest", [True, False])
def test_erasures_are_fixed_points_of_sums_over_degrees(highest):
    order, k = ErasureOrder(3, highest), 3
    x, theta = np.array([0.5, 1.0, 2.0]), np.array([0.15, 0.3, 0.1])
    w, c = order.solve(x, theta, None, None)
    d = np.arange(300)
    for wi, ci, xi, ti in zip(w, c, x, theta, strict=True):
        a, below = poisson.pmf(d, ci), poisson.cdf(d - 1, ci)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            inside = np.clip(((1 - ti if highest else ti) - below) / a, 0, 1)
        h = np.where(a > 0, inside if highest else 1 - inside, 0.0)
        assert np.sum(a * h) == pytest.approx(1 - ti)
        assert np.sum(a * h * wi**d) == pytest.approx((1 - ti) * np.exp(-xi), rel=1e-8)
        edges = np.sum(a[:-1] * h[1:] * wi ** d[:-1])
        assert wi == pytest.approx(1 - (1 - edges) ** (k - 1), rel=1e-8)


def test_the_surface_obeys_the_identities_of_the_contract():
    eos = geometry_of(at.XORSAT(3), HIGHEST).eos
    z, s, h = np.array([0.3, 0.7, 1.3, 2.0]), np.array([0.05, 0.07, 0.04, 0.3]), 1e-5
    f, up, down = eos.surface(z, s), eos.surface(z * (1 + h), s), eos.surface(z * (1 - h), s)
    d_alpha = up.intensity - down.intensity
    assert d_alpha / (2 * h * z) == pytest.approx(f.intensity_z, rel=1e-6)
    assert (up.free_entropy - down.free_entropy) / d_alpha == pytest.approx(f.scaled / 2, rel=1e-6)
    up, down = eos.surface(z, s + h), eos.surface(z, s - h)
    per_density = f.scaled / 2 * (up.intensity - down.intensity)
    assert (up.free_entropy - down.free_entropy - per_density) / (2 * h) == pytest.approx(f.free_entropy_s, abs=1e-6)
    assert np.all(f.intensity_s < 0)


def test_lowest_first_has_its_tricritical_point_at_full_recovery_from_four_spins_on():
    eos = equation_of_state_of(at.XORSAT(4), LOWEST)
    density, theta, overlap = eos.closed_cusp(SimpleNamespace(gap=np.array([1e-7])))
    c = 4 * density
    assert overlap == 1
    # the iteration of w, the part of checks that do not tell, is w -> w + O(w^3): neutral, and neither turns up nor down
    degrees = np.arange(60)
    a = poisson.pmf(degrees, c)
    hidden = np.where(degrees < 1, 0.0, 1.0)
    hidden[1] = (1 - theta - poisson.sf(2, c)) / poisson.pmf(2, c)
    for w in (1e-3, 2e-3):
        edges = np.sum(a * hidden * w**degrees)
        assert abs(1 - (1 - edges) ** 3 - w) < 10 * w**3
    assert eos.closed_cusp(SimpleNamespace(gap=np.array([0.2]))) is None


@pytest.mark.slow
def test_regular_graphs_have_one_degree_so_that_every_order_is_the_random_one():
    model = at.XORSAT(3, degrees="regular")
    found = [at.fixed_points(model, p, control=1.0, strength=0.1)[0].overlap for p in (at.Autoregressive(), HIGHEST)]
    assert found[0] == found[1]


def test_orders_by_degree_are_refused_where_there_are_no_degrees():
    for model in (at.IsingPSpin(3), at.Coloring(5)):
        with pytest.raises(InputError, match="order = 'highest-degree' is not known"):
            at.thresholds(model, HIGHEST)
    with pytest.raises(InputError, match="order"):
        at.Autoregressive(order="by-degree")
    with pytest.raises(InputError, match="solved for parity checks at T = 0 only"):
        at.thresholds(at.Bicoloring(4), LOWEST)
    with pytest.raises(InputError, match="depends on more than the configuration"):
        HIGHEST.observe(np.ones((1, 4)), 0.5, np.random.default_rng(0))


def test_the_order_is_in_plain_data_where_it_is_not_random():
    assert at.thresholds(at.XORSAT(3), HIGHEST).to_dict()["order"] == "highest-degree"
    assert "order" not in at.thresholds(at.XORSAT(3), at.Autoregressive()).to_dict()


@pytest.mark.slow
def test_a_default_diagram_agrees_with_iterations_along_edges():
    diagram = at.phase_diagram(at.XORSAT(3), LOWEST)
    theta = np.linspace(0.46, 0.62, 41)
    for density in (0.4, 0.43, 0.48, 0.5):
        q = np.array([iterated(3, False, 3 * density, s, 1500)[0] for s in theta])
        succeeds = bool(np.max(np.diff(q)) < 0.1)
        assert succeeds == (density < 0.453)
        assert diagram.sampler_succeeds(control=density) == succeeds
        if not succeeds:
            jump = np.argmax(np.diff(q))
            spinodal = diagram.lines["uninformed_spinodal"]
            at_density = np.interp(density, spinodal.control, spinodal.strength)
            assert theta[jump] - 1e-3 < at_density < theta[jump + 1] + 1e-3


@pytest.mark.slow
def test_a_diagram_keeps_its_order_in_a_file_and_answers(tmp_path):
    diagram = at.phase_diagram(at.XORSAT(3), HIGHEST, points=6)
    diagram.save(tmp_path / "order.json")
    again = at.load(tmp_path / "order.json")
    assert again.path == HIGHEST
    assert [again.sampler_succeeds(control=a) for a in (0.7, 0.78, 0.8)] == [True, True, False]
    with pytest.raises(FileError, match="order"):
        at.load(tmp_path / "order.json", path=at.Autoregressive())


@pytest.mark.slow
def test_no_fixed_point_is_told_where_two_densities_answer_to_one_overlap():
    """The surface has one of the two, and jumps past the other."""
    model, path = at.XORSAT(3), at.Autoregressive(order="highest-degree")
    for revealed in (0.001, 0.01):
        with pytest.raises(at.NumericalError, match="not on the known part"):
            at.uninformed_overlap(model, path, 0.7, revealed)
    with pytest.raises(at.NumericalError, match="state_evolution iterates there"):
        at.fixed_points(model, path, 0.7, 0.001)
    there = at.uninformed_overlap(model, path, 0.7, 0.05)
    iterated = at.state_evolution(model, path, control=0.7, strength=0.05, start="uninformed", max_steps=2000)
    assert abs(there - iterated.overlap[-1]) < 1e-8
