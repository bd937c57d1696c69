"""Studies of the literature: their lines are those of direct calls, and published values stand beside them."""

from __future__ import annotations

import csv
import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.command_list import COMMANDS
from amp_theory.interface.studies import registered
from amp_theory.interface.studies.code_studies import CHANNELS, PATHS, shannon_limit
from amp_theory.interface.studies.dense_studies import HMP, MIXTURES, hmp_temperature, spherical
from amp_theory.interface.studies.literature import printed_of
from amp_theory.interface.studies.registered import SAMPLING, STUDIES, file_names, study_name
from amp_theory.interface.studies.study import our_number
from amp_theory.interface.studies.study_picture import draw_study

#: of every study: a model with parameters as on the command line, what is asked, and where it is drawn: panel, x, curve
SPHERE = {"model": "spherical-p-spin", "parameters": {"p": 4}}
REGULAR = {"model": "xorsat", "parameters": {"k": 6, "degrees": "regular"}, "at": {"density": 0.5}}
PLACED = {
    "spherical-mixed": [
        (SPHERE | {"quantity": "dynamical", "coordinate": "noise"}, ("pure", 4, "dynamical")),
        (SPHERE | {"quantity": "tricritical", "coordinate": "beta"}, ("pure", 4, "first failure, flow")),
        ({"model": "mixed-p-spin", "parameters": {"xi": "q**3/2 + q**4/2", "prior": "gaussian"}, "quantity": "dynamical",
          "coordinate": "temperature", "conversion": "1/x"}, ("3+4", 0.5, "dynamical")),
        ({"model": "mixed-p-spin", "parameters": {"xi": "q**2 + 3*q**3", "prior": "gaussian"}, "quantity": "condensation",
          "coordinate": "temperature"}, ("2+3", 0.75, "condensation")),
    ],
    "compressed-sensing": [
        ({"model": "glm", "parameters": {"prior": "gauss-bernoulli", "rho": 0.3, "channel": "linear", "noise": 0},
          "quantity": "algorithmic", "coordinate": "sampling_ratio"}, ("", 0.3, "algorithmic")),
    ],
    "phase-retrieval": [
        ({"model": "glm", "parameters": {"prior": "gaussian", "channel": "abs"}, "quantity": "algorithmic",
          "coordinate": "sampling_ratio"}, ("", 1.0, "algorithmic")),
    ],
    "relu": [
        ({"model": "glm", "parameters": {"prior": "gauss-bernoulli", "rho": 0.95, "channel": "relu"},
          "quantity": "algorithmic", "coordinate": "sampling_ratio"}, ("", 0.95, "algorithmic")),
    ],
    "symmetric-door": [
        ({"model": "glm", "parameters": {"prior": "rademacher", "channel": "door", "kappa": 0.6}, "quantity": "condensation",
          "coordinate": "sampling_ratio"}, ("", 0.6, "information-theoretic")),
        ({"model": "glm", "parameters": {"prior": "discrete", "values": [-1, 1], "probabilities": [0.49, 0.51],
                                         "channel": "door", "kappa": 0.6},
          "quantity": "algorithmic", "coordinate": "sampling_ratio"}, ("", 0.6, "algorithmic, P(+1) = 0.51")),
    ],
    "block-models": [
        ({"model": "stochastic-block-model", "parameters": {"k": 7}, "quantity": "condensation",
          "coordinate": "indicator_noise"}, ("", 7, "condensation")),
        ({"model": "stochastic-block-model", "parameters": {"k": 7}, "path": "autoregressive", "quantity": "tricritical",
          "coordinate": "lambda"}, ("", 7, "first failure, autoregressive")),
    ],
    "sparse-pca": [
        ({"model": "spiked-matrix", "parameters": {"prior": "sparse-rademacher", "rho": 0.06}, "quantity": "algorithmic",
          "coordinate": "sqrt_lambda"}, ("", 0.06, "algorithmic")),
    ],
    "codes": [
        (REGULAR | {"path": "flow", "quantity": "uninformed_spinodal", "coordinate": "snr", "conversion": "1/sqrt(x)"},
         ("Gaussian", 0.5, "belief propagation, l = 3")),
        (REGULAR | {"path": "flow", "quantity": "uninformed_spinodal", "coordinate": "snr"},
         ("Gaussian", 0.5, "belief propagation, l = 3")),
        (REGULAR | {"path": "autoregressive", "quantity": "first_order", "coordinate": "revealed", "conversion": "1 - x"},
         ("erasures", 0.5, "optimal decoding, l = 3")),
        (REGULAR | {"path": "uniform-diffusion", "quantity": "first_order", "coordinate": "retention",
                    "conversion": "(1 - x)/2"}, ("flips", 0.5, "optimal decoding, l = 3")),
    ],
}  # fmt: skip
#: values that belong to no study, though they nearly do
ELSEWHERE = [
    {"model": "ising-p-spin", "parameters": {"p": 3}, "quantity": "dynamical", "coordinate": "temperature"},
    SPHERE | {"quantity": "dynamical", "coordinate": "overlap"},
    SPHERE | {"quantity": "tricritical", "coordinate": "snr"},
    SPHERE | {"quantity": "first_order", "coordinate": "snr", "at": {"temperature": 0.55}},
    {"model": "glm", "parameters": {"prior": "rademacher", "channel": "linear", "noise": 0}, "quantity": "algorithmic",
     "coordinate": "sampling_ratio"},
    {"model": "glm", "parameters": {"prior": "gauss-bernoulli", "rho": 0.3, "channel": "linear", "noise": 0.01},
     "quantity": "algorithmic", "coordinate": "sampling_ratio"},
    {"model": "spiked-matrix", "parameters": {"prior": "gaussian"}, "quantity": "weak_recovery", "coordinate": "noise"},
    {"model": "xorsat", "parameters": {"k": 6}, "quantity": "dynamical", "coordinate": "density"},
    REGULAR | {"parameters": {"k": 6, "degrees": "regular", "temperature": 0.5}, "quantity": "first_order",
               "coordinate": "snr"},
]  # fmt: skip
SOURCES = {
    "one": {"authors": "A, B", "title": "T", "year": 2001, "reference": "R1", "read_in": "it"},
    "two": {"authors": "C", "title": "T", "year": 2002, "reference": "R2", "read_in": "it"},
}


def values_of(folder, entries, source="one"):
    """Return entries as published values, each with the number that we find, to nine digits."""
    full = [{"path": "flow", "source": source, "where": "here", "value": "0.5", **entry} for entry in entries]
    file = folder / "values.json"

    def write():
        file.write_text(
            json.dumps({"format": "amp_theory catalogue", "version": 1, "sources": SOURCES, "values": full})
        )

    write()
    for entry, row in zip(full, at.check(catalogue=file), strict=True):
        entry["value"] = f"{row.ours:.9g}"
    write()
    return at.published_values(file)


# --- where published values stand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "codes" else n for n in STUDIES])
@pytest.mark.every(3)
def test_published_values_stand_on_our_lines(name, tmp_path):
    """What is published is drawn in the panel's units, wherever its source puts it."""
    study = STUDIES[name]
    values = values_of(tmp_path, [entry for entry, _ in PLACED[name]])
    marks = study.marks(values)
    assert [(m.panel, m.curve) for m in marks] == [(panel, curve) for _, (panel, _, curve) in PLACED[name]]
    assert [m.x for m in marks] == pytest.approx([x for _, (_, x, _) in PLACED[name]], rel=1e-12)
    if name == "spherical-mixed":  # T of xi_1 = q^p is sqrt(2) T of q^p/2
        four = at.thresholds(at.SphericalPSpin(4), at.Flow())
        assert marks[0].y == pytest.approx(math.sqrt(2) * four.dynamical.temperature, rel=1e-8)
        assert marks[1].y == pytest.approx(math.sqrt(2) * four.tricritical.temperature, rel=1e-8)
        ours = at.thresholds(spherical({2: 0.25, 3: 0.75}), at.Flow()).condensation.temperature
        assert marks[3].y == pytest.approx(ours, rel=1e-8)
    if name == "codes":
        assert marks[0].y == pytest.approx(marks[1].y, rel=1e-8)
    others = [other for other in STUDIES.values() if other is not study]
    assert not any(other.marks(values) for other in others)


def test_other_values_stand_nowhere(tmp_path):
    file = tmp_path / "values.json"
    full = [{"path": "flow", "source": "one", "where": "here", "value": "0.5", **entry} for entry in ELSEWHERE]
    file.write_text(json.dumps({"format": "amp_theory catalogue", "version": 1, "sources": SOURCES, "values": full}))
    assert not any(study.marks(at.published_values(file)) for study in STUDIES.values())


def test_every_convention_of_the_literature_can_be_undone():
    value, conversions = at.published_values()[0], {value.conversion for value in at.published_values()}
    for conversion in ("x", "1/x", "1/sqrt(x)", "1 - x", "(1 - x)/2", "10*log(x/4*6)/log(10)", *conversions):
        for ours in (0.3, 2.5):
            printed, _ = printed_of(replace(value, conversion=conversion), ours, 0.0)
            again = our_number(replace(value, conversion=conversion, printed=repr(printed)))
            assert again == pytest.approx(ours, rel=1e-14)


# --- second ways ------------------------------------------------------------------------------------------------------


def test_the_condition_of_huang_montanari_and_pham_is_the_first_failure():
    """Above it xi'' (1-s)^2 < 1 for all s, below it not; the flow's tricritical point is solved for, without it.

    Where weak recovery comes before that, as for q^2 with a little q^5, it is weak recovery.
    """
    s = np.linspace(0, 1, 2001)
    rng = np.random.default_rng(5)
    mixtures = [{p: 1.0} for p in (3, 4, 7)] + [{2: 0.5, 3: 0.5}, {2: 0.3, 5: 0.6}]
    mixtures += [dict(zip((3, 4, 9), rng.random(3).tolist(), strict=True)) for _ in range(4)]
    for powers in mixtures:
        found = hmp_temperature(powers)
        second = sum(c * p * (p - 1) * s ** (p - 2) for p, c in powers.items()) * (1 - s) ** 2
        assert np.max(second) <= found**2 * (1 + 1e-14)
        assert np.max(second) > (found * (1 - 1e-5)) ** 2
        special = at.thresholds(spherical(powers), at.Flow())
        points = [point for point in (special.tricritical, special.weak_recovery) if point is not None]
        first = max(points, key=lambda point: point.temperature)
        assert first.temperature == pytest.approx(found, abs=first.error + 1e-13)
    for p in (3, 4, 7):  # arXiv:2404.15651: beta^2 of xi = beta^2 s^p
        assert hmp_temperature({p: 1.0}) ** -2 == pytest.approx(
            p ** (p - 1) / (4 * (p - 1) * (p - 2) ** (p - 2)), rel=1e-13
        )


def test_the_condition_is_weak_recovery_where_nothing_fails():
    continuous = {2: 0.7, 3: 0.3}
    special = at.thresholds(spherical(continuous), at.Flow())
    assert special.tricritical is None
    assert hmp_temperature(continuous) == pytest.approx(special.weak_recovery.temperature, rel=1e-14)


def test_shannons_limits():
    """Against capacities from their definitions: 1 - e, 1 - h(p), and an integral over what is received."""
    for rate in (0.2, 0.5, 0.7):
        erased, flipped, sigma = (
            float(CHANNELS[name].shown(np.array(shannon_limit(path, rate)))) for name, path in PATHS.items()
        )
        assert erased == pytest.approx(1 - rate, rel=1e-12)
        assert 1 + flipped * math.log2(flipped) + (1 - flipped) * math.log2(1 - flipped) == pytest.approx(
            rate, rel=1e-11
        )

        def lost(z, s=sigma):
            return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * math.log2(1 + math.exp(-2 * (1 + s * z) / s**2))

        assert 1 - quad(lost, -12, 12, epsabs=1e-12, limit=200)[0] == pytest.approx(rate, abs=1e-10)


# --- running them -----------------------------------------------------------------------------------------------------


def direct(study, panel, curve, x):
    """Return a point of a line by a direct call, as the panel shows it."""
    if study.name == "spherical-mixed":
        special = at.thresholds(spherical(MIXTURES[panel][x]), at.Flow())
        names = {"first failure, flow": "tricritical"}
        return special[names.get(curve, curve.replace(" ", "_"))].temperature
    if study.name == "codes":
        k = next(k for k in range(4, 13) if math.isclose(1 - int(curve[-1]) / k, x))
        line = "uninformed_spinodal" if "belief" in curve else "first_order"
        path = {"erasures": at.Autoregressive(), "flips": at.UniformDiscreteDiffusion(), "Gaussian": at.Flow()}[panel]
        (point,) = at.path_transitions(at.XORSAT(k, degrees="regular"), path, round(k * (1 - x)) / k)[line]
        return {"erasures": 1 - point.strength, "flips": (1 - point.strength) / 2, "Gaussian": point.strength**-0.5}[
            panel
        ]
    model = {
        "compressed-sensing": lambda: at.GLM(at.GaussBernoulli(x), at.LinearChannel(0)),
        "phase-retrieval": lambda: at.GLM(at.GaussBernoulli(x), at.AbsChannel()),
        "relu": lambda: at.GLM(at.GaussBernoulli(x), at.ReLUChannel()),
        "symmetric-door": lambda: at.GLM(
            at.Discrete([-1, 1], [0.49, 0.51]) if "0.51" in curve else at.Rademacher(), at.DoorChannel(x)
        ),
        "block-models": lambda: at.StochasticBlockModel(int(x)),
        "sparse-pca": lambda: at.SpikedMatrix(at.SparseRademacher(x)),
    }[study.name]()
    path = at.Autoregressive() if "autoregressive" in curve else at.Flow()
    point = curve.split(",")[0].replace("information-theoretic", "condensation").replace("first failure", "tricritical")
    return at.thresholds(model, path)[point.replace(" ", "_")].control / (x**2 if study.name == "sparse-pca" else 1)


def run(name, folder, monkeypatch, values):
    """Run a study on these published values, with the figure that it draws."""
    figures = []
    monkeypatch.setattr(registered, "published_values", lambda: values)
    monkeypatch.setattr(registered, "draw_study", lambda *given: figures.append(draw_study(*given)))
    found = at.reproduce(folder, study=name)
    return found, figures[0]


def check_run(name, tmp_path, monkeypatch):
    study, folder = STUDIES[name], tmp_path / "figures"
    # a number that is wrong is drawn where it is, and told
    wrong = {**PLACED[name][0][0], "note": "a misprint"}
    values = [*at.published_values(), *values_of(tmp_path, [entry for entry, _ in PLACED[name]], "two")]
    file = tmp_path / "values.json"
    data = json.loads(file.read_text())
    data["values"] = [data["values"][0] | wrong | {"value": f"{1.01 * float(data['values'][0]['value']):.6g}"}]
    file.write_text(json.dumps(data))
    values += at.published_values(file)
    begin = time.process_time()
    found, figure = run(name, folder, monkeypatch, values)
    assert time.process_time() - begin < 120
    assert sorted(p.name for p in folder.iterdir()) == sorted(file_names(study))
    assert all(p.stat().st_size > 100 for p in folder.iterdir())
    assert (folder / f"{study.file}.pdf").read_bytes()[:5] == b"%PDF-"

    # every published value of the study is a row, and an open mark in its place
    marks = study.marks(values)
    assert len(found) == len(marks) >= len(PLACED[name]) + 1
    assert not found[-1].agrees
    assert found[-1].verdict == "differs: a misprint"
    assert all(row.agrees for row in found[-1 - len(PLACED[name]) : -1])
    drawn = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "published"]
    assert sorted((x, y) for line in drawn for x, y in line.get_xydata()) == sorted((m.x, m.y) for m in marks)
    assert all(line.get_markerfacecolor() == "none" for line in drawn)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "C (2002)" in legend
    for axes, panel in zip(figure.axes, study.panels, strict=True):
        assert (axes.get_xlabel(), axes.get_ylabel()) == (panel.x_label, panel.y_label)

    # the table has what the figure has
    data = json.loads((folder / f"{study.file}.json").read_text())
    assert [(m["printed"], m["curve"]) for m in data["published"]] == [(m.value.printed, m.curve) for m in marks]
    with (folder / f"{study.file}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(y is not None for c in data["curves"] for y in c[study.panel(c["panel"]).y])
    assert len((folder / f"{study.file}_published.csv").read_text().splitlines()) == len(found) + 1
    assert (folder / f"{study.file}_published.txt").read_text().rstrip() == found.report()
    lines = [r for r in rows if r["curve"] not in (HMP, "Shannon's limit", "where they end")]
    for row in lines[3 :: max(1, len(lines) // 8)]:
        y = direct(study, row["panel"], row["curve"], float(row["value_of_x"]))
        assert float(row["value_of_y"]) == pytest.approx(y, rel=1e-12), row

    # what is there stays
    before = {p: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(at.FileError, match="exists already"):
        at.reproduce(folder, study=name)
    assert {p: p.read_bytes() for p in folder.iterdir()} == before
    return rows


@pytest.mark.slow
def test_a_study(tmp_path, monkeypatch):
    check_run("spherical-mixed", tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in STUDIES if name not in ("spherical-mixed", "codes", "sparse-pca")])
def test_studies(name, tmp_path, monkeypatch):
    check_run(name, tmp_path, monkeypatch)


@pytest.mark.slow
def test_sparse_lines_end_in_one_point(tmp_path, monkeypatch):
    rows = check_run("sparse-pca", tmp_path, monkeypatch)
    (end,) = (r for r in rows if r["curve"] == "where they end")
    assert float(end["value_of_x"]) == pytest.approx(0.0964158, abs=1e-7)
    last = {r["curve"]: r for r in rows}
    for name in ("dynamical", "condensation", "algorithmic", "first failure, flow", "first failure, autoregressive"):
        assert 0 < float(end["value_of_x"]) - float(last[name]["value_of_x"]) < 0.0025
        assert float(last[name]["value_of_y"]) == pytest.approx(float(end["value_of_y"]), abs=0.01)


@pytest.mark.slow
def test_no_decoder_is_better_than_the_optimal_one_nor_that_than_shannons_limit(tmp_path, monkeypatch):
    rows = check_run("codes", tmp_path, monkeypatch)
    paths = {panel.name: PATHS[name] for name, panel in CHANNELS.items()}
    shown = {panel.name: panel.shown for panel in CHANNELS.values()}
    optimal = {(r["panel"], r["value_of_x"], r["curve"][-1]): r for r in rows if "optimal" in r["curve"]}
    propagation = {(r["panel"], r["value_of_x"], r["curve"][-1]): r for r in rows if "belief" in r["curve"]}
    assert optimal.keys() == propagation.keys()
    for (panel, rate, _), best in optimal.items():
        limit = float(shown[panel](np.array(shannon_limit(paths[panel], float(rate)))))
        weak = propagation[panel, rate, best["curve"][-1]]
        assert float(weak["value_of_y"]) < float(best["value_of_y"]) < limit


# --- asking for them --------------------------------------------------------------------------------------------------


def test_names_of_studies():
    assert study_name(None) == study_name("sampling") == study_name("diagrams") == SAMPLING
    assert study_name("ldpc") == study_name("Codes") == "codes"
    words = [word for study in STUDIES.values() for word in (study.name, *study.words)]
    assert len(set(words)) == len(words)
    (options,) = (options for name, _, _, _, options in COMMANDS if name == "reproduce")
    (said,) = (settings["help"] for name, settings in options if name == "study")
    for text in (said, at.reproduce.__doc__, (Path(__file__).parents[2] / "docs" / "literature.md").read_text()):
        assert set(re.findall(r"[\w-]+", text)) >= {SAMPLING, *STUDIES}


@pytest.mark.parametrize("word", ["gml", "", "spherical_mixedd", 3, b"codes", ["codes"], True])
def test_unknown_studies_leave_everything_as_it_is(tmp_path, word):
    with pytest.raises(at.UnknownNameError, match="unknown study") as error:
        at.reproduce(tmp_path / "figures", study=word)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) <= 280
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_on_the_command_line(capsys, tmp_path):
    assert main(["reproduce", "xorsta", "--folder", str(tmp_path / "none")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), list(tmp_path.iterdir())) == ("", 1, [])
    assert "known: block-models, codes" in err
    assert main(["reproduce", "spherical-mixed", "--folder", str(tmp_path / "here"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["study"] == "spherical-mixed"
    assert len(data["values"]) == data["agree"] + data["differ"]
    (tmp_path / "here" / "spherical_mixed.csv").unlink()
    assert main(["reproduce", "spherical-mixed", "--folder", str(tmp_path / "here")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert not (tmp_path / "here" / "spherical_mixed.csv").exists()
