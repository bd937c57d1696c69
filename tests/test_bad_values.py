"""Values of the wrong type or size given to the Python interface: one family of errors, which name the value."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at

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
