"""The notebooks run from top to bottom, from the runs stored beside them, and write their figures and numbers."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

import amp_theory as at

NOTEBOOKS = Path(at.__file__).parent.parent / "notebooks"
pytestmark = pytest.mark.skipif(not NOTEBOOKS.exists(), reason="installed without the repository")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("referee", {"amp", "path", "xorsat", "matrix", "langevin", "times"}),
        ("inference", {"perceptron", "sensing", "noisy_sensing", "phase_retrieval"}),
    ],
)
def test_notebook(name, figures, tmp_path, monkeypatch):
    import matplotlib as mpl
    from matplotlib.figure import Figure

    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    (tmp_path / "figures").mkdir()
    for table in ("demonstrated_*.csv", "heat_bath_recovery.csv"):  # what is recorded, and read again
        for file in (NOTEBOOKS.parent / "figures").glob(table):
            shutil.copy(file, tmp_path / "figures")
    monkeypatch.chdir(folder)
    before = {f.name: f.read_bytes() for f in (folder / "runs").iterdir()}
    save = Figure.savefig

    def checked(figure, *arguments, **settings):
        assert all(ax.has_data() for ax in figure.axes), "an empty panel"
        save(figure, *arguments, **settings)

    monkeypatch.setattr(Figure, "savefig", checked)
    cells = json.loads((folder / f"{name}.ipynb").read_text())["cells"]
    names: dict[str, object] = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in cells:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), names)
        from matplotlib import pyplot as plt

        plt.close("all")
    written = os.listdir(tmp_path / "figures")
    assert {f"{name}_{figure}.png" for figure in figures} <= set(written)
    assert any(f.endswith(".csv") for f in written)
    # nothing had to be computed anew
    assert {f.name: f.read_bytes() for f in (folder / "runs").iterdir()} == before
