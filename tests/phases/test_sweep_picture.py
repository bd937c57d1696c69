"""Pictures of sweeps: every number that was found is on its line, nothing else is, and lines break where there is none."""

from __future__ import annotations

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.image import imread

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.phases.families.picture import one_kind


def sparse(rho):
    return at.SpikedMatrix(at.SparseRademacher(rho))


@pytest.fixture(scope="module")
def found():
    """Return thresholds that end between values of rho, in no order, one of which makes no model."""
    return at.sweep(sparse, rho=[0.2, 0.06, 2.0, 0.08, 0.12, 0.04], quantities=["condensation", "weak_recovery"])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def lines_of(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


def test_lines_hold_what_was_found_in_order_and_break_where_nothing_was(found):
    axes = found.plot()
    lines = lines_of(axes)
    assert list(lines) == ["condensation", "weak recovery"]
    order = np.argsort(found.axes["rho"])
    for name, label in (("condensation", "condensation"), ("weak_recovery", "weak recovery")):
        x, y = lines[label].T
        np.testing.assert_array_equal(x, [0.04, 0.06, 0.08, 0.12, 0.2, 2.0])
        np.testing.assert_array_equal(y, found[name].filled(np.nan)[order])
    assert np.isnan(lines["condensation"][:, 1]).tolist() == [False, False, False, True, True, True]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rho", r"noise $\Delta$")
    # a colour and dashes of its own for every line
    assert len({(line.get_color(), str(line._dash_pattern)) for line in axes.lines}) == 2


def test_scalings_and_coordinates(found):
    _, y = lines_of(found.plot(scaling="noise_over_rho2"))["weak recovery"].T
    np.testing.assert_allclose(y[:5], 1, rtol=1e-14)
    axes = found.plot(quantities="condensation", coordinate="overlap")
    (_, values), *_ = (part.T for part in lines_of(axes).values())
    np.testing.assert_array_equal(values[:3], found.values("condensation", "overlap")[[5, 1, 3]])
    assert axes.get_ylabel() == "condensation: overlap $q$"
    assert len(axes.lines) == 1


def test_error_bounds_are_bars():
    point = at.thresholds(sparse(0.08), at.Flow()).condensation.to_dict() | {"error": {"noise": 0.001}}
    found = at.sweep(sparse, rho=[0.06, 0.08], quantities="condensation")
    found.found["condensation"][1] = point
    (bars,) = (c for c in found.plot().collections)
    low, high = bars.get_segments()[1][:, 1]
    assert (low, high) == pytest.approx((point["noise"] - 0.001, point["noise"] + 0.001), rel=1e-12)


def test_other_axes_make_lines():
    found = at.sweep(at.IsingPSpin, p=[3, 4], temperature=[0.6, 0.65, 0.7], quantities="path_transitions")
    axes = found.plot()
    names = ["informed spinodal", "first order", "uninformed spinodal"]
    assert [line.get_label() for line in axes.lines] == [f"{name}, p = {p}" for name in names for p in (3, 4)
                                                         if found[name.replace(" ", "_")][p - 3].count()]  # fmt: skip
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("temperature $T$", r"snr $\gamma^2$")
    _, y = lines_of(axes)["first order, p = 4"].T
    np.testing.assert_array_equal(y, found["first_order"][1].filled(np.nan))
    other = found.plot(over="p", quantities="uninformed_spinodal")
    assert [line.get_label() for line in other.lines] == [f"temperature = {t}" for t in ("0.6", "0.65", "0.7")]
    assert other.get_ylabel() == r"uninformed spinodal: snr $\gamma^2$"


def test_names_stand_beside_lines_where_there_is_room():
    found = at.sweep(
        at.IsingPSpin(3), temperature=np.linspace(0.6, 0.72, 9), quantities=["uninformed_spinodal", "first_order"]
    )
    axes = found.plot(style="print")
    axes.figure.canvas.draw()
    assert {text.get_text() for text in axes.texts if text.get_visible()} >= {"uninformed spinodal", "first order"}
    assert axes.get_legend() is None or not axes.get_legend().get_texts()
    other = found.plot(annotate=False)
    other.figure.canvas.draw()
    assert [text.get_text() for text in other.get_legend().get_texts()] == ["uninformed spinodal", "first order"]


def test_what_lies_between_two_lines_is_shaded():
    glasses = at.sweep(
        at.IsingPSpin, p=3, field=[0.5, 0.1, 0.3], quantities=["first_failure", "dynamical", "stability"]
    )
    axes = glasses.plot(between=("stability", "first_failure"))
    (shade,) = (c for c in axes.collections if isinstance(c, PolyCollection))
    assert shade.get_label() == "stability to first failure"
    seen = {tuple(p) for path in shade.get_paths() for p in path.vertices.tolist()}
    for name in ("first_failure", "stability"):
        points = zip(glasses.axes["field"], glasses[name], strict=True)
        assert {(float(x), float(y)) for x, y in points} <= seen
    assert not {tuple(p) for p in lines_of(axes)["dynamical"].tolist()} & seen
    assert axes.get_legend() is not None
    plain = [c for c in glasses.plot().collections if isinstance(c, PolyCollection)]
    assert plain == []
    # where one of the two is nowhere there is nothing to shade
    none = at.sweep(sparse, rho=[0.3, 0.5], quantities=["condensation", "weak_recovery"])
    assert not [c for c in none.plot(between=none.quantities).collections if isinstance(c, PolyCollection)]


def test_what_cannot_be_drawn_is_refused(found):
    kinds = at.sweep(
        at.IsingPSpin(3), temperature=[0.6, 0.7], quantities=["region", "first_order", "tricritical"], snr=0.1
    )
    texts = at.sweep([at.IsingPSpin(3), at.IsingPSpin(4)], quantities="dynamical")
    none = at.sweep(sparse, rho=[0.3, 0.5], quantities="condensation")
    lines = at.sweep(
        at.IsingPSpin, p=[3, 4], temperature=[0.68, 0.7], quantities=["first_order", "uninformed_spinodal"]
    )
    many = at.sweep(at.IsingPSpin(3), temperature=[0.7, 0.8], snr=np.linspace(0, 1, 25), quantities="informed_overlap")
    for draw, said in (
        (kinds.plot, "no number: region; strength: first_order; control: tricritical"),
        (lambda: kinds.plot(quantities="region"), "no number: region"),
        (lambda: kinds.plot(quantities="dynamical"), "unknown quantity 'dynamical'"),
        (texts.plot, "needs an axis of at least two numbers, the axes are model"),
        (none.plot, "nothing to draw, condensation for one: "),
        (lambda: many.plot(over="temperature"), "at most 24 lines, these are 1 quantities at 25 places"),
        (lambda: found.plot(over="p"), "unknown over 'p'"),
        (lambda: found.plot(scaling="beta"), "unknown scaling 'beta'"),
        (lambda: found.plot(coordinate="overlap", scaling="lambda"), "scaling is one of the control"),
        (lambda: found.plot(coordinate="snr"), "coordinate of condensation"),
        (lambda: found.plot(between="condensation"), "between must be a list of two quantities"),
        (lambda: found.plot(between=["condensation", "condensation"]), "two different quantities of those drawn"),
        (lambda: found.plot(between=["condensation", "dynamical"]), "unknown quantity 'dynamical'"),
        (lambda: lines.plot(between=["first_order", "uninformed_spinodal"]), "there are 2 places of the other axes"),
    ):
        with pytest.raises(at.InputError, match=said):
            draw()
    assert one_kind(["informed", "uninformed_overlap"]) == "overlap"


def test_the_command_writes_pictures(capsys, tmp_path):
    words = ["sweep", "spiked-matrix", "--set", "prior=sparse-rademacher", "--over", "rho=0.04,0.08", "--quantity"]
    files = [tmp_path / name for name in ("a.png", "a.pdf", "a.json")]
    outputs = [part for file in files for part in ("-o", str(file))]
    assert main([*words, "condensation", "--style", "print", "--scaling", "noise_over_rho2", *outputs]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [f"written: {file}" for file in files]
    assert imread(files[0]).shape[:2] == (468, 612)
    assert len(json.loads(files[2].read_text())["rows"]) == 2
    for more, said in (
        (["region,condensation", "-o", str(tmp_path / "b.png")], "of one kind"),
        (["condensation", "--scaling", "lambda"], "are of pictures"),
        (["condensation", "--coordinate", "overlap"], "are of pictures"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    # numbers are kept where there is nothing to draw
    kept = tmp_path / "c.csv"
    empty = [*words[:-2], "rho=0.3,0.5", "--quantity", "condensation", "-o", str(tmp_path / "c.png"), "-o", str(kept)]
    assert main(empty) == 2
    assert "nothing to draw" in capsys.readouterr().err
    assert kept.exists()
    assert not (tmp_path / "c.png").exists()
