"""Sweeps: the numbers of single questions bit for bit, however the work is done; failures and bad questions as data."""

from __future__ import annotations

import inspect
import itertools
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.phases.families.axes import family_of
from amp_theory.phases.families.quantities import GROUPS, QUANTITIES, Place
from amp_theory.phases.families.sweep import LEAST_ROWS, PIECES, Piece, _pieces, _read, forget
from amp_theory.phases.geometry.solved import any_geometry_of

PATH = at.Flow()
POINT = {"temperature": [0.6, 0.7, 0.8], "snr": [0.05, 0.12]}


def sparse(rho):
    return at.SpikedMatrix(at.SparseRademacher(rho))


@pytest.mark.slow
def test_every_quantity_is_that_of_a_single_question():
    found = at.sweep(at.IsingPSpin, p=[3, 4], **POINT, quantities=[*GROUPS, *QUANTITIES])
    assert found.shape == (2, 3, 2)
    assert len(found) == 12
    assert found.failures == {}
    for (i, p), (j, t), (k, s) in places(found):
        model = at.IsingPSpin(p)
        if j == k == 0:  # as the piece of every model begins
            forget()
        assert found.models[i, j, k] == model
        special, meets = at.thresholds(model, PATH), at.path_transitions(model, PATH, t)
        for name, point in special.points().items():
            same_point(found, name, (i, j, k), point, special.reasons.get(name))
        for name in GROUPS["path_transitions"]:
            point = meets[name][0] if meets[name] else None
            same_point(found, name, (i, j, k), point, meets.reasons.get(name))
        fixed = at.fixed_points(model, PATH, t, s)
        for name in GROUPS["fixed_points"]:
            point = getattr(fixed, name)
            assert found[name][i, j, k] == point.overlap
            assert found.values(name, "free_entropy")[i, j, k] == point.free_entropy
            assert found.values(name, "error_of_overlap")[i, j, k] == point.errors["overlap"]
        for name in ("uninformed_overlap", "informed_overlap"):
            assert found[name][i, j, k] == getattr(at, name)(model, PATH, t, s)
        diagram = at.phase_diagram(model, PATH, (0.5, 0.9), points=2)
        for name, *point in (("region", t, s), ("sampler_succeeds", t), ("first_failure_strength", t)):
            answer = getattr(diagram, name)(*point)
            value = found[name][i, j, k]
            assert (None if value is np.ma.masked else value) == answer
            assert found.reason(name, i, j, k) == (diagram.reason(t) if answer is None else None)


def places(found):
    values = [list(enumerate(axis.tolist())) for axis in found.axes.values()]
    return [(a, b, c) for a in values[0] for b in values[1] for c in values[2]]


def same_point(found, name, index, point, reason):
    if point is None:
        assert found[name][index] is np.ma.masked
        assert found.reason(name, *index) == reason
        return
    main = point.control if QUANTITIES[name].main == "control" else point.strength
    assert found[name][index] == main
    for coordinate, value in point.coordinates.items():
        assert found.values(name, coordinate)[index] == value
        assert found.values(name, f"error_of_{coordinate}")[index] == point.errors[coordinate]
    assert found.values(name, "control")[index] == point.control
    assert found.reason(name, *index) is None


def test_the_order_of_axes_is_the_one_given():
    one = at.sweep(at.SphericalPSpin, p=[3, 4], temperature=[0.6, 0.65], quantities="first_order")
    other = at.sweep(at.SphericalPSpin, control=[0.6, 0.65], p=[3, 4], quantities="first_order")
    assert list(one.axes) == ["p", "temperature"]
    assert list(other.axes) == ["control", "p"]
    np.testing.assert_array_equal(one["first_order"].filled(-1), other["first_order"].T.filled(-1))
    # the negative control: the two differ by more than their names
    assert not np.array_equal(one["first_order"].filled(-1), other["first_order"].filled(-1))
    rows = one.table()
    assert list(rows.columns["p"]) == [3, 3, 4, 4]
    assert list(rows.columns["temperature"]) == [0.6, 0.65, 0.6, 0.65]


def test_what_is_single_is_fixed():
    found = at.sweep(lambda p, spherical: (at.SphericalPSpin if spherical else at.IsingPSpin)(p), p=3, spherical=[True, False],
                     snr=np.float64(0.1), T=np.array([0.7]), quantities="uninformed_overlap")  # fmt: skip
    assert found.shape == (2, 1)
    assert list(found.axes) == ["spherical", "temperature"]
    assert found.fixed == {"p": 3, "snr": 0.1}
    assert found["uninformed_overlap"][0, 0] == at.uninformed_overlap(at.SphericalPSpin(3), PATH, 0.7, 0.1)
    alone = at.sweep(at.IsingPSpin(3), quantities="dynamical")
    assert alone.shape == ()
    assert float(alone["dynamical"]) == at.thresholds(at.IsingPSpin(3), PATH).dynamical.control
    assert len(alone.table()) == 1


def test_models_of_a_list_are_an_axis_and_name_their_own_control():
    models = [at.IsingPSpin(3), sparse(0.05)]
    found = at.sweep(models, quantities=["condensation"])
    assert found.axes["model"].tolist() == [repr(m) for m in models]
    assert {"condensation_temperature", "condensation_noise"} <= set(found.table().columns)
    assert found.values("condensation", "temperature").mask.tolist() == [False, True]
    assert not found.values("condensation", "control").mask.any()
    with pytest.raises(at.UnknownNameError, match="unknown axis 'noise'.*known: control, snr, strength"):
        at.sweep(models, noise=[0.1], quantities="first_order")
    assert at.sweep(models, control=[0.5, 0.01], quantities="first_order").shape == (2, 2)


def test_failures_are_rows_beside_the_others():
    found = at.sweep(sparse, rho=[0.05, 2, 0.08], noise=[0.003, -1], quantities=["condensation", "first_order"])
    assert found.failures == {
        (1, 0): "rho must lie in (0, 1], got 2", (1, 1): "rho must lie in (0, 1], got 2",
        (0, 1): "noise must be finite and > 0, got -1", (2, 1): "noise must be finite and > 0, got -1",
    }  # fmt: skip
    assert found.models[1, 0] is None
    # what does not depend on the bad control is there
    assert found["condensation"].mask.tolist() == [[False, False], [True, True], [False, False]]
    assert found.reason("condensation", 1, 0) == "rho must lie in (0, 1], got 2"
    frame = found.table().columns
    assert frame["failure"].count(None) == 2
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [row["failure"] for row in data["rows"]] == list(frame["failure"])
    assert data["rows"][0]["condensation"]["error"].keys() == {"noise", "overlap"}
    assert found.report().count("failed: ") == 4


def test_solvers_that_give_up_are_rows(monkeypatch):
    from amp_theory.phases.families import quantities

    def give_up(model, path):
        if model.p == 4:
            raise at.NumericalError("nothing was found")
        return at.thresholds(model, path)

    monkeypatch.setattr(quantities, "thresholds", give_up)
    found = at.sweep(at.IsingPSpin, p=[3, 4], temperature=[0.7], quantities=["dynamical", "first_order"])
    assert found["dynamical"].mask.tolist() == [[False], [True]]
    assert not found["first_order"].mask.any()
    assert found.failures[1, 0].startswith("nothing was found")


def test_every_failure_is_kept_beside_the_answers():
    found = at.sweep(at.IsingPSpin(3), control=[0.7, -1], strength=[0.1, 1e13], quantities=["dynamical", "region",
                     "first_order"])  # fmt: skip
    strength, control = "snr must be in [0, 1e+12), got 1e+13", "temperature must be finite and > 0, got -1"
    assert found.failed[0, 1] == {"region": strength}
    assert set(found.failed[1, 1]) == {"region", "first_order"}
    assert found.failures == {k: "; ".join(dict.fromkeys(v.values())) for k, v in found.failed.items()}
    assert found.reason("region", 0, 1) == strength
    assert found.reason("first_order", 1, 1) == control
    assert found.reason("dynamical", 1, 1) is None
    good, high, *_, both = found.report().splitlines()[1:]
    assert "failed" not in good
    assert high.count("failed") == 1
    assert "dynamical 0.68159804" in high
    assert f"region failed: {strength}" in high
    assert f"first_order failed: {control}" in both
    rows = found.to_dict()["rows"]
    assert [row["failed"] for row in rows] == [found.failed.get(k, {}) for k in np.ndindex(2, 2)]


def test_columns_depend_on_the_question_alone():
    wanted = [*GROUPS, *QUANTITIES]
    for path in (at.Flow(), at.Autoregressive()):
        # where everything exists, where little does, and where rows fail
        tables = [
            at.sweep(at.IsingPSpin, p=[p], temperature=t, strength=s, path=path, quantities=wanted).table()
            for p, t, s in ((3, 0.7, 0.1), (2, 3.0, 0.5), (3, -1, 0.1))
        ]
        assert len({table.names for table in tables}) == 1
        for quantity in QUANTITIES:
            assert f"reason_of_{quantity}" in tables[0].columns
        own = path.strength
        assert {"tricritical_overlap", f"tricritical_{own}", f"error_of_tricritical_{own}"} <= set(tables[1].columns)


def test_a_mistake_ends_the_sweep():
    with pytest.raises(at.InputError, match="models with rho = 0.1 failed with ZeroDivisionError") as caught:
        at.sweep(lambda rho: 1 / 0, rho=[0.1], quantities="dynamical")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(at.InputError, match="model must be a model"):
        at.sweep(lambda rho: rho, rho=[0.1], quantities="dynamical")
    with pytest.raises(at.InputError, match="missing 1 required positional argument"):
        at.sweep(sparse, quantities="dynamical")


def call(models=at.IsingPSpin, quantities="dynamical", **more):
    return at.sweep(models, quantities=quantities, **more)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        ("unknown quantity 'dynamic'.*did you mean 'dynamical'", {"quantities": ["dynamic"], "p": [3]}),
        ("quantities must name at least one", {"quantities": [], "p": [3]}),
        ("quantities must be a list of names", {"quantities": 3, "p": [3]}),
        ("the quantity 'first_order' needs a control: give an axis temperature=", {"quantities": "first_order", "p": 3}),
        ("'region' needs a strength: give an axis snr=", {"quantities": "region", "p": [3], "control": 0.7}),
        ("unknown axis 'rho'; known: control, field, p, snr, strength, temperature", {"p": [3], "rho": [1]}),
        ("unknown axis 'noise'", {"p": [3], "noise": [1]}),
        ("the axis 'p' is empty", {"p": []}),
        ("the axis 'temperature' is empty", {"p": 3, "temperature": []}),
        ("the product of the axes has 1000000 rows", {"p": range(2, 1002), "control": range(1, 1001)}),
        ("the control is given twice: 'control'", {"p": 3, "temperature": 1, "control": [1]}),
        ("the axis 'temperature' is given twice: 'T' is another word", {"p": 3, "temperature": 1, "T": [1]}),
        ("temperature must be one number", {"p": 3, "temperature": ["warm"]}),
        ("no model can be made: p must be an integer", {"p": [1, 0]}),
        ("models must be a list of models", {"models": 3}),
        ("models must be a list of models", {"models": np.ma.masked}),
        ("model must be a model", {"models": [3]}),
        ("unknown axis 'model'", {"models": [at.IsingPSpin(3)], "model": [1]}),
        ("a sweep has 1 to 100000 rows: the axis 'model' is empty", {"models": []}),
        ("path must be a path", {"path": "flow", "p": [3]}),
        ("executor must have a method submit", {"executor": 2, "p": [3]}),
        ("1 to 100000 rows: the axis 'p' has more values", {"p": itertools.count(3)}),
        ("1 to 100000 rows: models has more models", {"models": itertools.repeat(at.IsingPSpin(3))}),
        ("'temperature' must be one flat list of numbers, got a list in it: .0.65, 0.66.", {"p": 3, "T": [[0.65, 0.66]]}),
        (r"'T' must have one dimension, got an array of shape \(1, 2\)", {"p": 3, "T": np.array([[0.65, 0.66]])}),
        (r"'p' must have one dimension, got an array of shape \(1, 2\)", {"p": np.array([[3, 4]])}),
    ],
)  # fmt: skip
def test_bad_questions(error, what):
    with pytest.raises(at.InputError, match=error):
        call(**what)


@pytest.mark.parametrize("name", ["failure", "failed", "reasons", "reason_of_x", "error_of_p", "dynamical",
                                  "dynamical_temperature"])  # fmt: skip
@pytest.mark.every(3)
def test_axes_cannot_have_the_names_of_answers(name):
    made = []
    parameters = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)])

    def model(**_):
        made.append(_)
        return at.IsingPSpin(3)

    model.__signature__ = parameters
    with pytest.raises(at.InputError, match=f"no axis can be called '{name}'.*: rename the parameter"):
        call(model, **{name: [1, 2]})
    assert made == []
    model.__signature__ = inspect.signature(lambda reason: None)
    assert call(model, reason=[1, 2]).to_dict()["rows"][1]["reason"] == 2


def test_coordinates_where_nothing_exists():
    found = call(p=[3, 4], quantities=["algorithmic", "dynamical"])
    for name in (
        None,
        "control",
        "temperature",
        "strength",
        "overlap",
        "error_of_temperature",
        "error_of_control",
    ):
        assert found.values("algorithmic", name).mask.all()
    np.testing.assert_array_equal(
        found.values("dynamical", "error_of_control"), found.values("dynamical", "error_of_temperature")
    )
    with pytest.raises(at.UnknownNameError, match="unknown coordinate of region 'overlap'; known: none"):
        call(p=[3], temperature=0.7, snr=0.1, quantities="region").values("region", "overlap")


def test_bad_questions_to_the_answer():
    found = call(p=[3, 4])
    for question in (
        lambda: found["tricritical"],
        lambda: found.values("dynamical", "snr"),
        lambda: found.values("dynamical", 3),
        lambda: found.reason("x", 0),
    ):
        with pytest.raises(at.UnknownNameError):
            question()
    assert found.reason("dynamical", np.int64(1)) is None
    for index in ((), (2,), (-1,), (0, 0), ("a",), (True,), (np.True_,), (np.float64(1),)):
        with pytest.raises(at.InputError, match="index must be an integer for every axis"):
            found.reason("dynamical", *index)


# --- executors and checkpoints --------------------------------------------------------------------------------------

FAMILY = {"rho": [0.05, 0.08, 2, 0.5], "noise": [0.004, 0.007], "quantities": ["thresholds", "path_transitions"]}


#: models that share a prior, whose table grows with every question
SPINS = {"p": [3, 4, 5, 6], "temperature": [0.6, 0.7], "quantities": ["thresholds", "path_transitions"]}


def data(**more):
    return [at.sweep(sparse, **FAMILY, **more).to_dict(), at.sweep(at.IsingPSpin, **SPINS, **more).to_dict()]


def test_the_numbers_do_not_depend_on_what_was_asked_before():
    expected = data()
    for path in (at.Autoregressive(), at.UniformDiscreteDiffusion()):
        at.thresholds(at.IsingPSpin(4), path)
    at.phase_diagram(sparse(0.05), at.Autoregressive())
    assert data() == expected
    # the negative control: there is something to forget, which every other question would meet
    at.thresholds(sparse(0.05), PATH)
    remembered = any_geometry_of(sparse(0.05), PATH)
    assert any_geometry_of(sparse(0.05), PATH) is remembered
    forget()
    assert any_geometry_of(sparse(0.05), PATH) is not remembered


@pytest.mark.parametrize(("models", "family", "pieces"), [(sparse, FAMILY, 3), (at.IsingPSpin, SPINS, 4)])
def test_threads_and_checkpoints_give_the_same_numbers(tmp_path, models, family, pieces):
    expected, file, seen = at.sweep(models, **family).to_dict(), tmp_path / "sweep.npz", []

    def stop(done, of):
        seen.append((done, of))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at.sweep(models, **family, checkpoint=file, progress=stop)
    again: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as executor:
        found = at.sweep(models, **family, checkpoint=file, executor=executor, progress=lambda *n: again.append(n))
    assert found.to_dict() == expected
    assert seen == [(k, pieces) for k in range(3)]
    assert again[0] == (2, pieces)
    assert at.sweep(models, **family, checkpoint=file).to_dict() == expected


def test_a_checkpoint_of_another_sweep_is_refused(tmp_path):
    file = tmp_path / "sweep.npz"
    first = {"rho": [0.05, 0.08], "quantities": "dynamical", "checkpoint": file}
    at.sweep(sparse, **first)
    content = file.read_bytes()
    for change, what in (
        ({"rho": [0.05, 0.09]}, r"axis rho is \[0.05, 0.08\] there, \[0.05, 0.09\] here"),
        ({"quantities": "tricritical"}, "quantities is .'dynamical'. there, .'tricritical'. here"),
        ({"path": at.Autoregressive()}, "path is 'Flow"),
        ({"noise": [0.1]}, "axes is"),
        ({"noise": 0.1}, "fixed noise is None there, 0.1 here"),
    ):
        with pytest.raises(at.FileError, match=f"of another problem: {what}"):
            at.sweep(sparse, **(first | change))
    with pytest.raises(at.FileError, match="model 0 is 'SpikedMatrix.*there, 'SpikedTensor"):
        at.sweep(lambda rho: at.SpikedTensor(3, at.SparseRademacher(rho)), **first)
    with pytest.raises(at.FileError, match="a folder"):
        at.sweep(sparse, **(first | {"checkpoint": tmp_path}))
    assert file.read_bytes() == content


def test_a_checkpoint_with_other_rows_is_refused():
    wanted = ("dynamical", "region", "sampler_succeeds")
    task = Piece((Place(at.IsingPSpin(3), PATH, 0.7, 0.1),), wanted)
    good = task.result({})
    (row,) = _read(good, task, "file")
    assert list(row["found"]) == list(wanted)
    point = row["found"]["dynamical"]
    bad = [[], good["rows"] * 2, ["{"], ["[]"], ["1"], ['{"found": {"x": 1}, "reasons": {}}']]
    bad += [[json.dumps(row | {part: 7})] for part in row]
    for name, value in (
        ("dynamical", "abc"), ("dynamical", 0.5), ("dynamical", {}), ("dynamical", point | {"temperature": "0.7"}),
        ("dynamical", point | {"error": 1e-9}), ("dynamical", point | {"overlap": "much"}),
        ("dynamical", point | {"error": {"temperature": "little"}}), ("region", 1), ("sampler_succeeds", 0.5), ("dynamic", point),
    ):  # fmt: skip
        bad.append([json.dumps(row | {"found": row["found"] | {name: value}})])
    # a quantity that is left out, that is there twice, and whose reason is no text
    bad.append([json.dumps(row | {"found": {n: v for n, v in row["found"].items() if n != "region"}})])
    bad.append([json.dumps(row | {"failed": {"region": "why"}})])
    bad.append([json.dumps({"found": {}, "reasons": dict.fromkeys(wanted, 7), "failed": {}})])
    for rows in bad:
        with pytest.raises(at.FileError, match="'file' is damaged"):
            _read({"rows": rows}, task, "file")
    with pytest.raises(at.FileError):
        _read({}, task, "file")
    # the negative controls: an infinite number, or error, is None
    endless = row | {"found": row["found"] | {"dynamical": point | {"overlap": None, "error": {"temperature": None}}}}
    assert _read({"rows": [json.dumps(endless)]}, task, "file") == [endless]
    for rows in ({"reasons": dict.fromkeys(wanted, "why")}, {"failed": dict.fromkeys(wanted, "why")}):
        assert _read({"rows": [json.dumps({"found": {}, "reasons": {}, "failed": {}} | rows)]}, task, "file")


def test_a_checkpoint_without_checksum_is_refused(tmp_path):
    file = tmp_path / "sweep.npz"
    call(p=[3, 4], checkpoint=file)
    with np.load(file) as stored:
        header = json.loads(str(stored["header"]))
    np.savez(file, header=np.array(json.dumps(header | {"version": 1})))
    with pytest.raises(at.FileError, match="is not a checkpoint of this version"):
        call(p=[3, 4], checkpoint=file)


def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "sweep.npz"
    call(p=[3, 4], checkpoint=file)
    assert call(p=[3, 4], checkpoint=file).to_dict() == call(p=[3, 4]).to_dict()
    monkeypatch.setattr(at, "__version__", "99.0")
    with pytest.raises(at.FileError, match=r"amp_theory is '.*' there, '99.0' here"):
        call(p=[3, 4], checkpoint=file)


def test_functions_of_ones_own_have_no_checkpoint(tmp_path):
    prior = at.Density(lambda s: 0.5 + 0 * s, (-1, 1))
    with pytest.raises(at.InputError, match="a checkpoint cannot tell functions"):
        at.sweep([at.SpikedMatrix(prior)], quantities="dynamical", checkpoint=tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


class Refusing:
    """An executor whose `submit` does what it is told."""

    def __init__(self, submit):
        self.submit = submit


def test_executors_that_take_nothing_are_bad_input():
    def broken(*_):
        raise ValueError("nobody works here")

    shut = ThreadPoolExecutor(1)
    shut.shutdown()
    for executor, error in (
        (shut, "executor takes no tasks.*cannot schedule new futures.*give one that is not shut down"),
        (Refusing(broken), "executor takes no tasks, its submit failed with ValueError: nobody works here"),
        (Refusing(lambda *_: 3), "executor.submit must return a concurrent.futures.Future, got one of type int"),
    ):
        with pytest.raises(at.InputError, match=error):
            call(p=[3], executor=executor)


def test_what_was_cancelled_has_failed():
    def cancelled(*_):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future

    with pytest.raises(at.NumericalError, match="1 of 1 tasks failed, the first, 0: CancelledError"):
        call(p=[3], executor=Refusing(cancelled))


def test_what_cannot_be_sent_says_so():
    """As a pool of processes does it, without one: what cannot be pickled fails, in `submit` or in its future."""

    def late(function, task, *rest):
        future = Future()
        try:
            future.set_result(function(pickle.loads(pickle.dumps(task)), *rest))
        except (pickle.PicklingError, AttributeError) as error:
            future.set_exception(error)
        return future

    models = [at.IsingPSpin(3), at.SpikedMatrix(at.Density(lambda s: 0.5 + 0 * s, (-1, 1)))]
    advice = "use threads, executor=None, or functions that a module defines by name"
    with pytest.raises(at.NumericalError, match=f"1 of 2 tasks cannot be sent to a process: .*{advice}") as caught:
        call(models, executor=Refusing(late))
    assert [part is None for part in caught.value.partial] == [False, True]
    with pytest.raises(at.InputError, match=advice):
        call(models[1:], executor=Refusing(lambda *task: pickle.dumps(task)))
    # the negative controls: the same executor with what can be sent, the same models with threads
    assert call(p=[3], executor=Refusing(late)).to_dict() == call(p=[3]).to_dict()
    with ThreadPoolExecutor(1) as executor:
        assert call(models, executor=executor).failures == {}


def test_a_density_does_not_remember_what_was_asked_before():
    model = at.SpikedMatrix(at.Density(lambda s: 0.5 + 0 * s, (-1, 1)))
    expected = call(model, "weak_recovery").to_dict()
    at.fixed_points(model, PATH, 0.05, 0.3)
    table = model.prior.table
    assert call(model, "weak_recovery").to_dict() == expected
    assert model.prior.table is not table


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([1, 2, 3, 63, 64, 65, 130]), st.sampled_from([1, 7, 100, 101, 202]))
def test_pieces_hold_every_row_once(models, controls):
    family = family_of([at.IsingPSpin(3)] * models, PATH, {"control": list(range(1, controls + 1))})
    parts = _pieces(family)
    assert sorted(row for part in parts for row in part) == list(range(models * controls))
    assert len(parts) <= PIECES
    assert controls > LEAST_ROWS or len(parts) <= models
    assert all(parts)


@pytest.mark.slow
def test_processes_give_the_same_numbers():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        by_lambda = at.sweep(lambda rho: sparse(rho), **FAMILY, executor=executor)
        assert data(executor=executor) == data()
    assert by_lambda.to_dict() == data()[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_gives_the_same_numbers():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert data(executor=client.get_executor()) == data()


@pytest.mark.slow
def test_a_killed_sweep_resumes_bit_for_bit(tmp_path):
    file = tmp_path / "sweep.npz"
    command = [sys.executable, "-m", "amp_theory", "sweep", "ising-p-spin", "--over", "p=3:32:30", "--json"]
    kept = [*command, "--checkpoint", str(file)]
    how = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, "stdout": subprocess.PIPE, "text": True}
    run = subprocess.Popen(kept, **how)
    while not done(file):
        assert run.poll() is None
        time.sleep(0.01)
    run.kill()
    run.communicate()
    before = done(file)
    assert 1 <= before < 30
    again = subprocess.run(kept, check=True, **how)
    assert done(file) == 30
    assert again.stdout == subprocess.run(command, check=True, **how).stdout


def done(file):
    """Return how many pieces a checkpoint holds."""
    if not file.exists():
        return 0
    with np.load(file) as stored:
        return len(json.loads(str(stored["header"]))["results"])


@pytest.mark.parametrize(
    ("model", "kind", "slack"),
    [
        (at.IsingPSpin(3), "first order", 1e-9),
        (at.SphericalPSpin(4), "first order", 1e-9),
        (at.SherringtonKirkpatrick(), "stability", 0.011),
        (at.MixedPSpin("q**2/2 + q**4/2"), "stability", 0.007),  # weak recovery comes before the tricritical point
        (at.MixedPSpin("q**2/8 + q**4", at.Gaussian()), "first order", 1e-9),
    ],
)
@pytest.mark.every(2)
def test_the_first_failure_goes_on_to_field_zero(model, kind, slack):
    """It is the limit of small fields, where the base has q0 ~ h for no two-body terms, and q0 ~ h^(2/3) at T = 1."""
    found = at.sweep(model.in_field, field=[0.0, 1e-3], quantities=["first_failure", "stability"])
    at_zero, nearby = found["first_failure"]
    assert abs(at_zero - nearby) < slack
    special = at.thresholds(model, at.Flow())
    expected = special.tricritical if kind == "first order" else special.weak_recovery
    assert at_zero == expected.control
    assert found.values("first_failure", "overlap")[0] == expected.overlap
    stable = found["stability"][0]
    assert np.ma.is_masked(stable) if special.weak_recovery is None else stable == special.weak_recovery.control


def test_only_spin_glasses_have_a_first_failure_at_field_zero():
    for model in (at.MixedPSpin("q/4 + q**3/2"), at.SpikedMatrix(at.Rademacher())):
        found = at.sweep(model, quantities="first_failure")
        assert np.ma.is_masked(found["first_failure"])
