"""Judged denoisers: both ends of the scale, what the parts are, theory on both sides of a transition, bad answers."""

import sys

import numpy as np
import pytest

import amp_theory as at

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


BAD = {
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
    with pytest.raises(at.NumericalError, match=r"instance 0 at snr = .*denoiser") as caught:
        at.judge_denoiser(MODEL, FLOW, 1.0, BAD[name], **SMALL)
    assert caught.value.partial is None
    assert len(str(caught.value)) <= 280
    assert "\n" not in str(caught.value)


def test_a_late_failure_keeps_what_was_done():
    instances = [at.draw_instance(MODEL, 1.0, 8, seed=k) for k in range(3)]

    def fails_on_the_last(instance, side, strength):
        return own_field_only(instance, side, strength) if instance is not instances[2] else np.nan * side.field

    with pytest.raises(at.NumericalError, match="instance 2") as caught:
        at.judge_denoiser(instances, FLOW, denoiser=fails_on_the_last)
    assert caught.value.partial.instances == 2
    whole = at.judge_denoiser(instances[:2], FLOW, denoiser=own_field_only)
    assert caught.value.partial.nats_per_variable == whole.nats_per_variable


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
    for wrong in ("bayes", f"{file}:yours", f"{tmp_path / 'none.py'}:mine"):
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
@pytest.mark.parametrize("density", [0.6, 0.75])
def test_unit_propagation_loses_what_theory_says_on_both_sides_of_the_tricritical_point(density):
    expected = at.sampling_error(at.XORSAT(3), MASKS, density).nats_per_variable
    found = at.judge_denoiser(at.XORSAT(3), MASKS, density, peeling, size=30_000, instances=5, batch=1)
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
