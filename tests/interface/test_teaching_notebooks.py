"""The teaching notebooks: stored without outputs, run without warnings, and their words agree with their numbers."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import amp_theory as at

ROOT = Path(at.__file__).parent.parent
FOLDER = ROOT / "notebooks"
NAMES = [
    "01_first_diagram",
    "02_from_sampler_to_equation_of_state",
    "03_the_paper_reproduced",
    "04_your_own_model",
    "05_comparing_samplers",
    "06_which_path_is_best",
    "07_how_wrong_how_deep_how_many_steps",
    "08_two_sides",
    "09_beyond_planted",
]
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="installed without the repository")

#: where a class of one's own registers its other forms
REGISTERS = {"amp_theory.exact.digits.couplings"}
#: what a notebook says, as expressions in its own variables when it has run
CLAIMS = {
    "01_first_diagram": [
        "abs(diagram.thresholds.dynamical.temperature - 0.68159804057) < 1e-10",
        "abs(diagram.thresholds.condensation.temperature - 0.65138522693) < 1e-10",
        "abs(diagram.thresholds.tricritical.temperature - 0.74099624003) < 1e-10",
        "abs(autoregressive.thresholds.tricritical.temperature - 0.758742) < 1e-6",
        "abs(at.thresholds(at.SphericalPSpin(3), path).tricritical.temperature - 2 / 3) < 1e-12",
        "[str(diagram.region(0.70, s)) for s in (0.05, 0.09, 0.12, 0.16)]"
        " == ['easy', 'easy_metastable', 'hard', 'easy']",
        "diagram.sampler_succeeds(0.76) is True and diagram.sampler_succeeds(0.70) is False",
    ],
    "02_from_sampler_to_equation_of_state": [
        "abs(np.mean(u[-1] > 0) - 0.7) < 5 * (0.21 / 20_000) ** 0.5",
        "np.max(np.abs(tried - at.Rademacher().overlap(np.linspace(0, 8, 41)))) < 5 / 20_000**0.5",
        "abs(equal - 0.1014) < 5e-5",
        "abs(above - below) < 1e-6 < above",  # Maxwell
        "abs(states.informed.free_entropy - states.uninformed.free_entropy) < 1e-10",
        "abs(tricritical.temperature - 0.74099624003) < 1e-10",
        "abs(fold_temperature[top] - 0.74099624003) < 1e-8 and abs(fold_snr[top] - 0.167043678) < 1e-6",
        "abs(special.dynamical.temperature - 0.68159804057) < 1e-10",
        "density == 1.6 and drawn.mean() - exact_energy.mean() > 8 * exact_energy.std()",
        "max(abs(point.overlap - 1 / 3), abs(point.temperature - 2 / 3), abs(point.snr - 1 / 8)) < 1e-10",
        "abs(film.transition - equal) < 1e-10 and abs(film.jump - 0.130944) < 1e-6 and len(picture.data) > 10_000",
        "abs((line.overlap - line.lower_overlap)[1] / (float(expansion.first_order_jump) * distance[0] ** 0.5) - 1) < 1e-4",
        "float(at.closed_forms(at.SphericalPSpin(p=3), path).points['tricritical']['snr']) == 1 / 8",
    ],
    "03_the_paper_reproduced": [
        "len(rows) > 25 and not Path(folder.name).exists()",
        "all(abs(r.difference) < 0.25 for r in rows)",
        "{r.figure for r in rows if r.point == 'tricritical' and abs(r.difference) > 0.02}"
        " == {'bicoloring_autoregressive'}",
        "abs(special.tricritical.snr - 0.115679) < 1e-6",
        "[round(r.ours, 10) for r in rows if r.figure == 'ising_p_spin_flow' and r.coordinate == 'snr'] == [0.1670436783]",
        "abs(algorithmic - 0.980792) < 1e-6",
    ],
    "04_your_own_model": [
        "abs(diagram.thresholds.weak_recovery.noise - 1) < 1e-12",
        "abs(at.thresholds(even, at.Flow()).weak_recovery.noise - 16) < 1e-10",  # xi''(0) = a^2/noise = 1
        "len(many.decimals['noise']) > 30 and abs(many.noise - at.thresholds(even, at.Flow()).tricritical.noise) < 1e-8",
        "abs(whole.temperature - 0.74099624003) < 1e-10",
        "abs(at.thresholds(spins, PartialFlow(0.1354)).tricritical.temperature - 0.758742) < 1e-4",
        "at.thresholds(spins, PartialFlow(0.13)).tricritical is None",
        "abs(overlap_by_hand - soft_spin.overlap(3.0)) < 1e-12",
        "abs((more - less) / (2 * h) - point.overlap / 2) < 1e-7",
        "abs(run.overlap[-1] - point.overlap) < 1e-9",
        "found.p_value > 0.001",
    ],
    "05_comparing_samplers": [
        "all(1.2 < x < 1.3 for x in [flow]) and 1.6 < mcmc < 1.7",
        "all(run.samplers['flow'].energy_difference[0] > 4 * run.samplers['flow'].energy_difference[1]"
        " for run in runs[2:])",
        "all(abs(run.samplers['heat-bath'].energy_difference[0]) < run.samplers['flow'].energy_difference[0] / 1.5"
        " for run in runs[2:])",
        "density == 1.8 and excess[0] < 1.5 * excess[-1] and (excess > 10 * error).all()",
        "abs(special.algorithmic.noise / 0.08**2 - 0.980792) < 1e-6",
        "np.abs(flow_overlap - theory).max() < 0.15 * theory",
        "abs(energy.mean() - wanted) < 5 * energy.std() / 10",
        "(low < high).all() and (low < algorithmic).all() and (np.diff(low) > 0).all()",
        "all(baths['fraction_recovered'][baths['size'] == 4000].mean() < baths['fraction_recovered'][baths['size'] == n].mean()"
        " for n in (1000, 2000))",
        "abs(point.field - 0.5688657) < 1e-7 and abs(point.temperature - 0.7362954) < 1e-7",
        "abs(table['first_failure'][4] - 0.740707482) < 1e-9 and abs(fields[4] - 0.2) < 1e-12",
        "abs(table['first_failure'][0] - 0.740996240) < 1e-9 and fields[0] == 0",
        "(np.abs(deviation) < 4 * scatter + 2 / 100).all()",
    ],
    "06_which_path_is_best": [
        "list(stops.values()) == sorted(stops.values(), reverse=True)",
        "abs(found.best.temperature - 0.7391999793) < 1e-10 and abs(found.any_denoiser.temperature - 0.705922487) < 1e-9",
        "abs(stops['most confident first'] - 0.7651) < 1e-5 and abs(greedy.temperature - 0.735795) < 5e-6",
        "abs(best.best.noise / unit - 1.065505509) < 1e-9 and abs(best.paths['birth'].noise / unit - 1.065683282) < 1e-9",
        "all(one.dynamical.temperature < one.any_denoiser.temperature < one.best.temperature for one in spins)",
        "all(one.paths['flow'].noise > one.paths['autoregressive'].noise > one.best.noise for one in matrices)",
        "abs(safe.raise_to - 0.0742357597) < 1e-10 and list(safe.order) == ['flow', 'autoregressive']",
        "abs(by_degree['highest-degree'] - 0.788681657) < 1e-9 and abs(by_degree['random'] - 2 / 3) < 1e-9",
        "limits['masked'] < 0.95 < limits['flow'] < limits['uniform-diffusion']",
        "(excess['masked'] > excess['flow']).all() and excess['flow'][-1] < 0.6 * excess['flow'][0]",
        "not at.revealing_curve(model, at.Autoregressive(order='most-confident'), 0.762).succeeds",
    ],
    "07_how_wrong_how_deep_how_many_steps": [
        "abs(error_of_flow.nats_per_variable - 0.0079022587746) < 1e-12 and 126 < error_of_flow.visible_size < 127",
        "abs(np.mean(upper - lower) * (end - start) / 2 - error_of_flow.nats_per_variable) < 1e-4",
        "abs(at.sampling_error(model, flow, 1.0, iterations=3).nats_per_variable - 0.0209063379) < 1e-10",
        "abs(at.sampling_error(model, masks, 1.0, steps=64).step_constant - 0.1921347111) < 1e-9",
        "all(p.nats_per_variable < p.equal_steps for p in plans)",
        "np.max(np.abs(np.array(lost) - (1 - 1 / believed) ** 2 / 4)) < 1e-10",
        "judged['exact'].nats_per_variable < 1e-12",
        "judged['AMP'].nats_per_variable < judged['network'].nats_per_variable < judged['alone'].nats_per_variable",
        "judged['alone'].nats_per_variable - judged['network'].nats_per_variable < judged['alone'].nats_per_variable / 2",
        "judged['network'].miscalibrated < 0.01 * judged['network'].nats_per_variable",
    ],
    "08_two_sides": [
        "(best.path, best.side, best.ranking[-1]) == ('autoregressive', 'v', 'flow on v') and best.decided",
        "all(np.all(lines['autoregressive on v'] > lines['flow on v']) for lines in (over_rho, over_aspect))",
        "all(np.all(lines['dynamical'] > lines['autoregressive on v']) for lines in (over_rho, over_aspect))",
        "(over_k['tricritical'] > over_k['dynamical']).all() and (over_k['condensation'] > over_k['algorithmic']).all()",
        "np.max(np.abs(pca['tricritical'] / sparsity * over_rho['flow on v'] - 1)) < 1e-9",
        "np.max(np.abs(over_rho['flow on u'] / over_rho['autoregressive on both'] - 1)) < 1e-9",
        "all(np.diff(over_rho['algorithmic'] - over_rho['condensation']) < 0)",
        "agree.all() and 20 < (width > 0).sum() < 100",
        "abs(1 / ten.dynamical.noise / 10 - 0.9572569128) < 1e-10 and abs(1 / ten.tricritical.noise / 10 - 0.9446012242) < 1e-10",
        "found.p_value > 0.001 and found.other_kind.p_value > 0.001",
        "abs(point.overlap_u - q_u) < 0.05",
        "abs(weak - 3**0.5 / 3) < 1e-12 and np.max(np.abs(mean - np.interp(noises, fine, exact))[:4]) < 0.1",
        "right > 0.9",
        "[verdicts[n].at(1 / 18.95).succeeds for n in ('flow on u', 'flow on v', 'autoregressive on v')] == [False, False, True]",
        "[verdicts[n].at(1 / 18.8).succeeds for n in ('flow on u', 'flow on v', 'autoregressive on v')] == [True, False, True]",
        "all(v.fails[-1][1] == best.points[n].noise for n, v in zip(('flow on u', 'flow on v'), map(verdicts.__getitem__, ('flow on u', 'flow on v'))))",
    ],
    "09_beyond_planted": [
        "abs(glasses['first_failure'][1] - 0.7407074825) < 1e-9 and abs(closed.field - 0.5688657) < 1e-7",
        "all((glasses['first_failure'] == glasses['stability']) == (np.array(fields) > closed.field))",
        "abs(closing.kappa + 2.0431233) < 1e-7 and abs(closing.sampling_ratio - 70.008442) < 1e-6",
        "all((plane['first_failure'] < plane['stability']) == (np.array(margins) < closing.kappa))",
        "plane['dynamical'].mask.tolist() == [k >= closing.kappa for k in margins]",
        "abs(special.first_failure.sampling_ratio - 269.73596) < 1e-5 and abs(special.stability.sampling_ratio - 328.70898) < 1e-5",
        "all(told['first_failure'] < plane['first_failure'][[1, 3]])",
        "frozen.first_failure is None and abs(frozen.condensation.sampling_ratio - capacity) < 1e-9",
        "(tilts['first_failure'] < best.sampling_ratio).all() and abs(best.sampling_ratio - 0.666952713) < 1e-8",
        "best.sampling_ratio - 1e-3 < reached < best.sampling_ratio < capacity",
    ],
}

#: runs before a notebook: warnings become errors, and every panel that is drawn is written down
FIRST = """\
import json as _json, warnings as _warnings
from matplotlib.backend_bases import FigureCanvasBase as _Canvas
_warnings.simplefilter("error")
_panels, _print = [], _Canvas.print_figure
def _recorded(self, *arguments, **settings):
    _panels.append([[ax.has_data(), ax.get_xlabel(), ax.get_ylabel()] for ax in self.figure.axes])
    return _print(self, *arguments, **settings)
_Canvas.print_figure = _recorded
"""
#: runs after it: tells the panels, and which claims hold
LAST = """\
_warnings.resetwarnings()
print(_json.dumps([_panels, {{claim: bool(eval(claim)) for claim in {claims!r}}}]))
"""


def stored(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))


def code_of(notebook: dict[str, Any]) -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def text_of(notebook: dict[str, Any]) -> str:
    return "\n".join("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")


def execute(
    notebook: dict[str, Any], folder: Path, claims: list[str], kept: str = ""
) -> tuple[list[Any], list[Any], dict[str, bool]]:
    """Return the code cells of an executed notebook, the panels of its figures, and which claims hold.

    If there is a place for executed notebooks, from which the site is built, it is stored there under the name `kept`.
    """
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    made = nbformat.reads(json.dumps(notebook), as_version=4)
    made.cells.insert(0, nbformat.v4.new_code_cell(FIRST))
    made.cells.append(nbformat.v4.new_code_cell(LAST.format(claims=claims)))
    settings = {"metadata": {"path": str(folder)}}
    # as a notebook shows figures, whatever backend the tests themselves use
    shown = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    nbclient.NotebookClient(made, timeout=900, kernel_name="python3", resources=settings).execute(env=shown)
    panels, held = json.loads(made.cells[-1].outputs[0].text)
    made.cells = made.cells[1:-1]
    if kept and (place := os.environ.get("AMP_THEORY_EXECUTED")):
        Path(place).mkdir(exist_ok=True)
        nbformat.write(made, Path(place) / f"{kept}.ipynb")
    return [c for c in made.cells if c.cell_type == "code"], panels, held


def printed(cells: list[Any]) -> str:
    """Return all text that cells have printed or shown."""
    outputs = [o for c in cells for o in c.outputs]
    return "\n".join(o.text if o.output_type == "stream" else o.data.get("text/plain", "") for o in outputs)


def unsupported(text: str, evidence: str) -> list[str]:
    """Return the decimal numbers of `text` to which no number in `evidence` rounds."""
    text = re.sub(r"\]\([^)]*\)|arXiv:[\d.]+", " ", text)
    numbers = [float(x) for x in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:[eE][-+]?\d+)?", evidence)]
    claimed = set(re.findall(r"(?<![\w.])\d+\.\d+(?!\.?\w)", text))
    return sorted(
        c
        for c in claimed
        if not any(abs(abs(x) - float(c)) <= 0.500001 * 10.0 ** -len(c.split(".")[1]) for x in numbers)
    )


def blemishes(panels: list[Any]) -> list[str]:
    """Return what is wrong with figures: empty panels, axes without names."""
    found = []
    for figure in panels:
        found += ["no panel"] if not figure else []
        found += ["an empty panel" for has_data, _, _ in figure if not has_data]
        found += ["no name on a horizontal axis" for _, x, _ in figure if not x]
        found += ["no name on a vertical axis"] if figure and not figure[0][2] else []
    return found


def test_the_list_is_complete():
    assert sorted(p.stem for p in FOLDER.glob("0*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_stored_without_outputs(name):
    notebook = stored(name)
    assert (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8") == json.dumps(
        notebook, indent=1, ensure_ascii=False
    ) + "\n"
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    identifiers = [c["id"] for c in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{1,40}", i) for i in identifiers)
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


@pytest.mark.parametrize("name", NAMES)
def test_short_and_public(name):
    notebook = stored(name)
    assert notebook["cells"][0]["cell_type"] == "markdown"
    assert text_of(notebook).startswith("# ")
    for source in code_of(notebook):
        assert len(source.splitlines()) <= 40
        tree = ast.parse(source)
        for node in ast.walk(tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not any(m.startswith("amp_theory.") and m not in REGISTERS for m in modules)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "at":
                assert node.attr in at.__all__, f"at.{node.attr} is not public"
    for target in re.findall(r"\]\(([^)]*\.ipynb)\)", text_of(notebook)):
        assert (FOLDER / target).exists(), target


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_and_says_what_it_finds(name, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
    work = tmp_path / "notebooks"
    work.mkdir()
    (tmp_path / "figures").mkdir()
    for numbers in ("referee_xorsat", "paths_on_instances", "heat_bath_recovery"):
        shutil.copy(ROOT / "figures" / f"{numbers}.csv", tmp_path / "figures")
    notebook = stored(name)
    cells, panels, held = execute(notebook, work, CLAIMS[name], kept=name)
    assert not list(work.iterdir()), "a notebook leaves files behind"
    assert all(c.execution_count for c in cells)
    assert [o.text for c in cells for o in c.outputs if o.output_type == "stream" and o.name == "stderr"] == []
    pictures = sum("image/png" in o.data for c in cells for o in c.outputs if o.output_type != "stream")
    assert pictures >= 3
    assert len(panels) >= pictures
    assert blemishes(panels) == []
    assert len(held) >= 6
    assert [claim for claim, holds in held.items() if not holds] == []
    evidence = printed(cells) + "\n" + "\n".join(code_of(notebook))
    assert unsupported(text_of(notebook), evidence) == []


# --- the checks themselves see what they are made for ---


def test_numbers_in_the_text_need_evidence():
    text = "At $T = 0.741$ ([arXiv:2308.14085](https://arxiv.org/abs/2308.14085)) the snr is 0.1670, or 1.5."
    assert unsupported(text, "temperature = 0.740996, snr = 0.16704 +- 3e-13, 3/2 = 1.50") == []
    assert unsupported(text, "temperature = 0.742, snr = 0.16704, x = -1.5") == ["0.741"]
    assert unsupported("0.1353.", "0.1355") == ["0.1353"]


def small(*sources: str) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "id": f"c{k}", "metadata": {}, "outputs": [], "execution_count": None, "source": s}
        for k, s in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.mark.slow
def test_empty_panels_and_false_claims_are_seen(tmp_path):
    plot = (
        "import matplotlib.pyplot as plt\n_, axes = plt.subplots(1, 2)\naxes[0].plot([1, 2])\naxes[0].set_ylabel('y')\n"
    )
    cells, panels, held = execute(small(plot, "a = 2"), tmp_path, ["a == 2", "a == 3"])
    assert sorted(set(blemishes(panels))) == ["an empty panel", "no name on a horizontal axis"]
    assert held == {"a == 2": True, "a == 3": False}
    assert sum("image/png" in o.get("data", {}) for c in cells for o in c.outputs) == 1


@pytest.mark.slow
def test_warnings_are_errors(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="RuntimeWarning"):
        execute(small("import numpy as np", "np.log(np.zeros(1))"), tmp_path, [])
