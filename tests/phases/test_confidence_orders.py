"""Orders of revealing by confidence: the density of fields, its thresholds, and AMP on instances."""

from __future__ import annotations

import inspect
import itertools
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface import cli
from amp_theory.phases.optimal.adaptive import floor_slopes
from amp_theory.phases.revealing.field_density import FieldDensity, panel
from amp_theory.phases.revealing.march import first_overlap, march, overlaps_of
from amp_theory.phases.revealing.marginal import Search, extrapolated
from amp_theory.phases.revealing.orders import RULES, sech
from amp_theory.phases.revealing.rounds import rounds

ISING, GLASS = at.IsingPSpin(3), at.SherringtonKirkpatrick()
ORDERS = ("most-confident", "most-uncertain", "greedy-floor")
#: of marches with up to 1024 steps, whose extrapolations agree to the last digit given
TEMPERATURES = {"most-confident": 0.7651001, "most-uncertain": 0.75767805, "greedy-floor": 0.7357947}


def along(order):
    return at.Autoregressive(order=order)


def marched(order, temperature, steps=48, end=0.6, model=ISING):
    intensity = float(model.intensity(np.array(temperature)))
    overlaps = overlaps_of(model.coupling, intensity, 0.0, end, steps)
    return march(model.coupling, model.variable_prior, intensity, order, overlaps)


def test_the_random_order_is_that_of_the_equation_of_state():
    """Its density is (1 - theta) N(h; 0, x) e^(-x/2) whatever the steps, and its tricritical point the known one."""
    point = at.thresholds(ISING, at.Autoregressive()).tricritical
    peak = Search(ISING.coupling, ISING.variable_prior, "random").peak(float(ISING.intensity(point.control)), 64, 0.6)
    assert abs(peak.feedback - 1) < 1e-8  # of a maximum read off a polynomial
    assert abs(peak.overlap - point.overlap) < 1e-4
    found = marched("random", 0.762)
    mmse = ISING.variable_prior.table(found.snr[1:]).mmse
    assert np.max(np.abs(found.hidden[1:] * mmse - (1 - found.overlap[1:]))) < 1e-12


@pytest.mark.parametrize("order", ["random", *ORDERS])
def test_what_is_left_is_what_was_asked_for(order):
    """The constraint holds, and spreading keeps int nu cosh and lowers int nu sech by the integral of int nu sech^3."""
    before = FieldDensity.before(0.3)
    after, _ = RULES[order](before, 0.05, 0.6, sech, 0.3)
    assert abs(after.average(1) - 0.6) < 1e-13
    fields, weights = panel(0.0, after.end(0.02), 0.14)
    later = FieldDensity(fields, weights * after.later(fields, 0.02), after.snr + 0.02)
    assert abs(later.hidden - after.hidden) < 1e-11
    middle = 0.5 * (after.average(3) + later.average(3))
    assert abs(after.average(1) - later.average(1) - 0.02 * middle) < 1e-5
    assert abs(later.average(1) - after.average(1, 0.02)) < 1e-10


@pytest.mark.parametrize("order", ORDERS)
def test_the_chain_rule_gives_the_entropy_that_is_told(order):
    """What is revealed times the entropy of the spins then, summed over steps, is what the curve says was told."""
    temperature, sums = 0.78, []
    for steps in (48, 96):
        intensity = float(ISING.intensity(np.array(temperature)))
        overlaps = overlaps_of(ISING.coupling, intensity, 0.0, 0.6, steps)
        density, edge, told = FieldDensity.before(0.0), 0.0, 0.0
        for q in overlaps[1:]:
            step = float(ISING.coupling.signal(np.array(intensity), q, 1 - q)) - density.snr
            free = density.entropy()
            if step:
                fields, weights = panel(0.0, density.end(step), float(np.sqrt(step)))
                free = FieldDensity(fields, weights * density.later(fields, step), 0.0).entropy()
            density, edge = RULES[order](density, step, 1 - q, sech, edge)
            told += free - density.entropy()
        run = marched(order, temperature, steps)
        q, x = overlaps[-1], run.snr[-1]
        energy = float(ISING.coupling.value(np.array(intensity), q, 1 - q))
        sums.append(told - (np.log(2) - ((1 - q) * x + energy) / 2 - run.entropy[-1]))
    # first order in the step, and nothing else is missing
    assert abs(sums[1]) < 0.6 * abs(sums[0]) < 2e-3
    assert abs(2 * sums[1] - sums[0]) < 3e-5


def test_no_order_has_a_smaller_slope_than_the_greedy_floor():
    """At one control and at every overlap, in fine steps; nor does the floor undercut what the fields alone allow."""
    found = {order: marched(order, 0.78, steps=96) for order in ("random", *ORDERS)}
    floor = found["greedy-floor"]
    for order in ("random", "most-uncertain", "most-confident"):
        assert np.all(found[order].feedback[2:] > floor.feedback[2:])
    # equal up to rounding where no field is known yet
    assert np.all(found["most-confident"].feedback[9:] > found["random"].feedback[9:])
    curvature = ISING.coupling.curvature(ISING.intensity(np.array(0.78)), floor.overlap, 1 - floor.overlap)
    bound = curvature[2:] * floor_slopes(1 - floor.overlap[2:], floor.snr[2:])
    assert np.all(bound <= floor.feedback[2:] + 1e-9)
    assert bound[-1] < 0.9 * floor.feedback[-1]


@cache
def tricritical(model, order):
    return at.thresholds(model, along(order)).tricritical


@cache
def bounds_of_paths():
    return at.best_path(ISING)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_thresholds_of_three_bodies(order):
    found = tricritical(ISING, order)
    assert abs(found.temperature - TEMPERATURES[order]) < found.error < 5e-6
    assert found.revealed < 1e-9 if order == "greedy-floor" else 0.1 < found.revealed < 0.2
    ends = bounds_of_paths()
    if order == "greedy-floor":
        assert float(ends.any_denoiser) < found.temperature < float(ends.best)
    else:
        assert (found.temperature > float(ends.worst)) == (order == "most-confident")


def test_another_model_of_the_same_equations():
    tensor = at.SpikedTensor(3, at.Discrete([-1, 1], [0.5, 0.5]))
    for order in ORDERS:
        found = marched(order, 2 * 0.77**2 / 3, steps=16, model=tensor)
        assert np.allclose(found.feedback, marched(order, 0.77, steps=16).feedback, rtol=1e-12, atol=1e-14)


@pytest.mark.slow
def test_a_continuous_transition_is_met_by_no_order():
    glass = at.thresholds(GLASS, along("most-confident"))
    assert glass.tricritical is None
    assert "no first-order" in glass.reasons["tricritical"]
    assert glass.weak_recovery.temperature == 1


@pytest.mark.slow
def test_the_curve_tells_who_fails_between_the_thresholds():
    verdict = {order: at.revealing_curve(ISING, along(order), temperature=0.762) for order in ("random", ORDERS[0])}
    assert verdict["random"].succeeds is True
    failed = verdict["most-confident"]
    assert failed.succeeds is False
    assert "first-order" in failed.reason
    assert failed.margin[-1] + failed.errors["margin"][-1] < 0 < np.min(failed.margin[:-1])
    assert len(failed.table().rows()) == len(failed.overlap) < len(verdict["random"].overlap)
    assert failed.to_dict()["temperature"] == 0.762


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "order"), [*((ISING, order) for order in ("random", *ORDERS)), (at.IsingPSpin(6), "random")]
)
def test_verdicts_are_those_of_the_threshold(model, order):
    """As near as three errors of it, and nobody knows within one: the least margin lies between any grid's overlaps."""
    point = tricritical(model, order)
    cheap = order in ("random", "most-confident") and model is ISING
    for away in (-1e-4, 0.5 * point.error) if cheap else (3 * point.error,):
        found = at.revealing_curve(model, along(order), point.control + away)
        assert found.succeeds is (None if abs(away) < point.error else away > 0)
        assert (found.certainty == "unknown") == (found.succeeds is None)
        k = int(np.argmin(found.margin))
        assert abs(found.overlap[k] - point.overlap) < 1e-3
        if abs(away) < point.error:
            assert "within the error of the threshold" in found.reason
        elif away == -1e-4:
            assert found.margin[k] + found.errors["margin"][k] < 0
    if order == "random":
        assert at.revealing_curve(model, along(order), point.control - 3 * point.error).succeeds is False


def random_couplings(number, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        powers, factors = np.sort(rng.choice(np.arange(3, 50), 2, replace=False)), rng.uniform(0.05, 1, 2)
        yield f"{factors[0]:.3f}*q**{powers[0]}+{factors[1]:.3f}*q**{powers[1]}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "coupling", ["q**4/2+q**40/3", "q**3/2+q**30", "q**2/4+q**30/2", "q**3/2+q**20/2", *random_couplings(4)]
)
def test_the_bound_of_marches_holds_for_sharp_maxima(coupling):
    """Along the random order, whose tricritical points the equation of state knows."""
    model = at.MixedPSpin(coupling)
    found, known = (
        Search(model.coupling, model.variable_prior, "random").marginal(),
        at.thresholds(model, at.Autoregressive()),
    )
    points = [model.intensity(np.array(p.control)) for p in (known.tricritical, *known.further_tricritical)]
    assert np.min(np.abs(np.array(points) - found.intensity)) < found.errors[0] < 1e-6 * found.intensity


def test_the_bound_of_marches_is_no_bound_without_its_second_removal():
    """A series whose last removal happens to change nothing is not taken for exact."""
    steps = np.array([32.0, 64, 128, 256])
    rows = 1 + (8 / steps) ** 1.2
    limit, error = extrapolated(rows)
    assert abs(limit - 1) < error
    assert extrapolated(np.array([1.0, 1.0, 1.0, 1.0]))[1] < 1e-9


@pytest.mark.slow
def test_a_maximum_next_to_one_is_found():
    random, confident = (at.thresholds(at.IsingPSpin(300), along(name)).tricritical for name in ("random", ORDERS[0]))
    assert 0.99 < confident.overlap < random.overlap
    assert confident.control > random.control + confident.error


def test_a_field_that_leads_beyond_all_that_is_unstable_is_no_transition_at_once():
    field = at.MixedPSpin("q/3+q**3/2")
    for order in ORDERS[1:]:
        assert at.thresholds(field, along(order)).tricritical is None


@pytest.mark.parametrize("order", [np.array([1, 2]), ["most-confident"], None, 3])
def test_an_order_is_a_name(order):
    with pytest.raises(at.InputError, match="unknown order"):
        at.Autoregressive(order=order)


def test_the_command_prints_the_curve_of_one_control(capsys, tmp_path):
    file = tmp_path / "curve.csv"
    asked = ["revealing", "ising-p-spin", "--set", "p=3", "--order", "most-confident", "--control"]
    assert cli.main([*asked, "0.3", "-o", str(file)]) == 0
    assert "succeeds: False" in capsys.readouterr().out
    assert file.read_text().startswith("overlap,snr,revealed")
    assert cli.main([*asked, "-1"]) == 2


def test_a_path_begins_where_the_other_variables_lead_alone():
    intensity = float(GLASS.intensity(np.array(0.8)))
    start = first_overlap(GLASS.coupling, GLASS.variable_prior, intensity)
    assert abs(start - at.uninformed_overlap(GLASS, at.Autoregressive(), 0.8, 0.0)) < 1e-9
    found = march(GLASS.coupling, GLASS.variable_prior, intensity, "most-confident", np.linspace(start, 0.9, 9))
    assert abs(found.hidden[0] - 1) < 1e-9
    assert np.all(np.diff(found.hidden) < 0)


def test_orders_are_there_for_dense_models_of_unbiased_spins_only():
    spins = [ISING, GLASS, at.SpikedTensor(4, at.Rademacher()), at.SpikedMatrix(at.Discrete([1, -1], [0.5, 0.5]))]
    assert all(set(ORDERS) <= set(model.orders) for model in spins)
    others = [
        at.SphericalPSpin(3),
        at.SpikedMatrix(at.SparseRademacher(0.1)),
        at.XORSAT(3),
        at.Coloring(5),
        at.GLM(at.Rademacher(), at.SignChannel()),
    ]
    others += [at.SpikedMatrix(at.Discrete([1, -1], [0.6, 0.4])), at.MixedPSpin("q**3/2", at.Gaussian())]
    for model in others:
        assert not set(ORDERS) & set(model.orders)
        for function in (at.thresholds, lambda *args: at.revealing_curve(*args, 0.7)):
            with pytest.raises(at.InputError, match="'greedy-floor' is not known for"):
                function(model, along("greedy-floor"))
    with pytest.raises(at.InputError, match="revealing_curve is there for"):
        at.revealing_curve(ISING, at.Flow(), 0.7)


@pytest.mark.parametrize("order", ORDERS)
def test_what_needs_the_whole_surface_is_refused(order):
    """None of these may answer for the random order instead."""
    path, at_point = along(order), {"control": 0.7, "strength": 0.1}
    calls = [
        (at.fixed_points, at_point), (at.informed_overlap, at_point), (at.uninformed_overlap, at_point),
        (at.state_evolution, at_point), (at.free_entropy_curve, at_point), (at.phase_diagram, {}),
        (at.path_transitions, {"control": 0.7}), (at.equation_of_state, {"control": 0.7}), (at.closed_forms, {}),
        (at.tricritical_expansion, {}), (at.animate, {"control": 0.7, "file": "film.gif"}),
        (at.plot_overlap, {"control": 0.7}), (at.plot_free_entropy, {"control": 0.7, "strengths": [0.1]}),
        (at.thresholds, {"digits": 20}), (at.sampling_error, {"control": 0.7}), (at.depth_for, {"control": 0.7}),
        (at.optimal_schedule, {"control": 0.7}), (at.error_curve, {}), (at.leading_error, {}),
        (at.amp_against_state_evolution, at_point | {"sizes": [10, 20, 40], "instances": 10}),
        (at.mismatched_error, {"control": 0.7, "assumed": 0.8}),
        (at.judge_denoiser, {"control": 0.7, "denoiser": "amp", "size": 10, "instances": 2}),
    ]  # fmt: skip
    for function, others in calls:
        with pytest.raises(at.InputError, match="no equation of state, only `thresholds`"):
            function(ISING, path, **others)
    with pytest.raises(at.InputError, match="draw_samples"):
        path.observe(np.ones((1, 3)), 0.5, np.random.default_rng(0))


def test_every_public_function_of_a_path_is_known_here():
    """One that is new has to be added above, or to be among those that take or check orders on their own."""
    above = inspect.getsource(test_what_needs_the_whole_surface_is_refused)
    otherwise = {
        "revealing_curve", "draw_samples", "sweep", "scan_threshold", "population_fixed_point", "population_isotherm",
        "population_thresholds", "sampling_error", "error_curve", "leading_error", "depth_for", "optimal_schedule",
        "best_tilt",
    }  # fmt: skip
    functions = {n: getattr(at, n) for n in at.__all__ if inspect.isfunction(getattr(at, n))}
    taking = {n for n, f in functions.items() if {"path", "paths"} & set(inspect.signature(f).parameters)}
    files = {"load", "save_explorer"}  # whose path is a place
    assert {n for n in taking - otherwise - files if f"at.{n}," not in above} == set()


def test_the_command_line_takes_orders_and_refuses_what_has_no_answer(capsys):
    def run(*arguments):
        code = cli.main([*arguments, "--set", "p=3", "--path", "autoregressive", "--order", "most-confident"])
        return code, capsys.readouterr().err

    for command, model, wrong in (
        ("thresholds", "spherical-p-spin", "is not known for"), ("diagram", "ising-p-spin", "no equation of state"),
        ("transitions", "ising-p-spin", "no equation of state"),
    ):  # fmt: skip
        code, error = run(command, model, *(("--control", "0.7") if command == "transitions" else ()))
        assert code == 2
        assert wrong in error


#: fractions that are revealed, and instances of one size
REVEALED, INSTANCES = (0.1, 0.25, 0.4), 12


@cache
def told_by_instances(size, order):
    """Return `told_in_order` at `REVEALED` for each of the instances of one size."""
    counts = np.round(np.array(REVEALED) * size).astype(int)
    return np.array([told_in_order(instance, order, counts) for instance in drawn_glasses(size)])


@cache
def drawn_glasses(size):
    return [at.draw_instance(GLASS, 1.6, size, seed=k) for k in range(INSTANCES)]


def told_in_order(instance, order, counts):
    """Return <s>.<s>/N of AMP after planted spins are revealed by the AMP fields so far."""
    options = at.MessagePassingOptions(tolerance=1e-5, max_iterations=200)
    denoiser, truth = at.MessagePassingDenoiser(instance, options), instance.planted[None]
    known, mean, ties = np.zeros(truth.shape, bool), np.zeros(truth.shape), np.random.default_rng(0).random(truth.shape)
    found = []
    for count in counts:
        weight = {"most-confident": -1, "most-uncertain": 1, "random": 0}[order]
        rank = np.argsort(np.where(known, -np.inf, weight * np.abs(mean) + 1e-9 * ties)[0])
        known[0, rank[:count]] = True
        answer = denoiser(at.SideInformation.from_known(known, truth), mean)
        assert answer.converged.all()
        mean = answer.mean
        found.append(np.mean(mean**2))
    return found


@pytest.mark.slow
def test_the_most_confident_first_tell_least_on_instances():
    """The page's table: the same instances in three orders, apart by many standard errors of the paired differences."""
    found = np.array([told_by_instances(2000, order) for order in ("most-confident", "random", "most-uncertain")])
    for worse, better in itertools.pairwise(found):
        gain = (better - worse)[:, 1:]
        assert np.all(gain.mean(axis=0) > 5 * gain.std(axis=0, ddof=1) / INSTANCES**0.5)
    page = Path(at.__file__).parent.parent / "docs" / "confidence_orders.md"
    if page.exists():
        shown = re.findall(r"^\| (?:10|25|40) % \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", page.read_text(), re.M)
        # four digits, and what AMP's own tolerance of 1e-5 leaves open
        np.testing.assert_allclose(np.array(shown, dtype=float), found.mean(axis=1).T, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1000, 2000])
def test_amp_follows_the_density_of_fields(size):
    """Chi-square over theta with the covariance of instances (Hotelling's); that of the other order is refused."""
    theory = {order: rounds(GLASS, order, 1.6, np.array(REVEALED)).overlap for order in ORDERS[:2]}
    for order, other in (ORDERS[:2], ORDERS[1::-1]):
        found, number = told_by_instances(size, order), INSTANCES

        def statistic(expected, found=found, number=number):
            """Return what is F(3, 9) if the mean is as expected."""
            off = found.mean(axis=0) - expected
            return number * off @ np.linalg.solve(np.cov(found.T), off) * (number - 3) / (3 * (number - 1))

        assert statistic(theory[order]) < 13.9  # at a level of 1e-3
        assert statistic(theory[other]) > 139


def test_samplers_reveal_by_confidence():
    instance = at.draw_instance(ISING, 1.0, 12, seed=0)
    seen = []

    def watched(side):
        seen.append(side.known.copy())
        return exact(side).mean

    exact = at.MessagePassingDenoiser(instance)
    for order in ORDERS[:2]:
        seen.clear()
        drawn = at.draw_samples(instance, "masked", 3, 0, denoiser=watched, steps=4, path=along(order))
        assert drawn.configurations.shape == (3, 12)
        assert [k.sum(axis=1).tolist() for k in seen] == [[n] * 3 for n in (0, 3, 6, 9)]
    one = at.draw_samples(instance, "autoregressive", 2, 0, path=along("most-confident"))
    assert len(one.strength) == 12
    assert set(np.abs(one.configurations).ravel()) == {1.0}
    with pytest.raises(at.InputError, match="not 'greedy-floor'"):
        at.draw_samples(instance, "masked", 2, 0, path=along("greedy-floor"))
    with pytest.raises(at.InputError, match="leave one of the two out"):
        at.draw_samples(instance, "autoregressive", 2, 0, path=along("most-confident"), order=list(range(12)))


def test_the_most_confident_are_those_that_are_revealed():
    """A denoiser that is sure of some spins: these come first, or last."""
    instance = at.draw_instance(ISING, 1.0, 10, seed=0)
    means = np.linspace(-0.9, 0.05, 10)[None].repeat(2, axis=0)
    for order, first in (("most-confident", {0, 1}), ("most-uncertain", {8, 9})):
        seen = []

        def watched(side, seen=seen):
            seen.append(side.known.copy())
            return np.where(side.known, side.values, means)

        at.draw_samples(instance, "masked", 2, 0, denoiser=watched, steps=5, path=along(order))
        assert set(np.flatnonzero(seen[1][0])) == first
