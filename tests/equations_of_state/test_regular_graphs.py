"""Regular graphs: codes against published thresholds and direct density evolution, identities, refusals, instances."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.sparse.density_evolution import evolution_of
from amp_theory.equations_of_state.sparse.fixed_degree import FixedDegree
from amp_theory.equations_of_state.sparse.mixing import Mixer

FLOW, ERASURES, FLIPS = PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())
#: belief-propagation thresholds of (d, k) codes: erasures epsilon, Gaussian noise sigma, flips p (published digits)
CODES = {
    (3, 6): (0.42944, 0.8809, 0.0840), (4, 8): (0.38345, 0.8377, 0.0768), (5, 10): (0.34155, 0.7936, 0.0680),
    (3, 5): (0.51757, 1.0093, 0.1138), (4, 6): (0.50613, 1.0110, 0.1169), (3, 4): (0.64743, 1.2667, 0.1670),
}  # fmt: skip


def code(k: int, temperature: float = 0.0) -> at.XORSAT:
    return at.XORSAT(k, temperature, degrees="regular")


# --- density evolution of codes, without the package -------------------------------------------------------


def erasure_code(d: int, k: int) -> tuple[float, float, float, float]:
    """Return epsilon and overlap at the belief-propagation and epsilon at the MAP threshold, by closed forms.

    With x the erased part of messages to checks, epsilon(x) = x/(1 - (1-x)^(k-1))^(d-1), least at the first; the area
    under the curve of erased bits over epsilon, from the second on, is the rate 1 - d/k (area theorem).
    """
    with mpmath.workdps(40):

        def erased(x):
            return 1 - (1 - x) ** (k - 1)

        def epsilon(x):
            return x / erased(x) ** (d - 1)

        grid = [mpmath.mpf(i) / 400 for i in range(4, 400)]
        start = min(grid, key=epsilon)
        x = mpmath.findroot(lambda y: mpmath.diff(epsilon, y), start)

        def area(low):
            return mpmath.quad(lambda y: erased(y) ** d * mpmath.diff(epsilon, y), [low, 1])

        threshold = mpmath.findroot(lambda y: area(y) - (1 - mpmath.mpf(d) / k), (1.5 * x, 1.9 * x), solver="anderson")
        overlap = 1 - epsilon(x) * erased(x) ** d
        return float(epsilon(x)), float(overlap), float(epsilon(threshold)), float(x)


def sampled_decoder(d: int, k: int, noise: float, channel: str, size: int, steps: int, seed: int) -> float:
    """Return 1 - overlap of belief propagation after some steps, by a population of messages."""
    rng = np.random.default_rng(seed)

    def received(n: int) -> np.ndarray:
        if channel == "gauss":
            return 1 / noise**2 + rng.standard_normal(n) / noise
        return np.arctanh(1 - 2 * noise) * np.where(rng.random(n) < noise, -1.0, 1.0)

    def checks(h: np.ndarray, number: int) -> np.ndarray:
        """Return the sum of what `number` checks tell, each from k - 1 messages."""
        t = np.tanh(h[rng.integers(0, size, (size, number, k - 1))]).prod(axis=2)
        return np.asarray(np.arctanh(np.clip(t, -1 + 1e-15, 1 - 1e-15)).sum(axis=1))

    h = received(size)
    for _ in range(steps - 1):
        h = received(size) + checks(h, d - 1)
    full = received(size) + checks(h, d)
    return float(1 - np.mean(np.tanh(full)))


@pytest.mark.parametrize("degrees", CODES, ids=str)
@pytest.mark.every(3)
def test_thresholds_of_erasure_codes(degrees):
    """Exact to the bounds: belief propagation, its overlap, MAP."""
    d, k = degrees
    found = at.path_transitions(code(k), ERASURES, d / k)
    exact, overlap, optimal, _ = erasure_code(d, k)
    assert exact == pytest.approx(CODES[degrees][0], abs=6e-6)
    assert found.informed_spinodal == ()  # perfect recovery is a fixed point at every strength
    (end,), (jump,) = found.uninformed_spinodal, found.first_order
    assert abs(1 - end.revealed - exact) <= end.errors["revealed"] < 1e-8
    assert abs(end.overlap - overlap) <= end.errors["overlap"] < 1e-6
    assert abs(1 - jump.revealed - optimal) <= jump.errors["revealed"] < 1e-8
    assert jump.overlap == 1.0
    if degrees == (3, 6):
        assert end.revealed == pytest.approx(0.5705601855, abs=1e-9)
        assert 1 - jump.revealed == pytest.approx(0.48815, abs=5e-6)


@pytest.mark.parametrize("degrees", [(3, 6), pytest.param((3, 4), marks=pytest.mark.slow), pytest.param((4, 6), marks=pytest.mark.slow),
                                     pytest.param((4, 8), marks=pytest.mark.slow),
                                     pytest.param((5, 10), marks=pytest.mark.slow),
                                     pytest.param((3, 5), marks=pytest.mark.slow)], ids=str)  # fmt: skip
def test_published_thresholds_of_noisy_channels(degrees):
    """To the published digits, rounded or cut; MAP thresholds lie between them and capacity."""
    d, k = degrees
    _, sigma, flip = CODES[degrees]
    gauss = at.path_transitions(code(k), FLOW, d / k)
    assert 1 / math.sqrt(gauss.uninformed_spinodal[0].snr) == pytest.approx(sigma, abs=1e-4)
    (jump,) = gauss.first_order
    # capacity of the binary-input channel: the side information tells at least log 2 times the rate
    rate = (1 - d / k) * math.log(2)
    told = float(FLOW.information(at.Rademacher(), jump.snr))
    assert told > rate
    assert jump.snr < gauss.uninformed_spinodal[0].snr
    flips = at.path_transitions(code(k), FLIPS, d / k)
    assert (1 - flips.uninformed_spinodal[0].retention) / 2 == pytest.approx(flip, abs=1e-4)
    (jump,) = flips.first_order
    assert float(FLIPS.information(at.Rademacher(), jump.retention)) > rate
    assert jump.retention < flips.uninformed_spinodal[0].retention


@pytest.mark.parametrize(("channel", "path", "strength"), [("gauss", FLOW, lambda s: s**-2.0), ("flip", FLIPS, lambda p: 1 - 2 * p)],
                         ids=["gauss", "flip"])  # fmt: skip
@pytest.mark.slow
def test_state_evolution_is_density_evolution(channel, path, strength):
    """Against a population, two iterations above and below the threshold: 4 standard errors."""
    d, k, size, steps = 3, 6, 200_000, 4
    for noise in (0.84, 0.95) if channel == "gauss" else (0.07, 0.11):
        run = at.state_evolution(code(k), path, d / k, strength(noise), max_steps=steps)
        runs = [sampled_decoder(d, k, noise, channel, size, steps, seed) for seed in range(3)]
        error = max(np.std(runs, ddof=1), math.sqrt(np.mean(runs) / size)) / math.sqrt(3)
        assert abs(np.mean(runs) - run.mmse[-1]) < 5 * error


def test_uninformed_branch_is_where_the_decoder_gets_stuck():
    """Belief propagation from nothing reaches the uninformed fixed point below the threshold, all bits above."""
    for path, below, above in ((ERASURES, 0.565, 0.575), (FLOW, 1.27, 1.30), (FLIPS, 0.825, 0.84)):
        run = at.state_evolution(code(6), path, 0.5, below, max_steps=3000)
        assert run.overlap[-1] == pytest.approx(float(at.uninformed_overlap(code(6), path, 0.5, below)), abs=1e-6)
        assert run.overlap[-1] < 0.95
        assert at.state_evolution(code(6), path, 0.5, above, max_steps=3000).overlap[-1] > 1 - 1e-6
        assert float(at.uninformed_overlap(code(6), path, 0.5, above)) == 1.0
        assert float(at.informed_overlap(code(6), path, 0.5, below)) == 1.0


# --- identities, all factors and temperatures ---------------------------------------------------------------

GRAPHS = [(code(6), 3), (code(6, 0.5), 8), (code(3, 0.3), 5), (code(6, 0.1), 3), (at.Bicoloring(5, degrees="regular"), 50),
          (at.Bicoloring(4, 0.3, degrees="regular"), 20), (at.Bicoloring(3, degrees="regular"), 5)]  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.name)
@pytest.mark.parametrize(("model", "degree"), GRAPHS, ids=lambda x: str(x)[:40])
@pytest.mark.every(4)
def test_free_entropy_along_the_isotherm(model, degree, path):
    """D phi = (d phi/d strength) d strength: entropies, their slopes and strengths are computed apart."""
    solver = FixedDegree(evolution_of(model), path, model.variable_prior, degree)
    z, h = np.array([0.5, 1.0, 1.6]), 2e-4
    runs = [solver.solve_all(z * (1 + j * h)) for j in (-2, -1, 0, 1, 2)]
    good = np.all([r.kept == 1 for r in runs], axis=0)
    assert np.any(good)
    strength = [r.levels if np.isinf(path.limit) else -np.expm1(-r.levels) for r in runs]
    phi, s = (v[0] - 8 * v[1] + 8 * v[3] - v[4] for v in ([r.free_entropy for r in runs], strength))
    error = np.abs(phi - runs[2].free_entropy_s * s)[good]
    assert np.max(error) < 1e-7 * np.max(np.abs(phi)) + 2e-10


#: every path twice, every kind of graph twice
PAIRS = [(*g, p) for n, g in enumerate(GRAPHS[:2] + GRAPHS[4:5]) for k, p in enumerate(PATHS) if (n + k) % 3 != 2]


@pytest.mark.parametrize(("model", "degree", "path"), PAIRS, ids=lambda x: str(x)[:40])
@pytest.mark.slow
def test_fixed_points_are_those_of_belief_propagation(model, degree, path):
    density = degree / model.k
    ends = at.path_transitions(model, path, density)
    (last,) = ends.uninformed_spinodal
    strength = 0.9 * last.strength
    found = at.fixed_points(model, path, density, strength)
    assert [p.kind for p in found] == ["uninformed", "unstable", "informed"]
    for point, start in ((found[0], "uninformed"), (found[2], "informed")):
        run = at.state_evolution(model, path, density, strength, start=start, max_steps=4000)
        assert run.overlap[-1] == pytest.approx(point.overlap, abs=10 * point.errors["overlap"] + 1e-9)
    crossing = ends.first_order[0].strength
    region = "hard" if strength >= crossing else "easy_metastable"
    assert found.region == region
    assert (found[2].free_entropy > found[0].free_entropy) == (region == "hard")
    later = 1.02 * last.strength if np.isinf(path.limit) else 0.5 + 0.5 * last.strength
    beyond = at.fixed_points(model, path, density, later)
    # perfect recovery leaves q < 1 for good, other branches merge into one
    assert (beyond.region, len(beyond)) == ("easy", 1)


def test_erasure_isotherm_is_exact():
    """Overlap and free entropy of every fixed point: polynomials in the erased part x of messages to checks.

    phi/log 2 = revealed - 1 + d/k + erased bits - d/k (1 - (1-x)^k) + d x (1-x)^(k-1): bits that nothing gives, checks
    that hold an erased bit, and what edges count twice.
    """
    d, k = 3, 6
    poly = np.polynomial.Polynomial
    check = 1 - poly([1, -1]) ** (k - 1)
    for revealed in (0.2, 0.5, 0.56):
        found = at.fixed_points(code(k), ERASURES, d / k, revealed)
        eps = 1 - revealed
        roots = (poly([0, 1]) - eps * check ** (d - 1)).roots()
        x = np.sort([r.real for r in roots if abs(r.imag) < 1e-12 and 1e-9 < r.real <= 1])[::-1]
        assert len(x) == len(found) - 1
        for v, point in zip(x, found, strict=False):
            assert abs(point.overlap - (1 - eps * check(v) ** d)) <= point.errors["overlap"] < 1e-7
            phi = revealed - 1 + d / k + eps * check(v) ** d - d / k * (1 - (1 - v) ** k) + d * v * (1 - v) ** (k - 1)
            assert abs(point.free_entropy - phi * math.log(2)) <= point.errors["free_entropy"] < 1e-7
        assert found[-1].overlap == 1.0
        assert found[-1].free_entropy == pytest.approx((d / k - 1 + revealed) * math.log(2), abs=1e-14)


# --- thresholds ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_thresholds_are_densities_of_graphs():
    model = at.Bicoloring(5, degrees="regular")
    found = at.thresholds(model, FLOW)
    # the analytic continuation in the degree had 9.47808745676, 10.3572826925 and 12.6043760284
    assert (found.dynamical.density, found.condensation.density, found.algorithmic.density) == (48 / 5, 52 / 5, 64 / 5)
    assert found.dynamical.error == found.condensation.error == 0
    assert found.weak_recovery.density == pytest.approx((225 / 4 + 1) / 5, rel=1e-13)
    assert found.tricritical is None
    assert "multiple of 1/5" in found.reasons["tricritical"]
    assert "43/5" in found.reasons["tricritical"]
    # what they say, at the density and at the one before
    null = lambda density: [p.stable for p in at.fixed_points(model, FLOW, density, 0.0)]  # noqa: E731
    assert null(48 / 5).count(True) == 2
    assert null(47 / 5).count(True) == 1
    assert at.fixed_points(model, FLOW, 51 / 5, 0.0).region == "easy_metastable"
    assert at.fixed_points(model, FLOW, 52 / 5, 0.0).region == "hard"
    assert len(at.path_transitions(model, FLOW, 43 / 5).uninformed_spinodal) == 1
    assert len(at.path_transitions(model, FLOW, 42 / 5).uninformed_spinodal) == 0


def test_fixed_points_without_side_information_are_as_sure_as_others():
    """They are ends of intervals of the isotherm to rounding, of which only one side is known."""
    points = at.fixed_points(at.Bicoloring(5, degrees="regular"), FLOW, 51 / 5, 0.0)
    assert [p.stable for p in points] == [True, False, True]
    assert points.region == "easy_metastable"
    for point in points[1:]:
        assert 0 < point.errors["free_entropy"] < 1e-7
        assert 0 < point.errors["overlap"] < 1e-7


def erasures_at_zero(d: int, k: int) -> tuple[float, float]:
    """Return overlap and free entropy of the unstable fixed point of erasures when nothing is revealed."""
    poly = np.polynomial.Polynomial
    check = 1 - poly([1, -1]) ** (k - 1)
    roots = (poly([0, 1]) - check ** (d - 1)).roots()
    (x,) = (r.real for r in roots if abs(r.imag) < 1e-12 and 1e-9 < r.real < 1 - 1e-9)
    phi = d / k - 1 + check(x) ** d - d / k * (1 - (1 - x) ** k) + d * x * (1 - x) ** (k - 1)
    return float(1 - check(x) ** d), float(phi * math.log(2))


def watershed(d: int, k: int, path, strength: float, erased: bool) -> tuple[float, float]:
    """Return overlap and step where plain density evolution lingers between its ends, begun at one overlap or another.

    Starts are erasure or Gaussian channels, bisected so that messages neither die nor recover.
    """
    evolution = evolution_of(code(k))
    w = evolution.grid.frequency
    side = path.tilted_transform(w, path.internal(np.array([strength])))
    low, high = (0.0, 1.0) if erased else (0.0, 32.0)
    rest = (0.0, np.inf)
    for _ in range(52):
        start = 0.5 * (low + high)
        law = np.full((1, len(w)), 1 - start) if erased else np.exp(-start * (1 + w**2) / 2)[None]
        last, q = 0.0, 0.5
        for _, (full, _) in zip(range(60), evolution.iterate(side, float(d), law), strict=False):
            last, q = q, 1 - float((full @ evolution.grid.gap)[0])
            if 0.6 < q < 0.999:
                rest = min(rest, (q, abs(q - last)), key=lambda pair: pair[1])
            else:
                break
        low, high = (start, high) if q < 0.6 else (low, start)
    return rest


@pytest.mark.parametrize(("d", "k"), [(3, 6), *(pytest.param(*c, marks=pytest.mark.slow) for c in ((5, 6), (4, 8)))])
def test_unstable_fixed_points_without_side_information(d, k):
    """Parity checks have two at T = 0: erasures, the limit along paths that erase, and finite fields, that of others."""
    unstable = lambda path, s=0.0: at.fixed_points(code(k), path, d / k, s)[1]  # noqa: E731
    erased, fields, flips = (unstable(path) for path in (ERASURES, FLOW, FLIPS))
    overlap, phi = erasures_at_zero(d, k)
    assert abs(erased.overlap - overlap) <= erased.errors["overlap"] < 1e-8
    assert abs(erased.free_entropy - phi) <= erased.errors["free_entropy"] < 1e-7
    for name in ("overlap", "free_entropy"):
        assert abs(getattr(fields, name) - getattr(flips, name)) <= fields.errors[name] + flips.errors[name] < 1e-8
    q, step = watershed(d, k, FLOW, 0.0, erased=False)
    assert step < 1e-9
    assert abs(fields.overlap - q) < 1e-8
    assert fields.overlap > overlap + 1e-3
    # begun from erasures the same iteration finds the other law
    assert abs(watershed(d, k, FLOW, 0.0, erased=True)[0] - overlap) < 1e-8


@pytest.mark.parametrize(("d", "k"), [(5, 6), (3, 6), (4, 8)])
@pytest.mark.slow
def test_unstable_fixed_points_move_with_the_strength(d, k):
    """Down to zero strength, by d phi/d snr = q/2 at fixed points; and they are where density evolution parts."""
    snr = np.array([0.0, 1e-6, 1e-3, 0.05, 0.1191, 0.2])
    points = [at.fixed_points(code(k), FLOW, d / k, s)[1] for s in snr]
    q, phi = (np.array([getattr(p, name) for p in points]) for name in ("overlap", "free_entropy"))
    error = np.array([p.errors["free_entropy"] for p in points])
    slack = error[1:] + error[:-1]
    assert np.all(np.diff(q) < 0)
    assert np.all(np.diff(phi) <= q[:-1] / 2 * np.diff(snr) + slack)
    assert np.all(np.diff(phi) >= q[1:] / 2 * np.diff(snr) - slack)
    assert np.max(error) < 1e-8
    for point, strength in zip(points, snr, strict=True):
        if strength in (0.05, 0.2):
            # begun from erasures, which side information of another law makes finite fields
            found, step = watershed(d, k, FLOW, strength, erased=True)
            assert abs(point.overlap - found) < 10 * step + 1e-8


@pytest.mark.slow
def test_parity_checks_at_zero_temperature():
    found = at.thresholds(code(6), ERASURES)
    assert (found.dynamical.density, found.dynamical.overlap) == (0.5, 1.0)  # from three checks per bit on
    assert found.condensation.density == 1.0  # as many checks as bits
    assert found.algorithmic is None
    for degree in (1, 2):
        ends = at.path_transitions(code(6), ERASURES, degree / 6)
        assert ends.uninformed_spinodal == ends.first_order == ends.informed_spinodal == ()


@pytest.mark.slow
def test_diagrams_and_verdicts_agree_with_single_densities():
    model = at.Bicoloring(4, degrees="regular")
    diagram = at.phase_diagram(model, FLOW, (4.4, 5.1), points=10, target="planted")
    line = diagram.lines["uninformed_spinodal"]
    assert line.control.tolist() == [4.75]
    (end,) = at.path_transitions(model, FLOW, 4.75).uninformed_spinodal
    assert line.strength[0] == end.snr
    assert diagram.sampler_succeeds(4.5) is True
    assert diagram.sampler_succeeds(4.75) is False
    (jump,) = at.path_transitions(model, FLOW, 4.75).first_order
    assert diagram.first_failure_strength(4.75) == pytest.approx(jump.snr, abs=jump.errors["snr"])
    between = 0.5 * (jump.snr + end.snr)
    assert diagram.region(4.75, [0.5 * jump.snr, between, 1.1 * end.snr]).tolist() == [
        "easy_metastable", "hard", "easy"
    ]  # fmt: skip
    verdicts = at.compare_samplers(model)
    assert "multiple of 1/4" in verdicts.title
    with pytest.raises(at.InputError, match="nearest densities are 18/4 = 4.5 and 19/4 = 4.75"):
        diagram.sampler_succeeds(4.6)


@pytest.mark.slow
def test_cold_checks_end_at_zero_temperature():
    zero, cold = (at.path_transitions(code(6, t), FLOW, 0.5) for t in (0.0, 0.02))
    assert cold.uninformed_spinodal[0].snr == pytest.approx(zero.uninformed_spinodal[0].snr, abs=1e-9)
    warm = at.path_transitions(code(6, 0.1), FLOW, 0.5).uninformed_spinodal[0]
    assert warm.snr > zero.uninformed_spinodal[0].snr + 1e-4


# --- refusals, and what numbers mean --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: at.path_transitions(m, ERASURES, 0.55),
        lambda m: at.fixed_points(m, ERASURES, 0.55, 0.1),
        lambda m: at.uninformed_overlap(m, ERASURES, [0.5, 0.55], 0.1),
        lambda m: at.state_evolution(m, ERASURES, 0.55, 0.1),
        lambda m: at.equation_of_state(m, ERASURES, 0.55),
        lambda m: at.free_entropy_curve(m, ERASURES, 0.55, 0.1),
        lambda m: at.draw_instance(m, 0.55, 60, 0),
    ],
)
def test_densities_without_graphs_are_refused(ask):
    with pytest.raises(
        at.InputError, match=r"density = 0\.55 .* the nearest densities are 3/6 = 0\.5 and 4/6 = 0\.666"
    ):
        ask(code(6))


def test_formulas_of_poisson_degrees_are_not_applied():
    for ask in (
        lambda m: at.thresholds(m, ERASURES, digits=20),
        lambda m: at.path_transitions(m, ERASURES, 0.5, digits=20),
        lambda m: at.fixed_points(m, ERASURES, 0.5, 0.2, digits=20),
    ):
        with pytest.raises(at.InputError, match="digits"):
            ask(code(6))
    with pytest.raises(at.InputError, match="multiple of 1/6"):
        at.tricritical_expansion(code(6), ERASURES)
    with pytest.raises(at.InputError, match="integer degree"):
        equation_of_state_of(code(6), FLOW).surface(np.ones(1), 0.0)


@pytest.mark.slow
def test_rounding_of_the_density_is_no_refusal():
    (exact,), (rounded,) = (
        at.path_transitions(code(3), FLOW, density).uninformed_spinodal for density in (5 / 3, 1.66666666667)
    )
    assert abs(rounded.snr - exact.snr) <= exact.errors["snr"]
    with pytest.raises(at.InputError, match="nearest densities are 1/6"):
        at.path_transitions(code(6), FLOW, 0.01)


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.name)
@pytest.mark.parametrize("degrees", ["poisson", "regular"])
@pytest.mark.every(2)
def test_state_evolution_next_to_thresholds_is_finite(degrees, path):
    model = at.XORSAT(6, degrees=degrees)
    density = 0.5 if degrees == "regular" else 0.7
    end = 0.5705601855 if path is ERASURES else 1.288655 if path is FLOW else 0.831825
    for start in ("uninformed", "informed", 0.5):
        for shift in (-1e-4, 1e-6, 1e-4):
            run = at.state_evolution(model, path, density, end + shift, start=start, max_steps=600)
            assert np.all((run.overlap > -1e-9) & (run.overlap < 1 + 1e-9))


# --- the iteration ----------------------------------------------------------------------------------------------


def test_acceleration_of_linear_iterations():
    """Diagonal linear maps with factors up to 0.95, and -0.99: far fewer steps than plain ones, same end."""
    rng = np.random.default_rng(0)
    factor = np.concatenate([[0.95, -0.99], rng.uniform(-0.5, 0.5, 28)])[None, :]
    exact = np.concatenate([[-0.01], -rng.uniform(0.02, 0.5, 29)])[None, :]  # U - 1, largest at frequency zero
    shift = (1 - factor) * exact

    def steps(depth: int) -> int:
        mixer, loss = Mixer(30, depth), np.zeros((1, 30))
        for n in range(2000):
            update = factor * loss + shift
            change = np.max(np.abs(update - loss), axis=1)
            if change[0] < 1e-13:
                assert np.max(np.abs(loss - exact)) < 1e-11
                return n
            loss = mixer.next(loss, update, change)
        return 2000

    assert steps(5) < 0.5 * steps(0)


# --- instances --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "degree", "size"), [(code(6), 3, 60), (code(3, 0.5), 4, 99), (at.Bicoloring(5, degrees="regular"), 9, 100)],
                         ids=str)  # fmt: skip
def test_instances_are_regular(model, degree, size):
    instance = at.draw_instance(model, degree / model.k, size, 5)
    assert np.all(np.bincount(instance.spins.ravel(), minlength=size) == degree)
    assert all(len(set(row)) == model.k for row in instance.spins.tolist())
    again = at.draw_instance(model, degree / model.k, size, 5)
    assert np.array_equal(instance.spins, again.spins)
    if model.temperature == 0:
        assert np.isfinite(instance.interaction(instance.planted)[0])
    else:
        # factors are violated with the probability of their weight
        large = at.draw_instance(model, degree / model.k, 9999, 1)
        weight = math.exp(-1 / model.temperature)
        assert float(large.energy(large.planted)[0]) * 9999 / len(large.spins) == pytest.approx(
            weight / (1 + weight), abs=5 * math.sqrt(weight / len(large.spins))
        )
    random = at.draw_instance(model, degree / model.k, size, 5, target="random")
    assert random.planted is None
    with pytest.raises(at.InputError, match="nearest sizes are"):
        at.draw_instance(model, degree / model.k, size + 1, 5)


@pytest.mark.slow
def test_belief_propagation_on_a_regular_graph():
    """On one graph with 24000 bits, half of them revealed: 5 standard deviations of independent bits."""
    model, size = code(6), 24_000
    instance = at.draw_instance(model, 0.5, size, 3)
    side = ERASURES.observe(instance.planted[None], 0.5, np.random.default_rng(4))
    run = at.run_bp(instance, side, options=at.MessagePassingOptions(tolerance=1e-13, max_iterations=200))
    overlap = float(np.mean(run.mean[0] * instance.planted))
    expected = float(at.uninformed_overlap(model, ERASURES, 0.5, 0.5))
    # what is drawn differs in the number revealed, and a bit revealed helps to find others
    assert abs(overlap - expected) < 10 * math.sqrt(expected * (1 - expected) / size)
    assert expected < 0.7
