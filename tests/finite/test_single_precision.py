"""Tensors in single precision are those in double precision up to their rounding, and all that is computed is in doubles."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from test_monte_carlo import SKEW, fresh_sweeper, p_value

import amp_theory as at
from amp_theory.finite.chains import sweeps
from amp_theory.finite.chains.sweeps import heat_bath_noise, metropolis_noise
from amp_theory.finite.instances import dense

UNIT = 2.0**-24  # the largest relative error of one rounding
ROUNDINGS = 3  # of an entry, besides those of its p orders
#: model, control, size
MODELS = {
    "matrix": (at.SherringtonKirkpatrick(), 0.7, 60),
    "3-spin": (at.IsingPSpin(3), 0.7, 30),
    "4-spin": (at.IsingPSpin(4), 0.9, 14),
    "sphere": (at.SphericalPSpin(3), 0.7, 30),
    "mixed": (at.MixedPSpin("q/10 + q**2/4 + q**5/9", SKEW), 2.0, 8),
    "sparse matrix": (at.SpikedMatrix(at.SparseRademacher(0.3)), 0.1, 60),
    "field": (at.IsingPSpin(3, field=0.3), 0.7, 20),
}


def both(name, size=None, seed=3):
    model, control, own = MODELS[name]
    return [at.draw_instance(model, control, size or own, seed, storage=kind) for kind in ("double", "single")]


@pytest.mark.parametrize("name", MODELS)
def test_entries_are_rounded_and_symmetric(name, monkeypatch):
    monkeypatch.setattr(dense, "SMALL", 0)  # in blocks
    monkeypatch.setattr(dense, "BLOCKS", 2 if name != "mixed" else 1)
    double, single = both(name)
    assert (double.storage, single.storage) == ("double", "single")
    assert single.planted is None if double.planted is None else np.array_equal(single.planted, double.planted)
    for a, b in zip(double.terms, single.terms, strict=True):
        p, t = a.bodies, b.tensor
        assert (b.weight, t.dtype, t.flags.c_contiguous) == (a.weight, np.float32, True)
        for axis in range(1, p):
            assert np.array_equal(t, np.swapaxes(t, 0, axis))
        # each of the roundings errs by UNIT times a sum of p! normal numbers at most, none of them above 6
        scale = math.sqrt(a.weight) or np.abs(a.tensor).max()
        error = np.abs(a.tensor - t.astype(float)) / scale
        assert error.max() < (p + ROUNDINGS) * UNIT * 6 * math.sqrt(math.factorial(p))
        assert error.max() > 0.1 * UNIT  # they are not doubles


@pytest.mark.parametrize("size", [40, 160])
@pytest.mark.parametrize("name", ["matrix", "3-spin", "sphere"])
@pytest.mark.every(3)
def test_fields_differ_by_the_rounding_of_entries_at_any_size(name, size):
    double, single = both(name, size)
    for s in (double.planted[None], np.array([double._from_prior(np.random.default_rng(n)) for n in range(20)])):
        slope = double.coupling(np.asarray((s * s).mean()))[0]
        error = np.sqrt(((single.field(s) - double.field(s)) ** 2).mean() / slope)
        # roundings add up like independent numbers, also along the planted configuration
        assert 0.1 * UNIT < error < UNIT * math.sqrt(double.terms[0].bodies + ROUNDINGS)


@pytest.mark.parametrize("copied", [1, 100, dense.COPIED])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.every(3)
def test_sums_are_in_double_precision(name, copied, monkeypatch):
    monkeypatch.setattr(dense, "COPIED", copied)
    _, single = both(name)
    same = [dense.Term(t.bodies, t.weight, t.tensor.astype(float)) for t in single.terms]
    wide = dense.DenseInstance(single.model, single.control, single.size, single.planted, same)
    s = np.random.default_rng(1).standard_normal((3, single.size))
    for quantity in ("field", "linear", "interaction", "energy"):
        a, b = getattr(single, quantity)(s), getattr(wide, quantity)(s)
        assert a.dtype == float
        assert a == pytest.approx(b, rel=1e-12, abs=1e-12 * np.abs(b).max())


@pytest.mark.parametrize("rule", [heat_bath_noise, metropolis_noise])
@pytest.mark.parametrize("name", ["matrix", "3-spin", "mixed", "sparse matrix"])
@pytest.mark.every(3)
def test_loops_and_arrays_make_the_same_chains_of_singles(name, rule, monkeypatch):
    _, single = both(name, 12)
    made = []
    for loops in (False, True):
        monkeypatch.setattr(sweeps, "in_use", lambda loops=loops: loops)
        made.append(fresh_sweeper(single, None, 2, np.array([1.0, 0.5])))
    (arrays, first), (looped, second) = made
    for _ in range(5):
        assert np.array_equal(arrays.update(rule, first), looped.update(rule, second))
        assert np.array_equal(arrays.labels, looped.labels)
    assert looped.interaction() == pytest.approx(arrays.interaction(), abs=1e-12)
    assert looped.interaction() == pytest.approx(single.interaction(looped.configurations), abs=1e-12)


@pytest.mark.parametrize("name", ["matrix", "3-spin"])
def test_heat_bath_is_equal_in_law(name):
    double, single = both(name, 8)
    p, q = (at.Enumeration(i).probabilities(None)[0] for i in (double, single))
    s = at.Enumeration(double).configurations
    # a density ratio is off by twice the largest error of the log weights at most
    gap = np.abs(double.interaction(s) - single.interaction(s)).max()
    assert 0 < 0.5 * np.abs(p - q).sum() <= math.expm1(2 * gap) < 1e-5
    run = at.heat_bath(single, 40, seed=11, chains=3000, every=40)
    assert p_value(double, run.configurations, p) > 1e-3
    assert p_value(double, run.configurations, p**1.3 / (p**1.3).sum()) < 1e-6


def test_message_passing_agrees():
    double, single = both("matrix", 400)
    side = double.observe(at.Flow(), 0.5, np.random.default_rng(1))
    a, b = (at.run_amp(i, side) for i in (double, single))
    assert a.status == b.status == ("converged",)
    assert b.mean == pytest.approx(a.mean, abs=1e-5)
    assert b.free_entropy == pytest.approx(a.free_entropy, abs=1e-6)


def test_langevin_follows_the_same_path():
    double, single = both("sphere")
    a, b = (at.langevin(i, end_time=0.5, step=0.05, seed=2) for i in (double, single))
    assert b.energy == pytest.approx(a.energy, abs=1e-5)
    assert not np.array_equal(a.energy, b.energy)


@pytest.mark.parametrize(("model", "size"), [(at.IsingPSpin(3), 150), (at.SpikedMatrix(at.Rademacher()), 1500)])
def test_memory_is_half(model, size):
    at.draw_instance(model, 0.7, 12, 1, storage="single")
    tracemalloc.start()
    (term,) = at.draw_instance(model, 0.7, size, 1, storage="single").terms
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert term.tensor.nbytes == 4 * size**term.bodies
    assert term.tensor.nbytes < peak < dense.drawing_bytes([term.bodies], size, "single")
    assert peak < 1.3 * term.tensor.nbytes


@pytest.mark.parametrize("name", ["3-spin", "mixed"])
def test_singles_are_saved_and_loaded(name, tmp_path):
    _, single = both(name)
    single.save(tmp_path / "a.npz")
    again = at.load_instance(tmp_path / "a.npz")
    assert again.storage == "single"
    for a, b in zip(single.terms, again.terms, strict=True):
        assert a.tensor.tobytes() == b.tensor.tobytes()


@pytest.mark.parametrize(("change", "what"), [
    (lambda t: t * np.linspace(1, 1.001, t.shape[-1], dtype=np.float32), "symmetric"),
    (lambda t: t.astype(float), "all in double or all in single"),
    (lambda t: t * np.float32(np.nan), "finite"),
    (lambda t: t.astype(np.complex64), "real"),
])  # fmt: skip
def test_damaged_files_of_singles_are_refused(change, what, tmp_path):
    file = tmp_path / "a.npz"
    both("mixed")[1].save(file)
    with np.load(file) as data:
        arrays = {n: data[n] for n in data.files}
    arrays["tensor_2"] = change(arrays["tensor_2"])
    np.savez(file, **arrays)
    with pytest.raises(at.FileError, match=what):
        at.load_instance(file)


@pytest.mark.parametrize(("model", "control"), [
    (at.XORSAT(3), 0.5), (at.GLM(at.Rademacher(), at.SignChannel()), 1.0), (at.RowOrthogonalSensing(at.Gaussian(), 0.1), 0.5),
    (at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 1.0), 0.5), (at.Coloring(3), 2.0),
])  # fmt: skip
def test_what_has_no_tensors_is_refused(model, control):
    with pytest.raises(at.InputError, match="tensors of dense models"):
        at.draw_instance(model, control, 30, 0, storage="single")


def test_other_names_and_scales_are_refused():
    with pytest.raises(at.InputError, match="single"):
        at.draw_instance(at.IsingPSpin(3), 0.7, 10, 0, storage="half")
    at.draw_instance(at.SpikedMatrix(at.Rademacher()), 1e62, 10, 0)
    with pytest.raises(at.InputError, match="lose their digits"):
        at.draw_instance(at.SpikedMatrix(at.Rademacher()), 1e62, 10, 0, storage="single")
