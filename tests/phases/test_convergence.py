"""Converged means near a fixed point: not a small step, not a damped one, not a slow one, not one that rounding hides."""

from __future__ import annotations

import numpy as np
import pytest
from finite_oracle import goodness_of_fit
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import PATHS, is_allowed, random_model
from trees import tree

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.outputs.choose import output_function
from amp_theory.finite.samplers.denoisers import CheckedDenoiser, Denoised, ExactDenoiser

SK, ISING, FLOW = at.SherringtonKirkpatrick(), at.IsingPSpin(3), at.Flow()
BRANCHES = {"uninformed": at.uninformed_overlap, "informed": at.informed_overlap}


# --- state evolution ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [1e-3, 1e-12, 1e-40, 1e-250])
@pytest.mark.parametrize(
    ("model", "control"), [(SK, 0.7), (at.SpikedMatrix(at.SparseRademacher(0.5)), 0.15), (at.MixedPSpin("q**2/2 + q**4"), 0.9)],
    ids=["SK", "sparse spiked matrix", "mixture"],
)  # fmt: skip
@pytest.mark.every(3)
def test_growth_from_a_tiny_overlap_is_no_convergence(model, control, strength):
    """Stopped anywhere on the way it has not converged; at the end it is on the branch the solver finds."""
    run = at.state_evolution(model, FLOW, control, strength, max_steps=5000)
    assert run.converged
    assert run.status == "converged"
    expected = float(at.uninformed_overlap(model, FLOW, control, strength))
    assert abs(run.overlap[-1] - expected) <= run.error + 1e-11 * expected
    assert run.error <= 1e-12 * run.overlap[-1]
    for steps in (1, 2, len(run.overlap) // 2):
        early = at.state_evolution(model, FLOW, control, strength, max_steps=steps)
        assert (early.converged, early.status, early.error) == (False, "max_steps", np.inf)
        assert abs(early.overlap[-1] - expected) > 1e-6 * expected


@pytest.mark.parametrize("beyond", [1e-3, 1e-6, 1e-12])
@pytest.mark.parametrize(
    ("model", "path"), [(ISING, FLOW), (at.SpikedTensor(4, at.SparseRademacher(0.3)), at.Autoregressive())], ids=["3-spin", "sparse tensor"],
)  # fmt: skip
@pytest.mark.slow
def test_bottlenecks_are_no_fixed_points(model, path, beyond):
    """Next to where the informed branch has just vanished steps are as small as one likes, and nothing has converged."""
    point = at.thresholds(model, path).dynamical
    control = point.control * (1 + beyond + point.error / point.control)
    rho = model.variable_prior.second_moment
    run = at.state_evolution(model, path, control, 0.0, "informed", max_steps=2000)
    near = np.abs(run.overlap - point.overlap) < 0.02 * rho
    assert near.sum() > 10
    assert np.abs(np.diff(run.overlap)).min() < 0.5 * beyond * rho + 1e-6 * rho
    if run.converged:
        assert run.overlap[-1] == 0
    else:
        assert beyond < 1e-4
    inside = np.flatnonzero(near)
    for steps in inside[:: len(inside) // 6]:
        assert not at.state_evolution(model, path, control, 0.0, "informed", max_steps=int(steps)).converged
    # the negative control: where the branch exists, it converges
    there = at.state_evolution(model, path, point.control * (1 - 1e-3), 0.0, "informed", max_steps=5000)
    assert there.converged
    found = float(at.informed_overlap(model, path, point.control * (1 - 1e-3), 0.0))
    assert abs(there.overlap[-1] - found) <= there.error + 1e-10 * rho


def check_against_solver(seed: int) -> tuple[int, int]:
    """Run state evolution at points of a random model, also next to its thresholds; count runs and converged ones."""
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    path = PATHS[rng.integers(3 if model.variable_prior.unbiased_sign else 2)]
    special = [p.control for p in at.thresholds(model, path).points().values() if p is not None]
    near = [c * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-8, -2)) for c in special]
    controls = [*rng.uniform(min(special, default=1) / 2, 1.5 * max(special, default=1), 2), *near]
    controls = [c for c in controls if is_allowed(model, c)]
    runs = converged = 0
    for control in controls:
        for strength in (0.0, 10 ** rng.uniform(-3, -0.1)):
            for start, branch in BRANCHES.items():
                run = at.state_evolution(model, path, control, strength, start, max_steps=500)
                runs += 1
                if run.converged:
                    converged += 1
                    expected = float(branch(model, path, control, strength))
                    assert abs(run.overlap[-1] - expected) <= run.error + 1e-9 * expected, (model, control, strength)
                    assert run.error <= 1e-9 * run.overlap[-1]
    return runs, converged


@pytest.mark.parametrize("seed", range(2000, 2003))
def test_converged_runs_end_on_the_solvers_branches(seed):
    runs, converged = check_against_solver(seed)
    assert converged > 0.5 * runs


@pytest.mark.slow
def test_converged_runs_of_many_models_end_on_the_solvers_branches():
    counts = np.array([check_against_solver(seed) for seed in range(3000, 3012)]).sum(axis=0)
    assert counts[1] > 0.8 * counts[0]


@given(log_tolerance=st.floats(-11, -2), temperature=st.floats(0.6, 0.8), snr=st.floats(0.005, 0.25))
@settings(deadline=None, max_examples=12)
def test_the_error_is_a_bound(log_tolerance, temperature, snr):
    """Whatever the tolerance, relative to the overlap."""
    tolerance = 10**log_tolerance
    for start, branch in BRANCHES.items():
        run = at.state_evolution(ISING, FLOW, temperature, snr, start, 3000, tolerance)
        if run.converged:
            assert run.error <= tolerance * run.overlap[-1]
            exact = float(branch(ISING, FLOW, temperature, snr))
            assert abs(run.overlap[-1] - exact) <= run.error + 1e-11
        else:
            assert len(run.overlap) == 3001


@pytest.mark.parametrize("noise", [0.0, 1e-10])
@pytest.mark.parametrize("alpha", [0.3, 0.41, 0.55, 0.9])
@pytest.mark.every(3)
def test_full_overlap_is_left_where_it_is_unstable(noise, alpha):
    """Compressed sensing of density 0.4: rho - q grows from nothing, or from the noise, below alpha = 0.4."""
    model = at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(noise))
    for start, branch in BRANCHES.items():
        run = at.state_evolution(model, FLOW, alpha, 0.05, start, max_steps=3000)
        assert run.converged
        expected = float(branch(model, FLOW, alpha, 0.05))
        assert abs(run.overlap[-1] - expected) <= run.error + 1e-12
        assert (expected > 0.39) == (alpha == 0.9 or (start == "informed" and alpha > 0.4))
    if noise:
        growing = at.state_evolution(model, FLOW, alpha, 0.05, "informed", max_steps=5)
        assert not growing.converged


def test_exact_fixed_points_have_converged():
    for start in ("uninformed", 0.0):
        run = at.state_evolution(SK, FLOW, 1.5, 0.0, start)
        assert (run.converged, run.error, run.overlap[-1]) == (True, 0.0, 0.0)


@pytest.mark.parametrize("density", [8.0, pytest.param(12.0, marks=pytest.mark.slow)])
def test_sparse_models_have_converged_at_one_point_from_both_ends(density):
    """One branch only: up to the errors both runs state, also from strengths that are nothing at first."""
    model = at.Bicoloring(4)
    for strength in (0.2, 1e-4):
        low, high = (at.state_evolution(model, FLOW, density, strength, start, 4000) for start in BRANCHES)
        early = at.state_evolution(model, FLOW, density, strength, max_steps=3)
        assert (early.converged, early.status) == (False, "max_steps")
        assert low.converged
        assert high.converged
        assert abs(low.overlap[-1] - high.overlap[-1]) <= low.error + high.error
    nothing = at.state_evolution(at.Bicoloring(5), FLOW, 8.0, 0.0)
    assert (nothing.converged, nothing.overlap[-1]) == (True, 0.0)


@pytest.mark.slow
def test_sparse_bottlenecks_are_no_fixed_points():
    model = at.Bicoloring(5)
    point = at.thresholds(model, FLOW).dynamical
    for beyond in (1e-4, 1e-6, 1e-9):
        run = at.state_evolution(model, FLOW, point.density * (1 - beyond), 0.0, "informed", max_steps=1500)
        assert not (run.converged and abs(run.overlap[-1] - point.overlap) < 0.05)
    there = at.state_evolution(model, FLOW, point.density * 1.01, 0.0, "informed", max_steps=1500)
    assert there.converged
    found = at.fixed_points(model, FLOW, point.density * 1.01, 0.0).informed
    assert there.overlap[-1] == pytest.approx(found.overlap, abs=there.error + 10 * found.errors["overlap"])


def test_an_iterate_that_is_not_finite_is_an_error(monkeypatch):
    eos = type(equation_of_state_of(ISING, FLOW))
    monkeypatch.setattr(eos, "state_evolution", lambda *_: iter([(0.0, 1.0), (0.1, 0.9), (np.nan, np.nan)]))
    with pytest.raises(at.NumericalError, match="not finite after 2 steps") as caught:
        at.state_evolution(ISING, FLOW, 0.7, 0.1)
    assert caught.value.partial.overlap.tolist() == [0.0, 0.1]
    assert not caught.value.partial.converged


# --- message passing ----------------------------------------------------------------------------------------


def cases():
    sensing = at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(0.01))
    return {
        "AMP": (SK, 0.8, 100, 0.3, at.run_amp),
        "sparse AMP": (at.SpikedMatrix(at.SparseRademacher(0.2)), 0.02, 100, 0.5, at.run_amp),
        "GAMP": (sensing, 0.8, 80, 0.3, at.run_gamp),
        "BP": (at.XORSAT(3, temperature=0.5), 0.6, 100, 0.3, at.run_bp),
        "hard BP": (at.Bicoloring(3), 0.8, 100, 0.3, at.run_bp),
    }


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("damping", [0.0, 0.5, 0.999999])
def test_damping_does_not_change_what_converged_means(name, damping):
    """Relative to what is learnt the distance from the limit is of the order of the tolerance, or nothing is claimed."""
    model, control, size, snr, run = cases()[name]
    instance = at.draw_instance(model, control, size, 0)
    side = FLOW.observe(np.tile(instance.planted, (2, 1)), snr, np.random.default_rng(0))
    limit = run(instance, side, options=at.MessagePassingOptions(0.3, 1e-12, 3000))
    assert limit.converged.all()
    learnt = limit.mean - instance.variables.mean
    for tolerance in (1e-2, 1e-5):
        found = run(instance, side, options=at.MessagePassingOptions(damping, tolerance, 400))
        distance = np.sqrt(((found.mean - limit.mean) ** 2).sum(axis=1) / (learnt**2).sum(axis=1))
        assert found.converged.tolist() == [s == "converged" for s in found.status]
        assert np.all(distance[found.converged] < 10 * tolerance)
        if damping < 0.9:
            assert found.converged.all()
        if damping > 0.99:
            assert found.status == ("max_iterations", "max_iterations")
            assert np.all(distance > tolerance)


@pytest.mark.parametrize("size_of_field", [1e-4, 1e-9, 1e-100])
def test_belief_propagation_that_grows_has_not_converged(size_of_field):
    """Bicoloring above Kesten-Stigum: as for AMP, and where rounding hides the growth, nothing is claimed."""
    model = at.Bicoloring(3)
    instance = at.draw_instance(model, 1.25 * model.weak_recovery, 1000, 0)
    side = at.SideInformation.from_field(size_of_field * instance.planted)
    early = at.run_bp(instance, side, options=at.MessagePassingOptions(max_iterations=8))
    assert early.status == ("max_iterations",)
    found = at.run_bp(instance, side, options=at.MessagePassingOptions(max_iterations=400))
    grown = (found.mean[0] @ instance.planted) / 1000 > 0.2
    assert grown or size_of_field < 1e-12
    assert grown or found.status == ("max_iterations",)


@pytest.mark.parametrize("size_of_field", [1e-2, 1e-12, 1e-200])
@pytest.mark.every(3)
def test_amp_that_grows_has_not_converged(size_of_field):
    """SK below its transition: from tiny fields AMP grows for many iterations, whose changes are all tiny."""
    instance = at.draw_instance(SK, 0.6, 200, 1)
    side = at.SideInformation.from_field(size_of_field * instance.planted)
    found = at.run_amp(instance, side, options=at.MessagePassingOptions(max_iterations=1000, keep_iterates=True))
    if size_of_field < 1e-16:  # rounding hides the growth from such a field, and nothing is claimed
        assert found.status == ("max_iterations",)
        return
    assert found.converged.all()
    overlap = found.overlaps(instance.planted)[:, 0]
    assert abs(overlap[-1]) > 0.5
    half = int(np.argmax(np.abs(overlap) > 0.25))
    for steps in (2, half // 2 + 1, half):
        early = at.run_amp(instance, side, options=at.MessagePassingOptions(max_iterations=steps))
        assert early.status == ("max_iterations",)


def sensing_matrix(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Matrices for which GAMP is not made, 75 x 100."""
    iid = rng.standard_normal((75, 100)) / 10
    if kind == "ill conditioned":
        u, _, v = np.linalg.svd(iid, full_matrices=False)
        return 3 * (u * np.geomspace(1, 1e-6, 75)) @ v
    if kind == "not centred":
        return iid + 0.3
    if kind == "low rank":
        return rng.standard_normal((75, 3)) @ rng.standard_normal((3, 100)) / 10
    return 1e160 * iid


@pytest.mark.parametrize("prior", [at.GaussBernoulli(0.3), at.Rademacher()], ids=lambda p: p.name)
@pytest.mark.parametrize(
    "channel", [at.LinearChannel(), at.LinearChannel(0.01), at.SignChannel(), at.ReLUChannel()], ids=str
)
@pytest.mark.parametrize("kind", ["ill conditioned", "not centred", "low rank", "huge"])
@pytest.mark.every(3)
def test_gamp_that_diverges_says_so_and_keeps_finite_means(prior, channel, kind):
    rng = np.random.default_rng(0)
    model = at.GLM(prior, channel)
    truth = at.draw_instance(model, 1.0, 100, 0).planted
    sensing = sensing_matrix(kind, rng)
    y = output_function(channel, prior.second_moment).sample(sensing @ truth, rng)
    instance = GLMInstance(model, 0.75, 100, truth, sensing, y)
    side = FLOW.observe(np.tile(truth, (2, 1)), 0.1, rng)
    found = at.run_gamp(instance, side, options=at.MessagePassingOptions(max_iterations=200))
    assert set(found.status) <= {"diverged", "max_iterations"}
    if prior.name != "rademacher" and kind in ("not centred", "low rank") and isinstance(channel, at.LinearChannel):
        assert set(found.status) == {"diverged"}
    for values in (found.mean, found.variance, found.effective_field, found.precision):
        assert np.all(np.isfinite(values))
    assert np.sqrt((found.mean**2).mean(axis=1)).max() < 1.1e3 * np.sqrt(prior.second_moment)


def test_a_row_that_diverges_leaves_the_others_alone():
    instance = at.draw_instance(at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(0.1)), 0.9, 100, 0)
    fields = np.zeros((2, 100))
    fields[1] = 1e300
    options = at.MessagePassingOptions(0.2, 1e-7, 400)
    found = at.run_gamp(instance, at.SideInformation.from_field(fields), options=options)
    assert found.status == ("converged", "diverged")
    alone = at.run_gamp(instance, options=options)
    assert np.allclose(found.mean[0], alone.mean[0], rtol=0, atol=1e-6)


def test_an_impossible_output_keeps_what_was_found():
    instance = at.draw_instance(at.GLM(at.Rademacher(), at.SignChannel()), 1.0, 60, 0)
    denoise, calls = instance.output.denoise, []

    class Output:
        norm_slope = 0.0

        def denoise(self, *given):
            calls.append(given)
            if len(calls) > 3:
                raise at.NumericalError("the output is impossible given what is known")
            return denoise(*given)

    instance.output = Output()
    with pytest.raises(at.NumericalError, match="impossible") as caught:
        at.run_gamp(instance)
    assert caught.value.partial.iterations == 3
    assert caught.value.partial.status == ("max_iterations",)
    plain = at.run_gamp(
        at.draw_instance(instance.model, 1.0, 60, 0), options=at.MessagePassingOptions(max_iterations=3)
    )
    assert np.array_equal(caught.value.partial.mean, plain.mean)


# --- contradictions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("damping", [0.0, 0.6])
@pytest.mark.parametrize("model", [at.XORSAT(3), at.Bicoloring(3), at.Bicoloring(4), at.Bicoloring(3, temperature=0.7)],
                         ids=lambda m: f"{m.name} {m.k} {m.temperature}")  # fmt: skip
@pytest.mark.every(3)
def test_contradictions_are_those_of_enumeration(model, damping):
    """On trees, for random known values, right and wrong: no configuration is left exactly where BP says so."""
    seen = set()
    for seed in range(6):
        instance = tree(model, seed)
        rng = np.random.default_rng(seed)
        known = rng.random((8, instance.size)) < rng.uniform(0.2, 1.0, (8, 1))
        side = at.SideInformation.from_known(known, rng.choice([-1.0, 1.0], known.shape))
        enumeration = at.Enumeration(instance)
        mean, possible = enumeration.denoise(side)
        found = at.run_bp(instance, side, options=at.MessagePassingOptions(damping, 1e-12, 400))
        assert [s == "contradiction" for s in found.status] == (~possible).tolist()
        assert not found.converged[~possible].any()
        assert found.converged[possible].all()
        exact = mean @ instance.variables.means
        assert np.allclose(found.mean[possible], exact[possible], rtol=0, atol=1e-9)
        assert np.all(np.isfinite(found.mean))
        assert np.all(np.isfinite(found.effective_field))
        seen |= set(possible.tolist())
    assert seen == ({True} if model.temperature else {True, False})


@pytest.mark.parametrize("rows", [[[0, 1, 2], [0, 1, 2]], [[0, 1, 2], [1, 2, 3], [0, 3, 4], [4, 5, 6]]])
def test_revealed_spins_that_violate_a_check(rows):
    """All spins revealed: converged if they satisfy all checks, a contradiction if they violate any."""
    spins = np.array(rows)
    size = spins.max() + 1
    signs = np.ones(spins.shape)
    good = GraphInstance(at.XORSAT(3), 1.0, size, None, spins, signs)
    signs = signs.copy()
    signs[1, 0] = -1
    bad = GraphInstance(at.XORSAT(3), 1.0, size, None, spins, signs)
    side = at.SideInformation.from_known(np.ones((1, size), dtype=bool), np.ones((1, size)))
    assert at.run_bp(good, side).status == ("converged",)
    assert at.run_bp(bad, side).status == ("contradiction",)
    # with no spin revealed the parity checks tell nothing about a spin, and messages are at their fixed point
    assert at.run_bp(bad).status == ("converged",)


def test_known_values_of_spins_are_signs():
    graph = at.draw_instance(at.XORSAT(3), 0.5, 20, 0)
    with pytest.raises(at.InputError, match=r"must be -1 or \+1"):
        at.run_bp(graph, at.SideInformation.from_known(np.ones(20, dtype=bool), np.full(20, 0.5)))


# --- samplers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["flow", "diffusion", "masked", "uniform-diffusion"])
@pytest.mark.every(2)
def test_coarse_steps_are_not_reliable(sampler):
    """With an exact denoiser, which always converges: at one step the law is far off, and no sample counts as reliable."""
    instance = at.draw_instance(ISING, 0.7, 6, 3)
    enumeration = at.Enumeration(instance)
    exact = enumeration.probabilities()[0]
    coarse = at.draw_samples(instance, sampler, 500, 0, ExactDenoiser(enumeration), steps=1)
    assert coarse.converged.all()
    assert coarse.resolution > 0.3
    assert not coarse.resolved
    assert not coarse.reliable.any()
    assert sampler == "flow" or goodness_of_fit(exact, enumeration, coarse.configurations) < 1e-6
    fine = at.draw_samples(instance, sampler, 500, 0, ExactDenoiser(enumeration), steps=40)
    assert fine.resolution < 0.1
    assert fine.reliable.all()
    assert goodness_of_fit(exact, enumeration, fine.configurations) > 1e-3


def test_variables_one_by_one_are_exact_and_those_left_over_are_drawn():
    instance = at.draw_instance(ISING, 0.7, 8, 3)
    enumeration = at.Enumeration(instance)
    run = at.draw_samples(instance, "autoregressive", 500, 0, "exact")
    assert run.resolution == 0
    assert run.reliable.all()
    for sampler in ("autoregressive", "masked"):
        short = at.draw_samples(instance, sampler, 500, 0, ExactDenoiser(enumeration), end_strength=0.25)
        assert np.all(np.abs(short.configurations) == 1)
        assert short.strength[-1] <= 0.3
        assert not short.reliable.any()


@pytest.mark.parametrize("sampler", ["flow", "diffusion", "masked", "uniform-diffusion"])
def test_orders_are_refused_where_there_is_none(sampler):
    instance = at.draw_instance(ISING, 1.0, 6, 0)
    with pytest.raises(at.InputError, match=f"order is for the sampler 'autoregressive'.*{sampler}"):
        at.draw_samples(instance, sampler, 2, 0, order=np.arange(6))


def test_orders_are_honoured():
    """Variables are revealed in the order given, whatever kind of numbers it is made of."""
    instance = at.draw_instance(ISING, 1.0, 6, 0)
    order, seen = [3, 1, 5, 0, 2, 4], []

    def denoiser(side):
        seen.append(set(np.flatnonzero(side.known[0]).tolist()))
        return np.zeros(side.field.shape)

    for given_order in (order, np.array(order, dtype=float), tuple(order)):
        seen.clear()
        at.draw_samples(instance, "autoregressive", 2, 0, denoiser, order=given_order)
        assert seen == [set(order[:k]) for k in range(6)]
    for wrong in (
        [0, 1],
        [0, 1, 2, 3, 4, 4],
        [0.5, 1, 2, 3, 4, 5],
        [[0, 1, 2], [3, 4, 5]],
        [1j, 1, 2, 3, 4, 5],
        "012345",
    ):
        with pytest.raises(at.InputError, match="order must be"):
            at.draw_samples(instance, "autoregressive", 2, 0, denoiser, order=wrong)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda s: np.full(s.field.shape, 1j), "must return means as real numbers"),
        (lambda s: Denoised(np.full(s.field.shape, 0.1j), np.ones(s.batch, dtype=bool)), "means as real numbers"),
        (lambda s: Denoised(np.zeros(s.field.shape), np.ones(s.batch)), "converged as truth values"),
        (lambda s: Denoised(np.zeros(s.field.shape), np.ones(1, dtype=bool)), "converged as truth values"),
        (lambda s: Denoised(np.zeros(s.field.shape), np.ones(s.batch, dtype=bool), np.full((*s.field.shape, 2), 0.4)), "sum over the values is 1"),
        (lambda s: Denoised(np.zeros(s.field.shape), np.ones(s.batch, dtype=bool), None, np.full(s.field.shape, np.nan), np.ones((s.batch, 1))), "effective_field"),
        (lambda s: Denoised(np.zeros(s.field.shape), np.ones(s.batch, dtype=bool), None, s.field, np.ones((s.batch, 5))), "precision of shape"),
        (lambda s: "text", "must be"),
    ],
)  # fmt: skip
def test_what_denoisers_may_return(answer, message):
    instance = at.draw_instance(ISING, 1.0, 6, 0)
    with pytest.raises(at.InputError, match=message):
        at.draw_samples(instance, "flow", 2, 0, CheckedDenoiser(answer), steps=3)
