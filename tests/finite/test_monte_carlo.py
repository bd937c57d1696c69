"""Monte Carlo, parallel tempering and Langevin against enumeration, exact identities and quadrature."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, dblquad
from scipy.stats import chi2, chisquare

import amp_theory as at
from amp_theory.finite.chains.dense_sweeps import DenseSweeper
from amp_theory.finite.chains.diagnostics import effective_sample_size, integrated_autocorrelation_time, split_r_hat
from amp_theory.finite.chains.graph_sweeps import GraphSweeper, colour_classes, colouring
from amp_theory.finite.chains.langevin import advance
from amp_theory.finite.chains.monte_carlo import make_sweeper
from amp_theory.finite.chains.starts import discrete_start, generators
from amp_theory.finite.chains.sweeps import heat_bath_noise, metropolis_noise
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.ingredients.paths.side_information import SideInformation

SKEW = at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2])
#: model, control, size
INSTANCES = {
    "ising 2": (at.SherringtonKirkpatrick(), 0.8, 7),
    "ising 3": (at.IsingPSpin(3), 0.7, 8),
    "ising 4": (at.IsingPSpin(4), 0.9, 7),
    "mixed": (at.MixedPSpin("q/10 + q**2/4 + q**3/2"), 0.9, 7),
    "mixed, skew": (at.MixedPSpin("q/10 + q**2/4 + q**3/8", SKEW), 2.0, 5),
    "sparse matrix": (at.SpikedMatrix(at.SparseRademacher(0.4)), 0.15, 6),
    "skew tensor": (at.SpikedTensor(3, SKEW), 1.0, 5),
    "bicoloring": (at.Bicoloring(3), 0.6, 8),
    "warm bicoloring": (at.Bicoloring(4, temperature=0.7), 1.5, 8),
    "xorsat": (at.XORSAT(3, temperature=0.8), 1.2, 8),
}


def instance_of(name: str, seed: int = 5):
    return draw_instance(*INSTANCES[name], seed=seed)


def side_about(instance, batch: int = 1, known: bool = True) -> SideInformation:
    rng = np.random.default_rng(3)
    shape = (batch, instance.size)
    mask = np.zeros(shape, dtype=bool)
    mask[:, 1] = known
    values = np.where(mask, instance.planted, 0.0)
    return SideInformation(rng.standard_normal(shape) * 0.7, 0.3, mask, values)


def fresh_sweeper(instance, side, rows, factor=None, seed=1):
    rng = np.random.default_rng(seed)
    labels, tilt = discrete_start(instance, "planted", rows, side, rng)
    sweeper = make_sweeper(instance, labels, tilt, np.ones(rows) if factor is None else factor)
    return sweeper, rng


def log_weight(instance, side, factor, s, row):
    """The logarithm of the weight as it is defined."""
    mixture = instance.variables
    label = (s[:, None] == mixture.means).argmax(axis=1)
    result = np.log(mixture.probabilities)[label].sum() + factor * instance.interaction(s[None])[0]
    return result if side is None else result + side.log_weight(s[None])[min(row, side.batch - 1), 0]


# ---- conditional laws, exactly


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("name", INSTANCES)
def test_conditional_laws_are_those_of_the_weight(name, told):
    instance = instance_of(name)
    side = side_about(instance, batch=3) if told else None
    factor = np.ones(3) if name == "bicoloring" else np.array([1.0, 0.4, 0.0])
    sweeper, rng = fresh_sweeper(instance, side, 3, factor)
    for _ in range(3):  # fields have been changed many times
        sweeper.sweep(heat_bath_noise(sweeper.labels, len(sweeper.atoms), rng))
    found, state = sweeper.log_weights(), sweeper.configurations
    for row in range(3):
        for i in range(instance.size):
            expected = np.empty(len(sweeper.atoms))
            for k, value in enumerate(sweeper.atoms):
                s = state[row].copy()
                s[i] = value
                expected[k] = log_weight(instance, side, factor[row], s, row)
            now = sweeper.labels[row, i]
            assert found[row, i] - found[row, i, now] == pytest.approx(expected - expected[now], abs=1e-12)
    assert sweeper.interaction() == pytest.approx(instance.interaction(state), abs=1e-12)
    assert sweeper.energy() == pytest.approx(instance.energy(state), abs=1e-12)


@pytest.mark.parametrize("noise", [heat_bath_noise, metropolis_noise])
@pytest.mark.parametrize("name", INSTANCES)
@pytest.mark.every(3)
def test_a_sweep_updates_one_variable_after_the_other(name, noise):
    """Deciding many variables at once gives what a plain loop gives with the same random numbers."""
    instance = draw_instance(*INSTANCES[name][:2], size=30, seed=2)
    sweeper, rng = fresh_sweeper(instance, None, 3)
    order = np.arange(30)
    if isinstance(sweeper, GraphSweeper):
        order = np.concatenate([k.variables for k in sweeper.classes])
    assert sorted(order) == list(range(30))
    moved = 0
    for _ in range(4):
        s, labels = sweeper.configurations, sweeper.labels.copy()
        given = noise(labels, len(sweeper.atoms), rng)
        start = labels.copy()
        for row in range(3):
            for i in order:
                score = np.empty(len(sweeper.atoms))
                for k, value in enumerate(sweeper.atoms):
                    s[row, i] = value
                    score[k] = log_weight(instance, None, 1.0, s[row], row) + given[row, i, k]
                labels[row, i] = score.argmax()
                s[row, i] = sweeper.atoms[labels[row, i]]
        changes = sweeper.sweep(given)
        assert np.array_equal(sweeper.labels, labels)
        assert np.array_equal(changes, (labels != start).sum(axis=1))
        moved += changes.sum()
    assert moved > 10


@pytest.mark.parametrize("rule", ["heat bath", "metropolis"])
def test_noise_makes_the_decisions_of_the_rule(rule):
    log = np.log([0.1, 0.6, 0.3])
    number, now = 200_000, 1
    labels = np.full((1, number), now)
    noise = heat_bath_noise if rule == "heat bath" else metropolis_noise
    decided = (log + noise(labels, 3, np.random.default_rng(1))).argmax(axis=-1)[0]
    expected = np.exp(log)
    if rule == "metropolis":
        expected = np.minimum(1, np.exp(log - log[now])) / 3
        expected[now] += 1 - expected.sum()
    assert chisquare(np.bincount(decided, minlength=3), expected * number).pvalue > 1e-4


def test_fields_stay_exact_in_long_runs():
    instance = draw_instance(at.MixedPSpin("q**2/4 + q**3/2"), 1.0, 30, seed=1)
    sweeper, rng = fresh_sweeper(instance, None, 2)
    assert isinstance(sweeper, DenseSweeper)
    for _ in range(250):
        sweeper.sweep(heat_bath_noise(sweeper.labels, 2, rng))
    assert sweeper._field == pytest.approx(instance.field(sweeper.configurations), abs=1e-12)


def test_colours_do_not_meet_in_a_factor():
    instance = draw_instance(at.Bicoloring(5), 9.0, 2000, seed=1)
    colour = colouring(instance.spins, 2000)
    ordered = np.sort(colour[instance.spins], axis=1)
    assert np.all(ordered[:, 1:] > ordered[:, :-1])
    assert colour.max() < 80
    # each edge of the graph belongs to one class, and a class meets a factor once
    classes = colour_classes(instance.spins, instance.signs, 2000)
    assert sum(len(k.factors) for k in classes) == instance.spins.size
    assert all(len(np.unique(k.factors)) == len(k.factors) for k in classes)


# ---- visited configurations against enumeration


def reachable(instance, p: np.ndarray) -> np.ndarray:
    """Which configurations single flips reach from the planted one."""
    every = at.Enumeration(instance).configurations
    where = {tuple(s): n for n, s in enumerate(every)}
    seen, waiting = {where[tuple(instance.planted)]}, [tuple(instance.planted)]
    while waiting:
        s = waiting.pop()
        for i in range(len(s)):
            for value in instance.variables.means:
                n = where[(*s[:i], value, *s[i + 1 :])]
                if n not in seen and p[n] > 0:
                    seen.add(n)
                    waiting.append(tuple(every[n]))
    return np.isin(np.arange(len(every)), list(seen))


def p_value(instance, visited: np.ndarray, p: np.ndarray) -> float:
    """Chi-square test of independent configurations (n, size); rare ones are taken together."""
    base = len(instance.variables.means)
    label = (visited[..., None] == instance.variables.means).argmax(axis=-1)
    index = label @ base ** np.arange(instance.size - 1, -1, -1)
    counts = np.bincount(index, minlength=len(p)).astype(float)
    assert counts[p == 0].sum() == 0
    expected = p * len(visited)
    rare = expected < 5
    counts, expected = (np.append(a[~rare], a[rare].sum()) for a in (counts, expected))
    counts, expected = counts[expected > 0], expected[expected > 0]
    return float(chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1))


CHAINS = 3000
#: every chain on every kind of instance; half of them with side information, so that every instance and chain has both
VISITED = [
    (name, sampler, (n + k) % 2 == 0)
    for n, name in enumerate(("ising 3", "sparse matrix", "skew tensor", "bicoloring", "xorsat"))
    for k, sampler in enumerate((at.heat_bath, at.metropolis))
]


@pytest.mark.parametrize(("name", "sampler", "told"), VISITED)
@pytest.mark.every(3)
def test_chains_visit_configurations_with_their_probabilities(name, sampler, told):
    instance = instance_of(name)
    side = side_about(instance) if told else None
    sweeps = 40 if sampler is at.heat_bath else 120
    start = "planted" if name == "bicoloring" else "random"
    chains = sampler(instance, sweeps, seed=11, start=start, chains=CHAINS, side=side, every=sweeps)
    p = at.Enumeration(instance).probabilities(side)[0]
    p = p * reachable(instance, p)
    p /= p.sum()
    assert p_value(instance, chains.configurations, p) > 1e-3
    # the same configurations are not those of a temperature 30 % off, or of side information twice as strong
    wrong = p**1.3 / (p**1.3).sum()
    if name == "bicoloring":
        strong = (
            SideInformation.from_field(np.full((1, 8), 0.25))
            if side is None
            else SideInformation.from_field(side.field)
        )
        wrong = p * np.exp(strong.log_weight(at.Enumeration(instance).configurations)[0])
        wrong /= wrong.sum()
    assert p_value(instance, chains.configurations, wrong) < 1e-6


def test_every_chain_has_its_own_side_information():
    instance = instance_of("ising 3")
    side = side_about(instance, batch=2)
    twice = SideInformation(
        *(
            np.repeat(a, 1500, axis=0) if np.ndim(a) else a
            for a in (side.field, side.precision, side.known, side.values)
        )
    )
    chains = at.heat_bath(instance, 40, seed=1, chains=3000, side=twice)
    p = at.Enumeration(instance).probabilities(side)
    first, second = chains.configurations[:1500], chains.configurations[1500:]
    assert p_value(instance, first, p[0]) > 1e-3
    assert p_value(instance, second, p[1]) > 1e-3
    assert p_value(instance, first, p[1]) < 1e-6


def test_one_long_chain_is_as_good_as_its_effective_sample_size():
    instance = instance_of("ising 3")
    chains = at.heat_bath(instance, 10_000, seed=4, chains=4, every=2)
    p = at.Enumeration(instance).probabilities()[0]
    energy = instance.energy(at.Enumeration(instance).configurations)
    exact, spread = p @ energy, np.sqrt(p @ energy**2 - (p @ energy) ** 2)
    effective = chains.effective_sample_size()
    assert 400 < effective < 4 * 5_000
    assert chains.autocorrelation_time() == pytest.approx(20_000 / effective)
    assert chains.energy.mean() == pytest.approx(exact, abs=4 * spread / np.sqrt(effective))
    assert chains.split_r_hat() < 1.01


# ---- parallel tempering


@pytest.mark.parametrize(
    ("name", "told"), [("ising 3", False), ("ising 3", True), ("sparse matrix", True), ("xorsat", False)]
)
@pytest.mark.every(2)
def test_tempering_samples_the_instance(name, told):
    instance = instance_of(name)
    side = side_about(instance) if told else None
    run = at.parallel_tempering(instance, 30, seed=1, chains=1500, side=side, every=30, factors=[0.0, 0.5, 1.0])
    p = at.Enumeration(instance).probabilities(side)[0]
    assert p_value(instance, run.chains.configurations, p) > 1e-3
    assert p_value(instance, run.chains.configurations, p**1.4 / (p**1.4).sum()) < 1e-6


def test_tempering_crosses_where_heat_bath_is_trapped():
    instance = draw_instance(at.IsingPSpin(3), 0.2, 8, seed=1)
    p = at.Enumeration(instance).probabilities()[0]
    trapped = at.heat_bath(instance, 150, seed=1, start="random", chains=400)
    free = at.parallel_tempering(
        instance, 150, seed=1, start="random", chains=400, factors=[0.0, 0.15, 0.3, 0.5, 0.75, 1.0]
    )
    assert p_value(instance, trapped.configurations, p) < 1e-6
    assert p_value(instance, free.chains.configurations, p) > 1e-3
    assert free.round_trips.sum() > 50


def test_swaps_are_accepted_as_often_as_theory_says():
    instance = instance_of("ising 3")
    factors = np.array([0.2, 0.7, 1.0])
    run = at.parallel_tempering(instance, 400, seed=5, chains=100, factors=factors)
    interaction = instance.interaction(at.Enumeration(instance).configurations)
    laws = [np.exp(b * interaction) / np.exp(b * interaction).sum() for b in factors]
    for n in range(2):
        gain = (factors[n] - factors[n + 1]) * (interaction[None, :] - interaction[:, None])
        expected = laws[n] @ np.minimum(1, np.exp(gain)) @ laws[n + 1]
        assert run.swap_acceptance[n] == pytest.approx(expected, abs=0.015)
    energy = [law @ instance.energy(at.Enumeration(instance).configurations) for law in laws]
    assert run.energies[:, :, 50:].mean(axis=(0, 2)) == pytest.approx(np.array(energy), abs=0.01)
    assert np.array_equal(run.energies[:, -1], run.chains.energy)


@pytest.mark.slow
def test_automatic_ladder():
    instance = draw_instance(at.IsingPSpin(3), 0.6, 60, seed=1)
    run = at.parallel_tempering(instance, 300, seed=1)
    assert run.factors[0] == 0
    assert run.factors[-1] == 1
    assert np.all(np.diff(run.factors) > 0)
    assert np.all((run.swap_acceptance > 0.35) & (run.swap_acceptance < 0.85))
    assert run.round_trips[0] > 3
    again = at.parallel_tempering(instance, 300, seed=1)
    assert np.array_equal(run.chains.energy, again.chains.energy)


# ---- Langevin


def test_langevin_without_force_relaxes_at_rate_t():
    """C(t) = exp(-T (1 - 1/N) t) up to 2 T^2 t step/N, what the fluctuations of the noise's length leave."""
    temperature, size, chains = 1.3, 8, 40_000
    rng = np.random.default_rng(1)
    start = np.tile(np.sqrt(size) * np.eye(size)[0], (chains, 1))
    for steps in (5, 10):
        s = start
        for _ in range(steps):
            s = advance(s, np.zeros_like(s), temperature, 0.5 / steps, rng.standard_normal(s.shape))
        assert (s * s).sum(axis=1) == pytest.approx(np.full(chains, float(size)))
        found, exact = (s * start).mean(axis=1), np.exp(-temperature * (1 - 1 / size) * 0.5)
        bound = 2 * temperature**2 * 0.5 * (0.5 / steps) / size + 4 * found.std() / np.sqrt(chains)
        assert abs(found.mean() - exact) < bound
        # plain normalisation of s + v errs by T^2 t step C, which the bound would not admit
        assert bound < temperature**2 * 0.5 * (0.5 / steps) * exact


@pytest.mark.slow
def test_langevin_stationary_law_on_a_small_sphere():
    """Three spins, strongly coupled: the mean energy is a two-dimensional integral."""
    instance = draw_instance(at.SphericalPSpin(3), 1.0, 3, seed=3)

    def point(theta: float, phi: float) -> np.ndarray:
        return np.sqrt(3) * np.array([[np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]])

    def integral(power: int) -> float:
        def integrand(phi: float, theta: float) -> float:
            x = instance.interaction(point(theta, phi))[0]
            return float(x**power * np.exp(x) * np.sin(theta))

        return float(dblquad(integrand, 0, np.pi, 0, 2 * np.pi, epsabs=1e-3, epsrel=1e-3)[0])

    exact = -1.0 * integral(1) / integral(0) / 3
    run = at.langevin(instance, 10.0, 0.01, seed=1, chains=1000, every=50, check_step=True)
    late = run.energy[:, len(run.times) // 2 :].mean(axis=1)
    assert late.mean() == pytest.approx(exact, abs=4 * late.std() / np.sqrt(1000) + run.step_error["energy"])
    assert late.std() / np.sqrt(1000) + run.step_error["energy"] < 0.1 * abs(exact)


def equilibrium_correlation(temperature: float, end: float, steps: int) -> np.ndarray:
    """dC/dt = -T C - (p/(2T)) int_0^t C(t-u)^(p-1) C'(u) du for p = 3, by explicit Euler steps."""
    h = end / steps
    c, slope = np.ones(steps + 1), np.zeros(steps + 1)
    slope[0] = -temperature
    for n in range(steps):
        c[n + 1] = c[n] + h * slope[n]
        memory = cumulative_trapezoid(c[n::-1] ** 2 * slope[: n + 1], dx=h, initial=0)[-1]
        slope[n + 1] = -temperature * c[n + 1] - 1.5 / temperature * memory
    return c


def test_langevin_in_equilibrium():
    """Planted starts are exact samples: energy -1/(2T) at all times, and C(t) of the large-N equation."""
    temperature, size = 1.0, 80
    energy, correlation, errors = [], [], []
    for seed in range(6):
        instance = draw_instance(at.SphericalPSpin(3), temperature, size, seed=seed)
        run = at.langevin(instance, 1.5, 0.025, seed=seed, start="planted", chains=8, every=10, check_step=seed == 0)
        energy.append(run.energy[:, 3:].mean())
        correlation.append(run.correlation.mean(axis=0))
        errors.append(run.step_error)
    step = errors[0]
    noise = np.std(energy, ddof=1) / np.sqrt(6)
    assert noise < 0.03
    assert np.mean(energy) == pytest.approx(-0.5 / temperature, abs=4 * noise + step["energy"])
    theory = equilibrium_correlation(temperature, 1.5, 1200)[::200]
    mean, noise = np.mean(correlation, axis=0), np.std(correlation, axis=0, ddof=1) / np.sqrt(6)
    assert np.all(np.abs(mean - theory) <= 4 * noise + step["correlation"] + 2 / size)
    # slower than without interaction, by more than the errors
    assert mean[-1] - np.exp(-1.5 * temperature) > 4 * noise[-1] + 2 / size


def test_langevin_from_a_random_start_at_high_temperature():
    run = [
        at.langevin(draw_instance(at.SphericalPSpin(3), 2.0, 60, seed=s), 2.0, 0.02, seed=s, chains=6, every=10)
        for s in range(4)
    ]
    late = [r.energy[:, 5:].mean() for r in run]
    assert np.mean(late) == pytest.approx(-0.25, abs=4 * np.std(late, ddof=1) / 2 + 0.01)
    assert all(abs(r.energy[:, 0].mean()) < 0.25 for r in run)


def test_spiked_models_relax_in_the_time_of_t_one():
    instance = draw_instance(at.SpikedMatrixTensor(3, 0.8), 0.5, 100, seed=1)
    run = at.langevin(instance, 1.0, 0.02, seed=1, start="planted", chains=2)
    assert run.overlap[:, 0] == pytest.approx(1.0)
    # it stays where AMP's fixed point is: the informed overlap of the theory
    assert 0.3 < run.overlap[:, -10:].mean() < 0.9


# ---- results, determinism, diagnostics


@pytest.mark.parametrize("sampler", [at.heat_bath, at.metropolis, at.parallel_tempering])
def test_runs_are_reproducible_and_recorded(sampler):
    instance = instance_of("ising 2")
    options = {} if sampler is not at.parallel_tempering else {"factors": [0.3, 1.0]}
    first, second, other = (
        sampler(instance, 21, seed=seed, chains=2, every=5, keep_samples=True, **options) for seed in (7, 7, 8)
    )
    a, b, c = (getattr(r, "chains", r) if options else r for r in (first, second, other))
    assert np.array_equal(a.samples, b.samples)
    assert not np.array_equal(a.samples, c.samples)
    assert a.times.tolist() == [5, 10, 15, 20]
    for n in range(4):
        assert a.energy[:, n] == pytest.approx(instance.energy(a.samples[:, n]), abs=1e-12)
        assert a.overlap[:, n] == pytest.approx(instance.overlap(a.samples[:, n], instance.planted), abs=1e-12)
    assert np.all((a.acceptance > 0) & (a.acceptance < 1))
    assert "array" not in repr(first)


def test_a_random_start_is_not_the_planted_configuration_of_the_same_seed():
    instance = draw_instance(at.SherringtonKirkpatrick(), 5.0, 400, seed=1)
    labels, _ = discrete_start(instance, "random", 1, None, generators(1, 1)[0])
    assert instance.overlap(instance.variables.means[labels[0]], instance.planted) < 0.3
    same = np.random.SeedSequence(1)
    a, b, c = (at.heat_bath(instance, 2, seed=s, start="random") for s in (same, same, 1))
    assert np.array_equal(a.configurations, b.configurations)
    assert np.array_equal(a.configurations, c.configurations)


def test_langevin_is_reproducible():
    instance = draw_instance(at.SphericalPSpin(2), 1.0, 20, seed=1)
    a, b, c = (
        at.langevin(instance, 0.3, 0.05, seed=s, check_step=check) for s, check in ((1, False), (1, True), (2, False))
    )
    assert np.array_equal(a.energy, b.energy)
    assert not np.array_equal(a.energy, c.energy)
    assert a.step_error is None
    assert set(b.step_error) == {"energy", "correlation"}
    assert a.times[-1] == pytest.approx(0.3)
    assert a.overlap.shape == (1, 7)
    assert at.langevin(draw_instance(at.SphericalPSpin(2), 1.0, 20, 1, "random"), 0.3, 0.05, 1).overlap is None


def ar1(phi: float, chains: int, records: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    x = np.empty((chains, records))
    x[:, 0] = rng.standard_normal(chains)
    for n in range(1, records):
        x[:, n] = phi * x[:, n - 1] + np.sqrt(1 - phi**2) * rng.standard_normal(chains)
    return x


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, -0.4])
@pytest.mark.every(2)
def test_diagnostics_of_chains_with_known_autocorrelation(phi):
    x = ar1(phi, 4, 20_000)
    tau = (1 + phi) / (1 - phi)
    assert integrated_autocorrelation_time(x) == pytest.approx(tau, rel=0.12)
    assert effective_sample_size(x) == pytest.approx(80_000 / tau, rel=0.12)
    assert split_r_hat(x) < 1.005
    assert split_r_hat(x + np.array([[0.0], [0.0], [0.0], [2.0]])) > 1.2
    # a trend in one chain shows in its halves
    assert split_r_hat(x[:1] + np.linspace(0, 3, 20_000)) > 1.2


def test_diagnostics_that_are_not_defined():
    with pytest.raises(at.NumericalError, match="records are .*: their autocorrelation"):
        effective_sample_size(np.ones((2, 10)))
    with pytest.raises(at.InputError, match="at least 4"):
        split_r_hat(np.zeros((2, 3)))
    with pytest.raises(at.InputError, match="finite"):
        split_r_hat(np.array([0, 1, np.nan, 2, 3]))
    assert split_r_hat(np.repeat([[0.0], [1.0]], 10, axis=1)) == np.inf
    few = at.heat_bath(instance_of("ising 2"), 3, seed=1)
    with pytest.raises(at.InputError, match="at least 4 records"):
        few.effective_sample_size()
    with pytest.raises(at.InputError, match="discard must be an integer from 0 to 6"):
        at.heat_bath(instance_of("ising 2"), 10, seed=1).split_r_hat(discard=7)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "arviz_stats.base.array", None)
    with pytest.raises(at.InputError, match=r'pip install "amp-theory\[diagnostics\]"'):
        effective_sample_size(np.arange(10.0))


# ---- bad input

ISING = draw_instance(at.IsingPSpin(3), 1.0, 6, seed=1)
RANDOM = draw_instance(at.IsingPSpin(3), 1.0, 6, 1, "random")
SPHERE = draw_instance(at.SphericalPSpin(3), 1.0, 6, seed=1)


@pytest.mark.parametrize("sampler", [at.heat_bath, at.metropolis, at.parallel_tempering])
@pytest.mark.parametrize(
    ("instance", "bad", "message"),
    [
        (ISING, {"sweeps": 0}, "sweeps must be an integer from 1"),
        (ISING, {"chains": 0}, "chains must be an integer from 1"),
        (ISING, {"every": 11}, "every must be an integer from 1 to 10"),
        (ISING, {"seed": -1}, "seed must be an integer >= 0"),
        (ISING, {"start": "cold"}, "start must be 'random', 'planted' or an array"),
        (ISING, {"start": np.ones((2, 6))}, r"start must have shape \(chains, size\) = \(1, 6\)"),
        (ISING, {"start": np.full((1, 6), 0.5)}, "start must be among the prior's values"),
        (ISING, {"start": np.full((1, 6), np.nan)}, "start must be finite"),
        (ISING, {"side": "field"}, "side must be SideInformation"),
        (ISING, {"side": SideInformation.from_field(np.zeros((2, 6)))}, "side must be about one or 1 configurations"),
        (ISING, {"side": SideInformation.from_field(np.zeros((1, 5)))}, "5 variables, the instance 6"),
        (
            ISING,
            {"side": SideInformation.from_known(np.ones((1, 6), dtype=bool), np.full((1, 6), 0.5))},
            "known values must be among the prior's values",
        ),
        (
            ISING,
            {"side": SideInformation.from_known(np.ones((1, 6), dtype=bool), -ISING.planted), "start": "planted"},
            "start differs from the known values, first at variable 0",
        ),
        (RANDOM, {"start": "planted"}, "no planted configuration"),
        (SPHERE, {}, "discrete prior"),
        (draw_instance(at.SpikedMatrix(at.GaussBernoulli(0.5)), 1.0, 6, 1), {}, "discrete prior"),
        (at.IsingPSpin(3), {}, "draw_instance"),
    ],
)
def test_bad_values_of_discrete_samplers(sampler, instance, bad, message):
    with pytest.raises(at.InputError, match=message):
        sampler(instance, **{"sweeps": 10, "seed": 1, **bad})


def test_hard_constraints_need_a_solution_to_start_from():
    instance = draw_instance(at.Bicoloring(3), 1.5, 40, seed=1)
    with pytest.raises(at.InputError, match="start from 'planted'"):
        at.heat_bath(instance, 5, seed=1)
    with pytest.raises(at.InputError, match="temperature > 0"):
        at.parallel_tempering(instance, 5, seed=1)
    assert np.all(at.heat_bath(instance, 50, seed=1, start="planted").energy == 0)


@pytest.mark.parametrize(
    "factors", [[0.5], [0.0, 0.5], [0.5, 0.2, 1.0], [-0.1, 1.0], [[0.0, 1.0]], ["a", "b"], [0, np.nan, 1]]
)
def test_bad_ladders(factors):
    with pytest.raises(at.InputError, match="factors must"):
        at.parallel_tempering(ISING, 5, seed=1, factors=factors)


@pytest.mark.parametrize(
    ("instance", "bad", "message"),
    [
        (ISING, {}, "spherical models"),
        (SPHERE, {"step": 0.0}, "step must be positive"),
        (SPHERE, {"step": 0.2}, "step must be at most 0.125"),
        (SPHERE, {"end_time": -1.0}, "end_time must be positive"),
        (SPHERE, {"end_time": np.inf}, "end_time must be one number"),
        (SPHERE, {"seed": -1}, "seed must be"),
        (SPHERE, {"chains": 0}, "chains must be"),
        (SPHERE, {"every": 0}, "every must be"),
        (SPHERE, {"start": "warm"}, "start must be"),
        (SPHERE, {"start": np.zeros((1, 6))}, "sum s\\^2"),
        (draw_instance(at.SphericalPSpin(3), 1.0, 6, 1, "random"), {"start": "planted"}, "no planted"),
    ],
)
def test_bad_values_of_langevin(instance, bad, message):
    with pytest.raises(at.InputError, match=message):
        at.langevin(instance, **{"end_time": 1.0, "step": 0.1, "seed": 1, **bad})
