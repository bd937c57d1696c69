"""Every result shows itself: at the prompt, as text, as HTML, as plain data and as a table."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import pkgutil
import rlcompleter
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from test_reports import cells

import amp_theory as at
from amp_theory.ingredients.outputs.potentials import Potential
from amp_theory.interface.studies.published import FIGURES
from amp_theory.interface.studies.reproduction import KeyPoints, compute, key_points
from amp_theory.tools.reports import LINES, Reported, plain
from amp_theory.tools.results import POINTS
from amp_theory.tools.tables import SHOWN, UNITS, ResultTable, with_unit

pd = pytest.importorskip("pandas")
#: how the installed version of pandas reads every bit: from version 3 on by itself
EXACT = {} if int(pd.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
MODEL, PATH = at.IsingPSpin(3), at.Flow()
GLASSY = at.SpikedMatrixTensor(3, 0.5)


def dense_results():
    special = at.thresholds(MODEL, PATH)
    diagram = at.phase_diagram(MODEL, PATH, points=5)
    fixed = at.fixed_points(MODEL, PATH, 0.7, 0.12)
    comparison = at.compare_samplers(MODEL)
    scan = at.scan_threshold(lambda rho: at.SpikedMatrix(at.SparseRademacher(rho)), "condensation", [0.09, 0.1])
    expansion = at.tricritical_expansion(MODEL, PATH)
    spherical = at.SphericalPSpin(3)
    numbers = KeyPoints(tuple(key_points(FIGURES[0], compute(FIGURES[0], 5))))
    checked = at.check(MODEL)
    return [
        checked, checked[0], checked[0].published, checked[0].published.source, at.fixed_points(spherical, PATH, 0.6, 0.05, digits=20), at.closed_forms(at.SpikedMatrixTensor(3, 1.0), PATH),
        at.sweep([MODEL], temperature=[0.7, 0.8, -1], snr=0.1, quantities=["first_order", "region", "fixed_points"]),
        at.sampling_error(MODEL, PATH, 0.7, steps=3), at.error_curve(MODEL, PATH, points=5), at.mismatched_error(MODEL, PATH, 1.0, 1.2, end_strength=0.1), at.judge_denoiser(MODEL, PATH, 1.0, size=6, instances=2, batch=1, end_strength=0.1), at.leading_error(MODEL, PATH), at.depth_for(MODEL, PATH, 1.0, 100), at.optimal_schedule(MODEL, PATH, 1.0, 3),
        at.threshold_states(GLASSY), at.threshold_states(GLASSY).at(0.9)["threshold"],
        at.best_side(at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)), at.best_path(MODEL), at.safe_order(MODEL, PATH, at.Autoregressive(), 0.75), at.safe_order(MODEL, PATH, at.Autoregressive(), 0.75).surface(3), at.critical_line(MODEL, PATH, at.Autoregressive(), 3), at.critical_line(MODEL, PATH, at.Autoregressive(), 3).points[0],
        at.marginal_lines(MODEL, 20), at.marginal_lines(MODEL, 20)["flow"], at.revealing_curve(MODEL, at.Autoregressive(), 0.8), special, special.dynamical, special["algorithmic"], at.thresholds(spherical, PATH, digits=25), diagram,
        diagram.line("first_order"), fixed, fixed[0], at.fixed_points(spherical, PATH, 0.64, 0.1, digits=20),
        at.path_transitions(MODEL, PATH, 0.7), at.path_transitions(MODEL, PATH, 0.8), comparison, comparison["mcmc"],
        comparison["mcmc"].at(0.7), at.equation_of_state(MODEL, PATH, 0.7), scan, scan.cusp, expansion,
        expansion.overlap_opening, at.closed_forms(spherical, PATH), numbers, numbers[0],
        at.certify(at.thresholds(spherical, PATH).tricritical), at.state_evolution(MODEL, PATH, 0.7, 0.12),
        at.equilibrium_correlation(spherical, 0.7, end_time=3.0), at.langevin_correlations(spherical, 0.7, "random", end_time=0.5, steps=40),
    ]  # fmt: skip


def finite_results(folder):
    instance = at.draw_instance(MODEL, 1.5, 12, seed=1)
    ball = at.draw_instance(at.SphericalPSpin(3), 1.5, 12, seed=1)
    simulation = at.simulate(MODEL, 1.5, size=12, instances=2, seed=1, batch=6, steps=5, sweeps=8)
    comparison = at.amp_against_state_evolution(
        at.SpikedMatrix(at.Rademacher()), PATH, 0.5, 0.3, [10, 20, 40], instances=20, iterations=2
    )
    coloring = at.Coloring(5, population=1000, sweeps=10, runs=2)
    exact = at.Enumeration(at.draw_instance(MODEL, 1.5, 6, seed=1))
    samples = at.draw_samples(instance, "flow", 3, 1, steps=4)
    film = at.animate(MODEL, PATH, folder / "film.gif", 0.7, frames=2)
    denoised = at.MessagePassingDenoiser(instance)(PATH.observe(instance.planted[None], 0.3, np.random.default_rng(1)))
    graph = at.draw_instance(at.Bicoloring(3), 1.0, 12, seed=1)
    return [
        at.run_amp(instance), at.solve_by_decimation(graph, 2), at.heat_bath(instance, 4, 1), at.langevin(ball, 0.1, 0.02, 1),
        at.parallel_tempering(instance, 4, 1), exact, samples, denoised, simulation,
        next(iter(simulation.samplers.values())), at.plan_simulation(MODEL, 0.7, size=8, batch=6, steps=2, sweeps=2),
        at.recovery_by_heat_bath(at.SpikedMatrix(at.SparseRademacher(0.2)), [0.002], [20], 2, 5, 1), comparison, film, at.unit_propagation(3, 0.7, 100, seed=0),
        at.demonstrate("orders", [100, 200], 2), at.population_fixed_point(coloring, PATH, 5.0, 0.1), at.population_isotherm(coloring, PATH, [0.5])[0],
    ]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return [*dense_results(), *finite_results(tmp_path_factory.mktemp("films"))]


def subclasses(kind):
    for sub in kind.__subclasses__():
        yield sub
        yield from subclasses(sub)


@pytest.mark.slow
def test_the_list_holds_every_kind_of_result(results):
    for module in pkgutil.walk_packages(at.__path__, "amp_theory."):
        if "__main__" not in module.name:
            importlib.import_module(module.name)
    ours = {kind for kind in subclasses(Reported) if kind.__module__.startswith("amp_theory.")}
    assert ours == {type(result) for result in results}
    public = {getattr(at, name) for name in at.__all__ if isinstance(getattr(at, name), type)}
    # what holds numbers and is not what a user gives
    given = {"MessagePassingOptions", "Mixed", "SideInformation", "Response", "Factor", "ResultTable"}
    data = {k for k in public if hasattr(k, "__dataclass_fields__") and k.__name__ not in given}
    parts = tuple(getattr(at, n) for n in ("Model", "Prior", "Path", "Schedule", "Channel", "Coupling", "Instance"))
    parts += (at.OutputChannel, at.MessagePassingDenoiser, Potential)
    assert {k.__name__ for k in data if not issubclass(k, (Reported, *parts))} == set()


def test_text_and_html_and_plain_data(results):
    for result in results:
        name = type(result).__name__
        assert 1 <= len(repr(result).splitlines()) <= LINES == 12, name
        assert len(result.report()) > 10, name
        assert str(result), name
        assert cells(result.to_html()) == cells(result._repr_html_()), name
        assert cells(result.to_html()), name
        text = json.dumps(result.to_dict(), allow_nan=False)
        assert json.loads(text), name
        assert "array(" not in text, name
        assert "amp_theory." not in text, name


def same(frame, read):
    """Compare a table with what was read from a file: texts, numbers to the last digit, truth values."""
    assert list(frame.columns) == list(read.columns)
    for name in frame.columns:
        mine, other = frame[name], read[name]
        if mine.dtype.kind in "fibu":
            np.testing.assert_array_equal(mine.to_numpy(float), other.to_numpy(float), name)
        else:
            assert [None if pd.isna(x) or x == "" else x for x in mine] == [
                None if pd.isna(x) else str(x) for x in other
            ], name


def test_tables_come_back_from_files(results, tmp_path):
    for number, result in enumerate(results):
        frame = result.to_dataframe()
        assert len(frame), type(result).__name__
        assert frame.attrs["title"]
        file = tmp_path / f"{number}.csv"
        result.to_csv(file)
        texts = {name: str for name in frame.columns if frame[name].dtype.kind not in "fibu"}
        same(frame, pd.read_csv(file, dtype=texts, **EXACT))
        pytest.importorskip("pyarrow")
        frame.to_parquet(tmp_path / "table.parquet")
        again = pd.read_parquet(tmp_path / "table.parquet")
        pd.testing.assert_frame_equal(frame, again)
        assert again.attrs == frame.attrs


def test_verdicts_and_regions_say_whose_they_are():
    comparison = at.compare_samplers(MODEL)
    flow = comparison["flow"]
    for text in (repr(flow), flow.report(), flow.to_html(), repr(flow.at(0.7))):
        assert "message passing" in text
        assert "random" in text
        assert "conjecture" in text
    for text in (repr(comparison), comparison.report()):
        assert "random measure" in text
        assert "local moves" in text
    fixed = at.fixed_points(MODEL, PATH, 0.7, 0.12)
    assert "hard (planted measure)" in repr(fixed)
    assert fixed.to_dict()["target"] == "planted"


def test_columns_tell_units_and_errors(results):
    for result in results:
        names = result.table().names
        for name in names:
            if name.startswith("error_of_"):
                assert name.removeprefix("error_of_") in names
        for quantity in UNITS:
            assert quantity not in names
    assert with_unit("error_of_mutual_information") == "error_of_mutual_information_nats"


def test_numbers_of_a_table_are_those_of_the_result():
    special = at.thresholds(MODEL, PATH)
    frame = special.to_dataframe().set_index("point")
    assert list(frame.index) == list(POINTS)
    for name, point in special.points().items():
        row = frame.loc[name]
        if point is None:
            assert np.isnan(row["temperature"])
            assert row["how"] == special.reasons[name]
            assert row["status"] == "none"
        else:
            assert row["temperature"] == point.control
            assert row["error_of_temperature"] == point.error
    sharp = at.thresholds(at.SphericalPSpin(3), PATH, digits=25)
    row = sharp.to_dataframe().set_index("point").loc["dynamical"]
    assert row["temperature"] == sharp.dynamical.decimals["temperature"]
    curve = at.equation_of_state(MODEL, PATH, 0.7)
    np.testing.assert_array_equal(curve.to_dataframe()["snr"], curve.strength)
    scan = at.scan_threshold(lambda rho: at.SpikedMatrix(at.SparseRademacher(rho)), "condensation", [0.09, 0.1])
    frame = scan.to_dataframe()
    assert frame["noise"][0] == scan.points[0].noise
    assert np.isnan(frame["noise"][1])
    assert frame["how"][1] == scan.reasons[1]


def test_special_points_are_numbers_and_a_mapping():
    special = at.thresholds(MODEL, PATH)
    assert float(special.dynamical) == special.dynamical.control
    assert list(special) == list(special.keys()) == list(POINTS)
    assert len(special) == len(POINTS)
    assert dict(special)["tricritical"] is special.tricritical
    assert isinstance(special, Mapping)
    assert list(special.values()) == [special[name] for name in POINTS]
    assert special.get("dynamic", 1) == 1
    assert "condensation" in special
    assert pickle.loads(pickle.dumps(special)) == special
    assert hash(special) == hash(copy.copy(special))
    assert f"{special.tricritical:.4f}" == "0.7410"
    assert f"{special.tricritical}" == str(special.tricritical)
    assert np.array([special.dynamical, special.condensation], float).tolist() == [
        special.dynamical.control, special.condensation.control
    ]  # fmt: skip
    assert {"temperature", "snr", "overlap", "error"} <= set(dir(special.tricritical))
    assert "snr" not in dir(special.dynamical)
    curve = at.equation_of_state(MODEL, PATH, 0.7)
    assert {"temperature", "snr"} <= set(dir(curve))
    assert curve.snr is curve.strength
    assert curve.temperature == 0.7
    with pytest.raises(AttributeError, match="no attribute 'noise'"):
        _ = curve.noise
    with pytest.raises(at.UnknownNameError, match="did you mean 'dynamical'"):
        special["dynamic"]


def test_a_missing_point_says_why():
    special = at.thresholds(MODEL, PATH)
    assert special.algorithmic is None  # so that tests of earlier programs keep working
    point = special["algorithmic"]
    assert not point
    assert isinstance(point, at.MissingPoint)
    why = "there is no algorithmic point: q = 0 is stable at every temperature"
    for ask in (
        lambda: float(point), lambda: point.control, lambda: point.temperature, lambda: point["temperature"],
        lambda: point.overlap, lambda: point.error, lambda: point.value, lambda: point.snr, lambda: point.errors,
    ):  # fmt: skip
        with pytest.raises(at.InputError, match=why):
            ask()
    with pytest.raises(AttributeError):
        _ = point.nothing
    assert {"temperature", "snr"} <= set(dir(point))
    for ask in (lambda: f"{point:.3f}", lambda: np.array([point], float), lambda: point["snr"]):
        with pytest.raises(at.MissingPointError, match=why):
            ask()
    # who looks before asking sees that there is nothing
    assert not hasattr(point, "temperature")
    assert getattr(point, "temperature", None) is None
    assert dict(inspect.getmembers(point))["reason"] == point.reason
    assert "m.reason" in rlcompleter.Completer({"m": point}).attr_matches("m.r")
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == point
    scan = at.scan_threshold(lambda rho: at.SpikedMatrix(at.SparseRademacher(rho)), "condensation", [0.09, 0.1])
    first, second = scan
    assert float(first) == scan.controls[0]
    with pytest.raises(at.InputError, match="there is no condensation point: the equilibrium branch"):
        float(second)
    assert scan[:1] == (scan[0],)
    assert scan[-1] == second
    for bad in (2, -3, "0", 0.5, None):
        with pytest.raises(at.InputError, match="index must be an integer below 2"):
            scan[bad]


def test_a_line_without_points_says_why():
    found = at.path_transitions(MODEL, PATH, 0.8)
    assert found.first_order == ()
    assert not found["first_order"]
    for copied in (found, pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        with pytest.raises(at.MissingPointError, match="there is no such point: there is one branch only"):
            copied.first_order[0]
        assert copied.first_order[:1] == ()
    crossed = at.path_transitions(MODEL, PATH, 0.7)
    assert crossed.first_order[0] == crossed["first_order"][-1]
    with pytest.raises(IndexError):
        crossed.first_order[1]


def test_every_missing_point_has_its_reason():
    models = [MODEL, at.SherringtonKirkpatrick(), at.SpikedMatrix(at.SparseRademacher(0.2)), at.XORSAT(3)]
    missing = 0
    for model in models:
        for point in dict(at.thresholds(model, PATH)).values():
            if not point:
                missing += 1
                assert len(point.reason) > 10
                with pytest.raises(at.InputError, match="there is no"):
                    float(point)
    assert missing > 5


def test_data_frames_need_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(at.InputError, match=r"pip install \"amp-theory\[tables\]\""):
        at.thresholds(MODEL, PATH).to_dataframe()


def test_tables_refuse_what_exists(tmp_path):
    special = at.thresholds(MODEL, PATH)
    special.to_csv(tmp_path / "points.csv")
    with pytest.raises(at.FileError, match="exists"):
        special.to_csv(tmp_path / "points.csv")
    special.to_csv(tmp_path / "points.csv", overwrite=True)
    with pytest.raises(at.InputError, match="csv"):
        special.to_csv(tmp_path / "points.txt")


def test_long_tables_are_cut_in_html_only():
    table = ResultTable("many", {"overlap": np.linspace(0, 1, SHOWN + 5)})
    assert f"({SHOWN} of {SHOWN + 5} rows)" in table.to_html()
    assert len(cells(table.to_html())) == SHOWN
    assert len(table.to_dataframe()) == SHOWN + 5
    with pytest.raises(at.InputError, match="one length"):
        ResultTable("uneven", {"a": [1], "b": [1, 2]})


def test_plain_data():
    assert plain({"x": np.array([1.0, np.nan]), "n": np.int64(3), "ok": np.bool_(True), "model": MODEL}) == {
        "x": [1.0, None], "n": 3, "ok": True, "model": {"name": "ising-p-spin", "parameters": {"p": 3}},
    }  # fmt: skip
