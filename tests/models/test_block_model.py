"""Group models: the channel of a Potts variable by brute force and to many digits, thresholds, two unequal groups."""

from __future__ import annotations

import functools
import math

import mpmath
import numpy as np
import pytest
from scipy import optimize

import amp_theory as at
from amp_theory.ingredients.priors.group_channel import CURVATURE, SIZE, SLOPE, potts_channel
from amp_theory.ingredients.priors.groups import PottsPrior, two_groups
from amp_theory.models.block_model import StochasticBlockModel

FUNCTIONS = ("free_entropy", "overlap", "mmse", "overlap_slope", "overlap_curvature")
#: the fraction of the smaller group at which M''(0) = 0
CRITICAL = 0.5 - 0.5 / math.sqrt(3)
#: thresholds by a solver in 30 digits on unsubtracted integrals: noise, overlap; tricritical: noise, strength, overlap
THRESHOLDS = {
    5: {"dynamical": (1.0202616597163268093, 0.095073248246325861529),
        "condensation": (1.0183344877391694198, 0.13031565406051536706),
        "flow": (1.0262200707287146307, 0.0018912603179286025952, 0.060140398293307578517),
        "autoregressive": (1.0257223775897897911, 0.00048497700748673699953, 0.060596208590400966742)},
    10: {"dynamical": (1.3041905954745761958, 0.32376062051105700024),
         "condensation": (1.2796101883138075649, 0.45403428735015439227),
         "flow": (1.3847216982437301942, 0.11084703092693924065, 0.186889465293601745),
         "autoregressive": (1.3615016969306943938, 0.016768713411861882055, 0.20052428282225911175)},
}  # fmt: skip


def simplex(k: int) -> np.ndarray:
    """Return the vertices, rows of shape (k, k - 1) with s_a.s_b = (k delta_ab - 1)/(k - 1)."""
    values, vectors = np.linalg.eigh((k * np.eye(k) - 1) / (k - 1))
    return vectors[:, 1:] * np.sqrt(values[1:])


def normal_grid(dimension: int, step: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (n, dimension) and weights for expectations over N(0, I)."""
    z = np.arange(-reach, reach + step / 2, step)
    grid = np.stack([g.ravel() for g in np.meshgrid(*[z] * dimension, indexing="ij")], axis=1)
    weight = (step / math.sqrt(2 * math.pi)) ** dimension * np.exp(-0.5 * (grid**2).sum(axis=1))
    return grid, weight / weight.sum()


def brute_force(k: int, x: float, step: float, reach: float) -> list[float]:
    """Return psi, M, mmse, M', M'' as defined, from posterior cumulants of the vector s on a grid in k - 1 dimensions."""
    s = simplex(k)
    z, w = normal_grid(k - 1, step, reach)
    logits = x * s[0] @ s.T + math.sqrt(x) * z @ s.T - x / 2 - math.log(k)
    top = logits.max(axis=1, keepdims=True)
    p = np.exp(logits - top)
    log_z = np.log(p.sum(axis=1)) + top[:, 0]
    p /= p.sum(axis=1, keepdims=True)
    mean = p @ s
    c = s[None] - mean[:, None]
    covariance = np.einsum("na,nai,naj->nij", p, c, c, optimize=True)
    third = np.einsum("na,nai,naj,nal->nijl", p, c, c, c, optimize=True)
    cubes = np.einsum("nij,njl,nli->n", covariance, covariance, covariance, optimize=True)
    curvature = (third**2).sum(axis=(1, 2, 3)) - 2 * cubes
    traces = [log_z, mean @ s[0], np.trace(covariance, axis1=1, axis2=2), (covariance**2).sum(axis=(1, 2)), curvature]
    return [float(w @ trace) for trace in traces]


@pytest.mark.parametrize(("k", "step", "x"), [(3, 0.08, x) for x in (0.05, 0.3, 0.66, 0.67, 1.5, 4, 10)]
                                             + [(4, 0.24, x) for x in (0.74, 0.76, 1.2)])  # fmt: skip
@pytest.mark.slow
def test_posterior_of_the_vector(k, step, x):
    """Against the posterior cumulants on a grid of the noise; psi there has an absolute error of rounding."""
    ours = PottsPrior(k).channel(x)
    exact = brute_force(k, x, step, reach=9.0)
    for name, truth in zip(FUNCTIONS, exact, strict=True):
        error = abs(float(getattr(ours, name)) - truth)
        assert error <= 1e-13 * abs(truth) + (1e-15 if name == "free_entropy" else 0), name


def test_two_groups_are_a_sign():
    x = np.concatenate([[0.0], np.geomspace(1e-12, 1100, 150)])
    ours, sign = PottsPrior(2).channel(x), at.Rademacher().channel(x)
    for name in (*FUNCTIONS[:4], "slope_ratio"):
        error = np.abs(getattr(ours, name) - getattr(sign, name))
        assert np.all(error <= (ours.relative_error + sign.relative_error) * getattr(sign, name)), name
        assert np.all(error <= 1e-12 * getattr(sign, name)), name
    size = sign.overlap_curvature + 16 * sign.overlap_slope  # E[kappa_3^2 + 2 Var^3] is below M'
    assert np.all(np.abs(ours.overlap_curvature - sign.overlap_curvature) <= 1e-12 * size)
    assert np.allclose(ours.log_mmse, sign.log_mmse, rtol=1e-14, atol=1e-12)
    assert PottsPrior(2).unbiased_sign
    assert np.array_equal(PottsPrior(2).resolved(1.0).means, at.Rademacher().mixture.means)


# --- many digits -------------------------------------------------------------------------------------------


def expanded(k: int) -> list[float]:
    """Return the coefficients of x, ..., x^5 in M, from E p_a = int du L_2 L_0^{k-1} expanded in t = k x/(k-1)."""
    return [1 / (k - 1), (k - 4) / (2 * (k - 1) ** 2), (k**2 - 18 * k + 42) / (6 * (k - 1) ** 3),
            (k**3 - 64 * k**2 + 516 * k - 888) / (24 * (k - 1) ** 4),
            (k**4 - 210 * k**3 + 4410 * k**2 - 23040 * k + 31920) / (120 * (k - 1) ** 5)]  # fmt: skip


@pytest.mark.parametrize("k", [2, 3, 4, 5, 17, 100, 10_000])
def test_small_snr(k):
    x = np.concatenate([[0.0], 10.0 ** np.arange(-150, -10, 7.0), np.geomspace(1e-10, 3e-5, 13)])
    ours, c = PottsPrior(k).channel(x), expanded(k)
    series = {
        "overlap": sum(a * x**n for n, a in enumerate(c, 1)),
        "free_entropy": sum(a * x ** (n + 1) / (2 * (n + 1)) for n, a in enumerate(c, 1)),
        "mmse": 1 - sum(a * x**n for n, a in enumerate(c, 1)),
        "overlap_slope": sum(n * a * x ** (n - 1) for n, a in enumerate(c, 1)),
        "overlap_curvature": sum(n * (n - 1) * a * x ** (n - 2) for n, a in enumerate(c, 1) if n > 1),
    }
    for name, truth in series.items():
        size = 3 * ours.overlap_slope if name == "overlap_curvature" else truth
        assert np.all(np.abs(getattr(ours, name) - truth) <= ours.relative_error * size), name
    assert ours.overlap_slope[0] == pytest.approx(1 / (k - 1), rel=1e-15)
    assert PottsPrior(k).variance ** 2 == pytest.approx(1 / (k - 1), rel=1e-15)


def unsubtracted(k: int, x: float) -> list[mpmath.mpf]:
    """Return psi, M, mmse, M', M'' with 30 digits from moments of p, which lose digits by cancellation.

    psi = E[S log S]/k - log k - t/(2k), E sum_a p_a^2 and so on, sums over distinct groups from power sums.
    """
    with mpmath.workdps(30):
        x, k = mpmath.mpf(x), mpmath.mpf(k)
        t = x * k / (k - 1)
        h = min(mpmath.mpf("0.45"), mpmath.mpf("0.15") / mpmath.sqrt(t))
        g = [h * i for i in range(-math.ceil(15 / h), math.ceil(15 / h) + 1)]
        nodes = [(h * mpmath.npdf(a), mpmath.exp(mpmath.sqrt(t) * a - t / 2)) for a in g]

        def transforms(u):
            values = [mpmath.mpf(0)] * 5
            for w, big in nodes:
                e = w * mpmath.exp(-u * big)
                for j in range(5):
                    values[j] += e
                    e *= big
            return values

        step, total = mpmath.mpf("0.16"), [mpmath.mpf(0)] * 5
        for i in range(-math.ceil((55 + math.log(k)) / step), math.ceil(6 / step)):
            u = mpmath.exp(step * i)
            L = transforms(u)

            def mean(*powers, u=u, L=L):
                """E p_1^m p_2^n ... over distinct groups, times what is left of k."""
                product = L[0] ** (k - len(powers)) / k
                for n in powers:
                    product *= L[n]
                return step * u ** (sum(powers) - 1) / mpmath.factorial(sum(powers) - 2) * product

            def all_distinct(powers, mean=mean):
                count = mpmath.mpf(1)
                for n in range(len(powers)):
                    count *= k - n
                return count * mean(*powers) if count else mpmath.mpf(0)

            total[0] += step * (mpmath.exp(-k * u) - L[1] * L[0] ** (k - 1))
            total[1] += all_distinct((2,))
            total[2] += all_distinct((1, 1))
            total[3] += sum(c * all_distinct(n) for n, c in SLOPE.items())
            total[4] += sum(c * all_distinct(n) for n, c in CURVATURE.items())
        unit = k / (k - 1)
        m = (k * total[1] - 1) / (k - 1)
        return [total[0] - t / (2 * k), m, unit * total[2], unit**2 * total[3], unit**3 * total[4]]


@pytest.mark.parametrize(
    ("k", "x"),
    [(5, 0.01), *(pytest.param(*c, marks=pytest.mark.slow) for c in ((5, 0.79), (5, 0.81), (100, 1.6), (1000, 0.5)))],
)
def test_thirty_digits(k, x):
    """On both sides of the change of formulas, with many groups."""
    ours = PottsPrior(k).channel(x)
    for name, truth in zip(FUNCTIONS, unsubtracted(k, x), strict=True):
        error = abs(float(getattr(ours, name)) / float(truth) - 1)
        assert error <= float(ours.relative_error) <= 1e-12, name


def test_sums_over_groups():
    """Tr P^2, Tr P^3 and the squared third cumulants, as sums over distinct groups, at random weights."""
    rng = np.random.default_rng(3)
    for k in (2, 3, 5, 8):
        p = rng.dirichlet(np.ones(k))
        P = np.diag(p) - np.outer(p, p)
        c = np.eye(k) - p
        third = np.einsum("a,ai,aj,al->ijl", p, c, c, c)
        square, cubes = (third**2).sum(), np.trace(P @ P @ P)
        for terms, truth in ((SLOPE, (P**2).sum()), (CURVATURE, square - 2 * cubes), (SIZE, square + 2 * cubes)):
            assert sum(c * distinct_sum(p, n) for n, c in terms.items()) == pytest.approx(truth, rel=1e-13)


def distinct_sum(p: np.ndarray, powers: tuple[int, ...]) -> float:
    """Return the sum over distinct groups a, b, ... of p_a^m p_b^n ..., by merging groups that coincide."""
    if len(powers) == 1:
        return float((p ** powers[0]).sum())
    *rest, last = powers
    merged = sum(distinct_sum(p, (*rest[:i], n + last, *rest[i + 1 :])) for i, n in enumerate(rest))
    return distinct_sum(p, tuple(rest)) * float((p**last).sum()) - merged


# --- identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 3, 7, 40, 400])
@pytest.mark.every(3)
def test_information_and_mmse(k):
    """d psi/dx = M/2, dM/dx = M', dM'/dx = M'', integrated over [x, 2x]; M + mmse = 1; information below log k."""
    node, weight = np.polynomial.legendre.leggauss(20)
    prior = PottsPrior(k)
    for x in 10.0 ** np.linspace(-3, 1.5, 10):
        inner, ends = prior.channel(x * (1.5 + 0.5 * node)), prior.channel([x, 2 * x])
        size = float(np.max(np.abs(inner.overlap_curvature))) * x
        for function, derivative, floor in (
            ("free_entropy", inner.overlap / 2, ends.free_entropy[1]),
            ("overlap", inner.overlap_slope, ends.overlap[1]),
            ("overlap_slope", inner.overlap_curvature, max(ends.overlap_slope.max(), size)),
        ):
            change = np.diff(getattr(ends, function))[0]
            assert abs(change - 0.5 * x * (weight @ derivative)) <= 2e-12 * floor, (x, function)
        assert np.allclose(ends.overlap + ends.mmse, 1, rtol=4e-14)
        assert np.all(ends.overlap_slope > 0)
        information = np.array([x, 2 * x]) / 2 - ends.free_entropy
        assert np.all((information > 0) & (information <= prior.entropy * (1 + 1e-14)))


@pytest.mark.parametrize("k", [3, 10, 1000])
def test_large_snr_is_pairs(k):
    """Only two groups compete: mmse = k/2 times that of a sign whose two values are as far apart, to e^{-t/12}."""
    t = np.array([500.0, 2000.0, 9000.0])
    ours, pair = PottsPrior(k).channel(t * (k - 1) / k), at.Rademacher().channel(t / 2)
    assert np.allclose(ours.log_mmse, pair.log_mmse + math.log(k / 2), rtol=1e-13)
    assert np.allclose(ours.slope_ratio * (k - 1) / k, pair.slope_ratio / 2, rtol=1e-11)
    assert np.allclose(ours.curvature_ratio * ((k - 1) / k) ** 2, pair.curvature_ratio / 4, rtol=1e-11)
    assert np.allclose(ours.free_entropy, t * (k - 1) / (2 * k) - math.log(k), rtol=1e-15)
    assert ours.mmse[-1] == 0


@pytest.mark.parametrize("k", [2, 3, 4, 10, 100, 1000, 10_000])
@pytest.mark.every(3)
def test_stated_error(k):
    """Below 1e-12 wherever the mmse exceeds 1e-290, and all values finite beyond, without a warning."""
    x = np.concatenate([[0.0, 1e-300], 10.0 ** np.linspace(-12, 9, 85)])
    with np.errstate(all="raise", under="ignore"):
        values = potts_channel(k, x)
    assert np.all(values.relative_error[values.mmse > 1e-290] <= 1e-12)
    assert all(
        np.all(np.isfinite(getattr(values, n))) for n in (*FUNCTIONS, "log_mmse", "slope_ratio", "curvature_ratio")
    )
    assert np.all(np.diff(values.free_entropy) >= 0)
    assert np.all(np.diff(values.log_mmse) < 0)


@pytest.mark.parametrize("k", [4, 5, 30, 1000])
@pytest.mark.slow
def test_tables_agree_with_the_integrals(k):
    x = np.concatenate([[1e-12], np.geomspace(1e-6, 1500, 150)])
    table, exact = PottsPrior(k).table(x), PottsPrior(k).channel(x)
    bound = table.relative_error + exact.relative_error
    for ours, theirs in ((table.free_entropy, exact.free_entropy), (table.overlap, exact.overlap),
                         (table.mmse, exact.mmse), (table.slope, exact.overlap_slope)):  # fmt: skip
        assert np.all(np.abs(ours - theirs) <= bound * theirs)
    assert np.all(np.abs(table.curvature - exact.overlap_curvature) <= 1e-10 * np.abs(exact.overlap_slope))
    assert PottsPrior(k).table is PottsPrior(k).table
    assert np.max(bound[x < 30]) < 3e-12


def test_rows_do_not_depend_on_each_other():
    x = np.random.default_rng(2).permutation(np.geomspace(1e-6, 300, 40))
    together = potts_channel(6, x)
    for i in range(0, 40, 5):
        alone = potts_channel(6, x[i : i + 1])
        for name in FUNCTIONS:
            assert getattr(alone, name)[0] == pytest.approx(getattr(together, name)[i], rel=2e-13)


# --- the stochastic block model ----------------------------------------------------------------------------


@functools.cache
def plain_channel(k: int, x: float) -> tuple[float, float, float]:
    """Return psi, M and M' (a central difference) on fixed fine grids, from E p_a and E[S log S] without any trick."""

    def at_snr(x: float) -> tuple[float, float]:
        t = x * k / (k - 1)
        g = np.arange(-12, 12.01, 0.1)
        w, big = 0.1 * np.exp(-g * g / 2) / math.sqrt(2 * math.pi), np.exp(math.sqrt(t) * g - t / 2)
        u = np.exp(np.arange(-45, 12, 0.1))
        e = np.exp(-np.outer(u, big)) * w
        L0, L1, L2 = (e @ big**j for j in range(3))
        entropy = 0.1 * np.sum(np.exp(-k * u) - L1 * L0 ** (k - 1)) - t / (2 * k)
        return float(entropy), float((k * 0.1 * np.sum(u * L2 * L0 ** (k - 1)) - 1) / (k - 1))

    h = 1e-4 * x
    psi, overlap = at_snr(x)
    ends = [at_snr(x + n * h)[1] for n in (-2, -1, 1, 2)]
    return psi, overlap, (ends[0] - 8 * ends[1] + 8 * ends[2] - ends[3]) / (12 * h)


@pytest.mark.slow
def test_first_order_from_five_groups_on():
    """M = x/(k-1) + (k-4)/(2 (k-1)^2) x^2 + ...: subcritical, that is M''(0) > 0, beyond four groups."""
    for k in range(2, 8):
        model = StochasticBlockModel(k)
        curvature = float(model.variable_prior.overlap_curvature(0.0))
        assert curvature == pytest.approx((k - 4) / (k - 1) ** 2, abs=1e-15)
        for path in (at.Flow(), at.Autoregressive()):
            found = at.thresholds(model, path)
            assert abs(found.weak_recovery.noise - 1) <= found.weak_recovery.error < 1e-14
            exists = [
                p is not None for p in (found.dynamical, found.condensation, found.algorithmic, found.tricritical)
            ]
            assert exists == [k > 4] * 4
            if k > 4:
                assert found.algorithmic.noise == pytest.approx(1, abs=1e-14)
                assert 1 < found.condensation.noise < found.dynamical.noise < found.tricritical.noise


@pytest.mark.parametrize(("k", "law"), [(2, lambda d: d), (3, lambda d: 2 * d), (4, lambda d: math.sqrt(3 * d / 7))])
def test_continuous_transition(k, law):
    """Next to Delta = 1: q = 2 (1 - Delta)/(4 - k), but q = sqrt(3 (1 - Delta)/7) at k = 4, where M''(0) = 0 > M'''(0)."""
    model = StochasticBlockModel(k)
    for distance in (1e-4, 1e-6, 1e-8):
        points = at.fixed_points(model, at.Flow(), control=1 - distance, strength=0.0)
        assert len(points.stable) == 1
        # the next order is of relative size q or q^2
        assert points.uninformed.overlap == pytest.approx(law(distance), rel=40 * math.sqrt(distance) + 1e-6)
        assert at.uninformed_overlap(model, at.Flow(), 1 + distance, 0.0) == 0


@pytest.mark.slow
def test_four_groups_are_marginal():
    """F = 1 - x M'/M of the zero-strength curve is 14 x^2/27 + ... > 0: it has no fold, but at k = 5 F = -x/8 + ..."""
    x = np.geomspace(1e-3, 30, 200)
    fold = {}
    for k in (4, 5):
        values = PottsPrior(k).channel(x)
        fold[k] = 1 - x * values.overlap_slope / values.overlap
    assert np.all(fold[4] > 0)
    assert fold[4][0] == pytest.approx(14 / 27 * x[0] ** 2, rel=0.01)
    assert np.all(PottsPrior(4).overlap_curvature(x) < 0)
    assert fold[5][0] == pytest.approx(-x[0] / 8, rel=0.02)
    assert np.sum(np.diff(np.sign(fold[5])) != 0) == 1


@pytest.mark.parametrize("k", sorted(THRESHOLDS))
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=lambda p: p.name)
@pytest.mark.every(2)
def test_thresholds_to_many_digits(k, path):
    found = at.thresholds(StochasticBlockModel(k), path)
    for name in ("dynamical", "condensation"):
        point, truth = getattr(found, name), THRESHOLDS[k][name]
        assert abs(point.noise - truth[0]) <= point.errors["noise"] <= 1e-11
        assert abs(point.overlap - truth[1]) <= point.errors["overlap"] <= 1e-10
    point, truth = found.tricritical, THRESHOLDS[k][path.name]
    assert abs(point.noise - truth[0]) <= point.errors["noise"] <= 1e-11
    assert abs(point.strength - truth[1]) <= point.errors[path.strength] <= 1e-11
    assert abs(point.overlap - truth[2]) <= point.errors["overlap"] <= 1e-9


@pytest.mark.parametrize("k", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_thresholds_from_plain_integrals(k):
    """The largest of (k-1) M/x, where psi = x M/4, and the largest of (k-1) M', which ends both first-order lines."""
    found = at.thresholds(StochasticBlockModel(k), at.Flow())

    def noise(x: float) -> float:
        return (k - 1) * plain_channel(k, x)[1] / x

    top = optimize.minimize_scalar(lambda x: -noise(x), bounds=(0.1, 8), method="bounded", options={"xatol": 1e-7})
    assert found.dynamical.noise == pytest.approx(-top.fun, rel=1e-11)
    even = optimize.brentq(lambda x: plain_channel(k, x)[0] - x * plain_channel(k, x)[1] / 4, top.x, 20, xtol=1e-13)
    assert found.condensation.noise == pytest.approx(noise(even), rel=1e-10)
    assert found.condensation.overlap == pytest.approx(plain_channel(k, even)[1], rel=1e-9)
    end = optimize.minimize_scalar(
        lambda x: -plain_channel(k, x)[2], bounds=(0.05, 8), method="bounded", options={"xatol": 1e-6}
    )
    _, overlap, slope = plain_channel(k, end.x)
    assert found.tricritical.noise == pytest.approx((k - 1) * slope, rel=1e-9)
    # the autoregressive line ends at the same x: theta = (q - M)/(1 - M), Delta = (k-1) M'/(1 - M + x M')
    known = at.thresholds(StochasticBlockModel(k), at.Autoregressive()).tricritical
    q = end.x * slope / (1 - overlap + end.x * slope)
    assert known.noise == pytest.approx((k - 1) * q / end.x, rel=1e-7)
    assert known.revealed == pytest.approx((q - overlap) / (1 - overlap), rel=1e-4)


@pytest.mark.slow
def test_many_groups():
    """Delta_IT ~ k/(4 log k) of arXiv:1701.00858, where x = (k-1)/Delta = 4 log k; the correction is of order 1/log k."""
    for k in (30, 100, 1000):
        found = at.thresholds(StochasticBlockModel(k), at.Flow())
        assert found.condensation.noise * 4 * math.log(k) / k == pytest.approx(1, abs=0.5 / math.log(k))
        bound = StochasticBlockModel(k).convert(found.condensation.noise, "noise", "indicator_noise")
        assert float(bound) == pytest.approx(found.condensation.noise / k**2, rel=1e-15)


def test_diagram_and_verdicts():
    model = StochasticBlockModel(5)
    for path in (at.Flow(), at.Autoregressive()):
        diagram = at.phase_diagram(model, path)
        assert diagram.sampler_succeeds(control=1.024) is False
        assert diagram.sampler_succeeds(control=1.03) is True
        assert diagram.region(control=1.015, strength=0.0) == "hard"
        assert diagram.region(control=1.019, strength=0.0) == "easy_metastable"
        assert diagram.region(control=1.022, strength=0.0) == "easy"
    point = at.fixed_points(model, at.Flow(), control=1.019, strength=0.0).informed
    # I = xi(1)/2 - phi, and all of log k when nothing is hidden
    assert point.mutual_information == pytest.approx(1 / 1.019 - point.free_entropy, rel=1e-14)
    known = at.fixed_points(model, at.Autoregressive(), control=1.019, strength=1 - 1e-9).informed
    assert known.mutual_information == pytest.approx(math.log(5), rel=1e-7)


def test_two_equal_groups_are_a_spiked_matrix():
    ours, sign = StochasticBlockModel(2), at.SpikedMatrix(at.Rademacher())
    for path in (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()):
        for noise, strength in ((0.4, 0.0), (0.9, 0.1), (1.2, 0.3)):
            a, b = (at.fixed_points(m, path, control=noise, strength=strength).informed for m in (ours, sign))
            assert a.overlap == pytest.approx(b.overlap, rel=1e-12)
            assert a.free_entropy == pytest.approx(b.free_entropy, rel=1e-11)
            assert a.mutual_information == pytest.approx(b.mutual_information, rel=1e-12)


# --- assortative and disassortative ------------------------------------------------------------------------


def block_state_evolution(interaction: np.ndarray, noise: float, known: float, steps: int) -> list[float]:
    """Return the overlaps of state evolution for Y_ij = C_{g_i g_j}/sqrt(N) + sqrt(noise) W, any symmetric matrix C.

    With p the posterior weights of a variable of group g, R = E[1(g) p^T] and T = E[p p^T], the log weights of its k
    groups are normal with mean (C R C)_g/noise - diag(C T C)/(2 noise) and covariance C T C/noise.  To begin
    with a fraction `known` of the groups is known.
    """
    k = len(interaction)
    z, w = normal_grid(k - 1, 0.15, 8.4)
    joint = (known * np.eye(k) + (1 - known) / k) / k
    square = joint.copy()
    gram = simplex(k) @ simplex(k).T
    overlaps = [float((joint * gram).sum())]
    for _ in range(steps):
        covariance = interaction @ square @ interaction / noise
        values, vectors = np.linalg.eigh(covariance)
        field = z @ (vectors[:, 1:] * np.sqrt(np.maximum(values[1:], 0))).T
        mean = interaction @ joint @ interaction / noise
        joint, square = np.zeros((k, k)), np.zeros((k, k))
        for g in range(k):
            logits = field + mean[g] - 0.5 * np.diag(covariance)
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            joint[g] = w @ p / k
            square += np.einsum("n,na,nb->ab", w, p, p) / k
        overlaps.append(float((joint * gram).sum()))
    return overlaps


@pytest.mark.parametrize("sign", [1, -1], ids=["assortative", "disassortative"])
def test_groups_that_attract_and_groups_that_repel(sign):
    """The k x k state evolution of both agrees with one scalar overlap; C = +-(k delta - 1), C^2 = k C."""
    k, noise, known = 3, 0.6, 0.2
    overlaps = block_state_evolution(sign * (k * np.eye(k) - 1.0), noise, known, 12)
    model = StochasticBlockModel(k)
    ours = at.state_evolution(model, at.Flow(), control=noise, strength=0.0, start=known).overlap[: len(overlaps)]
    assert np.allclose(overlaps, ours, rtol=1e-11)
    # negative control: twice the interaction is another model
    assert not np.allclose(
        block_state_evolution(2.0 * (k * np.eye(k) - 1.0), noise, known, 3)[1:], ours[1:4], rtol=0.01
    )


@pytest.mark.parametrize("sign", [1, -1], ids=["assortative", "disassortative"])
def test_message_passing_on_an_instance(sign):
    """AMP for vectors on a matrix of either sign ends at the overlap of state evolution, up to finite size."""
    k, noise, n = 3, 0.5, 1500
    rng = np.random.default_rng(7)
    s = simplex(k)
    truth = s[rng.integers(k, size=n)]
    w = np.triu(rng.normal(size=(n, n)), 1)
    seen = sign * (k - 1) * truth @ truth.T / math.sqrt(n) + math.sqrt(noise) * (w + w.T)
    np.fill_diagonal(seen, 0)
    score = sign * (k - 1) * seen / (noise * math.sqrt(n))
    mean, before = 0.3 * truth + 0.1 * rng.normal(size=truth.shape), np.zeros_like(truth)
    spread = np.zeros((k - 1, k - 1))
    for _ in range(25):
        field = score @ mean - (k - 1) ** 2 / noise * before @ spread
        precision = (k - 1) ** 2 * mean.T @ mean / (n * noise)
        logits = field @ s.T - 0.5 * np.einsum("ai,ij,aj->a", s, precision, s)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        before, mean = mean, p @ s
        spread = (np.einsum("na,ai,aj->ij", p, s, s) - mean.T @ mean) / n
    overlap = float((mean * truth).sum() / n)
    expected = float(at.uninformed_overlap(StochasticBlockModel(k), at.Flow(), noise, 0.0))
    assert overlap == pytest.approx(expected, abs=4 / math.sqrt(n))
    assert expected > 0.5


# --- two unequal groups ------------------------------------------------------------------------------------


@pytest.mark.parametrize("minority", [1e-8, 1e-3, 0.2, 0.3, 0.5])
def test_two_groups_prior(minority):
    prior = two_groups(minority)
    assert prior.mean == 0
    assert prior.variance == pytest.approx(1, rel=1e-12)
    assert min(prior.probabilities) == pytest.approx(minority, rel=1e-15)
    third = (1 - 2 * minority) / math.sqrt(minority * (1 - minority))
    assert float(prior.overlap_curvature(0.0)) == pytest.approx(third**2 - 2, rel=1e-11, abs=1e-14)


def test_two_groups_change_order_at_the_critical_fraction():
    """M''(0) = (1-2r)^2/(r (1-r)) - 2 changes sign at r = 1/2 - 1/(2 sqrt 3), located by bisection."""
    lower, upper = 0.1, 0.4
    while upper - lower > 4e-17:
        middle = 0.5 * (lower + upper)
        if middle in (lower, upper):
            break
        if two_groups(middle).overlap_curvature(0.0) > 0:
            lower = middle
        else:
            upper = middle
    assert 0.5 * (lower + upper) == pytest.approx(CRITICAL, abs=2e-16)


def test_two_groups_have_thresholds_below_the_critical_fraction():
    """Existence of a first-order transition, bisected to 1e-5, where its depth in the noise is 1e-9."""
    lower, upper = 0.2, 0.22
    while upper - lower > 1e-5:
        middle = 0.5 * (lower + upper)
        first_order = at.thresholds(at.SpikedMatrix(two_groups(middle)), at.Flow()).dynamical is not None
        lower, upper = (middle, upper) if first_order else (lower, middle)
    assert lower - 1e-6 <= CRITICAL <= upper + 1e-6


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=lambda p: p.name)
@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4])
def test_two_groups_next_to_the_critical_fraction(path, distance):
    """With M = x + c x^2 - d x^3: Delta - 1 is c^2/(4d), 2 c^2/(9d), c^2/(3d), here 9, 8 and 12 distance^2."""
    below = at.thresholds(at.SpikedMatrix(two_groups(CRITICAL - distance)), path)
    above = at.thresholds(at.SpikedMatrix(two_groups(CRITICAL + distance)), path)
    for point, factor in ((below.dynamical, 9), (below.condensation, 8), (below.tricritical, 12)):
        assert (point.noise - 1) / distance**2 == pytest.approx(factor, rel=5 * distance + 1e-4)
        assert point.noise - 1 > 10 * point.error
    assert abs(below.weak_recovery.noise - 1) <= 1e-14
    assert above.dynamical is above.condensation is above.algorithmic is above.tricritical is None
    assert abs(above.weak_recovery.noise - 1) <= 1e-14


# --- the objects -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 0, -3, 2.5, 10_001, float("nan"), float("inf"), "three", None, True])
def test_bad_numbers_of_groups(k):
    for kind in (PottsPrior, StochasticBlockModel):
        with pytest.raises(at.InputError, match=r"k must be an integer from 2 to 10000, got"):
            kind(k)


@pytest.mark.parametrize("minority", [0, -0.1, 0.500001, 1, float("nan"), float("inf"), "half", None, 1e-9])
def test_bad_minorities(minority):
    with pytest.raises(at.InputError, match="minority must"):
        two_groups(minority)


def test_what_a_vector_cannot_do():
    with pytest.raises(at.InputError, match=r"PottsPrior\(k=3\) is a vector of 2 components"):
        PottsPrior(3).resolved(1.0)
    with pytest.raises(at.InputError, match="vector of 4 components"):
        at.draw_instance(StochasticBlockModel(5), control=1.0, size=20, seed=1)
    with pytest.raises(at.InputError, match=r"unbiased \+-1 variables only, not for PottsPrior\(k=3\)"):
        at.thresholds(StochasticBlockModel(3), at.UniformDiscreteDiffusion())
    with pytest.raises(at.InputError, match="noise must be finite and > 0"):
        at.fixed_points(StochasticBlockModel(3), at.Flow(), control=-1.0, strength=0.0)
    with pytest.raises(at.InputError, match="snr"):
        PottsPrior(3).overlap(-1.0)


def test_values_and_names():
    model = StochasticBlockModel(5.0)
    assert model == StochasticBlockModel(5)
    assert model != StochasticBlockModel(6)
    assert hash(model) == hash(StochasticBlockModel(5))
    assert repr(model) == "StochasticBlockModel(k=5)"
    assert model.parameters == {"k": 5}
    assert model.easier == "down"
    assert (model.target, model.name, model.control) == ("planted", "stochastic-block-model", "noise")
    prior = model.variable_prior
    assert prior.parameters == {"k": 5}
    assert (prior.mean, prior.second_moment, prior.entropy) == (0.0, 1.0, math.log(5))
    assert not prior.unbiased_sign
    assert float(model.convert(1.25, "noise", "lambda")) == 0.8
    assert PottsPrior(5).overlap(np.ones((2, 3))).shape == (2, 3)
    assert PottsPrior(5).overlap([]).shape == (0,)
