"""AMP with denoisers of one's own: the built-in ones anew, state evolution with Onsager's term, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import amp_theory as at
from amp_theory.finite.inference.amp import amp_on
from amp_theory.finite.inference.amp_steps import _derivatives, _terms
from amp_theory.finite.instances.dense import DenseInstance

INSTANCE = at.draw_instance(at.SpikedMatrix(at.Rademacher()), 0.5, 200, seed=1)
SIDE = INSTANCE.observe(at.Flow(), 0.3, np.random.default_rng(7))


def spins(field, precision):
    mean = np.tanh(field)
    return mean, 1 - mean**2


def soft(threshold):
    def function(field, precision):
        x, scale = field / precision, threshold / np.sqrt(precision)
        return np.sign(x) * np.maximum(np.abs(x) - scale, 0), (np.abs(x) > scale) / precision

    return function


def test_the_posterior_of_the_prior_by_hand_is_the_built_in_one():
    own, built_in = at.run_amp(INSTANCE, SIDE, denoiser=spins), at.run_amp(INSTANCE, SIDE)
    assert own.iterations == built_in.iterations
    assert np.abs(own.mean - built_in.mean).max() < 1e-12
    assert own.free_entropy == (None,)
    assert "belong to no prior" in own.reasons[0]
    by_prior = at.run_amp(INSTANCE, SIDE, denoiser=at.Rademacher())
    assert np.array_equal(by_prior.mean, built_in.mean)
    assert by_prior.free_entropy == built_in.free_entropy


def test_another_prior_has_its_own_free_entropy():
    other = at.run_amp(INSTANCE, SIDE, denoiser=at.Gaussian())
    assert other.converged[0]
    # a Gaussian is a worse account of spins
    assert other.free_entropy[0] < at.run_amp(INSTANCE, SIDE).free_entropy[0]


def test_two_kinds_take_two():
    instance = at.draw_instance(at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 1.5), 0.3, 100, seed=1)
    built_in = at.run_amp(instance, start="informed")
    own = at.run_amp(instance, start="informed", denoiser=(None, spins))
    assert np.abs(own.mean - built_in.mean).max() < 1e-9
    for wrong in (spins, at.Rademacher(), (spins,)):
        with pytest.raises(at.InputError, match="two of them for variables of two kinds"):
            at.run_amp(instance, denoiser=wrong)


@pytest.mark.slow
def test_onsagers_term_of_a_soft_threshold_makes_the_noise_normal():
    """B is s* times a number plus noise of variance A, the law that state evolution rests on; not so without the term."""
    model, values, without = at.SpikedMatrix(at.SparseRademacher(0.3)), [], []
    for seed in range(10):
        instance = at.draw_instance(model, 0.04, 1500, seed=seed)
        found = at.run_amp(instance, start="informed", denoiser=soft(1.0), options=at.MessagePassingOptions(0, 1e-8, 6))
        b, s, x = found.effective_field[0], instance.planted, found.precision[0, 0]
        signal = (b @ s) / (s @ s)
        values.append(((b - signal * s) ** 2).mean() / x - 1)
        m = s[None]
        for _ in range(6):
            b, x = instance.field(m), instance.coupling((m * m).mean(axis=1, keepdims=True))[0]
            m, _ = soft(1.0)(b, x)
        signal = (b[0] @ s) / (s @ s)
        without.append(((b[0] - signal * s) ** 2).mean() / x[0, 0] - 1)
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    assert abs(np.mean(values)) < 4 * error + 5 / 1500
    assert abs(np.mean(without)) > 8 * error, (values, without)


def wrong_slope(field, precision):
    return np.tanh(field), np.cosh(field) ** -1


REFUSED = [
    (lambda b, a: np.tanh(b), "two arrays, means and their derivatives"),
    (lambda b, a: (np.tanh(b), (1 - np.tanh(b) ** 2)[0]), "derivatives of shape"),
    (lambda b, a: (np.tanh(b)[:, :5], 1 - np.tanh(b) ** 2), "means of shape"),
    (lambda b, a: (b * np.nan, 0 * b), "finite means, got nan for variable 0 at field"),
    (lambda b, a: (np.tanh(b), b * np.inf), "finite derivatives"),
    (lambda b, a: (np.tanh(b) * 1j, 0 * b), "real numbers"),
    (lambda b, a: (np.tanh(b), (0 * b).astype(complex)), "real numbers"),
    (lambda b, a: 1 / 0, "failed with ZeroDivisionError"),
    (wrong_slope, "derivative is not that of its means: for variable"),
    (lambda b, a: (np.tanh(b), -(1 - np.tanh(b) ** 2)), "a difference quotient gives"),
    (lambda b, a: (np.tanh(b), 0 * b), "at 100% of the variables"),
    ("rademacher", "denoiser must be a prior, or a function"),
    (at.Rademacher, "denoiser must be a prior"),
    (3, "denoiser must be a prior"),
]


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_bad_denoisers_are_told_in_one_line(case):
    denoiser, message = REFUSED[case]
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("error")
        with pytest.raises(at.InputError, match=message) as told:
            at.run_amp(INSTANCE, SIDE, denoiser=denoiser)
    assert "\n" not in str(told.value)


def test_kinks_are_no_wrong_derivatives():
    side = INSTANCE.observe(at.Flow(), 1.0, np.random.default_rng(7))
    found = at.run_amp(INSTANCE, side, denoiser=soft(1.0), options=at.MessagePassingOptions(max_iterations=20))
    assert np.all(np.isfinite(found.mean))


def test_a_denoiser_may_write_on_what_it_is_given():
    def careless(field, precision):
        answer = spins(field, precision)
        field[:], precision[:] = np.nan, np.nan
        return answer

    found = at.run_amp(INSTANCE, SIDE, denoiser=careless)
    assert np.abs(found.mean - at.run_amp(INSTANCE, SIDE).mean).max() < 1e-12


def test_kinds_of_instances_register_how_amp_runs_on_them():
    class Mine(DenseInstance):
        pass

    mine = Mine(INSTANCE.model, INSTANCE.control, INSTANCE.size, INSTANCE.planted, INSTANCE.terms)
    assert np.array_equal(at.run_amp(mine, SIDE).mean, at.run_amp(INSTANCE, SIDE).mean)
    amp_on.register(Mine, lambda instance, *rest: "mine")
    assert at.run_amp(mine, SIDE) == "mine"
    with pytest.raises(at.InputError, match="AMP is for instances of the kind"):
        at.run_amp(at.draw_instance(at.XORSAT(3), 0.4, 20, seed=1))


# --- complex numbers, in every door ---

ONES = np.ones(20)
GRAPH = at.instance_from(at.XORSAT(3), graph=[[0, 1, 2], [1, 2, 3]])
GLM = at.GLM(at.Rademacher(), at.LinearChannel(0.1))
KINDS = [
    lambda x: x.astype(complex), lambda x: (x + 0j).tolist(), lambda x: np.array(x + 1j, dtype=object),
    lambda x: x.astype(np.complex64),
]  # fmt: skip
DOORS = {
    "couplings": lambda c: at.instance_from(at.SherringtonKirkpatrick(), 1.0, couplings=c(np.ones((3, 3)))),
    "couplings by bodies": lambda c: at.instance_from(at.MixedPSpin("q**2"), 1.0, couplings={2: c(np.ones((3, 3)))}),
    "graph": lambda c: at.instance_from(at.XORSAT(3), graph=c(np.array([[0.0, 1, 2]]))),
    "signs": lambda c: at.instance_from(at.XORSAT(3), graph=[[0, 1, 2]], signs=c(np.ones((1, 3)))),
    "right_sides": lambda c: at.instance_from(at.XORSAT(3), graph=[[0, 1, 2]], right_sides=c(np.ones(1))),
    "sensing": lambda c: at.instance_from(GLM, sensing=c(np.ones((4, 3))), measurements=np.ones(4)),
    "measurements": lambda c: at.instance_from(GLM, sensing=np.ones((4, 3)), measurements=c(np.ones(4))),
    "planted": lambda c: at.instance_from(at.XORSAT(3), graph=[[0, 1, 2]], planted=c(np.ones(3))),
    "start of AMP": lambda c: at.run_amp(INSTANCE, start=c(np.ones((1, 200)))),
    "start of BP": lambda c: at.run_bp(GRAPH, start=c(np.ones((1, 4)))),
    "field": lambda c: at.SideInformation.from_field(c(ONES)),
    "values": lambda c: at.SideInformation.from_known(ONES > 0, c(ONES)),
    "precision": lambda c: at.SideInformation.from_field(ONES, c(ONES)),
    "configurations": lambda c: INSTANCE.interaction(c(np.ones(200))),
    "overlap": lambda c: INSTANCE.overlap(c(np.ones(200)), np.ones(200)),
    "values of a prior": lambda c: at.Discrete(c(np.array([-1.0, 1.0])), [0.5, 0.5]),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_complex_numbers_are_refused_by_name(door, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(at.InputError) as told:
            DOORS[door](KINDS[kind])
    assert "\n" not in str(told.value)


def test_complex_numbers_in_files_are_refused(tmp_path, capsys):
    from scipy.sparse import csr_array

    from amp_theory.__main__ import main

    np.save(tmp_path / "J.npy", np.ones((3, 3), dtype=complex))
    (tmp_path / "J.csv").write_text("0,1+1j\n1-1j,0\n")
    INSTANCE.save(tmp_path / "instance.npz")
    with np.load(tmp_path / "instance.npz") as data:
        arrays = dict(data)
    np.savez(tmp_path / "complex.npz", **(arrays | {"tensor_2": arrays["tensor_2"].astype(complex)}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file in ("J.npy", "J.csv"):
            for command in ("infer", "sample"):
                assert main([command, "sk", "--data", str(tmp_path / file), "--control", "1"]) == 2
                assert len(capsys.readouterr().err.strip().splitlines()) == 1
        with pytest.raises(at.FileError, match="tensor_2 must be real"):
            at.load_instance(tmp_path / "complex.npz")
        with pytest.raises(at.InputError, match="real numbers"):
            at.instance_from(at.XORSAT(3), graph=csr_array(np.ones((1, 3), dtype=complex)))


def test_derivatives_of_the_coupling_are_those_of_the_instance():
    q = np.linspace(0, 1, 7)[:, None]
    for model in (at.IsingPSpin(2), at.IsingPSpin(3, 0.3), at.MixedPSpin("q**2/4 + q**3/3")):
        instance = at.draw_instance(model, 0.9, 12, 0)
        for found, exact in zip(_derivatives(_terms(instance), q, q), instance.coupling(q), strict=True):
            assert np.allclose(found, exact, rtol=1e-14, atol=0)
