"""Judged denoisers: both ends of the scale, what the parts are, theory on both sides of a transition, bad answers."""

import copy
import itertools
import json
import sys

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.samplers.denoisers import CheckedDenoiser
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.trials.denoiser_judgement import Measured, TheoryCurves, loss_and_parts
from amp_theory.trials.measured_answer import FACTORS

MODEL, FLOW, MASKS = at.IsingPSpin(3), at.Flow(), at.Autoregressive()
SMALL = {"size": 8, "instances": 2, "batch": 2}


def own_field_only(instance, side, strength):
    """Know nothing of the other variables."""
    return np.where(side.known, side.values, np.tanh(side.field))


def total(found: at.DenoiserJudgement) -> float:
    """Return the sum of the parts."""
    return found.wrong_branch + found.too_shallow + found.miscalibrated


@pytest.mark.parametrize("path", [FLOW, MASKS])
def test_the_exact_denoiser_loses_nothing_and_all_others_more_than_message_passing(path):
    exact, amp, none = (at.judge_denoiser(MODEL, path, 1.0, d, **SMALL) for d in ("exact", None, own_field_only))
    assert exact.nats_per_variable == pytest.approx(0, abs=1e-12)
    assert exact.reference == "enumeration"
    assert exact.certainty == "theorem"
    assert 0 < amp.nats_per_variable < none.nats_per_variable
    for found in (exact, amp, none):
        assert total(found) == pytest.approx(found.nats_per_variable, abs=1e-12)


def test_variables_on_their_own_lose_the_total_correlation():
    found = at.judge_denoiser(at.SherringtonKirkpatrick(), FLOW, 1.5, own_field_only, size=200, instances=2)
    # its overlaps are known, so that no noise is left
    assert found.nats_per_variable == pytest.approx(1 / (4 * 1.5**2), rel=1e-3)
    assert found.too_shallow == pytest.approx(found.nats_per_variable)
    assert found.reference == "equations"
    assert any("infinitely many" in text for text in found.caveats)


@pytest.mark.parametrize("path", [FLOW, MASKS])
def test_a_common_factor_is_told_as_miscalibration_and_nothing_else(path):
    def doubled(instance, side, strength):
        mean = at.Enumeration(instance).mean(side)
        return 0.5 * mean if path is FLOW else np.tanh(2 * np.arctanh(np.clip(mean, -1 + 1e-12, 1 - 1e-12)))

    found = at.judge_denoiser(MODEL, path, 1.0, doubled, **SMALL)
    assert found.miscalibrated > 0.01
    assert abs(found.too_shallow) < 0.05 * found.miscalibrated


@pytest.mark.parametrize(
    ("model", "path", "control"),
    [
        (MODEL, FLOW, 0.742),  # next to the tricritical point the overlap in equilibrium is steep
        (MODEL, MASKS, 0.742),
        pytest.param(MODEL, FLOW, 1.0, marks=pytest.mark.slow),
        pytest.param(MODEL, FLOW, 0.70, marks=pytest.mark.slow),
        pytest.param(at.MixedPSpin("q^4/2"), FLOW, 0.77568, marks=pytest.mark.slow),
        pytest.param(at.SpikedMatrix(at.SparseRademacher(0.05)), FLOW, 0.05, marks=pytest.mark.slow),
        (at.SpikedMatrix(at.Gaussian()), FLOW, 0.5),
    ],
)
def test_the_error_of_the_sum_over_strengths_is_told(model, path, control):
    def alone(instance, side, strength):
        from amp_theory.finite.instances.scalar_posterior import posterior_moments

        mean = posterior_moments(instance.variables, side.field, side.precision)[0]
        return np.where(side.known, side.values, mean)

    found = at.judge_denoiser(model, path, control, alone, size=40, instances=3)
    expected = at.sampling_error(model, path, control, iterations=1, target="planted").nats_per_variable
    # its overlaps are known, so that no noise is left: what is missed is the quadrature's
    assert found.errors["nats_per_variable"] < 1e-9
    assert found.nats_per_variable == pytest.approx(expected, abs=found.errors["quadrature"])
    assert found.errors["quadrature"] < 2e-3 * expected


@pytest.mark.slow
def test_one_of_few_variables_is_hidden_with_the_others_known_as_often_as_they_are():
    instance = at.draw_instance(MODEL, 1.0, 3, seed=1)
    every, trajectories = at.Enumeration(instance), []
    for s in every.sample(150, np.random.default_rng(0)):
        trajectories.append(copy.copy(instance))
        trajectories[-1].planted = s
    found = at.judge_denoiser(trajectories, MASKS, denoiser=own_field_only, batch=8)
    all_of_them = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    weight = np.exp(instance.interaction(all_of_them))
    weight /= weight.sum()
    # the marginals are even, so that the total correlation is what the joint entropy misses
    expected = np.log(2) + float(weight @ np.log(weight)) / 3
    error = found.errors["nats_per_variable"]
    assert error < 0.05 * expected
    assert found.nats_per_variable == pytest.approx(expected, abs=3 * error + found.errors["quadrature"])


def fails_between(start, stop):
    """Return a denoiser that knows nothing between two strengths, and variables on their own elsewhere."""

    def window(instance, side, strength):
        return np.zeros_like(side.field) if start < strength < stop else np.tanh(side.field)

    return window


@pytest.mark.slow
def test_strengths_are_added_where_a_denoiser_fails():
    found = at.judge_denoiser(MODEL, FLOW, 1000.0, fails_between(20, 24), size=5, instances=4)
    # int q/2 over the window, in which q is one to 1e-8
    assert found.nats_per_variable == pytest.approx(2.0, abs=found.errors["quadrature"])
    assert found.errors["quadrature"] < 0.1
    assert len(found.strength) <= 5 * 61
    distance = np.diff(found.strength).max()
    assert any(f"up to {distance:.2g} apart" in text for text in found.caveats)
    # noise alone adds none
    noisy = at.judge_denoiser(MODEL, FLOW, 1.0, "exact", size=6, instances=4, batch=1, reference="equations")
    assert len(noisy.strength) == 61
    assert noisy.errors["quadrature"] > 0
    # one instance cannot tell its noise, and none are added, but that the two rules differ is seen
    one = at.judge_denoiser(MODEL, FLOW, 1000.0, fails_between(20, 24), size=5, instances=1)
    assert len(one.strength) == 61
    assert one.errors["quadrature"] > 0.1


@pytest.mark.parametrize("model", [MODEL, at.SpikedMatrix(at.Gaussian())])
@pytest.mark.parametrize("number", [1, 3])
def test_a_denoiser_that_never_becomes_certain_loses_infinitely_much(model, number):
    def nothing(instance, side, strength):
        return np.zeros_like(side.field)

    arguments = {"size": 8, "instances": number, "batch": 2}
    found = at.judge_denoiser(model, FLOW, 1.0, nothing, **arguments)
    assert found.nats_per_variable == np.inf
    assert found.too_shallow == np.inf
    assert "end_strength" in found.reasons["nats_per_variable"]
    assert found.to_dict()["nats_per_variable"] is None
    assert found.to_dict()["reasons"]
    assert "infinite" in str(found)
    part = at.judge_denoiser(model, FLOW, 1.0, nothing, **arguments, end_strength=2.0)
    assert 0 < part.nats_per_variable < 2
    assert part.reasons == {}


def test_the_denoiser_may_write_on_what_it_is_given():
    def writes(instance, side, strength):
        mean = own_field_only(instance, side, strength)
        side.field[:], side.values[:], side.known[:] = 7.0, 7.0, True
        return mean

    for path in (FLOW, MASKS):
        found = at.judge_denoiser(MODEL, path, 1.0, writes, **SMALL)
        expected = at.judge_denoiser(MODEL, path, 1.0, own_field_only, **SMALL)
        assert found.to_dict() | {"denoiser": ""} == expected.to_dict() | {"denoiser": ""}


def test_every_checked_denoiser_works_on_a_copy():
    side = SideInformation(np.ones((1, 3)), 0.5, np.array([[True, False, False]]), np.ones((1, 3)))

    def writes(given):
        mean = np.tanh(given.field, out=given.field)
        given.values[:], given.known[:] = 0, False
        return mean

    assert np.all(CheckedDenoiser(writes)(side).mean == np.tanh(1))
    assert np.all(side.field == 1)
    assert np.all(side.values == 1)
    assert side.known.tolist() == [[True, False, False]]


@pytest.mark.parametrize("what", ["planted", "couplings"])
def test_the_denoiser_must_not_change_its_instance(what):
    def cheats(instance, side, strength):
        changed = instance.planted if what == "planted" else instance.terms[0].tensor
        changed *= 0.5
        return np.tanh(side.field)

    with pytest.raises(at.NumericalError, match="instance 0: it changed the instance"):
        at.judge_denoiser(MODEL, FLOW, 1.0, cheats, **SMALL)


def test_certainty_of_what_did_not_happen_is_infinitely_wrong_and_said_so():
    found = at.judge_denoiser(MODEL, MASKS, 1.0, lambda i, side, s: np.where(side.known, side.values, 2), **SMALL)
    assert found.nats_per_variable == found.miscalibrated == np.inf
    assert np.isnan(found.errors["nats_per_variable"])
    assert set(found.reasons) == {"nats_per_variable", "miscalibrated", "loss"}
    assert any("outside the values" in text for text in found.caveats)
    inside = at.judge_denoiser(MODEL, MASKS, 1.0, own_field_only, **SMALL)
    assert not any("outside the values" in text for text in inside.caveats)


@pytest.mark.parametrize("masks", [False, True])
def test_noise_is_not_told_as_miscalibration(masks):
    rng, many, places = np.random.default_rng(0), 6, 4000
    noise = 0.1 * rng.standard_normal((many, places))
    own = np.full((many, places), 0.5)
    # calibrated but for noise; where variables are revealed the factor 1 is the best one
    away = np.log(FACTORS)
    surprise = away**2 + 20 * noise[:, :, None] * away
    zeros = np.zeros(places)
    curves = TheoryCurves(zeros, zeros, zeros, np.zeros(1, dtype=int), zeros, zeros, zeros, zeros)
    measured = Measured(own + noise, own, own, surprise, np.zeros_like(own))
    *rest, wrong = loss_and_parts(measured, curves, masks)
    biased = noise.mean(axis=0) ** 2
    plug_in = (-surprise.mean(axis=0).min(axis=1) if masks else biased).mean()
    error = wrong.std() / np.sqrt(places)
    assert plug_in > 20 * error
    assert abs(wrong.mean()) < 4 * error
    np.testing.assert_allclose(rest[1] + rest[2] + wrong, rest[0], atol=1e-12)


def test_tensors_are_taken_off_their_graph():
    class Tensor:
        """What torch returns, as far as it matters."""

        def __init__(self, values, graph=True):
            self.values, self.graph = values, graph

        def detach(self):
            return Tensor(self.values, graph=False)

        def cpu(self):
            return self

        def __array__(self, dtype=None, copy=None):
            if self.graph:
                raise RuntimeError("can't call numpy() on a tensor that requires grad")
            return np.asarray(self.values, dtype or np.float32)

    found = at.judge_denoiser(MODEL, FLOW, 1.0, lambda i, side, s: Tensor(own_field_only(i, side, s)), **SMALL)
    expected = at.judge_denoiser(MODEL, FLOW, 1.0, own_field_only, **SMALL)
    assert found.nats_per_variable == pytest.approx(expected.nats_per_variable, rel=1e-5)
    assert "torch" not in sys.modules


def raises(instance, side, strength):
    """Fail as networks do."""
    raise ValueError("shapes (8,) and (9,) do not match")


class OwnError(Exception):
    """What no library knows."""


def raising(error):
    """Return a function that raises."""

    def raises(instance, side, strength):
        raise error

    return raises


BAD = {
    "stops": raising(StopIteration()),
    "memory": raising(MemoryError("Unable to allocate 8 TiB")),
    "own error": raising(OwnError("no")),
    "error of this package": raising(at.NumericalError("no root", "look again")),
    "truth values": lambda i, side, s: side.field > 0,
    "NaN": lambda i, side, s: np.full(side.field.shape, np.nan),
    "complex": lambda i, side, s: side.field + 0j,
    "text": lambda i, side, s: "no means",
    "shape": lambda i, side, s: side.field[:, 1:],
    "objects": lambda i, side, s: np.full(side.field.shape, None),
    "nothing": lambda i, side, s: None,
    "raises": raises,
    "wrong number of arguments": lambda side: side.field,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_names_the_denoiser_the_instance_and_the_strength(name):
    with pytest.raises(at.NumericalError, match=r"^denoiser .*, instance 0 at snr = ") as caught:
        at.judge_denoiser(MODEL, FLOW, 1.0, BAD[name], **SMALL)
    assert caught.value.partial is None
    assert len(str(caught.value)) <= 280
    assert "\n" not in str(caught.value)
    assert ".partial" not in str(caught.value)
    assert "array(" not in str(caught.value)


def test_a_late_failure_keeps_what_was_done():
    instances = [at.draw_instance(MODEL, 1.0, 8, seed=k) for k in range(3)]

    def fails_on_the_last(instance, side, strength):
        return own_field_only(instance, side, strength) if instance is not instances[2] else np.nan * side.field

    with pytest.raises(at.NumericalError, match=r"instance 2.*\.partial has") as caught:
        at.judge_denoiser(instances, FLOW, denoiser=fails_on_the_last)
    assert caught.value.partial.instances == 2
    whole = at.judge_denoiser(instances[:2], FLOW, denoiser=own_field_only)
    assert caught.value.partial.nats_per_variable == whole.nats_per_variable


def test_a_failure_at_a_further_look_keeps_the_first():
    asked = set()

    def fails_later(instance, side, strength):
        asked.add(strength)
        if len(asked) > 61:
            raise ValueError("enough")
        return fails_between(20, 24)(instance, side, strength)

    with pytest.raises(at.NumericalError, match=r"enough.*\.partial has") as caught:
        at.judge_denoiser(MODEL, FLOW, 1000.0, fails_later, size=5, instances=4)
    assert caught.value.partial.instances == 4
    assert len(caught.value.partial.strength) == 61
    assert caught.value.partial.errors["quadrature"] > 0.1


GIVEN = {"control": None, "size": None, "instances": None}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"denoiser": "bayes"}, "denoiser"),
        ({"denoiser": 3}, "denoiser"),
        ({"reference": "truth"}, "reference"),
        ({"reference": "enumeration", "size": 40}, "enumeration"),
        ({"path": at.UniformDiscreteDiffusion()}, "flows"),
        ({"end_strength": 0.0}, "end_strength"),
        ({"end_strength": -1.0}, "end_strength must be > 0"),
        ({"end_strength": 1.5, "path": MASKS}, "end_strength must be in"),
        ({"size": 0}, "from 3 to"),
        ({"size": 2}, "from 3 to"),
        ({"size": None}, "size"),
        ({"model_or_instances": []}, "leave them out"),
        ({"model_or_instances": [], **GIVEN}, "model_or_instances"),
        ({"model_or_instances": [at.draw_instance(MODEL, 1.0, 6, 0, "random")], **GIVEN}, "planted"),
    ],
)
def test_bad_arguments_are_refused(more, said):
    arguments = {"model_or_instances": MODEL, "path": FLOW, "control": 1.0, "denoiser": "amp", **SMALL}
    with pytest.raises(at.InputError, match=said):
        at.judge_denoiser(**(arguments | more))


def test_the_picture_has_both_overlaps_over_the_equation_of_state():
    axes = at.judge_denoiser(MODEL, FLOW, 0.7, own_field_only, **SMALL).plot()
    assert axes.get_xlabel() == "snr"
    assert len(axes.containers) == 2


def test_the_command_takes_a_function_of_a_file(tmp_path, capsys):
    from amp_theory.interface.cli import main

    file = tmp_path / "mine.py"
    file.write_text("import numpy as np\n\ndef mine(instance, side, strength):\n    return np.tanh(side.field)\n")
    words = ["judge", "ising-p-spin", "--set", "p=3", "--control", "1", "--size", "8", "--instances", "2", "--json"]
    words.append("--denoiser")
    assert main([*words, f"{file}:mine"]) == 0
    assert '"denoiser": "mine"' in capsys.readouterr().out
    file.write_text("def mine(instance, side, strength):\n    raise StopIteration\n")
    assert main([*words, f"{file}:mine"]) != 0
    assert "StopIteration" in capsys.readouterr().err
    broken = tmp_path / "broken.py"
    broken.write_text("def mine(:\n")
    for wrong in (f"{broken}:mine", "bayes", f"{file}:yours", f"{tmp_path / 'none.py'}:mine"):
        assert main([*words, wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def peeling(instance, side, strength):
    """Unit propagation, what belief propagation does on XORSAT without noise."""
    known, value = side.known[0].copy(), np.where(side.known[0], side.values[0], 1.0)
    parity = instance.signs.prod(axis=1) * (-1.0) ** (3 - int(np.argmax(instance.factor.weights)))
    left = np.arange(len(parity))
    while True:
        spins = instance.spins[left]
        unknown = ~known[spins]
        number = unknown.sum(axis=1)
        single = number == 1
        if not single.any():
            return np.where(known, value, 0.0)[None]
        product = np.where(unknown, 1.0, value[spins]).prod(axis=1) * parity[left]
        where = spins[single][unknown[single]]
        value[where], known[where] = product[single], True
        left = left[number > 1]


@pytest.mark.slow
@pytest.mark.parametrize(("density", "size"), [(0.6, 20_000), (0.75, 30_000)])
def test_unit_propagation_loses_what_theory_says_on_both_sides_of_the_tricritical_point(density, size):
    expected = at.sampling_error(at.XORSAT(3), MASKS, density).nats_per_variable
    found = at.judge_denoiser(at.XORSAT(3), MASKS, density, peeling, size=size, instances=5, batch=1)
    assert (expected > 0) == (density > 0.7)
    error = found.errors["nats_per_variable"]
    assert error < 1e-3
    assert found.nats_per_variable == pytest.approx(expected, abs=3 * error)
    assert found.wrong_branch == pytest.approx(expected, abs=3 * error)
    assert found.too_shallow == pytest.approx(0, abs=3 * error)
    assert found.miscalibrated == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
def test_amp_on_a_matrix_in_its_easy_phase_loses_nothing():
    model, size = at.SherringtonKirkpatrick(), 300
    found = at.judge_denoiser(model, FLOW, 1.5, size=size, instances=8, batch=2)
    assert found.nats_per_variable == pytest.approx(0, abs=3 * found.errors["nats_per_variable"] + 3 / size)
    assert found.expected == 0


@pytest.mark.slow
def test_the_command_takes_a_reference_and_an_end(capsys):
    from amp_theory.interface.cli import main

    words = ["judge", "ising-p-spin", "--set", "p=3", "--control", "1", "--size", "8", "--instances", "2", "--json"]
    assert main([*words, "--end-strength", "0.5", "--reference", "informed"]) == 0
    told = json.loads(capsys.readouterr().out)
    expected = at.judge_denoiser(
        MODEL, FLOW, 1.0, "amp", size=8, instances=2, end_strength=0.5, reference="informed"
    ).to_dict()
    assert told["reference"] == "informed"
    assert told == json.loads(json.dumps(expected))
    for option, value, said in (("--end-strength", "-1", "end_strength must be > 0"), ("--end-strength", "x", "--end-strength"),
                                ("--reference", "truth", "unknown reference 'truth'")):  # fmt: skip
        assert main([*words, option, value]) == 2
        assert said in capsys.readouterr().err
