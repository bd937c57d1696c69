"""Reports: text and HTML of every result, and every picture from a saved diagram."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure

import amp_theory as at
from amp_theory.exact.proofs.certificates import digest
from amp_theory.interface import cli
from amp_theory.tools import html as markup

MODEL, PATH = at.IsingPSpin(3), at.Flow()


class Checker(HTMLParser):
    """Collects the cells of a table and checks that tags close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("img", "br"):
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.cells[-1] += data


def cells(html):
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    return checker.cells


def test_every_result_shows_itself():
    diagram = at.phase_diagram(MODEL, PATH, points=5)
    special = diagram.thresholds
    results = [
        special, special.dynamical, diagram, at.fixed_points(MODEL, PATH, 0.7, 0.12),
        at.path_transitions(MODEL, PATH, 0.7), at.closed_forms(at.SphericalPSpin(3), PATH),
        at.tricritical_expansion(MODEL, PATH), at.certify(at.thresholds(at.SphericalPSpin(3), PATH).dynamical),
        at.compare_samplers(MODEL),
    ]  # fmt: skip
    for result in results:
        assert len(result.report()) > 40
        assert str(result)
        assert cells(result._repr_html_())


@pytest.mark.slow
def test_html_holds_the_numbers_and_reasons():
    special = at.thresholds(MODEL, PATH)
    found = cells(special._repr_html_())
    assert any(cell.startswith("0.681598040576") for cell in found)
    assert any("q = 0 is stable at every temperature" in cell for cell in found)
    points = at.fixed_points(MODEL, PATH, 0.7, 0.12)
    assert [cell for cell in cells(points._repr_html_()) if cell in ("uninformed", "unstable", "informed")] == [
        p.kind for p in points
    ]
    assert "hard" in points.title
    sharp = at.thresholds(MODEL, PATH, digits=25).dynamical
    assert sharp.decimals["temperature"] in sharp._repr_html_()


def test_text_of_models_is_escaped():
    html = markup.table("<script>", ["a & b"], [["<td>", 1]])
    assert "<script>" not in html
    assert cells(html) == ["<td>", "1"]


def test_a_diagram_has_a_picture_in_notebooks():
    html = at.phase_diagram(MODEL, PATH, points=5)._repr_html_()
    assert 'src="data:image/png;base64,iVBOR' in html
    assert len(html) < 400_000


@pytest.mark.slow
def test_every_picture_comes_from_the_saved_diagram(tmp_path):
    diagram = at.phase_diagram(MODEL, PATH, points=20)
    diagram.save(tmp_path / "diagram.json")
    loaded = at.load(tmp_path / "diagram.json")

    def drawn(d):
        axes = Figure().add_subplot()
        at.plot_diagram(d, axes)
        at.plot_paths([d], Figure().add_subplot())
        return [line.get_xydata() for line in axes.lines]

    for a, b in zip(drawn(diagram), drawn(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    assert at.explorer_html(loaded) == at.explorer_html(diagram)
    assert loaded._repr_html_() == diagram._repr_html_()
    files = [str(tmp_path / f"again.{ending}") for ending in ("pdf", "png", "svg", "csv", "html")]
    outputs = [part for file in files for part in ("-o", file)]
    assert cli.main(["draw", str(tmp_path / "diagram.json"), *outputs]) == 0
    assert all((tmp_path / f"again.{ending}").stat().st_size > 500 for ending in ("pdf", "png", "svg", "csv", "html"))
    film = at.animate(loaded.model, loaded.path, tmp_path / "film.gif", diagram=loaded, frames=3)
    assert film.crossed


# --- the command line ----------------------------------------------------------------------------------------


def run(capsys, *arguments):
    code = cli.main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.slow
def test_digits_on_the_command_line(capsys):
    code, out, _ = run(capsys, "thresholds", "spherical-p-spin", "--set", "p=3", "--digits", "30", "--json")
    data = json.loads(out)
    assert code == 0
    assert data["tricritical"]["temperature"] == "0.666666666666666666666666666667"
    code, out, _ = run(capsys, "transitions", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--digits", "20")
    assert code == 0
    assert "0.10139096067490375498" in out
    at_point = ("--control", "0.7", "--strength", "0.12", "--digits", "20")
    code, out, _ = run(capsys, "fixed-points", "ising-p-spin", "--set", "p=3", *at_point)
    assert code == 0
    assert out.count("overlap = 0.") == 3
    code, out, _ = run(capsys, "fixed-points", "ising-p-spin", "--set", "p=3", *at_point, "--json")
    assert len(json.loads(out)["fixed_points"][0]["overlap"]) == 22


@pytest.mark.parametrize("digits", ["0", "51", "3.5", "many"])
def test_bad_digits_on_the_command_line(capsys, digits):
    code, out, err = run(capsys, "thresholds", "ising-p-spin", "--set", "p=3", "--digits", digits)
    assert (code, out) == (2, "")
    assert "--digits must be an integer from 1 to 50" in err
    assert err.count("\n") == 1


def test_numbers_with_more_digits_than_are_kept(capsys):
    """0.70000000000000000000123 would silently be 0.7."""
    for extra in (
        ["--control", "0.70000000000000000000123"],
        ["--control", "0.7", "--set", "p=3.00000000000000000001"],
    ):
        given = [] if "--set" in extra else ["--set", "p=3"]
        code, _, err = run(capsys, "transitions", "ising-p-spin", *given, *extra, "--digits", "30")
        assert code == 2
        assert "more digits than are kept" in err
    code, _, err = run(capsys, "thresholds", "ising-p-spin", "--set", "p=3", "--digits", "9", "--checkpoint", "a.json")
    assert code == 2
    assert "no --digits" in err


def test_digits_of_models_that_have_none(capsys):
    code, _, err = run(capsys, "thresholds", "coloring", "--set", "q=5", "--digits", "20")
    assert code == 2
    assert err.count("\n") == 1
    code, _, err = run(capsys, "thresholds", "bicoloring", "--set", "k=5", "--digits", "20")
    assert code == 2
    assert "digits" in err or "dense" in err


def test_certificates_on_the_command_line(capsys, tmp_path):
    file = str(tmp_path / "proof.json")
    made = ("certify", "spherical-p-spin", "--set", "p=3", "--point", "tricritical", "-o", file)
    code, out, _ = run(capsys, *made)
    assert code == 0
    assert "has exactly one solution" in out
    code, _, err = run(capsys, *made)
    assert code == 2
    assert "exists" in err
    code, out, _ = run(capsys, "verify", file, "--json")
    assert code == 0
    assert json.loads(out)["valid"] is True
    data = json.loads((tmp_path / "proof.json").read_text())
    data["values"]["snr"] = ["0.1251", "0.1252"]
    (tmp_path / "proof.json").write_text(json.dumps(data))
    code, out, err = run(capsys, "verify", file)
    assert (code, out) == (2, "")
    assert "the certificate is wrong: it was changed since it was written" in err
    (tmp_path / "proof.json").write_text(json.dumps(data | {"digest": digest(data)}))
    code, out, err = run(capsys, "verify", file)
    assert (code, out) == (2, "")
    assert "the certificate is wrong: the certified interval of snr is too wide" in err
    code, _, err = run(capsys, "certify", "spherical-p-spin", "--set", "p=3", "--point", "algorithmic")
    assert code == 2
    assert "there is no algorithmic point: q = 0 is stable" in err
    code, _, err = run(capsys, "certify", "spherical-p-spin", "--set", "p=3", "--point", "dynamic")
    assert code == 2
    assert "did you mean 'dynamical'" in err


def test_closed_forms_on_the_command_line(capsys):
    code, out, _ = run(capsys, "closed-forms", "spherical-p-spin")
    assert code == 0
    assert "p - 2" in out
    code, out, _ = run(capsys, "closed-forms", "spherical-p-spin", "--set", "p=3", "--json")
    assert json.loads(out)["points"]["tricritical"]["snr"] == "1/8"
    code, _, err = run(capsys, "closed-forms", "sferical")
    assert code == 2
    assert "unknown model" in err


@pytest.mark.slow
def test_animate_on_the_command_line(capsys, tmp_path):
    file = tmp_path / "film.gif"
    code, out, _ = run(capsys, "animate", "ising-p-spin", "--set", "p=3", "--frames", "3", "-o", str(file), "--json")
    assert code == 0
    data = json.loads(out)
    assert data["first_order"] < data["uninformed_spinodal"]
    assert file.read_bytes()[:3] == b"GIF"
    code, out, _ = run(capsys, "animate", "sherrington-kirkpatrick", "--control", "1.5", "--frames", "2", "--force",
                       "-o", str(file))  # fmt: skip
    assert code == 0
    assert "no first-order transition" in out
    below = ("animate", "ising-p-spin", "--set", "p=3", "--control", "0.6", "--frames", "2", "--force")
    code, out, _ = run(capsys, *below, "-o", str(file))
    assert "another branch is in equilibrium from the start" in out
    code, _, err = run(capsys, "animate", "ising-p-spin", "--set", "p=3", "--frames", "1", "-o", str(file), "--force")
    assert code == 2
    assert "--frames must be an integer from 2 to 1000" in err
    code, _, err = run(capsys, "animate", "ising-p-spin", "--set", "p=3")
    assert code == 2
    assert "-o" in err


# --- what was found on the way ---------------------------------------------------------------------------------


def test_an_isotherm_below_the_dynamical_point_has_both_ends_of_its_gap():
    for model, control in ((MODEL, 0.66), (at.SpikedMatrix(at.SparseRademacher(0.08)), 0.0064)):
        curve = at.equation_of_state(model, PATH, control)
        expected = [p.overlap for p in at.fixed_points(model, PATH, control, 0.0) if p.overlap > 0]
        np.testing.assert_allclose(curve.overlap[curve.strength == 0], expected, rtol=1e-9)
        axes = at.plot_overlap(model, PATH, control, Figure().add_subplot())
        # no line bridges the gap
        for line in axes.lines[:2]:
            q = line.get_ydata()
            low, high = expected[0], expected[1]
            step = (q[:-1] <= low * (1 + 1e-9)) & (q[1:] >= high * (1 - 1e-9))
            assert not step.any()


def test_a_time_axis_without_end_shows_all_regions():
    diagram = at.phase_diagram(MODEL, at.Flow(at.VariancePreserving()))
    axes = at.plot_diagram(diagram, Figure().add_subplot(), axis="time")
    low, high = axes.get_ylim()
    assert 0 < low < high < 10
    polygons = [p for c in axes.collections for p in c.get_paths()]
    assert any(p.contains_point((0.66, high - 0.1)) for p in polygons)  # between condensation and dynamical
    labels = {line.get_label() for line in axes.lines}
    assert {"dynamical", "condensation"} <= labels


def test_a_line_may_end_in_a_tricritical_point_on_the_harder_side():
    model, path = at.SpikedMatrixTensor(6, 0.19), at.Autoregressive()
    point = at.thresholds(model, path).tricritical
    diagram = at.phase_diagram(model, path, (0.9 * point.control, 1.1 * point.control), points=20)
    for line in diagram.lines.values():
        assert line.ends == (("edge of the range", "tricritical point"),)
        assert abs(line.strength[-1] - point.strength) <= point.errors["revealed"]


def test_first_failures_of_an_array_are_those_of_its_entries():
    diagram = at.phase_diagram(at.GLM(at.Rademacher(), at.SignChannel()), at.Autoregressive(), (0.5, 1.4), points=5)
    c = (0.5 + 0.7446839898506896 * np.sin(np.pi * np.arange(161) / 320) ** 2)[97:113]
    one_by_one = [diagram.first_failure_strength(float(x)) for x in c]
    np.testing.assert_allclose(diagram.first_failure_strength(c).astype(float), one_by_one, rtol=1e-12)


def test_free_entropy_of_sparse_models_begins_where_it_is_known():
    for strength in (1e-5, 1e-3, 0.02):
        q, phi = at.free_entropy_curve(at.XORSAT(3), PATH, 0.8, strength, 500)
        assert abs(phi[0]) < 1e-3  # phi is close to zero next to q = 0
        assert q[0] < 0.02 + strength
