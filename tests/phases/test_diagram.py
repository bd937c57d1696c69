"""Phase diagrams: lines, verdicts, several loops, files that come back, bad input."""

from __future__ import annotations

import csv
import itertools
import json
from html import escape

import numpy as np
import pytest
from conftest import reference, reference_model
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.models.catalogue import build_path
from amp_theory.phases.diagram.lines import LINES

TWO_SCALES = at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005]))
SWALLOWTAIL = at.SpikedTensor(3, at.Discrete([-3, -1, 0, 1, 3], [0.0005, 0.015, 0.969, 0.015, 0.0005]))


@pytest.fixture(scope="module")
def ising() -> at.Diagram:
    return at.phase_diagram(at.IsingPSpin(3), at.Flow())


@pytest.mark.parametrize(
    "case",
    [c for name in LINES for c in reference(quantity=name)],
    ids=lambda c: f"{c['model']}-{c['path']}-{c['quantity']}-{c['control']}",
)
@pytest.mark.every(3)
def test_lines_at_many_digits(case):
    """Spinodals and first-order strength at given controls: the end of a line drawn over a range that ends there."""
    model, path = reference_model(case), build_path(case["path"])
    control = float(case["control"])
    tip = at.thresholds(model, path).tricritical.control
    line = at.phase_diagram(model, path, (control, 1.01 * tip), points=4).line(case["quantity"])
    k = int(np.argmin(np.abs(line.control - control)))
    if case["strength"] is None:
        assert line.strength[k] == 0
        assert line.control[k] > control
        return
    assert line.control[k] == pytest.approx(control, rel=4e-16, abs=0)
    exact = float(case["strength"])
    assert abs(line.strength[k] - exact) <= line.error[k]
    assert line.error[k] <= 1e-10
    assert line.overlap[k] == pytest.approx(float(case["overlap"]), rel=1e-9)
    if "uninformed" in case.get("overlaps", {}) and case["quantity"] == "first_order":
        assert line.lower_overlap[k] == pytest.approx(float(case["overlaps"]["uninformed"]), rel=1e-9)


@pytest.mark.parametrize("case", [c for name in LINES for c in reference(quantity=name) if c["strength"]],
                         ids=lambda c: f"{c['model']}-{c['path']}-{c['quantity']}-{c['control']}")  # fmt: skip
@pytest.mark.every(3)
def test_fixed_points_at_many_digits(case):
    """The branches that coexist on a line, and their free entropy, from the solver at that point."""
    model, path = reference_model(case), build_path(case["path"])
    found = at.fixed_points(model, path, float(case["control"]), float(case["strength"]))
    for name in {"uninformed", "unstable", "informed"} & set(case["overlaps"]):
        exact = float(case["overlaps"][name])
        if name == "unstable" or exact != float(case["overlap"]) or case["quantity"] == "first_order":
            nearest = min(found, key=lambda point: abs(point.overlap - exact))
            assert abs(nearest.overlap - exact) <= nearest.errors["overlap"] + 1e-14 * exact
            if "free_entropy" in case and name != "unstable":
                value = float(case["free_entropy"])
                assert abs(nearest.free_entropy - value) <= nearest.errors["free_entropy"] + 1e-15


@pytest.mark.parametrize(
    ("model", "path"),
    [(at.IsingPSpin(3), at.Flow()), (at.IsingPSpin(10), at.Autoregressive()), (at.IsingPSpin(4), at.UniformDiscreteDiffusion()),
     (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow()), (at.SpikedMatrix(at.Discrete([0, 1], [0.97, 0.03])), at.Autoregressive()),
     (at.MixedPSpin("q**2/2 + q**30/2"), at.Flow()), (at.SpikedMatrixTensor(3, 0.8), at.Flow())],
)  # fmt: skip
@pytest.mark.every(3)
def test_anatomy_of_a_single_loop(model, path):
    """Three lines of 200 points meet in the tricritical point and end at zero strength; their order is strict."""
    diagram = at.phase_diagram(model, path)
    special = diagram.thresholds
    for name in LINES:
        line = diagram.line(name)
        assert len(line) == 200
        assert len(line.ends) == 1
        assert line.control[0] == pytest.approx(special.tricritical.control, rel=1e-12)
        assert line.strength[0] == pytest.approx(special.tricritical.strength, rel=1e-9)
        assert np.all(line.error <= 1e-10 * np.maximum(line.strength.max(), 1)) or path.name == "uniform-diffusion"
        assert line.ends[0][0] == "tricritical point"
        assert np.all(np.isfinite(line.strength))
    assert diagram.line("informed_spinodal").control[-1] == pytest.approx(special.dynamical.control, rel=1e-12)
    assert diagram.line("first_order").control[-1] == pytest.approx(special.condensation.control, rel=1e-12)
    assert diagram.line("informed_spinodal").strength[-1] == diagram.line("first_order").strength[-1] == 0
    inner = np.linspace(special.dynamical.control, special.tricritical.control, 9)[1:-1]
    values = []
    for name in LINES:
        line = diagram.line(name)
        order = np.argsort(line.control)
        values.append(np.interp(inner, line.control[order], line.strength[order]))
    assert np.all(values[0] < values[1])
    assert np.all(values[1] < values[2])


@pytest.mark.parametrize("points", [2, 3, 4, 7, 50])
@pytest.mark.every(2)
def test_lines_fill_the_range(points):
    """However few points are asked, a line reaches the special points in the range and both edges of it."""
    special = at.thresholds(at.IsingPSpin(3), at.Flow())
    tip, dynamical, condensation = (
        getattr(special, n).temperature for n in ("tricritical", "dynamical", "condensation")
    )
    for lo, hi in itertools.product((0.5, 0.66, 0.7), (0.73, 0.75)):
        diagram = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (lo, hi), points=points)
        for name, last in zip(LINES, (dynamical, condensation, 0.0), strict=True):
            line = diagram.line(name)
            assert line.control[0] == pytest.approx(min(hi, tip), rel=1e-12)
            assert line.control[-1] == pytest.approx(max(lo, last), rel=1e-12)
            assert line.ends[0] == (
                "tricritical point" if hi > tip else "edge of the range",
                "zero strength" if lo < last else "edge of the range",
            )


def test_points_on_lines_obey_their_definition(ising):
    """On a spinodal two fixed points merge; on the first-order line two stable ones have equal free entropy."""
    first = ising.line("first_order")
    for k in (20, 100, 180):
        points = at.fixed_points(ising.model, ising.path, first.control[k], first.strength[k])
        low, high = points.uninformed, points.informed
        assert (
            abs(low.free_entropy - high.free_entropy)
            <= low.errors["free_entropy"] + high.errors["free_entropy"] + 1e-13
        )
        assert first.overlap[k] == pytest.approx(high.overlap, rel=1e-10)
        assert first.lower_overlap[k] == pytest.approx(low.overlap, rel=1e-10)
    for name, side in (("informed_spinodal", 1), ("uninformed_spinodal", -1)):
        line = ising.line(name)
        for k in (20, 100, 180):
            inside = at.fixed_points(ising.model, ising.path, line.control[k], line.strength[k] * (1 + side * 1e-10))
            outside = at.fixed_points(ising.model, ising.path, line.control[k], line.strength[k] * (1 - side * 1e-10))
            assert (len(inside), len(outside)) == (3, 1)


@settings(max_examples=60)
@given(st.floats(0.6, 0.8), st.floats(0.0, 0.25))
def test_region_agrees_with_the_lines(control, strength):
    diagram = _ISING
    special = diagram.thresholds
    region = diagram.region(control, strength)
    if control > special.tricritical.control:
        assert region == "easy"
    elif special.condensation.control < control < special.tricritical.control - 1e-3:
        first, last = (_at(diagram, n, control) for n in ("first_order", "uninformed_spinodal"))
        begin = _at(diagram, "informed_spinodal", control) if control > special.dynamical.control else 0.0
        if min(abs(strength - x) for x in (begin, first, last)) > 1e-4:
            expected = "easy" if not begin < strength < last else "hard" if strength > first else "easy_metastable"
            assert region == expected


def _at(diagram: at.Diagram, name: str, control: float) -> float:
    line = diagram.line(name)
    order = np.argsort(line.control)
    return float(np.interp(control, line.control[order], line.strength[order]))


_ISING = at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=800)


@pytest.mark.parametrize("model", [TWO_SCALES, SWALLOWTAIL])
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()])
@pytest.mark.slow
def test_several_loops(model, path):
    """Lines in several pieces, each of which separates what it should on both of its sides."""
    special = at.thresholds(model, path)
    controls = [p.control for p in (special.tricritical, *special.further_tricritical, special.condensation)]
    diagram = at.phase_diagram(model, path, (0.9 * min(controls), 1.05 * max(controls)))
    assert len(special.further_tricritical) == 1
    assert any(len(line.ends) > 1 for line in diagram.lines.values())
    first = diagram.line("first_order")
    for k in range(5, len(first), 37):
        # crossing the line the equilibrium overlap jumps
        s = first.strength[k]
        if s > 0:
            below, above = (
                at.fixed_points(model, path, first.control[k], s * (1 + d)).equilibrium for d in (-1e-7, 1e-7)
            )
            assert above.overlap == pytest.approx(first.overlap[k], rel=1e-4)
            assert below.overlap == pytest.approx(first.lower_overlap[k], rel=1e-4)
    for name, side in (("uninformed_spinodal", -1), ("informed_spinodal", 1)):
        line = diagram.line(name)
        for k in range(7, len(line), 41):
            s, c = line.strength[k], line.control[k]
            if s > 1e-6:
                near, beyond = (at.fixed_points(model, path, c, s * (1 + d * side)) for d in (1e-7, -1e-7))
                branch = "uninformed" if side < 0 else "informed"
                jump = abs(getattr(near, branch).overlap - getattr(beyond, branch).overlap)
                assert jump > 0.01 * line.overlap[k]
                assert getattr(near, branch).overlap == pytest.approx(line.overlap[k], rel=5e-3)


# --- verdicts ----------------------------------------------------------------------------------------------


def test_verdicts(ising):
    assert ising.target == "random"
    assert ising.region(control=0.70, strength=0.12) == "hard"
    assert ising.sampler_succeeds(control=0.70) is False
    assert ising.sampler_succeeds(control=0.75) is True
    assert ising.sampler_succeeds(control=0.64) is None
    assert "contiguous" in ising.reason(0.64)
    planted = at.phase_diagram(at.IsingPSpin(3), at.Flow(), target="planted")
    assert planted.sampler_succeeds([0.64, 0.70, 0.75]).tolist() == [False, False, True]
    assert planted.first_failure_strength([0.64, 0.75]).tolist() == [0.0, None]
    start = ising.first_failure_strength(0.70)
    assert start == pytest.approx(_at(ising, "first_order", 0.70), rel=1e-4)
    assert f"{start:.6f}"[:6] in ising.reason(0.70)
    assert "no first-order transition" in ising.reason(0.75)
    assert "start of the path" in planted.reason(0.64)


def test_verdict_on_the_tricritical_point_is_the_worse_one(ising):
    control = ising.thresholds.tricritical.control
    assert ising.sampler_succeeds(control) is False
    assert ising.sampler_succeeds(control * (1 + 1e-9)) is True
    assert ising.first_failure_strength(control) == pytest.approx(ising.thresholds.tricritical.strength, rel=1e-6)


#: models with a random counterpart, a path, a range around where the random measure ceases to be described, and that
UNDESCRIBED = [
    (at.IsingPSpin(3), at.Flow(), (0.6, 0.77), "condensation"),
    (at.SphericalPSpin(4), at.Autoregressive(), (0.4, 0.8), "condensation"),
    (at.SherringtonKirkpatrick(), at.Flow(), (0.5, 1.5), "weak_recovery"),
    (at.MixedPSpin("q**2/2", at.Gaussian()), at.Autoregressive(), (0.5, 1.5), "weak_recovery"),
    (at.MixedPSpin("q**2/2 + q**30/2"), at.Flow(), (0.6, 1.5), "weak_recovery"),
]


@pytest.mark.parametrize(("model", "path", "limits", "point"), UNDESCRIBED, ids=lambda x: repr(x))
@pytest.mark.every(2)
def test_no_region_where_the_random_measure_is_not_described(model, path, limits, point):
    """Region, verdict and first failure are None together, with the reason; the planted measure has all of them."""
    random = at.phase_diagram(model, path, limits, points=12, target="random")
    planted = at.phase_diagram(model, path, limits, points=12, target="planted")
    end = getattr(random.thresholds, point)
    assert random.described == (pytest.approx(end.control, rel=1e-9), np.inf)
    assert planted.described == (0.0, np.inf)
    control = np.linspace(*limits, 41)
    strength = np.linspace(0, 0.2, 9)[:, None]
    table, whole = random.region(control, strength), planted.region(control, strength)
    assert table.dtype == whole.dtype == object
    inside = control > end.control
    assert 0 < inside.sum() < len(control)
    assert np.all(table[:, inside] == whole[:, inside])
    assert all(x is None for x in table[:, ~inside].ravel())
    assert all(x is not None for x in whole.ravel())
    for c in control[[0, -1, len(control) // 2]]:
        known = bool(c > end.control)
        assert (random.region(c, 0.1) is None) == (random.sampler_succeeds(c) is None) == (not known)
        assert random.first_failure_strength(c) == (planted.first_failure_strength(c) if known else None)
        assert ("no verdict for the random measure" in random.reason(c)) == (not known)
        assert "no verdict" not in planted.reason(c)
    assert random.region(end.control, 0.1) is None
    assert f"{random.described[0]:.10g} < {model.control}" in random.report()
    data = json.loads(json.dumps(random.to_dict(), allow_nan=False))
    assert data["described"] == [random.described[0], None]
    assert data["target"] == "random"


def test_a_special_point_is_on_its_lines(ising):
    """Within the error bounds of a special point the worse side is meant, beyond them it is not."""
    special = _PLANTED.thresholds
    for shift in (-0.9, 0.0, 0.9):
        dynamical = special.dynamical.control + shift * special.dynamical.error
        assert _PLANTED.region(dynamical, 0.0) == "easy_metastable"
        assert _PLANTED.region([dynamical, 0.75], 0.0).tolist() == ["easy_metastable", "easy"]
        condensation = special.condensation.control + shift * special.condensation.error
        assert _PLANTED.region(condensation, 0.0) == "hard"
    assert _PLANTED.region(special.dynamical.control + 1e3 * special.dynamical.error, 0.0) == "easy"
    assert _PLANTED.region(special.condensation.control + 1e3 * special.condensation.error, 0.0) == "easy_metastable"
    assert _PLANTED.region(special.tricritical.control, special.tricritical.strength) == "hard"
    assert ising.sampler_succeeds(special.tricritical.control + 0.5 * special.tricritical.error) is False
    matrix = at.phase_diagram(at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow(), points=5)
    assert matrix.region(matrix.thresholds.algorithmic.control, 0.0) == "hard"


# --- what a path meets ----------------------------------------------------------------------------------------

NOISELESS = at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0.0))


@pytest.mark.parametrize(
    ("model", "path", "control", "empty"),
    [
        (at.IsingPSpin(3), at.Flow(), 0.6, {"informed_spinodal": "from the start", "first_order": "hard from the start"}),
        (at.IsingPSpin(3), at.Flow(), 0.66, {"informed_spinodal": "from the start"}),
        (at.IsingPSpin(3), at.Flow(), 0.70, {}),
        (at.IsingPSpin(3), at.Flow(), 0.80, dict.fromkeys(LINES, "one branch only")),
        (NOISELESS, at.Flow(), 0.3, {"informed_spinodal": "from the start", "first_order": "hard from the start"}),
        (NOISELESS, at.Flow(), 0.8, dict.fromkeys(LINES, "one branch only")),
        (NOISELESS, at.Autoregressive(), 0.1, {}),
    ],
)  # fmt: skip
@pytest.mark.every(3)
def test_why_a_path_meets_nothing(model, path, control, empty):
    """Every line without points says why, in Python, in the report and in plain data; and it is true."""
    found = at.path_transitions(model, path, control)
    assert set(found.reasons) == set(empty) == {name for name in LINES if not getattr(found, name)}
    for name, words in empty.items():
        assert words in found.reasons[name]
        assert f"none: {found.reasons[name]}" in found.report()
        assert f"<td>{escape(found.reasons[name])}</td>" in found.to_html()
    assert found.to_dict()["reasons"] == found.reasons
    assert found.to_dict()["target"] == "planted"
    if "hard" in found.reasons.get("first_order", ""):
        diagram = at.phase_diagram(model, path, (0.9 * control, 1.1 * control), points=3, target="planted")
        assert diagram.region(control, 1e-9) == "hard"
        assert diagram.first_failure_strength(control) == 0.0


def test_flow_succeeds_again_below_the_algorithmic_line():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    diagram = at.phase_diagram(model, at.Flow())
    answers = diagram.sampler_succeeds(0.0064 * np.array([0.9, 0.979, 0.982, 1.01, 1.05, 1.079, 1.081]))
    assert answers.tolist() == [True, True, False, False, False, False, True]


@settings(max_examples=20)
@given(st.floats(0.6, 0.8))
def test_success_means_no_hard_point_on_the_path(control):
    planted = _PLANTED
    strengths = np.linspace(1e-4, 0.3, 600)
    hard = np.any(planted.region(control, strengths) == "hard")
    # at the tricritical point the hard strengths become fewer than a step of theirs: 5.7e-4 of them are left 3e-3 below
    assert (
        planted.sampler_succeeds(control) == (not hard) or abs(control - planted.thresholds.tricritical.control) < 3e-3
    )


_PLANTED = at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=10, target="planted")


def test_diagram_without_a_transition():
    diagram = at.phase_diagram(at.SherringtonKirkpatrick(), at.Flow(), (0.5, 1.5), target="planted")
    assert all(len(line) == 0 for line in diagram.lines.values())
    assert set(np.unique(diagram.region(np.linspace(0.5, 1.5, 7)[:, None], [0.0, 0.1, 1.0]))) == {"easy"}
    assert diagram.sampler_succeeds([0.7, 1.2]).tolist() == [True, True]
    random = at.phase_diagram(at.SherringtonKirkpatrick(), at.Flow(), (0.5, 1.5))
    assert random.sampler_succeeds([0.7, 1.0, 1.2]).tolist() == [None, None, True]
    assert "none" in diagram.report()


def test_line_that_reaches_every_noise():
    diagram = at.phase_diagram(at.SpikedMatrixTensor(3, 0.2), at.Flow(), (0.8, 50.0))
    assert diagram.sampler_succeeds([0.9, 1.1, 49.0, 1e6]).tolist() == [True, False, False, False]


# --- files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "path"),
    [(at.IsingPSpin(3), at.Flow()), (TWO_SCALES, at.Autoregressive(at.MaskedDiffusion())),
     (at.MixedPSpin("q**2/8 + q**4/2"), at.UniformDiscreteDiffusion()), (at.SpikedMatrixTensor(3, 0.8), at.Flow())],
)  # fmt: skip
def test_saved_diagrams_come_back(model, path, tmp_path):
    diagram = at.phase_diagram(
        model, path, points=12, control_range=None if model != at.MixedPSpin("q**2/8 + q**4/2") else (0.3, 1.2)
    )
    file = tmp_path / "diagram.json"
    diagram.save(file)
    again = at.load(file)
    assert again == diagram
    assert hash(again) == hash(diagram)
    assert again.to_dict() == diagram.to_dict()
    assert again.thresholds == diagram.thresholds
    assert again.report() == diagram.report()
    data = json.loads(file.read_text())
    assert set(data["provenance"]) >= {"amp_theory", "numpy", "date"}
    assert set(data["lines"]) == set(LINES)
    assert "NaN" not in file.read_text()


def test_csv_of_lines_and_curve(ising, tmp_path):
    ising.to_csv(tmp_path / "lines.csv")
    with (tmp_path / "lines.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 600
    mine = [r for r in rows if r["line"] == "first_order"]
    assert [float(r["snr"]) for r in mine] == ising.line("first_order").strength.tolist()
    curve = at.equation_of_state(ising.model, ising.path, 0.7)
    curve.to_csv(tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(r["overlap"]) for r in rows] == curve.overlap.tolist()


def test_nothing_is_overwritten_unless_asked(ising, tmp_path):
    file = tmp_path / "diagram.json"
    file.write_text("precious")
    with pytest.raises(at.FileError, match="exists already"):
        ising.save(file)
    assert file.read_text() == "precious"
    ising.save(file, overwrite=True)
    assert at.load(file) == ising


@pytest.mark.parametrize(("name", "message"), [("x.txt", "ending"), ("no/such/folder.json", "does not exist")])
def test_bad_output_names(ising, tmp_path, name, message):
    with pytest.raises((at.FileError, at.InputError), match=message):
        ising.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(at.FileError, match="is a folder"):
        ising.save(tmp_path / "folder.json", overwrite=True)


def _broken(data: dict, what: str) -> object:
    match what:
        case "foreign":
            return {"hello": 1}
        case "list":
            return [1, 2]
        case "newer":
            return data | {"version": 2}
        case "no version":
            return {k: v for k, v in data.items() if k != "version"}
        case "no lines":
            return {k: v for k, v in data.items() if k != "lines"}
        case "unknown model":
            return data | {"model": "os.system"}
        case "bad parameter":
            return data | {"parameters": {"p": "__import__('os')"}}
        case "short column":
            lines = json.loads(json.dumps(data["lines"]))
            lines["first_order"]["snr"] = lines["first_order"]["snr"][:-1]
            return data | {"lines": lines}
        case "text in a column":
            lines = json.loads(json.dumps(data["lines"]))
            lines["first_order"]["snr"][0] = "x"
            return data | {"lines": lines}
        case "no point":
            return data | {"points": {}}
        case "bad point":
            return data | {"points": data["points"] | {"dynamical": 3}}
        case "bad version":
            return data | {"version": True}
        case "bad target":
            return data | {"target": "foo"}
        case "bad range":
            return data | {"range": [2, 1]}
        case "bad number of points":
            return data | {"points_per_line": -1}
        case "bad control":
            return data | {"control": "noise"}
        case "negative strength":
            return data | {"points": data["points"] | {"tricritical": data["points"]["tricritical"] | {"snr": -1.0}}}
        case "negative bound":
            point = data["points"]["tricritical"]
            return data | {
                "points": data["points"] | {"tricritical": point | {"error": point["error"] | {"snr": -1.0}}}
            }
        case "no bound":
            return data | {"points": data["points"] | {"tricritical": data["points"]["tricritical"] | {"error": {}}}}
        case "no reason":
            return data | {"reasons": {}}
        case "point lost":
            return data | {"points": data["points"] | {"tricritical": None}}
        case "short lower overlap":
            return data | {
                "lines": data["lines"] | {"first_order": data["lines"]["first_order"] | {"lower_overlap": [1, 2]}}
            }
        case "no segment":
            return data | {"lines": data["lines"] | {"first_order": data["lines"]["first_order"] | {"ends": []}}}
    raise AssertionError(what)


DAMAGES = ["foreign", "list", "newer", "no version", "no lines", "unknown model", "bad parameter", "short column", "text in a column",
           "no point", "bad point", "bad version", "bad target", "bad range", "bad number of points", "bad control",
           "negative strength", "negative bound", "no bound", "no reason", "point lost", "short lower overlap", "no segment"]  # fmt: skip


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_files(ising, tmp_path, what):
    file = tmp_path / "diagram.json"
    file.write_text(json.dumps(_broken(ising.to_dict(), what)))
    with pytest.raises(at.FileError, match="not a diagram|version|damaged|not built in"):
        at.load(file)


def test_files_that_are_no_json(tmp_path):
    file = tmp_path / "diagram.json"
    for content in (
        b"",
        b"\xff\xfe",
        b'{"format": ',
        b"[" * 100000,
        b"cos\nsystem\n(S'true'\ntR.",
        b'{"version": NaN}',
    ):
        file.write_bytes(content)
        with pytest.raises(at.FileError):
            at.load(file)
    with pytest.raises(at.FileError, match="cannot read"):
        at.load(tmp_path / "missing.json")


def test_truncation_at_any_place_is_noticed(ising, tmp_path):
    file = tmp_path / "diagram.json"
    text = json.dumps(ising.to_dict())
    for length in np.linspace(0, len(text) - 1, 40).astype(int):
        file.write_text(text[:length])
        with pytest.raises(at.FileError):
            at.load(file)


def test_own_prior_needs_the_model_to_load(tmp_path):
    prior = at.Density(lambda s: np.full_like(s, 0.5), (-1, 1))
    model = at.SpikedTensor(3, prior)
    diagram = at.phase_diagram(model, at.Flow(), points=5)
    diagram.save(tmp_path / "own.json")
    with pytest.raises(at.FileError, match="give model="):
        at.load(tmp_path / "own.json")
    assert at.load(tmp_path / "own.json", model=model) == diagram
    with pytest.raises(at.FileError, match="not of"):
        at.load(tmp_path / "own.json", model=at.IsingPSpin(3))


def test_given_model_and_path_must_be_the_file_s(ising, tmp_path):
    ising.save(tmp_path / "d.json")
    with pytest.raises(at.FileError, match="not of IsingPSpin"):
        at.load(tmp_path / "d.json", model=at.IsingPSpin(4))
    with pytest.raises(at.FileError, match="not along Autoregressive"):
        at.load(tmp_path / "d.json", path=at.Autoregressive())
    flow = at.Flow(at.Interpolant(noise=lambda t: 1 - t**2, signal=lambda t: t))
    diagram = at.phase_diagram(at.SphericalPSpin(3), flow, points=5)
    diagram.save(tmp_path / "own.json")
    with pytest.raises(at.FileError, match="give path="):
        at.load(tmp_path / "own.json")
    assert at.load(tmp_path / "own.json", path=flow) == diagram


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control_range": (0.8, 0.7)}, "lo < hi"),
        ({"control_range": (0.7, 0.7)}, "lo < hi"),
        ({"control_range": (-1, 0.7)}, "lo < hi"),
        ({"control_range": (0, 0.7)}, "lo < hi"),
        ({"control_range": (0.7, np.nan)}, "finite"),
        ({"control_range": (0.7, np.inf)}, "finite"),
        ({"control_range": 0.7}, "two numbers"),
        ({"control_range": (1, 2, 3)}, "two numbers"),
        ({"points": 1}, "points"),
        ({"points": 2.5}, "points"),
        ({"target": "plnted"}, "did you mean 'planted'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(at.InputError, match=message):
        at.phase_diagram(at.IsingPSpin(3), at.Flow(), **options)


def test_bad_questions(ising):
    with pytest.raises(at.InputError, match="no random counterpart"):
        at.phase_diagram(at.SpikedMatrix(at.Rademacher()), at.Flow(), (0.5, 1.5), target="random")
    with pytest.raises(at.InputError, match="no default range.*condensation"):
        at.phase_diagram(at.SherringtonKirkpatrick(), at.Flow())
    with pytest.raises(at.InputError, match="no default range.*condensation"):
        at.phase_diagram(at.SpikedMatrixTensor(3, 0.2), at.Flow())
    with pytest.raises(at.UnknownNameError, match="did you mean 'first_order'"):
        ising.line("first-order")
    with pytest.raises(TypeError):
        at.phase_diagram(at.IsingPSpin(3), at.Flow(), point=200)
    for control in (0, -1, np.nan, np.inf):
        with pytest.raises(at.InputError):
            ising.region(control, 0.1)
        with pytest.raises(at.InputError):
            ising.sampler_succeeds(control)


def test_two_points_are_enough():
    diagram = at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=2)
    assert [len(line) for line in diagram.lines.values()] == [3, 3, 3]


def test_range_beyond_every_line():
    diagram = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (0.8, 0.9))
    assert [len(line) for line in diagram.lines.values()] == [0, 0, 0]
    low = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (0.2, 0.3), target="planted")
    assert [len(low.line(n)) for n in LINES] == [0, 0, 200]
    assert low.line("uninformed_spinodal").ends == (("edge of the range", "edge of the range"),)


JUMPING = [
    at.SpikedMatrix(at.SparseRademacher(0.08)), at.SpikedTensor(3, at.Discrete([3, -0.333], [0.1, 0.9])),
    at.SpikedMatrixTensor(3, 0.5), at.MixedPSpin("q**2/8 + q**4/2", at.Gaussian()),
    pytest.param(at.Bicoloring(5), marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize("model", JUMPING, ids=lambda model: getattr(model, "name", None))
@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive()], ids=["flow", "autoregressive"])
@pytest.mark.every(3)
def test_at_the_algorithmic_point_itself_the_path_fails_from_its_start(model, path):
    """There the uninformed branch has an end only, which no free entropy can tell from another branch."""
    point = at.thresholds(model, path).algorithmic
    diagram = at.phase_diagram(model, path, (0.9 * point.control, 1.1 * point.control), points=5, target="planted")
    verdicts = at.compare_samplers(model, target="planted")[path.name]
    for control in (point.control, np.nextafter(point.control, 0), np.nextafter(point.control, np.inf)):
        assert not diagram.sampler_succeeds(control)
        assert diagram.first_failure_strength(control) == 0
        assert diagram.region(control, 0.0) == "hard"
        assert diagram.reason(control).startswith("the exact denoiser is on another branch from the start of the path")
        assert verdicts.at(control).succeeds is False
    easy = point.control * (1 + (1e-6 if model.easier == "up" else -1e-6))
    assert diagram.sampler_succeeds(easy)
    assert diagram.first_failure_strength(easy) is None
    assert verdicts.at(easy).succeeds
    assert not diagram.sampler_succeeds(2 * point.control - easy)
