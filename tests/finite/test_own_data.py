"""Data of one's own: public forms of files, answers against enumeration and plain loops, and what is refused."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
import scipy.io
import scipy.sparse

import amp_theory as at
from amp_theory.finite.instances.own_couplings import fitting_control, per_coupling
from amp_theory.interface.cli import main
from amp_theory.tools.array_files import read_arrays

SK = at.SherringtonKirkpatrick()
#: a matrix by hand
J = np.array([
    [0, 0.5, -0.6, 0.3, 0.1], [0.5, 0, 0.7, -0.2, 0.4], [-0.6, 0.7, 0, 0.5, -0.3], [0.3, -0.2, 0.5, 0, 0.6],
    [0.1, 0.4, -0.3, 0.6, 0],
])  # fmt: skip
#: a tree of parity checks of weight three, on which belief propagation is exact, and right sides
CHECKS, RIGHT, BITS = [[0, 1, 2], [2, 3, 4], [4, 5, 6], [2, 7, 8]], [0, 1, 1, 0], 9
WEIGHT = math.exp(-1 / 0.5)


def alist(checks, size):
    """Return a parity-check matrix as text, as D. MacKay writes it: lists from one, filled up with zeros."""
    columns = [[row + 1 for row, ones in enumerate(checks) if n in ones] for n in range(size)]
    rows = [[n + 1 for n in ones] for ones in checks]
    widest = [max(map(len, lists)) for lists in (columns, rows)]
    lines = [[size, len(checks)], widest, [*map(len, columns)], [*map(len, rows)]]
    lines += [
        line + [0] * (wide - len(line)) for lists, wide in zip((columns, rows), widest, strict=True) for line in lists
    ]
    return "\n".join(" ".join(map(str, line)) for line in lines) + "\n"


def measured(seed=5):
    """Return Phi, shape (200, 100), y with noise 0.1, and the signs behind."""
    rng = np.random.default_rng(seed)
    signal, phi = rng.choice([-1.0, 1.0], 100), rng.standard_normal((200, 100)) / 10
    return phi, phi @ signal + math.sqrt(0.1) * rng.standard_normal(200), signal


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.alist").write_text(alist(CHECKS, BITS))
    np.savetxt("b.csv", RIGHT, fmt="%d")
    np.save("J.npy", J)
    phi, y, _ = measured()
    np.savez("measured.npz", Phi=phi, y=y)
    return tmp_path


def ran(capsys, *words):
    """Return what a command says as JSON."""
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, ""), err
    return json.loads(out)


def boltzmann(log_weight, size):
    """Return all spins and their probabilities, by a plain loop."""
    every = list(itertools.product([-1, 1], repeat=size))
    weights = np.exp([log_weight(s) for s in every])
    return np.array(every, dtype=float), weights / weights.sum()


def code_log_weight(s):
    wrong = [math.prod(s[i] for i in check) != (-1) ** b for check, b in zip(CHECKS, RIGHT, strict=True)]
    return math.log(WEIGHT) * sum(wrong)


def j_log_weight(s, temperature=1.5):
    return sum(J[a, b] * s[a] * s[b] for a in range(5) for b in range(a)) / temperature


# --- answers ----------------------------------------------------------------------------------------------------

CODE = ("xorsat", "--set", "k=3", "--set", "temperature=0.5", "--data", "code.alist", "--data", "right_sides=b.csv")
MEASURED = (
    "glm",
    "--set",
    "prior=rademacher",
    "--set",
    "channel=linear",
    "--set",
    "noise=0.1",
    "--data",
    "measured.npz",
)


def test_a_parity_check_file_gives_the_marginals_of_enumeration(folder, capsys):
    found = ran(capsys, "infer", *CODE, "-o", "means.csv", "-o", "means.npz")
    spins, probability = boltzmann(code_log_weight, BITS)
    instance = at.instance_from(at.XORSAT(3, 0.5), graph=CHECKS, right_sides=RIGHT)
    assert np.allclose(at.Enumeration(instance).probabilities()[0], probability, rtol=1e-12, atol=0)
    assert np.allclose(found["mean"][0], probability @ spins, rtol=0, atol=1e-12)
    assert found["status"] == ["converged"]
    assert (found["density"], found["size"]) == (len(CHECKS) / BITS, BITS)
    table = np.genfromtxt("means.csv", delimiter=",", names=True)
    with np.load("means.npz", allow_pickle=False) as arrays:
        assert np.array_equal(table["mean"], arrays["mean"][0])
        assert arrays["status"].tolist() == ["converged"]
    # a known spin makes others differ from one half: the graph and the signs are those of the file
    known = at.SideInformation.from_known(np.arange(BITS) < 2, np.ones(BITS))
    given = np.all(spins[:, :2] == 1, axis=1) * probability
    assert np.allclose(at.run_bp(instance, known).mean[0], given @ spins / given.sum(), rtol=0, atol=1e-12)
    assert abs(at.run_bp(instance, known).mean[0, 2]) > 0.5


@pytest.mark.parametrize("path", ["autoregressive", "flow"])
def test_configurations_of_a_parity_check_file(folder, capsys, path):
    words = ("--path", path, "--denoiser", "exact", "--batch", "300", "--steps", "30", "--seed", "1", "-o", "s.npz")
    found = ran(capsys, "sample", *CODE, *words)
    spins, probability = boltzmann(code_log_weight, BITS)
    with np.load("s.npz", allow_pickle=False) as arrays:
        drawn = arrays["configurations"]
    assert np.array_equal(drawn, found["configurations"])
    energy = np.array([-code_log_weight(s) for s in spins])
    mean, spread = probability @ energy, math.sqrt(probability @ energy**2 - (probability @ energy) ** 2)
    off = np.mean([-code_log_weight(s) for s in drawn]) - mean
    assert abs(off) < 4 * spread / math.sqrt(300)
    assert abs(energy.mean() - mean) > 8 * spread / math.sqrt(300)  # what random spins would give


def test_a_matrix_by_hand(folder, capsys):
    spins, probability = boltzmann(j_log_weight, 5)
    instance = at.instance_from(SK, temperature=1.5, couplings=J)
    assert np.allclose(at.Enumeration(instance).probabilities()[0], probability, rtol=1e-12, atol=0)
    energy = [-sum(J[a, b] * s[a] * s[b] for a in range(5) for b in range(a)) / 5 for s in spins]
    assert np.allclose(instance.energy(spins), energy, rtol=0, atol=1e-15)
    words = ("--control", "1.5", "--path", "autoregressive", "--denoiser", "exact", "--batch", "600", "--seed", "2")
    ran(capsys, "sample", "sk", "--data", "J.npy", *words, "-o", "s.csv")
    table = np.genfromtxt("s.csv", delimiter=",", names=True)
    drawn = np.stack([table[f"s{i}"] for i in range(5)], axis=1)
    for a, b in itertools.combinations(range(5), 2):
        exact = float(probability @ (spins[:, a] * spins[:, b]))
        assert abs((drawn[:, a] * drawn[:, b]).mean() - exact) < 4.5 * math.sqrt((1 - exact**2) / 600)
    found = ran(capsys, "infer", "sk", "--data", "J.npy", "--control", "1.5")
    assert found["mean"] == [[0.0] * 5]  # by symmetry


def test_amp_on_a_matrix_is_the_plain_loop(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng, size, noise = np.random.default_rng(7), 60, 0.4
    signal, w = rng.choice([-1.0, 1.0], size), rng.standard_normal((size, size))
    y = np.outer(signal, signal) / math.sqrt(size) + math.sqrt(noise / 2) * (w + w.T)
    rho = 0.25  # half the mean of a biased prior
    biased = at.Discrete([-1, 1], [rho, 1 - rho])
    np.savetxt("Y.csv", y, delimiter=",")
    words = ("--set", "prior=discrete", "--set", "values=-1,1", "--set", f"probabilities={rho},{1 - rho}")
    found = ran(
        capsys, "infer", "spiked-matrix", *words, "--data", "Y.csv", "--control", str(noise), "--iterations", "6"
    )
    mean, before, h = np.full(size, 1 - 2 * rho), np.zeros(size), 0.5 * math.log((1 - rho) / rho)
    variance = np.full(size, 1 - (1 - 2 * rho) ** 2)
    for _ in range(6):
        field = [sum(y[i, j] * mean[j] for j in range(size) if j != i) / (noise * math.sqrt(size)) for i in range(size)]
        fresh = np.tanh(np.array(field) - variance.mean() / noise * before + h)
        mean, before, variance = fresh, mean, 1 - fresh**2
    assert np.allclose(found["mean"][0], mean, rtol=0, atol=1e-10)
    assert found["status"] == ["max_iterations"]
    assert at.instance_from(at.SpikedMatrix(biased), couplings=y).control == pytest.approx(noise, rel=0.2)


def test_measurements_go_through(folder, capsys):
    phi, y, signal = measured()
    found = ran(capsys, "infer", *MEASURED, "-o", "means.csv")
    assert (found["status"], found["sampling_ratio"]) == (["converged"], 2.0)
    # a plain loop of belief propagation: a message of every measurement to every variable
    mean = np.zeros((200, 100))
    for _ in range(60):
        variance = 1 - mean**2
        rest = (phi * mean).sum(axis=1, keepdims=True) - phi * mean
        spread = 0.1 + (phi**2 * variance).sum(axis=1, keepdims=True) - phi**2 * variance
        u = phi * (y[:, None] - rest) / spread
        mean = 0.5 * mean + 0.5 * np.tanh(u.sum(axis=0) - u)
    # both are exact up to terms of relative order 1/sqrt(N)
    assert np.abs(np.tanh(u.sum(axis=0)) - found["mean"][0]).mean() < 0.05
    assert np.mean(np.sign(found["mean"][0]) == signal) > 0.9
    assert np.array_equal(np.genfromtxt("means.csv", delimiter=",", names=True)["mean"], found["mean"][0])
    drawn = ran(capsys, "sample", *MEASURED, "--path", "flow", "--batch", "8", "--steps", "20", "--seed", "3")
    overlap = np.array(drawn["configurations"]) @ signal / 100
    assert abs(overlap.mean() - (np.array(found["mean"][0]) ** 2).mean()) < 0.1  # Nishimori


FORMS = [
    "csv",
    "csv with names",
    "npz",
    "scipy",
    "coordinates",
    "list",
    "market",
    "pattern",
    "zeros and ones",
    "truths",
]


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_graph_are_the_same(form, folder, capsys):
    matrix = np.zeros((len(CHECKS), BITS))
    for row, check in enumerate(CHECKS):
        matrix[row, check] = 1
    endings = {"npz": "npz", "scipy": "npz", "coordinates": "npz", "market": "mtx", "pattern": "mtx", "truths": "npz"}
    file = "graph." + endings.get(form, "csv")
    if form.startswith("csv"):
        np.savetxt(file, CHECKS, fmt="%d", delimiter=",", header="a,b,c" if form != "csv" else "", comments="")
    elif form == "npz":
        np.savez(file, graph=CHECKS, b=RIGHT, size=BITS)
    elif form == "scipy":
        scipy.sparse.save_npz(file, scipy.sparse.csc_array(matrix))
    elif form == "coordinates":
        scipy.sparse.save_npz(file, scipy.sparse.coo_array(matrix))
    elif form in ("market", "pattern"):
        fields = {"market": "real", "pattern": "pattern"}
        scipy.io.mmwrite(file, scipy.sparse.coo_array(matrix), field=fields[form])
    elif form == "zeros and ones":
        np.savetxt(file, matrix, fmt="%d", delimiter=",")
    elif form == "truths":
        np.savez(file, H=matrix, b=np.array(RIGHT, dtype=bool))
    else:
        instance = at.instance_from(at.XORSAT(3, 0.5), graph=scipy.sparse.coo_array(matrix), right_sides=RIGHT)
        assert np.array_equal(instance.spins, CHECKS)
        again = at.instance_from(at.XORSAT(3, 0.5), graph=matrix, right_sides=[bool(b) for b in RIGHT])
        assert np.array_equal(again.spins, CHECKS)
        assert np.array_equal(again.signs, instance.signs)
        return
    more = () if form in ("npz", "truths") else ("--data", "b=b.csv")
    found = ran(capsys, "infer", *CODE[:5], "--data", file, *more)
    assert found["mean"] == ran(capsys, "infer", *CODE)["mean"]


@pytest.mark.parametrize(("model", "control"), [
    (at.SpikedTensor(3, at.Rademacher()), 0.5), (at.SpikedTensor(4, at.Gaussian()), 0.3), (at.SpikedMatrixTensor(3, 0.8), 0.9),
    (at.SpikedMatrix(at.SparseRademacher(0.1)), 0.01), (at.MixedPSpin("q/10+q**2/8+q**4/2"), 0.9), (at.SphericalPSpin(3), 0.9), (SK, 0.7),
])  # fmt: skip
def test_couplings_in_the_users_units_are_those_drawn(model, control):
    drawn = at.draw_instance(model, control, 14, seed=3)
    data = {t.bodies: t.tensor / per_coupling(model, control, t.bodies, t.weight, 14) for t in drawn.terms}
    for couplings in (data, next(iter(data.values())))[: 2 if len(data) == 1 else 1]:
        made = at.instance_from(model, control, couplings=couplings, planted=drawn.planted)
        s = np.random.default_rng(0).standard_normal((3, 14))
        assert np.allclose(made.interaction(s), drawn.interaction(s), rtol=1e-11, atol=0)
        assert all(a.weight == b.weight for a, b in zip(made.terms, drawn.terms, strict=True))
    squares = {p: float((x**2).mean()) for p, x in data.items()}
    assert (fitting_control(model, 14, squares) is None) == (model.control == "temperature")


@pytest.mark.parametrize(("model", "size"), [
    (at.SpikedTensor(3, at.Rademacher()), 60), (at.SpikedTensor(4, at.Gaussian()), 24), (at.SpikedMatrix(at.GaussBernoulli(0.3)), 400),
])  # fmt: skip
def test_noise_is_estimated(model, size):
    drawn = at.draw_instance(model, 0.7, size, seed=3)
    (term,) = drawn.terms
    y = term.tensor / per_coupling(model, 0.7, term.bodies, term.weight, size)
    error = math.sqrt(2 / math.comb(size, term.bodies))
    found = at.instance_from(model, couplings=y).control
    assert found == pytest.approx(0.7, rel=5 * error)
    with pytest.raises(at.InputError, match="noise = ") as caught:
        at.instance_from(model, 0.1, couplings=y)
    fits = float(str(caught.value).partition("noise = ")[2].partition("noise = ")[2].split()[0])
    assert fits == pytest.approx(found, rel=1e-3)


def test_couplings_and_temperature_that_fit_are_the_same_measure():
    with pytest.raises(at.InputError, match="temperature divided by") as caught:
        at.instance_from(SK, 2.0, couplings=10 * J)
    ratio, control = (float(x) for x in str(caught.value).partition("divided by ")[2].split(",")[:2])
    one, other = (
        at.instance_from(SK, 2.0, couplings=10 * J, check_scale=False),
        at.instance_from(SK, control, couplings=10 * J / ratio),
    )
    s = at.Enumeration(one).configurations
    assert np.allclose(one.interaction(s), other.interaction(s), rtol=1e-3)


# --- saved and loaded ---------------------------------------------------------------------------------------------

DRAWN = [
    (at.IsingPSpin(3), 0.9, 12), (at.SphericalPSpin(3), 0.9, 12), (at.SpikedMatrixTensor(3, 0.8), 0.9, 12),
    (at.MixedPSpin("q**2/8+q**4/2", at.Rademacher()), 0.9, 8), (at.XORSAT(3, 0.5), 0.7, 50), (at.Bicoloring(4), 0.9, 40),
    (at.XORSAT(6, degrees="regular"), 0.5, 60), (at.GLM(at.Rademacher(), at.SignChannel()), 1.3, 51),
    (at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0)), 0.8, 40), (at.GLM(at.Discrete([0, 1], [0.5, 0.5]), at.DoorChannel(0.7)), 1.5, 40),
]  # fmt: skip


@pytest.mark.parametrize(("model", "control", "size"), DRAWN, ids=[f"{m.name} {c:g}" for m, c, _ in DRAWN])
def test_what_is_saved_is_loaded(model, control, size, tmp_path):
    targets = ["planted", *(["random"] if model.random_counterpart else [])]
    for target in targets:
        instance = at.draw_instance(model, control, size, 3, target)
        instance.save(tmp_path / "a.npz", overwrite=True)
        again = at.load_instance(tmp_path / "a.npz")
        assert (repr(again), again.model, again.control) == (repr(instance), model, instance.control)
        kept, found = instance._data(), again._data()
        assert {n: np.asarray(x).tobytes() for n, x in kept.items()} == {
            n: np.asarray(x).tobytes() for n, x in found.items()
        }
        assert np.array_equal(instance.planted, again.planted) if target == "planted" else again.planted is None
    with pytest.raises(at.FileError, match="exists already"):
        instance.save(tmp_path / "a.npz")


def changed(file, **changes):
    """Write a saved instance with other arrays; None leaves one out."""
    with np.load(file) as data:
        arrays = {n: data[n] for n in data.files} | changes
    np.savez(file, **{n: x for n, x in arrays.items() if x is not None})


HEADER = {"format": "amp_theory instance", "version": 1, "model": "xorsat", "parameters": {"k": 3}, "control": 0.5}
DAMAGED = [
    (lambda f: f.write_bytes(f.read_bytes()[:-30]), "zip|magic|numbers"),
    (lambda f: f.write_bytes(f.read_bytes()[:90] + b"\xff\x00\xff" + f.read_bytes()[93:]), "numbers|damaged|not an instance"),
    (lambda f: f.write_text("import os"), "numbers"),
    (lambda f: np.savez(f, a=np.array([print], dtype=object)), "numbers"),
    (lambda f: np.savez(f, a=np.ones(3)), "not an instance"),
    (lambda f: changed(f, header=np.array("{}")), "not an instance"),
    (lambda f: changed(f, header=np.array("[" * 100_000)), "not an instance"),
    (lambda f: changed(f, header=np.array(json.dumps(HEADER | {"version": 2}))), "version 2"),
    (lambda f: changed(f, header=np.array(json.dumps(HEADER | {"model": "unheard-of"}))), "not built in"),
    (lambda f: changed(f, header=np.array(json.dumps(HEADER | {"model": [1]}))), "no model"),
    (lambda f: changed(f, header=np.array(json.dumps(HEADER | {"control": "x"}))), "damaged"),
    (lambda f: changed(f, graph=None), "damaged"),
    (lambda f: changed(f, graph=np.zeros((10, 3))), "twice"),
    (lambda f: changed(f, signs=np.zeros((10, 3))), "signs"),
    (lambda f: changed(f, planted=np.full(20, 0.5)), "planted"),
    (lambda f: changed(f, size=np.array(7)), "damaged"),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "what"), DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_files_are_refused(damage, what, tmp_path):
    file = tmp_path / "a.npz"
    at.draw_instance(at.XORSAT(3), 0.5, 20, seed=0).save(file)
    at.load_instance(file)
    damage(file)
    with pytest.raises(at.FileError, match=what) as caught:
        at.load_instance(file)
    assert len(str(caught.value)) <= 280


def test_models_of_ones_own_are_given_again(tmp_path):
    class Own(at.SherringtonKirkpatrick):
        name = "own"

    at.draw_instance(Own(), 0.5, 6, 0).save(tmp_path / "a.npz")
    with pytest.raises(at.FileError, match="give model="):
        at.load_instance(tmp_path / "a.npz")
    with pytest.raises(at.FileError, match="not of"):
        at.load_instance(tmp_path / "a.npz", SK)
    assert type(at.load_instance(tmp_path / "a.npz", Own()).model) is Own


# --- what is refused ----------------------------------------------------------------------------------------------

LARGE = at.draw_instance(SK, 1.0, 100, seed=1).terms[0].tensor
PHI, MEASUREMENTS, SIGNAL = measured()
LINEAR, SIGNS = at.GLM(at.Rademacher(), at.LinearChannel(0.1)), at.GLM(at.Rademacher(), at.SignChannel())
XOR = at.XORSAT(3, 0.5)


def with_entry(array, at_, value):
    result = np.array(array, dtype=np.result_type(array, type(value)))
    result[at_] = value
    return result


def sk(couplings, **more):
    return lambda: at.instance_from(SK, 1.0, couplings=couplings, **more)


def xor(graph, model=XOR, **more):
    return lambda: at.instance_from(model, graph=graph, **more)


def glm(model=LINEAR, sensing=PHI, measurements=MEASUREMENTS, **more):
    return lambda: at.instance_from(model, sensing=sensing, measurements=measurements, **more)


BAD = {
    "NaN": (sk(with_entry(J, (1, 2), math.nan)), r"finite.*got nan at \[1, 2\], one of 1"), "huge": (sk(J * 1e200), r"up to 1e\+30"),
    "vectors of a block model": (lambda: at.instance_from(at.StochasticBlockModel(3), 1.0, couplings=J), "PottsPrior"),
    "misspelt": (lambda: at.instance_from(SK, 1.0, coupling=J), "unknown argument 'coupling'.*couplings"),
    "weaker than the signal": (lambda: at.instance_from(at.SpikedMatrix(at.Rademacher()), couplings=1e-5 * J), "noise must be given"),
    "sparse vector": (xor(scipy.sparse.coo_array(np.ones(3))), "parity-check matrix must have shape"), "no ones": (xor(scipy.sparse.csr_array((2, 5))), "and ones"),
    "asymmetric": (sk(with_entry(J, (1, 2), 5.0)), r"symmetric, got 5 at \[1, 2\] and 0.7 at \[2, 1\].*\(J \+ J.T\)/2"),
    "asymmetric tensor": (lambda: at.instance_from(at.IsingPSpin(3), 1.0, couplings=np.arange(27.0).reshape(3, 3, 3)), "symmetric"),
    "complex": (sk(J * (1 + 1j)), "real"), "text": (sk("J.npy"), "couplings must be"), "texts": (sk([["a", "b"], ["b", "a"]]), "couplings must be"),
    "not square": (sk(np.zeros((3, 4))), r"one length.*\(3, 4\)"), "vector": (sk(np.ones(5)), r"shape \(size, size\)"),
    "empty": (sk(np.zeros((0, 0))), "zero"), "one spin": (sk([[1.0]]), "size must be"), "ragged": (sk([[1.0], [1.0, 2.0]]), "couplings must be"),
    "all zero": (sk(np.zeros((50, 50))), "root mean square 0"), "too large": (sk(10 * LARGE), "divided by"), "too small": (sk(LARGE / 10), "divided by"),
    "masked": (sk(np.ma.masked_array(J, J > 0)), "mask"),
    "one of two": (lambda: at.instance_from(at.MixedPSpin("q**2/2+q**3/2"), 1.0, couplings=J), r"\{2: ..., 3: ...\}"),
    "other bodies": (lambda: at.instance_from(SK, 1.0, couplings={3: J}), "among 2 variables"),
    "sizes differ": (lambda: at.instance_from(at.MixedPSpin("q/2+q**2/2"), 1.0, couplings={1: np.ones(4), 2: J}), "same variables"),
    "no temperature": (lambda: at.instance_from(SK, couplings=J), "temperature must be given"),
    "bad temperature": (lambda: at.instance_from(SK, -1.0, couplings=J), "temperature must be"),
    "graph of a matrix model": (lambda: at.instance_from(SK, 1.0, graph=CHECKS), "made from couplings"),
    "nothing": (lambda: at.instance_from(SK, 1.0), "without couplings"),
    "half a spin": (sk(J, planted=[1, -1, 0.5, 1, 1]), r"-1, 1, got 0.5 at \[2\]|1, -1, got 0.5 at \[2\]"),
    "planted too long": (sk(J, planted=np.ones(6)), "5 variables, got 6"), "complex planted": (sk(J, planted=np.ones(5) * 1j), "real"),
    "off the sphere": (lambda: at.instance_from(at.SphericalPSpin(2), 1.0, couplings=J, planted=np.ones(5) * 2), "sphere"),
    "repeated": (xor([[0, 1, 2], [3, 1, 3]]), "factor 1 names spin 3 twice"), "negative": (xor([[0, 1, -2]]), "factor 0 names spin -2"),
    "beyond size": (xor(CHECKS, size=6), "factor 2 names spin 6, spins are 0 to 5"), "wrong k": (xor([[0, 1, 2, 3]]), "k = 3"),
    "halves": (xor([[0, 1, 2.5]]), "integers"), "NaN spin": (xor([[0, 1, math.nan]]), "finite"), "unequal factors": (xor([[0, 1, 2], [1, 2]]), "graph must be"),
    "no factor": (xor(np.zeros((0, 3))), "zero"), "dense matrix": (xor(np.eye(5)), "row 0 .* 1 ones.*k = 3"),
    "sparse of twos": (xor(scipy.sparse.csr_array(2 * np.ones((1, 3)))), "zeros and ones, got 2"),
    "complex sparse": (xor(scipy.sparse.csr_array(1j * np.ones((1, 3)))), "real"),
    "irregular rows": (xor(scipy.sparse.csr_array([[1, 1, 1, 0], [1, 1, 1, 1]])), "row 1 .* 4 ones.*k = 3"),
    "size of a matrix": (xor(scipy.sparse.csr_array(np.ones((1, 3))), size=5), "3 columns"),
    "signs of zeros": (xor(CHECKS, signs=np.zeros((4, 3))), "-1 or 1, got 0"), "signs of a shape": (xor(CHECKS, signs=np.ones((3, 3))), r"\(4, 3\)"),
    "right sides of signs": (xor(CHECKS, right_sides=[1, -1, 1, 1]), "0 or 1, got -1"), "too few right sides": (xor(CHECKS, right_sides=[1]), r"\(4,\)"),
    "both": (xor(CHECKS, signs=np.ones((4, 3)), right_sides=RIGHT), "one of them"),
    "right sides of colourings": (xor([[0, 1, 2, 3]], at.Bicoloring(4), right_sides=[1]), "give signs"),
    "wrong density": (xor(CHECKS, control=0.9), "density = 0.444444444444 fits"), "violated": (xor(CHECKS, at.XORSAT(3), right_sides=RIGHT, planted=np.ones(9)), "probability zero"),
    "no regular graph": (xor([[0, 1, 2], [0, 1, 3], [0, 2, 4], [3, 4, 5]], at.XORSAT(3, degrees="regular")), "spin 0 is in 3 factors.*poisson"),
    "wrong length of y": (glm(measurements=MEASUREMENTS[:-1]), "200, one for every row of sensing, got 199"),
    "transposed": (glm(sensing=PHI.T), "transposed"), "infinite y": (glm(measurements=with_entry(MEASUREMENTS, 3, math.inf)), r"finite.*got inf at \[3\]"),
    "labels": (glm(SIGNS), r"\+1 or -1, got"), "complex y": (glm(measurements=MEASUREMENTS * 1j), "real"), "complex Phi": (glm(sensing=PHI * 1j), "real"),
    "Phi of variance one": (glm(sensing=10 * PHI), "1/sqrt.*divide it by"), "y in another unit": (glm(measurements=30 * MEASUREMENTS), r"noise = \d+"),
    "negative moduli": (glm(at.GLM(at.Gaussian(), at.AbsChannel())), ">= 0, got -"), "wrong ratio": (glm(control=1.0), "sampling_ratio = 2 fits"),
    "no y": (lambda: at.instance_from(LINEAR, sensing=PHI), "without measurements"), "vector Phi": (glm(sensing=PHI[0]), r"shape \(measurements, size\)"),
    "outcome of ones own": (lambda: glm(at.GLM(at.Rademacher(), at.Channel([0.0, 1.0], lambda y, z: 0.5 + 0.8 * (y - 0.5) * np.tanh(z))))(), "0, 1, got"),
    "impossible": (glm(SIGNS, measurements=-np.sign(PHI @ SIGNAL), planted=SIGNAL), "probability zero"),
    "colouring": (lambda: at.instance_from(at.Coloring(4), graph=CHECKS), "binary factors"), "no model": (lambda: at.instance_from("sk", couplings=J), "model must be"),
    "no flag": (sk(J, check_scale="no"), "True or False"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_data_are_told_in_one_line(name):
    call, what = BAD[name]
    with pytest.raises(at.InputError, match=what) as caught:
        call()
    assert len(str(caught.value)) <= 280
    assert "\n" not in str(caught.value)


def test_good_data_are_not():
    """The negative control of the above: the same calls with what is right."""
    for call in (sk(J), sk(LARGE), sk(J, planted=np.ones(5)), xor(CHECKS, right_sides=RIGHT), glm(planted=SIGNAL),
                 sk(scipy.sparse.csr_array(J)), glm(SIGNS, measurements=np.sign(PHI @ SIGNAL), planted=SIGNAL)):  # fmt: skip
        assert isinstance(call(), at.Instance)


class TwoAlike(at.Factor):
    """Of three literals two are alike and one is not."""

    @property
    def weights(self):
        return (0.2, 1.0, 1.0, 0.2)


class Uneven(at.SparseModel):
    """A model of one's own."""

    name = "uneven"

    @property
    def factor(self):
        return TwoAlike(3)


def test_a_factor_of_ones_own():
    signs = np.array([[1, 1, 1], [1, -1, 1], [1, 1, -1], [-1, -1, -1]])
    instance = at.instance_from(Uneven(), graph=CHECKS, signs=signs)
    spins, probability = boltzmann(
        lambda s: sum(math.log(0.2) * (len({g * s[i] for g, i in zip(row, check, strict=True)}) == 1)
                      for row, check in zip(signs, CHECKS, strict=True)), BITS)  # fmt: skip
    assert np.allclose(at.Enumeration(instance).probabilities()[0], probability, rtol=1e-12, atol=0)
    known = at.SideInformation.from_known(np.arange(BITS) < 2, np.ones(BITS))
    given = np.all(spins[:, :2] == 1, axis=1) * probability
    assert np.allclose(at.run_bp(instance, known).mean[0], given @ spins / given.sum(), rtol=0, atol=1e-12)


def test_frames_and_sparse_matrices_are_matrices():
    pd = pytest.importorskip("pandas")
    wanted = at.instance_from(SK, 1.0, couplings=J).terms[0].tensor
    for same in (pd.DataFrame(J), scipy.sparse.csr_array(J), np.asfortranarray(J), J.tolist(), J.astype(np.longdouble)):
        assert np.array_equal(at.instance_from(SK, 1.0, couplings=same).terms[0].tensor, wanted)
    checks = scipy.sparse.csr_array(np.array([[True, True, True, False]]))
    assert at.instance_from(XOR, graph=checks).spins.tolist() == [[0, 1, 2]]


def test_any_scale_goes_where_it_is_asked_for(folder, capsys):
    np.save("large.npy", LARGE * 10)
    words = ["infer", "sk", "--data", "large.npy", "--control", "20"]
    assert main(words) == 2
    assert "root mean square" in capsys.readouterr().err
    found = ran(capsys, *words, "--any-scale")
    assert np.array_equal(
        found["mean"], at.run_amp(at.instance_from(SK, 20.0, couplings=LARGE * 10, check_scale=False)).mean
    )


def test_data_are_copied():
    mine = LARGE.copy()
    at.instance_from(SK, 2.0, couplings=mine)
    assert np.array_equal(mine, LARGE)


@pytest.mark.parametrize(("text", "what"), [
    ("", "numbers"), ("4 2\n", "numbers"), (alist(CHECKS, BITS).replace("9 4", "9 5"), "lines"),
    (alist(CHECKS, BITS).replace("1 2 3\n", "1 2 4\n"), "differ"), (alist([[0, 1, 2], [1, 2, 3, 4]], 5), "4 ones"), ("a b\n", "numbers"),
])  # fmt: skip
def test_bad_parity_check_files(text, what, tmp_path, capsys):
    (tmp_path / "a.alist").write_text(text)
    assert main(["infer", "xorsat", "--set", "k=3", "--data", str(tmp_path / "a.alist")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert what in err


@pytest.mark.parametrize(("words", "what"), [
    (["infer", "sk", "--data", "J.npy"], "temperature must be given"), (["infer", "sk", "--data", "none.npy", "--control", "1"], "cannot read"),
    (["infer", "sk", "--data", "J.npy", "--data", "J.npy", "--control", "1"], "twice"), (["infer", "sk", "--data", "J.exe", "--control", "1"], "ending"),
    (["infer", "glm", *MEASURED[1:-1], "J.npy"], "needs --data sensing=FILE"), (["infer", "sk", "--data", "measured.npz", "--control", "1"], "made from couplings"),
    (["infer", "sk", "--data", "J.npy", "--control", "1", "-o", "J.npy"], "ending"), (["infer", "sk", "--data", "J.npy", "--control", "1", "--damping", "1"], "damping"),
    (["infer", "sk", "--data", "J.npy", "--control", "1", "-o", "there.csv"], "exists"), (["infer", "sk", "--control", "1"], "--data"),
    (["sample", "sk", "--data", "J.npy", "--control", "1", "--denoiser", "best"], "denoiser"), (["sample", "sk", "--data", "J.npy", "--control", "1", "--path", "birth"], "birth"),
    (["infer", "sk", "--data", "odd.npz", "--control", "1"], "unknown array"), (["infer", "sk", "--data", "saved.npz", "--control", "0.7"], "leave --control out"),
    (["infer", "xorsat", "--set", "k=3", "--data", "saved.npz"], "not of"), (["infer", "sk", "--data", "graph=measured.npz", "--control", "1"], "no array"),
    (["infer", "sk", "--data", "complex.csv", "--control", "1"], "numbers"), (["infer", "sk", "--data", "complex.npy", "--control", "1"], "real"),
])  # fmt: skip
def test_bad_commands(words, what, folder, capsys):
    (folder / "there.csv").write_text("")
    np.savez("odd.npz", coupling=J, y=J)
    at.instance_from(SK, 1.5, couplings=J).save("saved.npz")
    np.savetxt("complex.csv", J * 1j, delimiter=",")
    np.save("complex.npy", J * 1j)
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert what in err, err


MARKET = "%%MatrixMarket matrix coordinate real general\n"


@pytest.mark.parametrize("text", [
    "", "9 4\n", MARKET + "4 9 1\n5 1 1.0\n", MARKET + "4 9 2\n1 1 1.0\n", MARKET + "4 9 1\n1 1 one\n",
    "%%MatrixMarket matrix array complex general\n1 3\n1 1\n1 0\n1 0\n",
])  # fmt: skip
def test_bad_matrix_market_files(text, tmp_path, capsys):
    (tmp_path / "a.mtx").write_text(text)
    assert main(["infer", "xorsat", "--set", "k=3", "--data", str(tmp_path / "a.mtx")]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "numbers" in err


@pytest.mark.parametrize("algorithm", ["auto", "gamp", "robust-gamp", "vamp"])
@pytest.mark.parametrize("sensing", [np.zeros((9, 6)), np.ones((9, 6)), np.full((1, 6), 0.4)], ids=["0", "1", "row"])
def test_measurements_that_tell_little(sensing, algorithm, tmp_path, monkeypatch, capsys):
    """No rank, rank one, one row: means of the prior where nothing is told, and numbers everywhere."""
    monkeypatch.chdir(tmp_path)
    np.savez("measured.npz", Phi=sensing, y=sensing @ np.ones(6) + 0.1 * np.arange(len(sensing)))
    found = ran(capsys, "infer", *MEASURED, "--any-scale", "--algorithm", algorithm)
    assert np.isfinite(found["mean"]).all()
    assert np.isfinite(found["variance"]).all()
    if not sensing.any():
        assert np.abs(found["mean"]).max() == 0


def test_a_saved_instance_is_data_too(folder, capsys):
    at.instance_from(SK, 1.5, couplings=J).save("saved.npz")
    found = ran(capsys, "infer", "sk", "--data", "saved.npz")
    assert found == ran(capsys, "infer", "sk", "--data", "J=J.npy", "--control", "1.5")
    assert main(["infer", "sk", "--data", "saved.npz"]) == 0
    assert "1 converged" in capsys.readouterr().out


def test_couplings_of_several_bodies_in_one_file(folder, capsys):
    model = at.MixedPSpin("q**2/8+q**3/2")
    drawn = at.draw_instance(model, 0.9, 12, seed=1)
    np.savez("several.npz", **{f"J_{t.bodies}": t.tensor * 0.9 for t in drawn.terms})
    found = ran(
        capsys, "infer", "mixed-p-spin", "--set", "xi=q**2/8+q**3/2", "--data", "several.npz", "--control", "0.9"
    )
    assert np.allclose(found["mean"], at.run_amp(drawn).mean, rtol=0, atol=1e-9)


def test_no_array_is_unpickled(tmp_path):
    """A file that would run something when it is unpickled is refused, and runs nothing."""

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "bomb.npz", header=np.array([Bomb()], dtype=object))
    for name in ("bomb.npy", "bomb.npz"):
        with pytest.raises(at.FileError):
            read_arrays(tmp_path / name)
    assert not (tmp_path / "ran").exists()
