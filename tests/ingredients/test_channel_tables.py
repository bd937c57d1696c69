"""Channel tables: they can be built for every discrete prior within the limits, and keep the digits of the integrals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.ingredients.priors.channel_table import ChannelTable
from amp_theory.ingredients.priors.groups import two_groups
from amp_theory.ingredients.priors.mixture_channel import channel
from amp_theory.tools.quadrature import Rows, trapezoid

#: names in the channel and in the table
NAMES = {"overlap_gain": "gain", "mmse": "mmse", "overlap_slope": "slope", "overlap_curvature": "curvature"}


def fresh_table(prior: at.Discrete) -> ChannelTable:
    m = prior.mixture
    return ChannelTable(lambda x: channel(m, x), m.mean, m.centred.size, m.variance)


def check_table(prior: at.Discrete, x: np.ndarray) -> None:
    """The table is finite, ordered, and as accurate as it says."""
    variance = prior.mixture.variance
    with np.errstate(all="raise", under="ignore"):
        values = fresh_table(prior)(x)
        exact = channel(prior.mixture, x)
    for name in ("free_entropy", "overlap", "mmse", "slope", "curvature", "gain", "relative_error"):
        assert np.all(np.isfinite(getattr(values, name))), name
    assert np.all(np.diff(values.gain) >= -1e-12 * variance)
    assert np.all((values.gain >= 0) & (values.mmse <= (1 + 1e-12) * variance))
    alive = exact.mmse > 1e-290 * variance
    assert values.relative_error[alive].max() <= 3e-12
    bound = values.relative_error + exact.relative_error
    for name in ("overlap_gain", "mmse", "overlap_slope"):
        ours, theirs = getattr(values, NAMES[name]), getattr(exact, name)
        assert np.all(np.abs(ours - theirs)[alive] <= (bound * theirs)[alive] + 1e-300), name
    assert np.all(np.abs(values.free_entropy - exact.free_entropy) <= bound * exact.free_entropy)


def grid(prior: at.Discrete, step: float = 1.0) -> np.ndarray:
    """x from 1e-36 to 1e4 in units of 1/Var s."""
    return np.concatenate([[0.0], 10.0 ** np.arange(-36, 4.01, step)]) / prior.mixture.variance


def three(p: float, v: float) -> at.Discrete:
    return at.Discrete([-1, 1, v], [(1 - p) / 2, (1 - p) / 2, p])


@pytest.mark.parametrize(
    "prior",
    [
        *(two_groups(r) for r in (1e-8, 3e-7, 1e-5, 3e-4, 0.004, 0.0179)),
        *(at.Discrete([0, 1], [1 - r, r]) for r in (2e-8, 1e-4, 2.03e-4, 4.1e-4, 7e-4)),
        *(three(1e-6, v) for v in (10, 25, 70)),
        three(1e-8, 1e4),
        at.Discrete([0, 1, 1 + 1e-6], [0.3, 0.5, 0.2]),
        at.Discrete([-1.16299016, -1.16298878, -0.18708582], [0.770314479, 0.229141113, 0.000544408]),
        at.Discrete([1e4, 1e4 + 3, 1e4 + 3.001], [0.5, 0.3, 0.2]),
        at.Discrete([-1e14, 2e14, 5e14], [0.6, 0.3999, 1e-4]),
        at.Discrete([-1e-14, 2e-14, 5e-14], [0.6, 0.3999, 1e-4]),
    ],
    ids=str,
)
@pytest.mark.every(3)
def test_tables_of_extreme_priors(prior):
    check_table(prior, grid(prior))


def draw(rng: np.random.Generator) -> at.Discrete | None:
    """A prior of unequal weights or distances, nearly coinciding or rare atoms, an offset or a small mean, any scale."""
    n, kind = int(rng.integers(2, 6)), rng.integers(6)
    s, w = rng.normal(size=n), 10 ** rng.uniform(-8, 0, n)
    if kind == 1:
        s = np.cumsum(10 ** rng.uniform(-6, 0, n))
    elif kind == 2:
        s[-1] = s[0] + 10 ** rng.uniform(-7, -5)
    elif kind == 3:
        s[:2], w[:2] = (-1, 1), 0.5
        s[2:] *= 10 ** rng.uniform(0, 2)
    elif kind == 4:
        s, w = s + 10 ** rng.uniform(0, 3.5), rng.dirichlet(np.ones(n))
    elif kind == 5:
        w = rng.dirichlet(np.ones(n))
        s += 10 ** rng.uniform(-30, 0) - w @ s
    try:
        return at.Discrete(s * 10 ** (rng.uniform(-14, 14) * rng.integers(2)), w / w.sum())
    except at.InputError:  # almost constant
        return None


@settings(max_examples=5)
@given(st.integers(0, 10**9))
@pytest.mark.slow
def test_tables_of_random_priors(seed):
    prior = draw(np.random.default_rng(seed))
    if prior is not None:
        check_table(prior, grid(prior, 2.0))


@pytest.mark.slow
def test_tables_of_many_priors():
    rng, built = np.random.default_rng(12), 0
    while built < 20:
        prior = draw(rng)
        if prior is not None:
            check_table(prior, grid(prior, 0.5))
            built += 1


def exact_values(prior: at.Discrete, x: float, digits: int) -> list[mpmath.mpf]:
    """psi, M of s - E s, mmse, M', M'' and the size of M'' by their definitions; trapezoidal sums, halved until they agree."""
    with mpmath.workdps(digits):
        p = [mpmath.mpf(float(w)) for w in prior.mixture.probabilities]
        p = [w / sum(p) for w in p]
        s = [mpmath.mpf(float(v)) for v in prior.mixture.means]
        mean = sum(w * v for w, v in zip(p, s, strict=True))
        s = [v - mean for v in s]
        root = mpmath.sqrt(mpmath.mpf(float(x)))

        def integrands(y):
            w = [a * mpmath.exp(-((y - root * b) ** 2) / 2) for a, b in zip(p, s, strict=True)]
            z = sum(w)
            m = sum(a * b for a, b in zip(w, s, strict=True)) / z
            v, k = (sum(a * (b - m) ** n for a, b in zip(w, s, strict=True)) / z for n in (2, 3))
            psi = z * (mpmath.log(z) + y * y / 2) - z + mpmath.exp(-y * y / 2)
            return psi, z * m * m, z * v, z * v * v, z * (k * k - 2 * v**3), z * (k * k + 2 * v**3)

        lower, upper = root * min(s) - 0.2 * digits - 8, root * max(s) + 0.2 * digits + 8
        number, sums, before = int(upper - lower) * 6, None, None
        while True:
            step = (upper - lower) / number
            nodes = range(number + 1) if sums is None else range(1, number, 2)
            new = [sum(f) for f in zip(*(integrands(lower + i * step) for i in nodes), strict=True)]
            sums = new if sums is None else [a + b for a, b in zip(sums, new, strict=True)]
            now = [a * step / mpmath.sqrt(2 * mpmath.pi) for a in sums]
            if before is not None and all(abs(a - b) <= 1e-15 * c for a, b, c in zip(now, before, [*now[:4], now[5], now[5]], strict=True)):  # fmt: skip
                return now
            before, number = now, 2 * number


@pytest.mark.parametrize(
    ("prior", "x"),
    [
        (two_groups(1e-4), 1.2e-3),
        (two_groups(1e-3), 0.02),
        (three(1e-6, 30), 0.013),
        (three(1e-6, 30), 0.2),
        (at.Discrete([0, 1], [1 - 2e-4, 2e-4]), 1e-9),
        (at.Discrete([0, 1], [1 - 2e-4, 2e-4]), 13.0),
        (at.Discrete([1e3, 1e3 + 1, 1e3 + 1.5], [0.5, 0.3, 0.2]), 3.0),
        (at.Discrete([0, 1, 1 + 1e-6], [0.3, 0.5, 0.2]), 150.0),
        (at.Discrete([3, -0.3333333333], [0.1, 0.9]), 1e-30),
    ],
    ids=str,
)
@pytest.mark.every(3)
def test_integrals_and_tables_have_twelve_digits(prior, x):
    truth = exact_values(prior, x, 40 if x > 1e-4 else 110)
    ours, table = prior.channel(x), prior.table(np.array([x]))
    with mpmath.workdps(40):
        mean = mpmath.mpf(prior.mixture.mean)
        assert abs(float(ours.free_entropy_gain) / truth[0] - 1) <= 1e-12
        psi = truth[0] + mpmath.mpf(x) * mean**2 / 2
        for value in (float(ours.free_entropy), float(table.free_entropy[0])):
            assert abs(value / psi - 1) <= 1e-12
        for value in (float(ours.overlap), float(table.overlap[0])):
            assert abs(value / (mean**2 + truth[1]) - 1) <= 1e-12
        sizes = [*truth[1:4], truth[5]]
        for (name, short), exact, size in zip(NAMES.items(), truth[1:5], sizes, strict=True):
            for value in (float(getattr(ours, name)), float(getattr(table, short)[0])):
                assert abs(value - exact) <= 1e-12 * size, name


@pytest.mark.parametrize("mean", [1e-30, 1e-16, 1e-9, 1e-3, 1.0])
def test_gain_next_to_any_mean(mean):
    """A shift changes nothing but the mean: M - (E s)^2 and its derivatives are those of the unshifted law, at any x."""
    x = 10.0 ** np.arange(-36, -2, 1.5)
    shifted, plain = at.Discrete([mean - 1, mean + 1], [0.5, 0.5]), at.Rademacher()
    expected = plain.channel(x)
    for name, short in NAMES.items():
        assert np.allclose(getattr(shifted.channel(x), name), getattr(expected, name), rtol=1e-13, atol=0), name
        assert np.allclose(getattr(shifted.table(x), short), getattr(expected, name), rtol=1e-12, atol=0), name


def test_scale_changes_neither_cost_nor_digits():
    """The functions of c s at x/c^2 are those of s at x, in units of c, as is the error stated."""
    values, p, x = np.array([-1.0, 0.25, 4.0]), [0.7, 0.29, 0.01], np.geomspace(1e-6, 300, 60)
    unit = channel(at.Discrete(values, p).mixture, x)
    for power in (-46, 46):
        c = 2.0**power
        scaled = channel(at.Discrete(c * values, p).mixture, x / c**2)
        for name, n in (("free_entropy", 0), ("overlap_gain", 2), ("mmse", 2), ("overlap_slope", 4)):
            assert np.allclose(getattr(scaled, name), c**n * getattr(unit, name), rtol=1e-13, atol=0), name
        assert scaled.relative_error.max() <= 2 * unit.relative_error.max()


def test_a_batch_of_windows_does_not_overrun():
    """Windows of unequal length are summed together; none reaches into what lies beyond its end."""
    rows = Rows(np.zeros(2), np.array([10.0, 13.0]), np.full(2, 0.25), np.zeros(2, dtype=bool))
    peaks = lambda _, y: (np.exp(-0.5 * (y - 5) ** 2) + np.exp(-2000 * (y - 11.5) ** 2))[None]  # noqa: E731
    sums, _ = trapezoid(peaks, rows, (0,))
    first, _ = trapezoid(peaks, Rows(np.zeros(1), np.full(1, 10.0), np.full(1, 0.25), np.zeros(1, dtype=bool)), (0,))
    assert sums[0, 0] == pytest.approx(first[0, 0], rel=1e-14)
    assert sums[0, 1] > sums[0, 0] + 0.01  # the second peak is there


def test_functions_that_cannot_be_interpolated_are_refused():
    """A jump in the integrals is no rounding."""
    mixture = at.Discrete([-0.5, 2], [0.8, 0.2]).mixture

    def broken(x):
        values = channel(mixture, x)
        values.slope_ratio[x > 0.77] *= 1 + 1e-6
        return values

    table = ChannelTable(broken, mixture.mean, mixture.centred.size, mixture.variance)
    with pytest.raises(at.NumericalError, match="could not be interpolated"):
        table(np.array([1.0]))


def test_rounding_is_stated():
    """Noise above what the integrals claim is no reason to fail: it is part of the error stated."""
    mixture = at.Discrete([-0.5, 2], [0.8, 0.2]).mixture
    rng = np.random.default_rng(3)

    def noisy(x):
        values = channel(mixture, x)
        values.slope_ratio[:] *= 1 + 2e-13 * rng.standard_normal(len(x))
        return values

    values = ChannelTable(noisy, mixture.mean, mixture.centred.size, mixture.variance)(np.geomspace(1e-3, 10, 50))
    assert 1e-13 < values.relative_error.max() < 3e-12
