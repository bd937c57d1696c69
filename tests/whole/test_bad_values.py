"""Values of the wrong type or size given to the Python interface: one family of errors, which name the value."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.finite.instances.dense import Term
from amp_theory.finite.instances.graphs import GraphInstance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.tools.errors import LONGEST

ISING, FLOW = at.IsingPSpin(3), at.Flow()
DIAGRAM = at.phase_diagram(ISING, FLOW, points=5)
CALLS = {
    "model is a list": lambda: at.thresholds([1], FLOW),
    "model is None": lambda: at.state_evolution(None, FLOW, 0.7, 0.1),
    "path is a name": lambda: at.phase_diagram(ISING, "flow"),
    "start is None": lambda: at.state_evolution(ISING, FLOW, 0.7, 0.1, start=None),
    "tolerance": lambda: at.state_evolution(ISING, FLOW, 0.7, 0.1, tolerance=np.nan),
    "many controls": lambda: at.state_evolution(ISING, FLOW, [0.7, 0.8], 0.1),
    "control is text": lambda: at.fixed_points(ISING, FLOW, "a", 0.1),
    "control is complex": lambda: DIAGRAM.region(0.7j, 0.1),
    "control is huge": lambda: DIAGRAM.region(1e-300, 0.1),
    "strength is huge": lambda: DIAGRAM.region(0.7, 1e18),
    "ragged": lambda: DIAGRAM.region([[0.7], [0.7, 0.8]], 0.1),
    "shapes": lambda: DIAGRAM.region([0.7, 0.8, 0.9], [0.1, 0.2]),
    "two controls for a reason": lambda: DIAGRAM.reason([0.7, 0.8]),
    "list for a curve": lambda: at.equation_of_state(ISING, FLOW, [0.7]),
    "points": lambda: at.equation_of_state(ISING, FLOW, 0.7, points=2.5),
    "verdict at": lambda: at.compare_samplers(ISING)["mcmc"].at(-1),
    "verdict at text": lambda: at.compare_samplers(ISING)["mcmc"].at("a"),
    "sampler number": lambda: at.compare_samplers(ISING)[3],
    "target": lambda: at.phase_diagram(ISING, FLOW, target=np.array([1, 2])),
    "scan of nothing": lambda: at.scan_threshold(None, "dynamical", [0.1, 0.2]),
    "scan values": lambda: at.scan_threshold(at.SparseRademacher, "dynamical", None),
    "scan name": lambda: at.scan_threshold(at.SparseRademacher, None, [0.1, 0.2]),
    "comment in a formula": lambda: at.MixedPSpin("q**2 # q"),
    "range is text": lambda: at.phase_diagram(ISING, FLOW, "12"),
    "values are text": lambda: at.Discrete("12", "34"),
    "scaling": lambda: ISING.convert(1, None, "noise"),
    "scaling overflows": lambda: ISING.convert(1e300, "temperature", "noise"),
    "load None": lambda: at.load(None),
    "save None": lambda: DIAGRAM.save(None),
    "snr is text": lambda: at.Rademacher().overlap("abc"),
    "snr is too long": lambda: at.Rademacher().overlap(10**400),
    "time is text": lambda: at.LinearInterpolant().strength("abc"),
    "rho is a truth value": lambda: at.SparseRademacher(True),
    "p is bytes": lambda: at.IsingPSpin(b"3"),
    "interpolant of None": lambda: at.Interpolant(None, None),
    "interpolant of scalars": lambda: at.Interpolant(lambda t: 1.0, lambda t: 2.0),
    "interpolant stays bounded": lambda: at.Interpolant(noise=lambda t: 1 + 0 * t, signal=lambda t: t),
    "density of text": lambda: at.Density(lambda s: "abc", (-1, 1)),
    "density is complex": lambda: at.Density(lambda s: 0.5 + 0j * s, (-1, 1)),
    "density of a tiny support": lambda: at.Density(lambda s: 1e200 + 0 * s, (0, 1e-200)),
    "student t": lambda: at.Density(lambda s: 0.375 * (1 + s * s / 4) ** -2.5, (-np.inf, np.inf)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_wrong_values(call):
    with pytest.raises(at.InputError) as caught:
        call()
    assert str(caught.value)


GRAPH, DENSE = at.draw_instance(at.Bicoloring(3), 1.0, 9, 0), at.draw_instance(ISING, 1.0, 6, 0)
LINEAR = at.draw_instance(at.GLM(at.Rademacher(), at.SignChannel()), 1.0, 8, 0)
#: calls with one number, of which an imaginary part would make no sense
NUMBERS = {
    "control": lambda c: at.fixed_points(ISING, FLOW, c, 0.1),
    "strength": lambda c: at.uninformed_overlap(ISING, FLOW, 0.7, c),
    "start": lambda c: at.state_evolution(ISING, FLOW, 0.7, 0.1, start=c),
    "tolerance": lambda c: at.state_evolution(ISING, FLOW, 0.7, 0.1, tolerance=c),
    "max_steps": lambda c: at.state_evolution(ISING, FLOW, 0.7, 0.1, max_steps=c),
    "value": lambda c: at.Discrete([c, -1], [0.5, 0.5]),
    "probability": lambda c: at.Discrete([1, -1], [c, 0.5]),
    "rho": at.SparseRademacher,
    "temperature": lambda c: at.XORSAT(3, temperature=c),
    "channel": at.LinearChannel,
    "snr": lambda c: at.Rademacher().overlap(c),
    "time": lambda c: at.LinearInterpolant().strength(c),
    "size": lambda c: at.draw_instance(ISING, 1.0, c, 0),
    "seed": lambda c: at.draw_instance(ISING, 1.0, 6, c),
    "precision": lambda c: at.SideInformation.from_field(np.zeros(6), c),
    "damping": lambda c: at.MessagePassingOptions(damping=c),
    "end_strength": lambda c: at.draw_samples(DENSE, "flow", 2, 0, end_strength=c),
    "steps": lambda c: at.draw_samples(DENSE, "flow", 2, 0, steps=c),
    "sweeps": lambda c: at.heat_bath(DENSE, c, 0),
    "scan": lambda c: at.scan_threshold(at.SparseRademacher, "condensation", [c, 0.1]),
}
#: calls with an array
ARRAYS = {
    "field": at.SideInformation.from_field,
    "values": lambda a: at.SideInformation.from_known(np.ones(a.shape, dtype=bool), a),
    "side information": lambda a: at.SideInformation(np.zeros(a.shape), 0.0, np.ones(a.shape, dtype=bool), a),
    "configurations and side": lambda a: at.SideInformation.from_field(np.zeros(a.shape)).log_weight(a),
    "AMP": lambda a: at.run_amp(DENSE, start=a[:, :6]),
    "BP": lambda a: at.run_bp(GRAPH, start=a),
    "GAMP": lambda a: at.run_gamp(LINEAR, start=a[:, :8]),
    "VAMP": lambda a: at.run_vamp(LINEAR, start=a[:, :8]),
    "robust GAMP": lambda a: at.run_robust_gamp(LINEAR, start=a[:, :8]),
    "heat bath": lambda a: at.heat_bath(DENSE, 2, 0, start=a[:, :6]),
    "denoiser": lambda a: at.draw_samples(DENSE, "flow", 1, 0, denoiser=lambda side: a[:, :6]),
    "dense energy": lambda a: DENSE.energy(a[:, :6]),
    "graph energy": lambda a: GRAPH.energy(a),
    "linear energy": lambda a: LINEAR.energy(a[:, :8]),
    "overlap": lambda a: GRAPH.overlap(a, 1.0),
    "sensing": lambda a: GLMInstance(LINEAR.model, 1.0, 8, None, a[:, :8], np.ones(1)),
    "measurements": lambda a: GLMInstance(LINEAR.model, 1.0, 8, None, np.ones((1, 8)), a[0, :1]),
    "planted": lambda a: GLMInstance(LINEAR.model, 1.0, 8, a[0, :8], np.ones((1, 8)), np.ones(1)),
    "tensor": lambda a: Term(1, 1.0, a[0]),
    "signs": lambda a: GraphInstance(GRAPH.model, 1.0, 9, None, GRAPH.spins[:1], a[:, :3]),
    "control": lambda a: DIAGRAM.region(a, 0.1),
    "strength": lambda a: at.MaskedDiffusion().time(a),
}


@pytest.mark.parametrize("call", NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize(
    "number", [0.5 + 1j, np.complex128(0.5 + 1j), np.complex64(0.5), np.array(0.5 + 0.1j)], ids=repr
)
def test_complex_numbers_are_refused(call, number):
    """Also where the imaginary part is zero: a number of that type is not meant."""
    with pytest.raises(at.InputError):
        call(number)


@pytest.mark.parametrize("call", ARRAYS.values(), ids=ARRAYS.keys())
def test_complex_arrays_are_refused(call):
    """No imaginary part is lost, and the same call with real numbers of the right kind works."""
    for kind in (complex, np.complex64, object):
        array = np.ones((1, 9), dtype=kind)
        array[0, 0] += 0.5j
        with pytest.raises(at.InputError, match="real|number"):
            call(array)
    call(np.ones((1, 9)))


def test_an_array_is_not_one_number():
    for array in (np.array([0.5]), np.array([[0.5]])):
        with pytest.raises(at.InputError, match="damping must be one number"):
            at.MessagePassingOptions(damping=array)


def test_empty_arrays_are_arrays():
    assert DIAGRAM.region([], []).shape == (0,)
    assert DIAGRAM.sampler_succeeds([]).shape == DIAGRAM.first_failure_strength([]).shape == (0,)


def test_extremes_that_are_allowed():
    """Nearly no noise, nearly no coupling, nearly full and nearly no information: all have one stable branch."""
    for model, controls in ((ISING, (1e-5, 1e20)), (at.SphericalPSpin(3), (1e-5, 1e20)),
                            (at.SpikedMatrix(at.SparseRademacher(0.08)), (1e-10, 1e20))):  # fmt: skip
        for path, strengths in ((FLOW, (1e-200, 1e11)), (at.Autoregressive(), (1e-200, 1 - 1e-12))):
            for control in controls:
                curve = at.equation_of_state(model, path, control)
                assert np.all(np.isfinite(curve.strength))
                for strength in (0.0, *strengths):
                    found = at.fixed_points(model, path, control, strength)
                    assert found.stable
                    assert 0 <= found.uninformed.overlap <= model.variable_prior.second_moment
            assert at.fixed_points(model, path, controls[1], strengths[1]).region == "easy"


def test_mutual_information_says_how_many_digits_it_has():
    """At large snr it is a difference of large numbers; its bound holds."""
    for snr in (1.0, 1e4, 1e8, 1e11):
        point = at.fixed_points(ISING, FLOW, 0.7, snr).informed
        assert point.mutual_information <= np.log(2) + point.errors["mutual_information"]
        if snr > 100:
            assert abs(point.mutual_information - np.log(2)) <= point.errors["mutual_information"]


@pytest.mark.parametrize("rho", [8e-5, 1e-6, 1e-8])
@pytest.mark.parametrize("kind", [at.SparseRademacher, at.GaussBernoulli])
def test_very_sparse_priors(rho, kind):
    """Condensation of the sparse spiked matrix: psi(x) = xi'(q) q/2 - ... checked through its own fixed point."""
    model = at.SpikedMatrix(kind(rho))
    point = at.thresholds(model, FLOW).condensation
    x = point.overlap / point.noise
    assert float(model.prior.overlap(x)) == pytest.approx(point.overlap, rel=1e-9)
    # equal free entropy with q = 0: psi(x) = q x/4
    assert float(model.prior.free_entropy(x)) == pytest.approx(point.overlap * x / 4, rel=1e-9)


@pytest.mark.parametrize("path", [at.Autoregressive(), at.UniformDiscreteDiffusion(), FLOW], ids=lambda path: path.name)
@pytest.mark.parametrize("p", [3, 10, 100])
def test_tiny_strengths(path, p):
    """Where the snr from the other variables underflows, the overlap is that of the side information alone."""
    for strength in (1e-5, 1e-20, 1e-80, 1e-130):
        found = at.fixed_points(at.IsingPSpin(p), path, 2.0, strength)
        alone = strength**2 if path.name == "uniform-diffusion" else strength
        assert found.uninformed.overlap == pytest.approx(alone, rel=2 * strength + 1e-13)
        assert found.region == "easy"


@given(st.text(max_size=2000))
def test_messages_are_one_short_printable_line(text):
    """Whatever a value given holds, and however much of it."""
    for kind in (at.InputError, at.FileError, at.UnknownNameError):
        message = str(kind(text))
        assert len(message) <= LONGEST
        assert message.isprintable()
        assert pickle.loads(pickle.dumps(kind(text))).args == (message,)
    error = at.NumericalError(text, "try another control", partial=[1.0])
    assert len(str(error)) <= LONGEST
    assert str(error).isprintable()
    assert str(error).endswith(": try another control")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.partial) == (str(error), [1.0])


def test_a_long_value_is_cut_in_its_middle():
    message = str(at.InputError(f"the size {'9' * 500} is too large: take less"))
    assert message.startswith("the size 999")
    assert message.endswith("99 is too large: take less")
    assert " [...] " in message
