"""Constraint satisfaction: the numbers that must come out, identities, resolution, closed forms, bad input."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import mpmath
import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.ingredients.factors.factors import AllEqual, Factor, Parity
from amp_theory.ingredients.factors.field_grid import FieldGrid
from amp_theory.phases.geometry.solved import geometry_of

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())


@dataclass(frozen=True)
class Weights(Factor):
    """A factor given by its weights alone."""

    table: tuple[float, ...] = ()
    weights = property(lambda self: self.table)


@dataclass(frozen=True)
class Tabulated(at.SparseModel):
    """A model with such a factor."""

    k: int = 4
    table: tuple[float, ...] = (0.0, 0.0, 1.0, 0.0, 0.0)
    name = "tabulated"
    factor = property(lambda self: Weights(self.k, self.table))


# --- the factor map against enumeration --------------------------------------------------------------------


def few_atoms(grid: FieldGrid, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Return the transform and the signed atoms of a random symmetrised law: five fields, some mass at infinity."""
    fields = rng.uniform(0, 5, 5)
    mass = rng.dirichlet(np.ones(6))
    transform = sum(m * np.cos(grid.frequency * h) / np.cosh(h) for m, h in zip(mass, fields, strict=False))
    atoms = [(sign * h, m / 2) for h, m in zip([*fields, 300.0], mass, strict=True) for sign in (1, -1)]
    return np.asarray(transform), atoms


def enumerated(factor: Factor, atoms: list[tuple[float, float]], w: np.ndarray) -> tuple[np.ndarray, float]:
    """Return U(w) and R as sums over all combinations of atoms and of spins."""
    u, rest = np.zeros(len(w)), 0.0
    z = factor.mean_weight
    for chosen in itertools.product(atoms, repeat=factor.k - 1):
        probability = float(np.prod([m for _, m in chosen]))
        up = [1 / (1 + np.exp(-2 * h)) if h > -200 else 0.0 for h, _ in chosen]
        n = [0.0, 0.0]
        for spins in itertools.product((0, 1), repeat=factor.k - 1):
            p = float(np.prod([x if s else 1 - x for s, x in zip(spins, up, strict=True)]))
            for root in (0, 1):
                n[root] += p * factor.weights[sum(spins) + root]
        if n[1] > 0:
            rest += probability * n[1] * np.log(n[1]) / z
        if min(n) > 1e-300:
            phase = 0.5 * w * (np.log(n[1]) - np.log(n[0]))
            u += probability * np.sqrt(n[0] * n[1]) * np.cos(phase) / z
    return u, rest - np.log(z)


@pytest.mark.parametrize(
    "factor", [AllEqual(3), AllEqual(4), AllEqual(4, 0.7), Parity(3), Parity(4), Parity(4, 0.6)], ids=str
)
@pytest.mark.every(2)
def test_factor_map_against_enumeration(factor):
    """U at the frequencies that matter (its errors count e^{-pi w/2}), and R."""
    grid = FieldGrid(0.125, 16.0)
    low = grid.frequency < 6
    transform, atoms = few_atoms(grid, np.random.default_rng(1))
    loss, rest = factor.decomposition(grid)(transform[None], factor.k - 1)
    u, r = enumerated(factor, atoms, grid.frequency[low])
    assert np.max(np.abs(1 + loss[0, low] - u)) < 1e-8
    assert abs(rest[0] - r) < 1e-8


def test_enumeration_agrees_with_products():
    """A factor given by its weights alone is solved by enumeration, to the accuracy of its coarser grid."""
    grid = FieldGrid(0.25, 8.0)
    transform = np.exp(-1.3 * (1 + grid.frequency**2) / 2)[None]
    fast, fast_rest = AllEqual(4).decomposition(grid)(transform, 3)
    slow, slow_rest = Weights(4, (0.0, 1.0, 1.0, 1.0, 0.0)).decomposition(grid)(transform, 3)
    low = grid.frequency < 4
    assert np.max(np.abs(fast - slow)[0, low]) < 1e-6
    assert abs(fast_rest[0] - slow_rest[0]) < 1e-6


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "tricritical"),
    [(PATHS[0], (8.413387, 0.291777)), (PATHS[1], (8.179816, 0.193181))],
    ids=["flow", "autoregressive"],
)
@pytest.mark.slow
def test_bicoloring_5(path, tricritical):
    found = at.thresholds(at.Bicoloring(5), path)
    assert found.dynamical.density == pytest.approx(9.463706, abs=1e-6)
    assert found.dynamical.overlap == pytest.approx(0.86901, abs=5e-6)
    assert found.condensation.density == pytest.approx(10.299059, abs=1e-6)
    assert found.condensation.overlap == pytest.approx(0.94680, abs=5e-6)
    assert found.weak_recovery.density == pytest.approx(11.25, abs=1e-12)
    assert found.tricritical.density == pytest.approx(tricritical[0], abs=2e-6)
    assert found.tricritical.strength == pytest.approx(tricritical[1], abs=2e-6)
    assert found.bounds["satisfiability"] == pytest.approx(np.log(2) / -np.log(1 - 2**-4), rel=1e-14)
    assert found.dynamical.density < found.condensation.density < found.bounds["satisfiability"]


@pytest.mark.slow
def test_bicoloring_3_and_4():
    three, four = (at.thresholds(at.Bicoloring(k), at.Flow()) for k in (3, 4))
    assert three.weak_recovery.density == pytest.approx(1.5, abs=1e-12)
    assert three.dynamical is three.condensation is three.tricritical is three.algorithmic is None
    assert four.weak_recovery.density == pytest.approx(49 / 12, abs=1e-12)
    # the second, discontinuous branch: it appears beyond weak recovery
    assert four.weak_recovery.density < four.dynamical.density < four.condensation.density < four.algorithmic.density
    assert four.dynamical.density == pytest.approx(4.645988, abs=1e-6)


def xorsat(k: int) -> tuple[float, float]:
    """Return alpha_d and alpha_s from their closed forms, with x = 1 - e^{-z}, z = k alpha x^{k-1}.

    At alpha_s the entropy of the branch with a fraction x of known spins, (1 - x)(1 + z) - alpha (1 - x^k) in units of
    log 2, is that of the paramagnet, 1 - alpha (Mezard, Ricci-Tersenghi, Zecchina, J. Stat. Phys. 111, 2003).
    """
    with mpmath.workdps(30):
        top = mpmath.findroot(lambda z: 1 - mpmath.exp(-z) - (k - 1) * z * mpmath.exp(-z), mpmath.mpf(k) / 2 + 0.6)

        def alpha(z):
            return z / (k * (1 - mpmath.exp(-z)) ** (k - 1))

        def entropy(z):
            x, a = 1 - mpmath.exp(-z), alpha(z)
            return (1 - x) * (1 + z) - a * (1 - x**k) - (1 - a)

        return float(alpha(top)), float(alpha(mpmath.findroot(entropy, k + 0.3 if k > 3 else 2.2)))


@pytest.mark.parametrize("k", [3, 4, 5, 6, 7])
@pytest.mark.every(2)
def test_xorsat_closed_forms(k):
    found = at.thresholds(at.XORSAT(k), at.Autoregressive())
    dynamical, satisfiable = xorsat(k)
    assert found.dynamical.density == pytest.approx(dynamical, rel=1e-10)
    assert found.condensation.density == pytest.approx(satisfiable, rel=1e-10)
    assert found.tricritical.density == pytest.approx(((k - 1) / (k - 2)) ** (k - 2) / k, rel=1e-9)
    q = (k - 2) / (k - 1)
    exact = 1 - (1 - q) * np.exp(((k - 1) / (k - 2)) ** (k - 2) * q ** (k - 1))
    assert found.tricritical.revealed == pytest.approx(exact, abs=found.tricritical.errors["revealed"])
    if k == 3:
        assert found.dynamical.density == pytest.approx(0.818469, abs=1e-6)
        assert found.condensation.density == pytest.approx(0.917935, abs=1e-6)
        assert found.tricritical.revealed == pytest.approx(0.1756, abs=5e-5)


# --- errors are honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "path"), [(4, PATHS[0]), (4, PATHS[1]), (6, PATHS[0]), (8, PATHS[0]), (8, PATHS[1])],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip
def test_halving_the_spacing_stays_within_the_bounds(k, path):
    model = at.Bicoloring(k)
    usual, fine = (at.thresholds(m, path) for m in (model, replace(model, spacing=model.spacing / 2)))
    for name, point in usual.points().items():
        other = getattr(fine, name)
        for coordinate, value in point.coordinates.items():
            assert abs(value - other[coordinate]) <= point.errors[coordinate] + other.errors[coordinate], name


@pytest.mark.slow
def test_coarse_grids_say_so():
    coarse = at.thresholds(at.Bicoloring(5, spacing=0.2), at.Flow())
    fine = at.thresholds(at.Bicoloring(5), at.Flow())
    assert coarse.condensation.error > 10 * fine.condensation.error
    assert abs(coarse.condensation.density - fine.condensation.density) <= coarse.condensation.error
    with pytest.raises(
        at.InputError, match=r"spacing = 0\.3 is too coarse for accuracy = 1e-06.*make the spacing smal"
    ):
        at.thresholds(at.Bicoloring(5, spacing=0.3, accuracy=1e-6), at.Flow())


# --- identities --------------------------------------------------------------------------------------------


def laws_at_degree(evolution, side, laws):
    """Iterate from laws to the fixed points at their mean degrees with other side information."""
    transform, loss, change = laws.transform, laws.loss, np.full(len(laws.degree), np.inf)
    for _ in range(2000):
        if np.all(change < 1e-13):
            break
        transform, _ = evolution.variable(side, laws.degree[:, None], loss)
        last, (loss, rest) = loss, evolution.factor_message(transform)
        change = evolution.change(loss, last)
    return replace(laws, transform=transform, loss=loss, rest=rest, residual=change)


@pytest.mark.parametrize("path", PATHS[:2], ids=lambda p: p.name)
@pytest.mark.parametrize("model", [at.Bicoloring(5), at.Bicoloring(4, temperature=0.5), at.XORSAT(3, temperature=0.4)])
@pytest.mark.slow
def test_entropy_derivatives(model, path):
    """dS/dsnr = -(1 - q)/2, dS/dtheta = -S_h/(1 - theta) at constant density.

    The slopes are those of density evolution itself, not of the table: at constant density, by differences.
    """
    eos = equation_of_state_of(model, path)
    x, s = np.array([0.4, 1.1, 2.5, 5.0]), np.full(4, 0.15)
    middle = eos.solve(x, s)
    h = 2e-4
    side = [path.tilted_transform(eos.evolution.grid.frequency, s + e) for e in (-2 * h, -h, h, 2 * h)]
    # entropies at the same density and neighbouring strengths
    values = []
    for each in side:
        laws = laws_at_degree(eos.evolution, each, middle.laws)
        values.append(eos.evolution.entropies(each, laws)[0])
    slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
    # elsewhere iterations at a given density leave the fixed point, or reach it slowly
    stable = eos.surface(x, s).fold > 0.1
    laws = middle.laws
    here = path.tilted_transform(eos.evolution.grid.frequency, s)
    _, full = eos.evolution.variable(here, laws.degree[:, None], laws.loss)
    gap, s_full = full @ eos.evolution.grid.gap, full @ eos.evolution.grid.entropy
    exact = -gap / 2 if path.name == "flow" else -s_full / (1 - s)
    assert np.count_nonzero(stable) >= 2
    assert np.max(np.abs(slope - exact)[stable]) < 1e-7


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.name)
@pytest.mark.every(3)
def test_free_entropy_is_stationary_along_the_surface(path):
    """D phi = (dPsi/ds) ds + (A/2) d density on the table; for the flow dPsi/dsnr = overlap/2."""
    eos = geometry_of(at.Bicoloring(5), path).eos
    x, s = np.array([0.7, 1.6, 3.0, 6.0]), np.array([0.05, 0.3, 0.2, 0.6])
    f = eos.surface(x, s)
    h = 1e-4
    right, left = eos.surface(x * (1 + h), s), eos.surface(x * (1 - h), s)
    along = (right.free_entropy - left.free_entropy) / (right.intensity - left.intensity)
    assert np.max(np.abs(along - f.scaled / 2)) < 1e-6
    if path.name == "flow":
        assert np.max(np.abs(f.free_entropy_s - f.overlap / 2)) < 1e-6


def test_fixed_points_are_those_of_state_evolution():
    model, path = at.Bicoloring(5), at.Flow()
    found = at.fixed_points(model, path, control=8.8, strength=0.2)
    assert [p.kind for p in found] == ["uninformed", "unstable", "informed"]
    for point, start in ((found[0], "uninformed"), (found[2], "informed")):
        run = at.state_evolution(model, path, 8.8, 0.2, start=start, max_steps=4000)
        assert run.converged
        assert run.overlap[-1] == pytest.approx(point.overlap, abs=10 * point.errors["overlap"] + 1e-10)
    assert found.region == "easy_metastable"
    diagram = at.phase_diagram(model, path, (8.5, 10.0), points=10)
    assert diagram.region(8.8, [0.15, 0.2, 0.225, 0.24]).tolist() == ["easy", "easy_metastable", "hard", "easy"]


def test_potential_is_stationary_at_fixed_points():
    model, path = at.Bicoloring(5), at.Flow()
    eos = geometry_of(model, path).eos
    for point in at.fixed_points(model, path, control=8.8, strength=0.2):
        q = point.overlap + np.array([-1e-3, 0, 1e-3])
        left, middle, right = eos.potential(8.8, 0.2, q)
        assert middle == pytest.approx(point.free_entropy, abs=1e-8)
        assert abs(right - left) / 2e-3 < 1e-4
        assert (right + left < 2 * middle) == point.stable
    q, phi = at.free_entropy_curve(model, path, 8.8, 0.2)
    assert np.all(np.diff(q) > 0)
    assert np.all(np.isfinite(phi))


def test_paramagnet_and_large_strength():
    model = at.Bicoloring(5)
    null = at.fixed_points(model, at.Flow(), control=9.0, strength=0.0)
    assert [(p.overlap, p.free_entropy) for p in null] == [(0.0, 0.0)]
    assert null[0].mutual_information == pytest.approx(-9 * np.log(1 - 2**-4), rel=1e-12)
    beyond = at.fixed_points(model, at.Flow(), control=8.0, strength=7.0)
    run = at.state_evolution(model, at.Flow(), 8.0, 7.0)
    assert beyond[0].overlap == pytest.approx(run.overlap[-1], abs=1e-8)
    with pytest.raises(at.InputError, match="density = 1000 is too large: the solver goes up to"):
        at.fixed_points(model, at.Flow(), control=1000.0, strength=0.1)


@pytest.mark.slow
def test_zero_temperature_is_a_limit():
    cold, zero = (at.thresholds(at.Bicoloring(5, temperature=t), at.Flow()) for t in (0.05, 0.0))
    assert abs(cold.dynamical.density / zero.dynamical.density - 1) < 1e-7
    warm = at.thresholds(at.Bicoloring(5, temperature=0.4), at.Flow())
    assert warm.dynamical.density > zero.dynamical.density
    assert warm.bounds == {}


@pytest.mark.slow
def test_verdicts():
    result = at.compare_samplers(at.Bicoloring(5))
    assert result.target == "random"
    assert result["mcmc"].at(9.0).succeeds is None  # single flips need not connect the solutions
    assert at.compare_samplers(at.Bicoloring(5, temperature=0.05))["mcmc"].at(9.0).succeeds is True
    assert result["flow"].at(9.0).succeeds is False
    assert result["autoregressive"].at(8.3).succeeds is False
    assert result["flow"].at(8.3).succeeds is True
    assert result["flow"].at(10.4).succeeds is None


@pytest.mark.slow
def test_a_factor_of_ones_own():
    """Not-all-equal by its weights agrees with the products, within its bounds; the balanced factor has a transition."""
    own = at.thresholds(Tabulated(4, (0.0, 1.0, 1.0, 1.0, 0.0), spacing=0.2, accuracy=1e-3), at.Flow())
    exact = at.thresholds(at.Bicoloring(4), at.Flow())
    for name in ("dynamical", "condensation", "tricritical"):
        assert abs(getattr(own, name).density - getattr(exact, name).density) <= getattr(own, name).error
    assert own.weak_recovery.density == pytest.approx(49 / 12, rel=1e-12)


# --- regular graphs ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_regular_graphs():
    """More in test_regular_graphs.py."""
    found = at.thresholds(at.Bicoloring(4, degrees="regular"), at.Flow())
    # (degree - 1)(k - 1) response^2 = 1
    assert found.weak_recovery.density == pytest.approx((49 / 3 + 1) / 4, rel=1e-13)
    assert (found.dynamical.density, found.condensation.density) == (19 / 4, 20 / 4)


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 6])
def test_cold_parity_checks_with_revealed_spins(k):
    """Messages close to erasures change their shape slowly; in the cold limit all is that of erasures."""
    cold, zero = (at.thresholds(at.XORSAT(k, t), at.Autoregressive()) for t in (0.1, 0.0))
    for name in ("dynamical", "condensation", "tricritical"):
        assert getattr(cold, name).density == pytest.approx(getattr(zero, name).density, rel=2e-3)
        assert getattr(cold, name).density > getattr(zero, name).density


# --- input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: at.Bicoloring(1), "k must be an integer from 3 to 12, got 1"),
        (lambda: at.XORSAT(2.5), r"k must be an integer from 3 to 12, got 2\.5"),
        (lambda: at.Bicoloring(5, temperature=-1), "temperature must lie in"),
        (lambda: at.Bicoloring(5, temperature=float("nan")), "temperature must be one number"),
        (lambda: at.Bicoloring(5, degrees="poison"), "did you mean 'poisson'"),
        (lambda: at.Bicoloring(5, spacing=0), "spacing must lie in"),
        (lambda: at.Bicoloring(5, spacing=1.0), "spacing must lie in"),
        (lambda: at.Bicoloring(5, accuracy="high"), "accuracy must be one number"),
        (lambda: Tabulated(4, (0.0, 1.0, 1.0, 1.0, 0.5)), "the same when all spins are flipped"),
        (lambda: Tabulated(4, (1.0, 1.0)), "needs 5 weights"),
        (lambda: Tabulated(4, (-1.0, 1.0, 1.0, 1.0, -1.0)), "finite and >= 0"),
        (lambda: Tabulated(4, (1.0,) * 5), "some configurations more than others"),
        (lambda: at.fixed_points(at.Bicoloring(5), at.Flow(), 0.0, 0.1), "density must be finite and > 0, got 0"),
        (lambda: at.fixed_points(at.Bicoloring(5), at.Flow(), float("nan"), 0.1), "density must be finite"),
        (lambda: at.fixed_points(at.Bicoloring(5), at.Autoregressive(), 9.0, 1.1), "revealed must be"),
        (lambda: at.thresholds(Tabulated(4), at.Flow()), "is too fine for a factor of 4 spins solved by enumeration"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(at.InputError, match=message):
        make()


def test_own_paths_say_what_they_need():
    @dataclass(frozen=True)
    class Bare(at.Path):
        schedule: at.Schedule = field(default_factory=at.LinearInterpolant)
        name, strength, strength_symbol, limit = "bare", "snr", "s", np.inf
        schedules = at.Flow.schedules

        def response(self, prior, coordinate, strength, with_energy=True):
            return at.Flow().response(prior, coordinate, strength, with_energy)

        def coordinate(self, signal, strength):
            return signal + strength

        def evidence(self, prior, strength):
            return at.Flow().evidence(prior, strength)

        def information(self, prior, strength):
            return at.Flow().information(prior, strength)

    with pytest.raises(at.InputError, match="does not define `tilted_transform`"):
        at.thresholds(at.Bicoloring(5), Bare())


@pytest.mark.parametrize("k", [3, 4, 6])
@pytest.mark.parametrize("revealed", [1e-10, 1e-6, 1e-3, 0.1])
@pytest.mark.slow
def test_weak_side_information(k, revealed):
    """The snr from the factors vanishes as q^(k-1): theta = 1 - (1 - q) exp(alpha k q^(k-1)) for XORSAT."""
    point = at.fixed_points(at.XORSAT(k), at.Autoregressive(), 0.3, revealed).informed
    assert -np.expm1(np.log1p(-point.overlap) + 0.3 * k * point.overlap ** (k - 1)) == pytest.approx(revealed, rel=1e-7)
    weak = at.fixed_points(at.XORSAT(k), at.Flow(), 0.3, 1e-9).informed
    assert weak.overlap == pytest.approx(1e-9, rel=1e-6 if k > 3 else 1e-4)


@pytest.mark.parametrize("density", [0.5, 1.5])
def test_equation_of_state_of_noisy_parity(density):
    """From zero to beyond the tables the curve is made of fixed points, the straight piece below them included."""
    model = at.XORSAT(4, temperature=0.5)
    curve = at.equation_of_state(model, at.Flow(), density, max_strength=6.0, points=60)
    assert curve.overlap[0] < 1e-6
    assert curve.strength[-1] == pytest.approx(6.0, rel=1e-9)
    for k in (3, 25, 55):
        overlaps = [p.overlap for p in at.fixed_points(model, at.Flow(), density, curve.strength[k])]
        assert min(abs(np.array(overlaps) - curve.overlap[k])) < 1e-7


@pytest.mark.parametrize("start", ["uninformed", "informed", 0.5])
def test_belief_propagation_that_gives_no_number_says_so(monkeypatch, start):
    """Whatever it was begun with."""
    from amp_theory.equations_of_state.sparse.density_evolution import DensityEvolution

    def lost(self, side, degree, law):
        yield np.full_like(law, np.nan), 0.0

    monkeypatch.setattr(DensityEvolution, "iterate", lost)
    with pytest.raises(at.NumericalError, match="gives no number: start elsewhere"):
        at.state_evolution(at.XORSAT(3, temperature=0.5), at.Flow(), 0.7, 0.3, start=start)
