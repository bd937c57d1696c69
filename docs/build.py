"""Build the documentation site: `python docs/build.py`, then open `build/site/index.html`.

Pages, notebooks and what is generated (the list of the reference, pictures of the gallery) are put together in
`build/source`, in the places they have in the repository, so that links between them are the same.  The notebooks are
executed there, or taken from a folder where they have been.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import amp_theory as at

#: sections of the reference: title, and the modules whose public names it lists
SECTIONS = {
    "Models": ["models"],
    "Priors": ["ingredients.priors"],
    "Paths and schedules": ["ingredients.paths"],
    "Couplings, output channels and factors": ["ingredients.couplings", "ingredients.outputs", "ingredients.factors"],
    "Special points, fixed points and scans": [
        "phases.points",
        "phases.families",
        "tools.results",
        "tools.fixed_points",
    ],
    "Diagrams": ["phases.diagram"],
    "Comparing samplers": ["phases.comparison", "phases.rules", "phases.optimal", "phases.accuracy"],
    "Pictures": ["interface.plots", "interface.sizes", "interface.glassy", "interface.explorer"],
    "Published values and ours": ["interface.studies"],
    "Many digits, proofs and formulas": ["exact"],
    "Finite instances and their algorithms": ["finite"],
    "Simulations against theory": ["trials"],
    "Dynamics": ["dynamics"],
    "Population dynamics": ["equations_of_state"],
    "Tables, progress and errors": ["tools.tables", "tools.progress", "tools.errors"],
}


def section_of(module: str) -> str:
    """Return the title of the section in which a module's names stand."""
    found = [t for t, starts in SECTIONS.items() if any(f"{module}.".startswith(f"{s}.") for s in starts)]
    if len(found) != 1:
        raise SystemExit(
            f"amp_theory/{module.replace('.', '/')}.py has public names: name it once in SECTIONS of {__file__}"
        )
    return found[0]


def heading(title: str) -> list[str]:
    """Return the lines of a heading in reStructuredText."""
    return [title, "=" * len(title), ""]


def reference() -> dict[str, str]:
    """Return the pages that list every public name by section, by their places; autosummary makes a page of each."""
    names: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for name, module in at._MODULE.items():
        names[section_of(module)].append(name)
    pages, places = {}, []
    for title, listed in names.items():
        place = "reference/" + title.lower().replace(",", "").replace(" ", "-")
        lines = [*heading(title), ".. currentmodule:: amp_theory", "", ".. autosummary::", "   :toctree: .", ""]
        pages[f"{place}.rst"] = "\n".join([*lines, *(f"   {name}" for name in sorted(listed, key=str.lower)), ""])
        places.append(place)
    intro = ["Everything public, as ``import amp_theory as at`` gives it.", "", ".. toctree::", "   :maxdepth: 2", ""]
    pages["reference.rst"] = "\n".join([*heading("Reference"), *intro, *(f"   {place}" for place in places), ""])
    return pages


def with_pages(index: str) -> str:
    """Return the index of pages, with the tree of pages that Sphinx wants."""
    pages = re.findall(r"\]\((\w+)\.md\)", index)
    return "\n".join([index, ":::{toctree}", ":hidden:", "", *pages, ":::", ""])


def cells(notebook: Path) -> list[str]:
    """Return the text of the cells of a notebook."""
    return ["".join(cell["source"]) for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]


def draw(folder: Path) -> None:
    """Draw the pictures of the gallery that no notebook draws."""
    import matplotlib as mpl

    mpl.use("agg")
    model, path = at.IsingPSpin(p=3), at.Flow()
    pictures = {
        "paths": lambda: at.plot_paths(
            [at.phase_diagram(model, p) for p in (path, at.Autoregressive(), at.UniformDiscreteDiffusion())]
        ),
        "free_entropy": lambda: at.plot_free_entropy(model, path, 0.7, [0, 0.05, 0.09, 0.12]),
        "overlap": lambda: at.plot_overlap(model, path, 0.7),
    }
    for name, make in pictures.items():
        make().figure.savefig(folder / f"{name}.png", dpi=110)


def assemble(source: Path, executed: Path | None) -> list[str]:
    """Put all sources of the site into an empty folder; return the notebooks that have been executed."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(
        ROOT / "docs" / "site", source, ignore=shutil.ignore_patterns("*.py", "__pycache__", "templates", "static")
    )
    for folder in ("notebooks", "figures"):
        shutil.copytree(ROOT / folder, source / folder)
    (source / "docs").mkdir()
    for page in sorted((ROOT / "docs").glob("*.md")):
        shutil.copy(page, source / "docs")
    for page in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "amp_theory/README.md"):
        (source / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, source / page)
    index = source / "docs" / "README.md"
    index.write_text(with_pages(index.read_text(encoding="utf-8")), encoding="utf-8")
    (source / "reference").mkdir()
    for place, text in reference().items():
        (source / place).write_text(text, encoding="utf-8")
    (source / "pictures").mkdir()
    draw(source / "pictures")
    taken = []
    for notebook in (source / "notebooks").glob("*.ipynb"):
        done = executed / notebook.name if executed else None
        if done and done.exists() and cells(done) == cells(notebook):
            shutil.copy(done, notebook)
            taken.append(notebook.name)
    return taken


def main() -> int:
    """Assemble and build; return Sphinx's exit status."""
    parser = argparse.ArgumentParser(description="Build the documentation site; every warning is an error.")
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    parser.add_argument(
        "--executed", type=Path, help="a folder of notebooks with outputs, taken where their cells agree"
    )
    given = parser.parse_args()
    from sphinx.application import Sphinx

    source = given.output.resolve().with_name(given.output.name + "-source")
    taken = assemble(source, given.executed)
    shutil.rmtree(given.output, ignore_errors=True)
    # notebooks show their figures, whatever backend is asked for around them
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    doctrees = source.with_name(given.output.name + "-doctrees")
    shutil.rmtree(doctrees, ignore_errors=True)
    app = Sphinx(
        srcdir=source,
        confdir=ROOT / "docs",
        outdir=given.output.resolve(),
        doctreedir=doctrees,
        buildername="html",
        confoverrides={"nb_execution_excludepatterns": taken},
        status=None,
        freshenv=True,
        warningiserror=True,
        parallel=2,
    )
    app.build()
    if app.statuscode == 0:
        at.save_explorer(at.phase_diagram(at.IsingPSpin(p=3), at.Flow()), given.output / "explorer.html")
    return app.statuscode


if __name__ == "__main__":
    sys.exit(main())
