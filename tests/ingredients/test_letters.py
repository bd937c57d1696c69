"""Births of non-zeros and channels of one's own: closed forms, definitions by quadrature, finite instances, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import amp_theory as at
from amp_theory.ingredients.paths.hidden_atoms import hidden_atoms
from amp_theory.phases.optimal import programme  # noqa: F401  which registers the programme of priors
from amp_theory.phases.optimal.least_slope import least_slope

BIRTH, SPINS = at.Birth(), at.Rademacher()
TINY = at.SpikedMatrix(at.SparseRademacher(0.4))


def flips(w):
    return [[(1 + w) / 2, (1 - w) / 2], [(1 - w) / 2, (1 + w) / 2]]


def erasures(t):
    return [[t, 1 - t, 0], [0, 1 - t, t]]


ONE_SIDED = at.SideChannel("one-sided", lambda t: [[t, 1 - t], [0.0, 1.0]])


@pytest.mark.parametrize("rho", [0.05, 0.5])
def test_birth_leaves_a_sparser_spin(rho):
    """G = t rho + (1 - rho t) M_w(x) with w = rho (1 - t)/(1 - rho t), at snrs of both regimes and far beyond."""
    x = np.array([1e-6, 0.1, 3.0, 11.0, 14.0, 60.0, 400.0])
    for t in (0.0, 0.3, 0.999):
        hidden = 1 - rho * t
        left = at.SparseRademacher(rho * (1 - t) / hidden).channel(x)
        found = BIRTH.response(at.SparseRademacher(rho), x, np.full(x.shape, t))
        for value, known in (
            (found.gap, left.mmse), (found.overlap_z, left.overlap_slope), (found.overlap_zz, left.overlap_curvature),
            (found.overlap - t * rho, left.overlap), (found.free_entropy - t * rho * x / 2, left.free_entropy),
        ):  # fmt: skip
            # what is subtracted has a rounding of its own
            assert np.all(np.abs(value - hidden * known) <= 1e-12 * hidden * np.abs(known) + 4e-16 * (1 + t * rho * x))
        assert np.all(found.relative_error < 1e-12)


def moments(atoms, weights, x, power):
    """Return the integral of f Var^power of weighted atoms behind a channel of snr x, by its definition."""
    root = np.sqrt(x)

    def integrand(y):
        likely = weights * np.exp(-((y - root * atoms) ** 2) / 2) / np.sqrt(2 * np.pi)
        total = likely.sum()
        if total == 0:
            return 0.0
        mean = likely @ atoms / total
        return total * (likely @ (atoms - mean) ** 2 / total) ** power

    ends = root * atoms.min() - 12, root * atoms.max() + 12
    return quad(integrand, *ends, epsabs=1e-14, epsrel=1e-12, limit=500)[0]


@pytest.mark.parametrize("x", [0.3, 9.0, 40.0])
def test_hidden_atoms_by_their_definition(x):
    atoms, weights, rates = np.array([-0.5, 0.0, 1.3]), np.array([0.2, 0.3, 0.25]), np.array([-0.1, 0.3, 0.2])
    found = hidden_atoms(atoms, weights[:, None], rates[:, None], np.array([x]))
    h = 1e-4
    for power, value, growth in ((1, found.gap, found.gap_growth), (2, found.slope, found.slope_growth)):
        assert float(value[0]) == pytest.approx(moments(atoms, weights, x, power), rel=1e-9)
        more, less = (moments(atoms, weights + d * rates, x, power) for d in (h, -h))
        assert float(growth[0]) == pytest.approx((more - less) / (2 * h), rel=1e-6)


def test_rows_do_not_mix():
    """Laws of different rows, symmetric and not, give what each gives alone; certain ones leave nothing."""
    atoms = np.array([-1.0, 0.0, 1.0])
    weights = np.array([[0.1, 0.8, 0.1], [0.3, 0.1, 0.6], [0.0, 0.5, 0.0], [0.0, 0.2, 0.3]]).T
    rates, x = (
        np.array([[-0.1, 0, -0.1], [0, 0.1, 0.2], [0, 1.0, 0], [0, -1.0, 1.0]]).T,
        np.array([2.0, 30.0, 5.0, 70.0]),
    )
    every = hidden_atoms(atoms, weights, rates, x)
    for k in range(4):
        alone = hidden_atoms(atoms, weights[:, [k]], rates[:, [k]], x[[k]])
        for name in set(every.__slots__) - {"relative_error"}:
            assert getattr(every, name)[k] == pytest.approx(getattr(alone, name)[0], rel=1e-11, abs=1e-300), name
    assert every.gap[2] == every.information[2] == 0


@pytest.mark.parametrize(("matrix", "known"), [(flips, at.UniformDiscreteDiffusion()), (erasures, at.Autoregressive())])
def test_own_channels_are_the_named_ones(matrix, known):
    own, x, strength = at.SideChannel("own", matrix), np.array([0.2, 3.0, 25.0]), np.array([0.1, 0.4, 0.9])
    found, there = (p.response(SPINS, x, p.internal(strength)) for p in (own, known))
    for name in ("overlap", "gap", "overlap_z", "overlap_zz", "free_entropy", "overlap_s", "overlap_zs", "deficit"):
        assert np.allclose(getattr(found, name), getattr(there, name), rtol=1e-9, atol=1e-13), name
    assert np.allclose(own.information(SPINS, strength), known.information(SPINS, strength), rtol=1e-12)


@pytest.mark.slow
def test_threshold_of_an_own_channel_is_that_of_the_named_one():
    one, two = (
        at.thresholds(at.IsingPSpin(3), p).tricritical for p in (at.SideChannel("e", erasures), at.Autoregressive())
    )
    assert abs(one.temperature - two.temperature) <= one.error + two.error
    assert abs(one.told - two.revealed) < 1e-11


@pytest.mark.slow
def test_birth_of_the_sparse_matrix():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    point = at.thresholds(model, BIRTH).tricritical
    assert abs(point.noise / 0.08**2 - 1.065683282) < 0.6e-9
    # better than both other paths
    for path in (at.Flow(), at.Autoregressive()):
        assert point.noise < at.thresholds(model, path).tricritical.noise
    with pytest.raises(at.InputError, match="digits"):
        at.thresholds(model, BIRTH, digits=20)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [at.SparseRademacher(0.08), at.Discrete([0, 1], [0.9, 0.1])], ids=repr)
def test_birth_never_beats_the_least_slope(prior):
    """At random strengths and snrs dG/dx is at least that of the linear programme at the same overlap, if hardly more."""
    rng, ratios = np.random.default_rng(7), []
    for _ in range(3):
        x, t = np.array([rng.uniform(0.2, 8.0)]), np.array([rng.uniform(0.0, 0.5)])
        found = BIRTH.response(prior, x, t)
        least = least_slope(prior, float(found.overlap[0]), float(x[0]))
        ratios.append(float(found.overlap_z[0]) / (least.slope - least.error))
    assert min(ratios) > 1 - 1e-9
    assert max(ratios) < 1.2
    # the bound is no less than half of it: it would be missed
    assert min(ratios) < 1.05


def test_what_birth_tells():
    """The information is H(P0) - (1 - t E[s != 0]) H(P_t), and all of H(P0) at the end."""
    prior = at.Discrete([-1, 0, 2], [0.1, 0.7, 0.2])
    for t in (0.0, 0.4, 1.0):
        hidden = 1 - 0.3 * t
        p = np.array([0.1 * (1 - t), 0.7, 0.2 * (1 - t)]) / hidden
        left = -float((p[p > 0] * np.log(p[p > 0])).sum())
        assert float(BIRTH.information(prior, t)) == pytest.approx(prior.entropy - hidden * left, abs=1e-13)


def brute_force(every, side, born):
    """Return the posterior means given what was born, from the likelihood of every configuration."""
    s = every.configurations
    log = every.log_weight.copy()
    known, values = side.known[0], side.values[0]
    for k, row in enumerate(s):
        if np.any(row[known] != values[known]):
            log[k] = -np.inf
        else:
            log[k] += np.log(1 - born) * np.count_nonzero(row[~known])
    weight = np.exp(log - log.max())
    return weight @ s / weight.sum()


def test_exact_posterior_knows_that_nothing_seen_tells():
    instance = at.draw_instance(TINY, 0.3, 6, seed=3)
    every = at.Enumeration(instance)
    side = BIRTH.observe(instance.planted[None], 0.6, np.random.default_rng(1))
    assert np.all(instance.planted[side.known[0]] != 0)
    found, plain = every.mean(side)[0], every.mean(at.SideInformation.from_known(side.known, side.values))[0]
    assert np.allclose(found, brute_force(every, side, 0.6), atol=1e-12)
    assert np.abs(found - plain).max() > 1e-3
    everything = BIRTH.observe(instance.planted[None], 1.0, np.random.default_rng(1))
    assert np.array_equal(every.mean(everything)[0], instance.planted)


@pytest.mark.slow
def test_heat_bath_agrees_with_enumeration():
    instance = at.draw_instance(TINY, 0.3, 6, seed=3)
    every = at.Enumeration(instance)
    side = BIRTH.observe(instance.planted[None], 0.6, np.random.default_rng(1))
    chains = at.heat_bath(instance, 2000, 5, chains=32, side=side, keep_samples=True)
    squares = (chains.samples[:, 200:] ** 2).mean(axis=(0, 1))
    exact = every.probabilities(side)[0] @ every.configurations**2
    without = every.probabilities(at.SideInformation.from_known(side.known, side.values))[0] @ every.configurations**2
    assert np.abs(squares - exact).max() < 0.02 < np.abs(without - exact).max()


@pytest.mark.slow
def test_amp_reaches_the_overlap_of_the_theory():
    model, born, noise = at.SpikedMatrix(at.SparseRademacher(0.2)), 0.6, 0.05
    instance = at.draw_instance(model, noise, 2000, seed=2)
    side = BIRTH.observe(np.repeat(instance.planted[None], 4, axis=0), born, np.random.default_rng(4))
    found = at.run_amp(instance, side)
    overlaps = instance.overlap(found.mean, instance.planted)
    theory = float(at.uninformed_overlap(model, BIRTH, noise, born))
    assert np.all(found.converged)
    assert abs(overlaps.mean() - theory) < 0.01
    plain = at.run_amp(instance, at.SideInformation.from_known(side.known, side.values))
    # the posterior mean has the overlap with itself that it has with the truth; without the changed prior it has not
    own = [np.mean(run.mean**2) - np.mean(run.mean * instance.planted) for run in (found, plain)]
    assert abs(own[0]) < 0.004 < 0.02 < own[1]


@pytest.mark.parametrize(
    "ask",
    [
        lambda m, p: at.path_transitions(m, p, 0.76).first_order,
        lambda m, p: at.fixed_points(m, p, 0.76, 0.1),
        lambda m, p: at.uninformed_overlap(m, p, 0.76, 0.1),
        lambda m, p: at.state_evolution(m, p, 0.76, 0.1),
        lambda m, p: at.phase_diagram(m, p, points=5),
        lambda m, p: at.thresholds(at.SherringtonKirkpatrick(), at.Mixed(at.Flow(), p).held(told=0.3)),
    ],
)
@pytest.mark.every(3)
def test_every_question_about_an_own_channel_is_answered(ask):
    """Also where no strength is left to ask for, or nothing is found."""
    ask(at.IsingPSpin(3), ONE_SIDED)


def test_strengths_are_not_called_like_controls_or_columns():
    from amp_theory.models.catalogue import MODELS

    model, path = at.IsingPSpin(3), at.Flow()
    found = (
        at.thresholds(model, path), at.fixed_points(model, path, 0.7, 0.1), at.path_transitions(model, path, 0.7),
        at.state_evolution(model, path, 0.7, 0.1), at.phase_diagram(model, path, points=5),
    )  # fmt: skip
    columns = {name for result in found for name in result.table().names if "_of_" not in name} - {"snr"}
    for name in columns | {model.control for model in MODELS.values()} | {"errors", "report", "held"}:
        with pytest.raises(at.InputError, match=f"name of its own, got '{name}'"):
            at.SideChannel("own", flips, strength=name)


REFUSED = [
    (lambda: at.thresholds(at.IsingPSpin(3), BIRTH), "no value of Rademacher"),
    (lambda: BIRTH.check_prior(at.SparseRademacher(1.0)), "no value"),
    (lambda: BIRTH.check_prior(at.GaussBernoulli(0.1)), "finitely many values"),
    (lambda: at.thresholds(at.Bicoloring(4), BIRTH), "birth|tilted_transform"),
    (lambda: at.Birth(at.Retention()), "schedule"),
    (lambda: at.SideChannel("two words", flips), "name must be a word"),
    (lambda: at.SideChannel("own", 3), "matrix must be a function"),
    (lambda: at.SideChannel("own", lambda t: [[0.5, 0.6], [0.5, 0.5]]), "add up to one"),
    (lambda: at.SideChannel("own", lambda t: [0.5, 0.5]), "one row of probabilities"),
    (lambda: at.SideChannel("own", lambda t: [[1.0, 0.0], [0.0, 1.0]]), "at strength 0 nothing is told"),
    (lambda: at.SideChannel("own", lambda t: flips(t / 2)), "at strength 1 everything is told"),
    (lambda: at.SideChannel("own", lambda t: 1 / 0), "ZeroDivisionError"),
    (lambda: at.SideChannel("own", lambda t: flips(t + 0.25 * np.sin(2 * np.pi * t))), "tells less at strength 0.37"),
    (lambda: at.SideChannel("own", lambda t: flips(np.interp(t, [0, 0.3, 0.7, 1], [0, 0.3, 0.3, 1]))), "tells no more"),
    (lambda: at.SideChannel("own", lambda t: flips(0.999 * t + 0.001 * (t > 0.503))), "jumps .* at strength 0.503"),
    (lambda: at.SideChannel("own", flips, strength="temperature"), "name of its own, got 'temperature'"),
    (lambda: at.SideChannel("own", flips, strength="overlap"), "name of its own"),
    (
        lambda: at.thresholds(at.IsingPSpin(3), at.SideChannel("own", lambda t: t * np.eye(3) + (1 - t) / 3)),
        "one row for",
    ),
    (lambda: at.thresholds(at.SphericalPSpin(3), at.SideChannel("own", flips)), "finitely many values"),
    (lambda: at.SideChannel("own", flips).observe(np.ones((1, 4)), 0.1, np.random.default_rng(0)), "finite instances"),
]


@pytest.mark.parametrize(("call", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_refusals(call, says):
    with pytest.raises(at.InputError, match=says):
        call()
