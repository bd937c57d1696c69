"""q-coloring by population dynamics: identities, limits, known thresholds, checkpoints that survive a kill."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from contract import check_contract

import amp_theory as at
from amp_theory.equations_of_state.populations import fresh_nodes
from amp_theory.equations_of_state.populations import population as coloring
from amp_theory.equations_of_state.populations.fitted import FitData, FittedEquationOfState, powers_of
from amp_theory.equations_of_state.populations.fresh_nodes import permutations, poisson
from amp_theory.equations_of_state.populations.population import (
    FixedOverlap,
    population_fixed_point,
)
from amp_theory.interface.cli import main
from amp_theory.models.coloring import Coloring
from amp_theory.phases.points import populations
from amp_theory.phases.points.populations import fitted_cusp
from amp_theory.phases.points.thresholds import special_points
from amp_theory.tools.runs import random_stream, run_tasks

SMALL = Coloring(4, population=1000, sweeps=24, runs=2, seed=7)


# --- the equations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("q", [3, 5, 9])
@pytest.mark.parametrize("often", [32, 3])
@pytest.mark.every(2)
def test_fresh_nodes_against_the_definition(monkeypatch, q, often):
    """Beliefs and normalisations are products over the neighbours, one less and one more besides; with numba or not."""
    monkeypatch.setattr(fresh_nodes, "OFTEN", often)
    n, mean = 60, 3.0
    population = np.random.default_rng(0).dirichlet(np.ones(q), 50)
    side = coloring.side_information(at.Flow(), q, 0.5, n, np.random.default_rng(1))
    found = {}
    for which in (False, True):
        monkeypatch.setattr(fresh_nodes, "in_use", lambda which=which: which)
        found[which] = fresh_nodes.FreshNodes.draw(population, side, mean, np.random.default_rng(2))
    nodes, other = found.values()
    assert np.array_equal(nodes.eta, other.eta)
    assert np.array_equal(nodes.log_z, other.log_z)
    assert nodes.degree[0] == 0
    assert nodes.degree[-1] > 6
    # the same draws: a number for every degree, then neighbour and order of colours by neighbour
    rng, table = np.random.default_rng(2), permutations(q)
    rng.random(n)
    drawn = rng.integers(0, 50 * len(table), nodes.degree.sum() + n, dtype=np.uint32).tolist()
    products = [[np.exp(row)] for row in side]
    for k in range(nodes.degree[-1] + 1):
        for i in np.flatnonzero(nodes.degree >= k):
            member, order = divmod(drawn.pop(0), len(table))
            products[i].append(products[i][-1] * (1 - population[member, table[order]]))
    assert not drawn
    for i, d in enumerate(nodes.degree):
        for which, product in enumerate((products[i][max(d - 1, 0)], products[i][d], products[i][d + 1])):
            assert np.allclose(nodes.eta[which, i], product / product.sum(), rtol=1e-12, atol=0)
            assert nodes.log_z[which, i] == pytest.approx(np.log(product.sum()), rel=1e-12, abs=1e-13)


def test_averages_at_other_mean_degrees():
    """Of a cubic of the degree: its average at any mean is known, and nodes at a moved mean have that average, too."""
    n, mean = 200_000, 6.0
    uniform = (np.arange(n) + 0.5) / n
    degree = fresh_nodes.quantiles(mean, uniform)
    cubic = lambda d: 1 + 0.3 * d - 0.02 * d * (d - 1)  # noqa: E731
    average = lambda c: 1 + 0.3 * c - 0.02 * c**2  # noqa: E731
    values = np.stack([cubic(degree + k) for k in (-1.0, 0.0, 1.0)])
    eta = np.stack([np.stack([v, v], axis=-1) for v in values])
    nodes = fresh_nodes.FreshNodes(mean, uniform, degree, eta, values)
    for step in (-0.5, -0.1, 0.0, 0.3, 0.5):
        # strata and the cut off tail leave less than 1e-4
        assert nodes.near(values, step) == pytest.approx(average(mean + step), abs=1e-4)
        assert nodes.step_to(values, average(mean + step)) == pytest.approx(step, abs=2e-3)
        assert nodes.population(step)[:, 0].mean() == pytest.approx(average(mean + step), abs=1e-4)
    assert nodes.step_to(-values, 5.0) == np.inf
    assert nodes.step_to(-values, -5.0) == -np.inf


def test_permutations_send_planted_colours_elsewhere():
    for q in (3, 4, 5):
        table = permutations(q)
        assert np.array_equal(np.sort(table, axis=1), np.tile(np.arange(q), (len(table), 1)))
        # colour tau of the neighbour's message is its planted one, entry 0
        tau = np.argmin(table, axis=1)
        assert np.array_equal(np.bincount(tau, minlength=q), [0] + [q - 1] * (q - 1))


def test_weights_that_would_underflow():
    """With three colours and 2500 neighbours that know nothing all weights are (2/3)^2500, below the least double."""
    nothing = np.full((1000, 3), 1 / 3)
    nodes = fresh_nodes.FreshNodes.draw(nothing, np.zeros((1000, 3)), 2500.0, random_stream(0, 0))
    assert np.allclose(nodes.eta, 1 / 3, rtol=1e-12)
    assert np.allclose(nodes.log_z[1], nodes.degree * np.log(2 / 3) + np.log(3), rtol=1e-12)


def every_degree(q, overlap, strength, size, sweeps, seed):
    """Return the mean degrees of a population solved by beliefs of all degrees at once, without the library's sweeps.

    The overlap is that of the planted colour; its average over Poisson degrees is solved by bisection.
    """
    rng = np.random.default_rng(seed)
    known = rng.random(size) < overlap
    population = np.where(known[:, None], np.eye(q)[0], 1 / q)
    found, mean, most = [], (q - 1) ** 2, int(2.5 * (q - 1) ** 2 + 20)
    logs = np.array([math.lgamma(d + 1) for d in range(most + 1)])

    def weight(c):
        p = np.exp(np.arange(most + 1) * math.log(c) - c - logs)
        return p / p.sum()

    for _ in range(sweeps):
        noise = strength * np.eye(q)[0] + math.sqrt(strength) * rng.standard_normal((size, q))
        product, eta = np.exp(noise), np.empty((most + 1, size, q))
        for d in range(most + 1):
            eta[d] = product / product.sum(axis=1, keepdims=True)
            # the planted colour of the neighbour is put at a random place, the others are rotated at random
            message = population[rng.integers(0, size, size)]
            others = 1 + (np.arange(q - 1) + rng.integers(0, q - 1, size)[:, None]) % (q - 1)
            tau = rng.integers(1, q, size)
            moved = np.take_along_axis(message, others, axis=1)
            placed = np.empty_like(message)
            places = np.array([[s for s in range(q) if s != t] for t in range(q)])[tau]
            np.put_along_axis(placed, places, moved, axis=1)
            placed[np.arange(size), tau] = message[:, 0]
            product = eta[d] * (1 - placed)
        right = (q * eta[:, :, 0].mean(axis=1) - 1) / (q - 1)
        low, high = 0.3 * mean, 2 * mean
        for _ in range(50):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if weight(middle) @ right < overlap else (low, middle)
        found.append(middle)
        population = eta[rng.choice(most + 1, size, p=weight(middle)), np.arange(size)]
    return np.array(found[sweeps // 4 :])


@pytest.mark.slow
@pytest.mark.parametrize(("q", "overlap", "strength"), [(3, 0.5, 0.3), (4, 0.8, 0.0), (5, 0.6, 0.1)])
def test_the_same_as_with_all_degrees(q, overlap, strength):
    """Sweeps that draw degrees find the mean degree of those that go through all, within the errors of both."""
    model = Coloring(q, population=2000, sweeps=32, runs=4, seed=3)
    point = at.population_isotherm(model, at.Flow(), [overlap], strength)[0]
    runs = [every_degree(q, overlap, strength, 2000, 32, seed) for seed in (1, 2, 3)]
    error = np.hypot(2 * point.density_error, coloring.blocked_error(runs))
    assert abs(2 * point.density - np.mean(runs)) < 2 * error
    assert error < 0.01 * 2 * point.density
    # negative control: another overlap is told from it
    elsewhere = at.population_isotherm(model, at.Flow(), [0.92], strength)[0]
    assert abs(2 * elsewhere.density - np.mean(runs)) > 2 * error


def test_poisson():
    p = poisson(3.7, 40)
    d = np.arange(41)
    assert p.sum() == pytest.approx(1, abs=1e-14)
    assert p @ d == pytest.approx(3.7, rel=1e-12)
    assert p @ d**2 - (p @ d) ** 2 == pytest.approx(3.7, rel=1e-10)


def test_exact_limits():
    """Without edges only the side information is left; when nearly all is revealed the rest follows."""
    model = Coloring(3, population=4000, sweeps=8, runs=2)
    alone = population_fixed_point(model, at.Autoregressive(), 1e-9, 0.4, "uninformed")
    assert alone.overlap == pytest.approx(0.4, abs=5 * np.sqrt(0.24 / 4000 / 12))
    kept = population_fixed_point(model, at.UniformDiscreteDiffusion(), 1e-9, 0.6, "uninformed")
    # the posterior mean overlap of one observation is retention^2
    assert kept.overlap == pytest.approx(0.36, abs=0.02)
    all_but = population_fixed_point(model, at.Autoregressive(), 5.0, 0.999, "uninformed")
    assert all_but.overlap > 0.999


@pytest.mark.slow
def test_nishimori():
    """E eta_0 = E sum_s eta_s^2 at a fixed point."""
    model = Coloring(4, population=20_000, sweeps=40, runs=2)
    task = FixedOverlap(model, at.Flow(), 0.7, 0.0)
    rng = random_stream(3, 0)
    state = task.start(rng)
    gaps = []
    while not task.finished(state):
        task.advance(state, rng)
        eta = state["population"]
        gaps.append(float(np.mean(eta[:, 0] - (eta**2).sum(axis=1))))
    late = np.array(gaps[10:])
    assert abs(late.mean()) < 4 * late.std() / np.sqrt(len(late) / 5) + 1e-4


@pytest.mark.slow
def test_free_entropy_is_stationary():
    """D phi/d density along c(overlap) is the edge term, within the errors."""
    model = Coloring(5, population=5000, sweeps=80, runs=2)
    a, b = at.population_isotherm(model, at.Flow(), [0.88, 0.92])
    slope = (b.free_entropy - a.free_entropy) / (b.density - a.density)
    width = b.density - a.density
    error = np.hypot(a.free_entropy_error, b.free_entropy_error) / width
    error += abs(slope) * np.hypot(a.density_error, b.density_error) / width
    # the mean of the end points' slopes: the trapezoidal rule
    curvature = abs(b.per_density - a.per_density) / 6
    assert abs(slope - 0.5 * (a.per_density + b.per_density)) < 2 * error + curvature
    assert error < 0.2 * slope


# --- numbers -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_four_colours():
    """Zdeborova and Krzakala 2007: c_d = 8.353, c_c = 8.46; the loop of c(overlap) is gone beyond the cusp only."""
    model, path = Coloring(4, population=2000, sweeps=48, runs=3), at.Autoregressive()
    found = at.thresholds(model, path)
    assert found.dynamical.status == found.condensation.status == found.tricritical.status == "statistical"
    assert abs(2 * found.dynamical.density - 8.353) <= 2 * found.dynamical.error
    assert abs(2 * found.condensation.density - 8.46) <= 2 * found.condensation.error + 0.005
    assert found.dynamical.error < 0.03
    assert found.algorithmic.density == found.weak_recovery.density == 4.5
    assert found.bounds["satisfiability"] > found.condensation.density
    cusp = found.tricritical
    assert 0 < cusp.errors["revealed"] < 0.3 * cusp.revealed
    assert found.weak_recovery.density > found.dynamical.density > cusp.density + cusp.error
    # other random numbers: where the loop was steepest the slope changes its sign
    other = replace(model, population=4000, seed=9)
    pair = [cusp.overlap - 0.1, cusp.overlap + 0.1]
    for strength, sign in ((0.3 * cusp.revealed, -1), (2 * cusp.revealed, 1)):
        low, high = at.population_isotherm(other, path, pair, strength)
        error = np.hypot(low.density_error, high.density_error)
        assert sign * (high.density - low.density) > error


def test_side_information_alone():
    """The overlap of single nodes, in closed form for small snr, and where it is known."""
    small = coloring.side_overlap(at.Flow(), 4, np.array([0.0, 0.01]))
    assert small[0] == 0
    # a posterior's first order: overlap = snr/q
    assert small[1] == pytest.approx(0.01 / 4, rel=0.2)
    assert coloring.side_overlap(at.Autoregressive(), 4, np.array([0.3]))[0] == 0.3


def known_surface(overlap, strength):
    """Return c(q, s) = g (1 - s/q) of a surface with a loop that side information of strength s undoes."""
    u = overlap - 0.5
    return (8.5 - 1.2 * u + 14 * u**3 + 9 * strength * overlap) * (1 - strength / overlap)


def known_data(error=1e-3):
    rng = np.random.default_rng(2)
    overlap, strength = rng.uniform(0.25, 0.75, 80), rng.uniform(0, 0.12, 80)
    density, slope = known_surface(overlap, strength) / 2, 0.3 * overlap + 0.1 * overlap**2 - 0.2 * strength
    return FitData(overlap, strength, density, slope, np.full(80, error), np.full(80, error))


def test_cusps_of_known_curves():
    """A fit of data without noise finds the cusp of the surface that made them: c_q = c_qq = 0."""
    from scipy.optimize import fsolve

    def slopes(x, h=1e-4):
        c = [known_surface(x[0] + k * h, x[1]) for k in (-2, -1, 0, 1, 2)]
        return (c[0] - 8 * c[1] + 8 * c[3] - c[4]) / (12 * h), (c[1] - 2 * c[2] + c[3]) / h**2

    overlap, strength = fsolve(slopes, [0.5, 0.05])
    exact = known_surface(overlap, strength) / 2, strength, overlap
    assert 0.3 < overlap < 0.7
    assert 0.01 < strength < 0.12
    found = fitted_cusp(Coloring(4), at.Autoregressive(), known_data(), 4, 0.12)
    assert found == pytest.approx(exact, rel=1e-6)
    # negative control: on a surface without a loop there is none
    flat = replace(known_data(), density=4 + known_data().overlap)
    assert np.isnan(fitted_cusp(Coloring(4), at.Autoregressive(), flat, 4, 0.12)[0])


def test_fitted_surfaces_keep_the_contract():
    eos = FittedEquationOfState(Coloring(4), at.Autoregressive(), known_data(), powers_of(4), anchored=False, top=0.12)
    check_contract(eos, (0.3, 0.5, 0.7), (0.02, 0.05, 0.08))
    points = eos.surface(np.array([0.3, 0.6]), np.array([0.0, 0.1]))
    assert np.allclose(2 * points.intensity, known_surface(np.array([0.3, 0.6]), np.array([0.0, 0.1])), rtol=1e-9)
    with pytest.raises(at.InputError, match="no state evolution is defined"):
        eos.state_evolution(4.0, 0.1, "uninformed")


def known_points(curve):
    """Return points of a known curve c(overlap) at zero strength, with little noise."""
    return [
        at.PopulationPoint(overlap=q, density=curve(q) / 2, free_entropy=0.0, density_error=1e-3, free_entropy_error=1e-3,
                           per_density=0.3 * q + 0.1 * q**2, per_density_error=1e-3)
        for q in populations.OVERLAPS
    ]  # fmt: skip


@pytest.mark.slow
def test_a_curve_says_what_it_is_and_no_more(monkeypatch):
    """With a loop there are two points; without one nothing is said beyond these populations; a failure is no answer."""
    model, path = Coloring(4), at.Autoregressive()
    loop = populations._zero_strength(model, path, known_points(lambda q: 9 - 1.5 * q + 8 * q**4))
    assert loop["dynamical"].overlap == pytest.approx((1.5 / 32) ** (1 / 3), abs=0.02)
    assert loop["condensation"].density > loop["dynamical"].density
    rising = populations._zero_strength(model, path, known_points(lambda q: 9 + 2 * q + 3 * q**2))
    assert rising["dynamical"] == populations.CONTINUOUS

    def wild(_):
        raise at.NumericalError("a wild curve")

    monkeypatch.setattr(populations, "Geometry", wild)
    lost = populations._zero_strength(model, path, known_points(lambda q: 9 - 1.5 * q + 8 * q**4))
    assert set(lost.values()) == {populations.UNRESOLVED}


@pytest.mark.slow
def test_three_colours_are_continuous():
    found = at.thresholds(Coloring(3, population=3000, sweeps=48, runs=2), at.Autoregressive())
    assert found.dynamical is found.condensation is found.algorithmic is None
    assert "continuous" in found.reasons["dynamical"]
    assert found.weak_recovery.density == 2


# --- long runs ---------------------------------------------------------------------------------------------

OVERLAPS = [0.5, 0.8]
SCRIPT = """
import sys, json
import amp_theory as at
model = at.Coloring(4, population=1000, sweeps=150, runs=2, seed=7)
points = at.population_isotherm(model, at.Flow(), [0.5, 0.8], checkpoint=sys.argv[1])
print(json.dumps([[p.density, p.free_entropy, p.density_error] for p in points]))
"""


@pytest.mark.slow
def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    """Killed at a random moment, and again, then resumed in a new process."""
    rng = np.random.default_rng(time.time_ns())
    file, whole = tmp_path / "run.npz", tmp_path / "whole.npz"
    command = [sys.executable, "-c", SCRIPT]
    exact = subprocess.run([*command, str(whole)], capture_output=True, text=True, check=True)
    killed = 0
    for _ in range(2):
        run = subprocess.Popen([*command, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(float(rng.uniform(0, 0.4)))
        run.send_signal(signal.SIGKILL)
        killed += run.wait() == -signal.SIGKILL
    assert killed
    resumed = subprocess.run([*command, str(file)], capture_output=True, text=True, check=True)
    assert json.loads(resumed.stdout) == json.loads(exact.stdout)
    assert sorted(os.listdir(tmp_path)) == sorted({"run.npz", "whole.npz"} | leftovers(tmp_path))


def leftovers(folder: Path) -> set[str]:
    """A kill in the middle of a write leaves its temporary file, never a damaged checkpoint."""
    return {p.name for p in folder.iterdir() if p.name.startswith(".")}


@pytest.mark.slow
def test_executors_and_interruptions_do_not_change_numbers(tmp_path):
    alone = at.population_isotherm(SMALL, at.Flow(), OVERLAPS)
    with ThreadPoolExecutor(2) as threads:
        assert at.population_isotherm(SMALL, at.Flow(), OVERLAPS, executor=threads) == alone
    # forking a process that has threads may lock it
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        assert at.population_isotherm(SMALL, at.Flow(), OVERLAPS, executor=processes) == alone
    file = tmp_path / "run.npz"
    seen = []

    def stop(done: int, of: int) -> None:
        seen.append((done, of))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at.population_isotherm(SMALL, at.Flow(), OVERLAPS, checkpoint=file, progress=stop)
    assert seen == [(0, 4), (1, 4), (2, 4)]
    assert at.population_isotherm(SMALL, at.Flow(), OVERLAPS, checkpoint=file) == alone


@pytest.mark.slow
def test_stages_share_a_checkpoint(tmp_path, capsys):
    """Interrupted in the last of its stages, a search for special points resumes with the same numbers.

    It is resumed on the command line, which finds all done when it is asked again.
    """
    file = tmp_path / "run.npz"
    stages = []

    def stop(done: int, of: int) -> None:
        stages.extend([of] if done == 0 else [])
        if len(stages) == 3 and done == 5:
            raise KeyboardInterrupt

    model = replace(SMALL, sweeps=8)
    alone = at.population_thresholds(model, at.Autoregressive())
    with pytest.raises(KeyboardInterrupt):
        at.population_thresholds(model, at.Autoregressive(), checkpoint=file, progress=stop)
    arguments = ["thresholds", "coloring", "--path", "autoregressive", "--json", "--checkpoint", str(file)]
    for setting in ("q=4", "population=1000", "sweeps=8", "runs=2", "seed=7"):
        arguments += ["--set", setting]
    for _ in range(2):
        assert main(arguments) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == json.loads(json.dumps(alone.to_dict()))
        assert told["weak_recovery"]["density"] == 4.5
    assert at.population_thresholds(model, at.Autoregressive(), checkpoint=file) == alone
    with pytest.raises(at.FileError, match="path is 'autoregressive' there, 'flow' here"):
        at.population_thresholds(model, at.Flow(), checkpoint=file)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Return the checkpoint of a problem that is solved."""
    file = tmp_path_factory.mktemp("solved") / "run.npz"
    at.population_isotherm(SMALL, at.Flow(), OVERLAPS, checkpoint=file)
    return file


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": replace(SMALL, q=5)}, r"q is 4 there, 5 here"),
        ({"model": replace(SMALL, seed=8)}, r"seed is 7 there, 8 here"),
        ({"model": replace(SMALL, population=2000)}, r"population is 1000 there, 2000 here"),
        ({"path": at.Autoregressive()}, r"path is 'flow' there, 'autoregressive' here"),
        ({"overlaps": [0.5]}, r"overlaps is \[0\.5, 0\.8\] there, \[0\.5\] here"),
        ({"strength": 0.1}, r"strength is 0\.0 there, 0\.1 here"),
    ],
)
def test_changed_problems_are_not_resumed(change, what, solved):
    problem = {"model": SMALL, "path": at.Flow(), "overlaps": OVERLAPS, "checkpoint": solved}
    before = solved.read_bytes()
    with pytest.raises(at.FileError, match=what):
        at.population_isotherm(**problem | change)
    assert solved.read_bytes() == before


def test_damaged_checkpoints(tmp_path):
    for name, content in (("text.npz", b"not an archive"), ("empty.npz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(at.FileError, match=r"is damaged, or is none"):
            at.population_isotherm(SMALL, at.Flow(), OVERLAPS, checkpoint=tmp_path / name)
    np.savez(tmp_path / "other.npz", header=np.array(json.dumps({"format": "something else"})))
    with pytest.raises(at.FileError, match="is not a checkpoint of this version"):
        at.population_isotherm(SMALL, at.Flow(), OVERLAPS, checkpoint=tmp_path / "other.npz")


@dataclass(frozen=True)
class Failing:
    """A task that fails if its number is odd."""

    number: int

    def start(self, rng):
        return {"steps": np.zeros(1)}

    def advance(self, state, rng):
        if self.number % 2:
            raise ValueError("odd")
        state["steps"] += 1

    def finished(self, state):
        return state["steps"][0] >= 3

    def result(self, state):
        return {"steps": state["steps"].tolist()}


def test_failures_are_kept_beside_results():
    with ThreadPoolExecutor(2) as threads, pytest.raises(at.NumericalError, match="2 of 4 tasks failed.*odd") as caught:
        run_tasks([Failing(n) for n in range(4)], 0, {}, threads)
    assert caught.value.partial == [{"steps": [3.0]}, None, {"steps": [3.0]}, None]


# --- input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Coloring(2), "q must be an integer from 3 to 10, got 2"),
        (lambda: Coloring(4, population=0), "population must be an integer from 1000"),
        (lambda: Coloring(4, seed=-1), "seed must be an integer from 0"),
        (lambda: Coloring(4, runs=1), "runs must be an integer from 2"),
        (lambda: at.population_isotherm(SMALL, at.Flow(), []), r"overlaps must be numbers in \(0, 1\)"),
        (lambda: at.population_isotherm(SMALL, at.Flow(), [1.0]), r"overlaps must be numbers in \(0, 1\)"),
        (lambda: at.population_isotherm(SMALL, at.Flow(), [float("nan")]), "overlap must be one number"),
        (lambda: at.population_isotherm(SMALL, at.Autoregressive(), [0.5], 1.2), "revealed must be in"),
        (lambda: at.population_isotherm(SMALL, "flow", [0.5]), "path must be a path"),
        (lambda: at.population_isotherm(at.XORSAT(3), at.Flow(), [0.5]), "population dynamics is for Coloring"),
        (lambda: at.population_isotherm(SMALL, at.Flow(), [0.5], executor=3), "executor must have a method submit"),
        (lambda: population_fixed_point(SMALL, at.Flow(), float("nan"), 0.0), "density must be one number"),
        (lambda: population_fixed_point(SMALL, at.Flow(), 4.0, 0.0, "infromed"), "did you mean 'informed'"),
        (lambda: at.phase_diagram(SMALL, at.Flow(), (4, 5)), "is solved by population dynamics"),
        (lambda: at.fixed_points(SMALL, at.Flow(), 4.0, 0.0), "is solved by population dynamics"),
        (lambda: at.compare_samplers(SMALL), "is solved by population dynamics"),
        (lambda: special_points(at.IsingPSpin(3), at.Flow(), checkpoint="run.npz"), "is solved at once"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(at.InputError, match=message):
        make()


def test_what_is_solved_at_once_has_no_checkpoint(tmp_path, capsys):
    assert main(["thresholds", "ising-p-spin", "--set", "p=3", "--checkpoint", str(tmp_path / "x.npz")]) == 2
    assert "no long runs" in capsys.readouterr().err


@pytest.mark.parametrize(("overlap", "revealed"), [(0.3, 0.5), (0.5, 0.5), (0.3, 0.29)])
def test_overlaps_below_what_is_told_have_no_density(overlap, revealed):
    with pytest.raises(at.NumericalError, match="alone tells as much"):
        at.population_isotherm(
            at.Coloring(5, population=1000, sweeps=20, runs=2), at.Autoregressive(), [overlap], revealed
        )
