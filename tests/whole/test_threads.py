"""Computations in several threads give what they give one after the other, and end."""

from __future__ import annotations

import faulthandler
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import mpmath
import numpy as np
import pytest
from sympy.core.cache import clear_cache

import amp_theory as at
from amp_theory.exact.digits.absolute import bessel
from amp_theory.exact.digits.channels import exact_channel
from amp_theory.exact.digits.contexts import called, interval_digits, iv, mp
from amp_theory.exact.digits.rules import legendre
from amp_theory.ingredients.priors.channel_table import ChannelTable
from amp_theory.ingredients.priors.mixture_channel import channel
from amp_theory.ingredients.priors.named import _mixture_table
from amp_theory.phases.geometry.solved import solved
from amp_theory.tools.errors import NumericalError
from amp_theory.tools.exclusive import alone

SPHERICAL, ISING, FLOW = at.SphericalPSpin(3), at.IsingPSpin(3), at.Flow()
#: seconds after which a hang is a failure
LIMIT = 100


@pytest.fixture(autouse=True)
def _many_switches():
    """Let threads interrupt each other all the time, and the user's precision be an odd one."""
    interval, dps, iv_prec = sys.getswitchinterval(), mpmath.mp.dps, mpmath.iv.prec
    sys.setswitchinterval(1e-6)
    mpmath.mp.dps, mpmath.iv.dps = 7, 5
    faulthandler.dump_traceback_later(LIMIT + 20, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
    sys.setswitchinterval(interval)
    assert (mpmath.mp.dps, mpmath.iv.dps) == (7, 5)
    mpmath.mp.dps, mpmath.iv.prec = dps, iv_prec


def together(*jobs):
    """Return the results of functions that start at one moment, each in its thread."""
    start = threading.Barrier(len(jobs))

    def work(job):
        start.wait(LIMIT)
        return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result(LIMIT) for future in [threads.submit(work, job) for job in jobs]]


def decimals(digits, model=SPHERICAL):
    found = at.thresholds(model, FLOW, digits=digits)
    return {name: point and (point.decimals, point.errors) for name, point in found.points().items()}


@pytest.mark.slow
def test_digits_and_proofs_together():
    """thresholds with 20 and 35 digits, fixed points, proofs and their checks."""
    rough = at.thresholds(SPHERICAL, FLOW)
    written = at.certify(rough.dynamical)
    jobs = (
        lambda: decimals(20),
        lambda: decimals(35),
        lambda: at.certify(rough.tricritical).to_dict(),
        lambda: at.verify(written).to_dict(),
        lambda: at.fixed_points(ISING, FLOW, 0.66, 0.01, digits=11)[0].decimals,
        lambda: at.fixed_points(SPHERICAL, FLOW, 0.6, 0.01, digits=47)[0].decimals,
        lambda: at.path_transitions(SPHERICAL, FLOW, 0.64, digits=28).to_dict(),
    )
    assert together(*jobs, *jobs[:4]) == [job() for job in (*jobs, *jobs[:4])]


# --- sympy ------------------------------------------------------------------------------------------------------


def formulas(model, path, **values):
    """Return texts and numbers of closed forms."""
    forms = at.closed_forms(model, path)
    numbers = {name: forms.evaluate(name, **values) for name in forms.points}
    return forms.to_dict(), forms.report(), forms._repr_html_(), numbers


#: with Lambert's function, roots of polynomials, and cube roots: sympy sets mpmath's precision for the first two
ALGEBRAIC = at.MixedPSpin("q**3/3 + q**7/2", at.Gaussian())
FORMULAS = [
    (at.XORSAT(3), at.Autoregressive()),
    (ALGEBRAIC, at.Autoregressive()),
    (ALGEBRAIC, at.Flow()),
    (at.XORSAT(5), at.Autoregressive()),
    (at.Bicoloring(4, temperature=0.3), at.Flow()),
    (at.MixedPSpin("q**2/3 + q**4/2", at.Gaussian()), at.Autoregressive()),
    (at.SpikedMatrixTensor(3, 0.8), at.Flow()),
    (at.XORSAT(4), at.Autoregressive()),
]


def formula_jobs():
    return [lambda case=case: formulas(*case) for case in FORMULAS]


def mixed_jobs():
    """Return eight kinds of work: points, digits, proofs, functions of a user's, and formulas."""
    proof = at.certify(at.thresholds(SPHERICAL, FLOW).dynamical)

    def special(model):
        return {name: point and (dict(point.coordinates), point.errors)
                for name, point in at.thresholds(model, FLOW).points().items()}  # fmt: skip

    def own():
        with mp.workdps(25):
            return mp.nstr(sum(called(quartic, mp.mpf(k) / 10) for k in range(100)), 25)

    return [
        lambda: special(ISING),
        lambda: decimals(23),
        lambda: at.verify(proof).to_dict(),
        own,
        lambda: at.certify(at.thresholds(SPHERICAL, FLOW).tricritical).to_dict(),
        *formula_jobs()[:3],
    ]


@pytest.mark.slow
def test_formulas_in_eight_threads():
    jobs = formula_jobs()
    serial = [job() for job in jobs]
    for _ in range(2):
        clear_cache()
        assert together(*jobs) == serial


@pytest.mark.slow
def test_points_digits_proofs_and_formulas_in_eight_threads():
    jobs = mixed_jobs()
    serial = [job() for job in jobs]
    clear_cache()
    assert together(*jobs) == serial


@pytest.mark.slow
def test_points_digits_proofs_and_formulas_again_and_again():
    """Four threads that each do the same work in an order of their own."""
    jobs = mixed_jobs() + formula_jobs()
    serial = [job() for job in jobs]
    clear_cache()

    def work(k):
        order = list(range(len(jobs)))
        random.Random(k).shuffle(order)
        return lambda: all(jobs[j]() == serial[j] for j in order)

    assert all(together(*map(work, range(4))))


def test_without_the_lock_precisions_are_lost():
    """Negative control: what sympy does, with time for others in between."""

    def job(digits):
        def work():
            with mpmath.workdps(digits):
                time.sleep(0.02)
                return mpmath.nstr(+mpmath.pi, 50)

        return work

    jobs = [job(digits) for digits in range(20, 28)]
    serial = [job() for job in jobs]
    assert together(*map(alone, jobs)) == serial
    assert together(*jobs) != serial
    mpmath.mp.dps = 7  # whatever it is now


@pytest.mark.slow
@pytest.mark.parametrize("dps", [3, 100])
def test_the_users_precision_changes_nothing_and_stays(dps):
    """A precision that was set before, lower or higher than any that is needed."""
    jobs = mixed_jobs() + formula_jobs()
    before = [job() for job in jobs]
    clear_cache()
    mpmath.mp.dps = mpmath.iv.dps = dps
    try:
        after = [job() for job in jobs]
        assert (mpmath.mp.dps, mpmath.iv.dps) == (dps, dps)
    finally:
        mpmath.mp.dps, mpmath.iv.dps = 7, 5
    assert after == before


@pytest.mark.slow
def test_digits_and_proofs_of_discrete_priors_together():
    """Fixed points with three precisions, a proof, and those of groups, which doubles know in less time."""
    rough, groups = at.thresholds(ISING, FLOW), (at.StochasticBlockModel(3), FLOW, 1.2, 0.05)
    jobs = (
        lambda: at.fixed_points(ISING, FLOW, 0.8, 0.3, digits=20)[0].decimals,
        lambda: at.fixed_points(ISING, FLOW, 0.8, 0.3, digits=28)[0].decimals,
        lambda: at.certify(rough.dynamical).to_dict(),
        lambda: at.fixed_points(at.GLM(at.Rademacher(), at.AbsChannel()), FLOW, 1.1, 0.05, digits=12)[0].decimals,
    )
    *found, (of_groups, *_) = together(*jobs, lambda: at.fixed_points(*groups, digits=12))
    assert found == [job() for job in jobs]
    (known, *_) = at.fixed_points(*groups)
    assert abs(of_groups.overlap - known.overlap) <= known.errors["overlap"] + of_groups.errors["overlap"]
    assert known.errors["overlap"] < 1e-9  # a precision of 7 digits would be seen


def quartic(s):
    """A density that works with mpmath's precision, and with numpy's arrays."""
    if isinstance(s, mpmath.mpf):
        return mpmath.exp(-(s**4) / 4) / (mpmath.gamma(mpmath.mpf(1) / 4) / mpmath.sqrt(2))
    return np.exp(-(s**4) / 4) / 2.5636942267951434


@pytest.mark.slow
def test_what_threads_share_holds_no_precision():
    """A density's nodes, Bessel functions and the rule's nodes: wanted with three precisions at once."""
    channel = exact_channel(at.Density(lambda s: 3 * (1 - s * s) / 4, (-1, 1)))

    def job(digits):
        def work():
            with mp.workdps(digits):
                grid = channel._grid(mp.mpf("0.7"))
                numbers = [sum(w * s**k for s, w in grid) for k in (0, 2, 4)]
                numbers += [value for k in range(1, 9) for value in bessel(mp.mpf(k) / 4)]
                numbers += [sum(w * mp.exp(s) for s, w in legendre())]
                return [mp.nstr(value, digits + 5) for value in numbers]

        return work

    jobs = [job(digits) for digits in (12, 27, 41)]
    found = together(*jobs, *jobs, *jobs)
    assert found == 3 * [j() for j in jobs]
    with mp.workdps(45):
        true = [mp.mpf(1), mp.mpf(1) / 5, mp.mpf(3) / 35]
        true += [mp.besselk(order, mp.mpf(k) / 4) for k in range(1, 9) for order in (0, 1)] + [2 * mp.sinh(1)]
        assert all(abs(mp.mpf(text) / value - 1) < 1e-38 for text, value in zip(found[2], true, strict=True))


def test_constants_survive_growing_precisions():
    """mpmath's memory of pi and log 2 is never replaced while somebody reads it."""
    with mp.workdps(900):
        true = [+mp.pi, mp.log(2), mp.log(10)]

    def work():
        rng = random.Random(threading.get_ident())
        for _ in range(200):
            with mp.workdps(rng.randrange(10, 850)):
                for value, other in zip(true, (+mp.pi, mp.log(2), mp.log(10)), strict=True):
                    assert abs(value / other - 1) < mp.mpf(10) ** (2 - mp.dps)
        return True

    assert all(together(*[work] * 4))


def test_contexts_belong_to_one_thread():
    """Precisions set in other threads, or by the user, are not seen."""

    def work(digits):
        def inner():
            with mp.workdps(digits), interval_digits(digits):
                for _ in range(300):
                    assert (mp.dps, iv.dps) == (digits, digits)
                    assert abs(mp.mpf(1) / 3 - mp.mpf("0." + 60 * "3")) < mp.mpf(10) ** -digits
                return mp.nstr(mp.exp(1), digits)

        return inner

    numbers = range(10, 34, 3)
    assert together(*map(work, numbers)) == [work(n)() for n in numbers]
    assert mp.dps == 15


# --- functions of the user's ------------------------------------------------------------------------------------


def test_a_density_of_ones_own_works_with_the_precision_of_the_computation():
    """mpmath.exp in it follows mpmath.mp, which is at 7 digits here before and after."""

    def work(digits):
        def inner():
            with mp.workdps(digits):
                return mp.nstr(called(quartic, mp.mpf("0.7")), digits)

        return inner

    numbers = (12, 20, 33, 41)
    found = together(*[work(n) for n in numbers] * 3)
    with mpmath.workdps(60):
        true = quartic(mpmath.mpf("0.7"))
    assert found == 3 * [mpmath.nstr(true, n) for n in numbers]


def test_constants_of_a_users_function_have_the_digits_asked_for():
    with mp.workdps(40):
        assert abs(called(lambda s: mpmath.pi, mp.mpf(1)) - mp.pi) < mp.mpf(10) ** -39


def test_a_function_that_raises_leaves_the_precision_alone():
    with mp.workdps(40), pytest.raises(ZeroDivisionError):
        called(lambda s: 1 / (s - s), mp.mpf(1))
    assert mpmath.mp.dps == 7


def test_precision_lowered_by_others_is_noticed():
    """Not a number with too few digits, but an error that says what to do."""

    def disturbed(s):
        mpmath.mp.dps = 7  # as another thread might
        return mpmath.exp(s)

    with mp.workdps(40), pytest.raises(NumericalError, match=r"mpmath\.mp\.dps is lowered .*MPContext"):
        called(disturbed, mp.mpf(1))


def test_models_of_the_package_leave_the_precision_of_the_process_alone():
    """Not even for a moment: somebody who reads mpmath.mp.dps meanwhile always finds his own."""
    done, seen = threading.Event(), set()

    def watch():
        while not done.is_set():
            seen.add((mpmath.mp.dps, mpmath.iv.dps))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        decimals(25)
        at.certify(at.thresholds(SPHERICAL, FLOW).dynamical)
    finally:
        done.set()
        watcher.join(LIMIT)
    assert seen == {(7, 5)}


# --- doubles ----------------------------------------------------------------------------------------------------


def fresh_models(seed):
    """Return makers of models of priors and channels that nobody has used before."""
    rng = random.Random(seed)
    rho, atom = rng.uniform(0.05, 0.2), rng.uniform(1.5, 2)
    return [
        lambda: at.SpikedTensor(3, at.SparseRademacher(rho)),
        lambda: at.SpikedTensor(3, at.Discrete((-1.0, 0.25, atom), (0.25, 0.5, 0.25))),
        lambda: at.SpikedTensor(4, at.GaussBernoulli(0.5 + rho)),
        lambda: at.GLM(at.Rademacher(), at.ProbitChannel(rho / 100)),
    ]


def in_doubles(model):
    """Return (value, error) of all that is computed, points by name."""
    special = at.thresholds(model, FLOW)
    found = {(name, key): (point[key], point.errors[key])
             for name, point in special.points().items() if point for key in point.coordinates}  # fmt: skip
    control = special.tricritical.control
    for k, point in enumerate(at.fixed_points(model, FLOW, control, 0.5 * special.tricritical.strength)):
        found["fixed point", k, point.kind] = point.overlap, point.errors["overlap"]
    line = at.phase_diagram(model, FLOW, points=3).lines["first_order"]
    return found | {("line", k): pair for k, pair in enumerate(zip(line.strength, line.error, strict=True))}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.slow
def test_doubles_of_fresh_priors_in_eight_threads(seed):
    """Two threads for every model, so that tables are begun at once; then again from empty caches, one by one."""
    makers = fresh_models(seed)
    found = together(*[lambda make=make: in_doubles(make()) for make in makers * 2])
    for cache in (solved, _mixture_table):
        cache.cache_clear()
    for make, *results in zip(makers, found, found[len(makers) :], strict=False):
        alone = in_doubles(make())
        for result in results:
            assert result.keys() == alone.keys()
            for name, (value, error) in alone.items():
                assert abs(result[name][0] - value) <= error + result[name][1], name


def test_a_channel_table_is_built_by_several_threads_at_once():
    """All begin one and the same empty table, to different ends, again and again."""
    mixture, known = at.Rademacher().mixture, {}

    def evaluate(x):
        if x.tobytes() not in known:  # so that building takes no time, and threads meet in the middle of it
            known[x.tobytes()] = channel(mixture, x)
        return known[x.tobytes()]

    def new_table():
        return ChannelTable(evaluate, mixture.mean, mixture.size, mixture.second_moment)

    places = [np.linspace(0.01, 2.0**k, 6) for k in range(6)]
    alone = [new_table()(x) for x in places]
    for _ in range(150):
        table = new_table()
        found = together(*[lambda x=x, t=table: t(x) for x in places])
        for values, own in zip(found, alone, strict=True):
            for name in ("free_entropy", "overlap", "mmse", "slope"):
                a, b = getattr(values, name), getattr(own, name)
                assert np.all(np.abs(a - b) <= (values.relative_error + own.relative_error) * np.abs(b)), name
