"""The pages of text: their code runs, what they name exists, what they state is so."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface import cli
from amp_theory.interface.studies.published import FIGURES
from amp_theory.interface.studies.reproduction import compute, key_points
from amp_theory.models import catalogue
from amp_theory.trials.differences import POWER
from amp_theory.trials.judging import FEWEST_INSTANCES, KEPT, LEVEL, MARGIN

ROOT = Path(at.__file__).parent.parent
DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="installed without the repository")
#: the pages whose code is run, and all pages
RUN = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{page.name}" for page in DOCS.glob("*.md"))]
PAGES = [*RUN, "CHANGELOG.md", "amp_theory/README.md"]


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def line_of(text):
    """Return a text in one line."""
    return " ".join(text.split())


def blocks(text):
    """Return (language, code) of every fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)


def prose(text):
    """Return a text without its fenced blocks."""
    return re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.S | re.M)


def stored(name):
    """Return whether a file is where it is said to be."""
    return (ROOT / name).exists()


# --- code -------------------------------------------------------------------------------------------------------------


def run_command(words):
    """Run a command of ours; what installs or tests must be there to be asked for, and be what the integration runs."""
    if words == ["amp-theory", "reproduce"]:
        assert "reproduce" in {name for name, *_ in cli.COMMANDS}  # test_reproduction.py runs it
    elif words in [shlex.split(f"amp-theory {example}") for _, _, _, example, _ in cli.COMMANDS]:
        pass  # test_cli.py runs the example of every command
    elif words[0] == "amp-theory":
        assert cli.main(words[1:]) == 0
    elif words[:4] == ["python", "-m", "pip", "install"]:
        extra = re.fullmatch(r"\.(?:\[(\w+)\])?", words[-1])
        assert extra, words
        assert extra[1] is None or extra[1] in tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    else:
        assert not (ROOT / ".ci").exists() or re.search(
            rf"^{re.escape(shlex.join(words))}(?!\S)", read(".ci/run"), re.M
        )


def test_commands_that_are_not_there_are_noticed():
    lines = ["amp-theory tresholds ising-p-spin", "python -m pip install '.[tests]'", "python -m pip install amp"]
    if (ROOT / ".ci").exists():
        lines += ["python -m pytests", "ruff lint ."]
    for line in lines:
        with pytest.raises(AssertionError):
            run_command(shlex.split(line))


def own_density(names):
    """Weak recovery is at Delta = Var(s)^2."""
    found = at.thresholds(at.SpikedMatrix(names["laplace"]), at.Flow()).weak_recovery
    assert abs(found.noise - 1) <= found.error < 1e-12
    assert at.thresholds(at.SpikedMatrix(names["two_groups"]), at.Flow()).weak_recovery.noise == pytest.approx(1)


def own_coupling_and_model(names):
    """At the algorithmic threshold q = M(alpha/(noise + rho - q)), with equal slopes on both sides."""
    model = names["sensing"]
    point = at.thresholds(model, at.Flow()).algorithmic
    x = point.sampling_ratio / (model.noise + model.prior.rho - point.overlap)
    assert float(model.prior.overlap(x)) == pytest.approx(point.overlap, rel=1e-11)
    slope = float(model.prior.overlap_slope(x)) * x**2 / point.sampling_ratio
    assert slope == pytest.approx(1, abs=1e-9)
    diagram = at.phase_diagram(model, at.Autoregressive())
    control, strength = (getattr(diagram.line("uninformed_spinodal"), n)[50] for n in ("control", "strength"))
    assert diagram.region(control, strength * (1 - 1e-6)) == "hard"
    assert diagram.region(control, strength * (1 + 1e-6)) == "easy"


def own_channel(names):
    """q = M(alpha R(q)), R from the definition: E sum_y (E_w dP(y|z)/dz)^2/E_w P(y|z) by plain sums."""
    v = np.linspace(-9, 9, 721)
    weight = np.exp(-v * v / 2) / np.exp(-v * v / 2).sum()
    q = names["point"].overlap
    z = np.sqrt(q) * v[:, None] + np.sqrt(1 - q) * v[None, :]
    p = 1 / (1 + np.exp(-z))
    plus, slope = p @ weight, (p * (1 - p)) @ weight
    response = weight @ (slope**2 * (1 / plus + 1 / (1 - plus)))
    assert q == pytest.approx(float(at.Rademacher().overlap(3.0 * response)), abs=1e-11)


def own_schedule(names):
    schedule = names["own_flow"].schedule
    assert float(schedule.strength(0.5)) == pytest.approx((0.5 / 0.75) ** 2, rel=1e-14)
    assert float(schedule.time(4 / 9)) == pytest.approx(0.5, rel=1e-12)


def own_path(names):
    """At the tricritical point G - q and its first two derivatives vanish."""
    prior, point = at.Rademacher(), at.thresholds(at.IsingPSpin(3), names["HalfFlow"]()).tricritical
    lam = 1.5 / point.temperature**2

    def excess(q):
        x = lam * q**2
        return (prior.overlap(x + point.snr) + prior.overlap(x)) / 2 - q

    h, q = 1e-3, point.overlap
    low, middle, high = (float(excess(v)) for v in (q - h, q, q + h))
    assert abs(middle) < 1e-11
    assert abs(high - low) / (2 * h) < 2e-5  # h^2/6 times the third derivative, here about -40
    third = float(excess(q + 2 * h) - 2 * excess(q + h) + 2 * excess(q - h) - excess(q - 2 * h)) / (2 * h**3)
    assert abs((high - low) / (2 * h) - h**2 / 6 * third) < 1e-8
    assert abs(high - 2 * middle + low) / h**2 < 1e-4


def at_most_one_strength(names):
    """An overlap below that at zero strength would need a negative strength: "at most one" is what holds."""
    curve = names["curve"]
    assert curve.overlap[curve.strength > 0].min() < 0.5  # near zero overlap there is a strength ...
    assert not np.any((curve.overlap > 0.35) & (curve.overlap < 0.9))  # ... within the loop there is none


def resumed(names):
    assert [s.instances[:2] for s in names["more"].samplers.values()] == [
        s.instances for s in names["first"].samplers.values()
    ]


def verdict_of_the_flow(names):
    assert names["verdict"].succeeds is False


def best_of_all_paths(names):
    """The table's temperatures are those that come out, in its order."""
    flow = at.thresholds(at.IsingPSpin(3), at.Flow()).tricritical
    found, best, worst = (names[name] for name in ("found", "best", "worst"))
    shown = re.findall(r"^\| (0\.\d{9}) \|", read("docs/best_path.md"), re.M)
    points = [found.worst, flow, found.best, found.any_denoiser, found.dynamical]
    assert shown == [f"{float(point):.9f}" for point in points]
    assert [float(found.best), float(found.worst)] == pytest.approx([float(best), float(worst)], abs=1e-12)


def best_of_sparse_spins(names):
    """The numbers of the optimum, the worst path and the bound are those that come out."""
    found, model = names["sparse"], names["model"]
    shown = re.findall(r"^\| (1\.\d{9}) \|", read("docs/best_path.md"), re.M)
    points = [at.thresholds(model, path).tricritical for path in (at.Flow(), at.Autoregressive())]
    for point in (found.worst, *points, found.best, found.any_denoiser):
        assert f"{float(point) / 0.08**2:.9f}" in shown


def orders_of_two_strengths(names):
    """The numbers of the page are those that come out."""
    text = read("docs/two_strengths.md")
    found, mended = names["found"], names["mended"]
    for shown in (f"{found.raise_to:.10f}", f"{found.critical.revealed:.10f}", f"{100 * mended.raise_to:.5f} %",
                  f"{names['birth'].noise / 0.08**2:.9f}"):  # fmt: skip
        assert shown in text


def orders_by_confidence(names):
    """The table's temperatures and fractions are those that come out, within the errors it states.

    But for the greedy floor, of which a notebook computes the temperature: tests/interface/test_teaching_notebooks.py.
    """
    shown = re.findall(
        r"^\| `([a-z-]+)`.*\| (0\.7\d+) \| (\de-\d+) \| ([\d.]+) \|$", read("docs/confidence_orders.md"), re.M
    )
    assert len(shown) == 4
    for order, temperature, error, revealed in shown[:3]:
        point = at.thresholds(names["model"], at.Autoregressive(order=order)).tricritical
        assert abs(point.temperature - float(temperature)) < float(error) >= point.error
        assert abs(point.revealed - float(revealed)) < 1e-4


#: what must hold of what a page defines
CHECKS = {
    "docs/confidence_orders.md": [orders_by_confidence],
    "docs/best_path.md": [best_of_all_paths, best_of_sparse_spins],
    "docs/two_strengths.md": [orders_of_two_strengths],
    "docs/accuracy.md": [at_most_one_strength],
    "docs/comparing_samplers.md": [verdict_of_the_flow],
    "docs/long_runs.md": [resumed],
    "docs/own_models.md": [own_density, own_coupling_and_model, own_channel, own_schedule, own_path],
}


#: pages whose code takes many seconds
LONG = (
    "docs/finite_instances.md", "docs/digits_and_proofs.md", "docs/command_line.md", "docs/long_runs.md", "docs/best_path.md",
    "docs/two_strengths.md",
    "docs/confidence_orders.md", "docs/demonstrations.md", "docs/literature.md", "docs/families.md", "docs/own_models.md",
    "docs/judging_denoisers.md", "docs/sampling_error.md", "docs/pictures_and_notebooks.md", "docs/random_perceptrons.md",
    "docs/two_sides.md", "docs/order_of_revealing.md",
)  # fmt: skip


@pytest.mark.parametrize("page", [pytest.param(page, marks=pytest.mark.slow) if page in LONG else page for page in RUN])
def test_code_runs_and_says_what_is_true(page, tmp_path):
    """All blocks of a page, in order, in an empty folder."""
    names = {}
    with contextlib.chdir(tmp_path), mpl.rc_context({"backend": "agg"}):
        for language, code in blocks(read(page)):
            assert language in {"python", "sh"}, f"a block that nobody runs: {code}"
            if language == "python":
                exec(code, names)
            else:
                for part in re.split(r" && |\n", code.strip()):
                    run_command(shlex.split(part))
        from matplotlib import pyplot as plt

        plt.close("all")
    for check in CHECKS.get(page, []):
        check(names)


# --- links and names --------------------------------------------------------------------------------------------------


def anchors(text):
    """Return what the headings of a page are called in links."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page, text):
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = (ROOT / page).parent / target if target else ROOT / page
        if not stored(str(file.resolve().relative_to(ROOT.resolve()))) or (
            anchor and anchor not in anchors(file.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    assert broken_links(page, read(page)) == []


def test_broken_links_are_noticed():
    text = (
        "[a](models.md) [b](none.md) [c](../CONTRIBUTING.md#glossary) [d](../CONTRIBUTING.md#nothing) [e](https://x.y)"
    )
    assert broken_links("docs/thresholds.md", text) == ["none.md", "../CONTRIBUTING.md#nothing"]


def files_named(text):
    """Return the files and folders of the repository that a text names in backticks."""
    spans = re.findall(r"`([\w./-]+)`", prose(text))
    return [s for s in spans if "/" in s or s.endswith((".py", ".md", ".toml", ".ipynb", ".cff"))]


def missing(text):
    """Return the named files that are not there: from the root, from the package, or anywhere in it by bare name."""
    package = {path.name for path in (ROOT / "amp_theory").rglob("*.py")}
    return [s for s in files_named(text) if not (stored(s) or stored(f"amp_theory/{s}") or s in package)]


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])  # which may speak of the past
def test_named_files_exist(page):
    assert missing(read(page)) == []


def test_missing_files_are_noticed():
    text = "`amp_theory/dense.py`, `models/base.py`, `base.py`, `bass.py`, `docs/models.md` and `amp_theory/exact/`"
    assert missing(text) == ["amp_theory/dense.py", "bass.py"]


def pairs(text):
    """Return (file, name) where a text says which name is in which file."""
    flat = line_of(prose(text))
    found = re.findall(r"`([\w./]+\.py)` `(\w+)`", flat)
    turned = re.findall(r"`(\w+)`(?: and `\w+`)? (?:in|of) `([\w./]+\.py)`", flat)
    turned += re.findall(r"^\| `(\w+)` \| `([\w./]+\.py)` \|", text, re.M)
    return found + [(file, name) for name, file in turned]


def defines(file, name):
    """Return whether a module defines a name, in a class or not."""
    path = ROOT / file if (ROOT / file).exists() else ROOT / "amp_theory" / file
    return re.search(rf"^\s*(?:(?:def|class) {name}\b|{name}\b.*[:=])|, {name} = ", path.read_text(), re.M) is not None


def test_names_are_in_the_files_named():
    found = [pair for page in RUN for pair in pairs(read(page))]
    assert len(found) > 50
    assert [pair for pair in found if not defines(*pair)] == []
    assert not defines("models/base.py", "Modell")


@pytest.mark.parametrize("page", PAGES)
def test_public_names_are_public(page):
    assert set(re.findall(r"\bat\.([A-Za-z_]\w*)", read(page))) <= set(at.__all__)


def test_index_lists_every_page():
    pages = {page.name for page in DOCS.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\((\w+\.md)\)", read("docs/README.md"))) == pages
    assert set(re.findall(r"\]\(docs/(\w+\.md)\)", read("README.md"))) == pages


# --- tables -----------------------------------------------------------------------------------------------------------


def rows(text):
    """Return (class, arguments, name, last cell) of rows that list a class and its name on the command line."""
    return re.findall(r"^\| `(\w+)\((.*?)\)` \| `([a-z-]+)` \|.*?([^|]*) \|$", text, re.M)


@pytest.mark.parametrize("page", ["README.md", "docs/models.md"])
def test_tables_of_models_and_paths_are_those_of_the_catalogue(page):
    found = rows(read(page))
    listed = {name for _, _, name, _ in found}
    wanted = {**catalogue.MODELS, **catalogue.PATHS}
    if page != "README.md":
        wanted |= {**catalogue.PRIORS, **catalogue.CHANNELS}
    assert listed == set(wanted)
    for cls, given, name, last in found:
        kind = wanted[name]
        assert cls == kind.__name__
        python = {flat: own for own, flat in getattr(kind, "written", {}).items()}  # as in Python, not as in --set
        arguments = {python.get(argument, argument): must for argument, must in catalogue.arguments(kind).items()}
        needed = {argument for argument, must in arguments.items() if must}
        assert needed <= set(given.split(", ")) - {""} <= set(arguments), cls
        if name in catalogue.MODELS:
            assert last.split()[0] == kind.control
        if name in catalogue.PATHS:
            assert f"`{kind.strength}`" in last


def test_every_function_and_part_is_named_in_the_docs():
    text = "".join(map(read, RUN))
    for name in at.__all__:
        if inspect.isfunction(getattr(at, name)) or (name[0].isupper() and hasattr(getattr(at, name), "name")):
            assert re.search(rf"\b{name}\b", text), name
    schedules = {cls.__name__: {s.__name__ for s in cls.schedules} for cls in catalogue.PATHS.values()}
    for path, listed in re.findall(r"^\| `(\w+)` \| (`.*Interpolant.*|`.*`) \|$", read("docs/models.md"), re.M):
        assert set(re.findall(r"`(\w+)[`(]", listed)) == schedules.pop(path)
    assert not schedules


def test_table_of_commands():
    text = read("docs/command_line.md")
    _, commands = cli._parser()
    assert set(commands) == set(re.findall(r"^\| `([a-z-]+)` \|", text, re.M))
    every = [code for page in RUN for language, code in blocks(read(page)) if language == "sh"]
    assert set(re.findall(r"amp-theory ([a-z-]+)", "".join(every))) == set(commands)
    assert len(commands) == 31
    assert "There are thirty-one commands" in line_of(read("README.md"))


def test_scalings_are_in_the_conventions():
    text = read("docs/conventions.md")
    models = [
        at.IsingPSpin(3), at.SphericalPSpin(3), at.SherringtonKirkpatrick(), at.MixedPSpin("q**2/2"),
        at.SpikedMatrix(at.Rademacher()), at.SpikedTensor(3, at.Gaussian()), at.SpikedMatrixTensor(3, 1.0),
        at.StochasticBlockModel(3), at.GLM(at.Gaussian(), at.AbsChannel()), at.RowOrthogonalSensing(at.Gaussian(), 0.1),
        at.SpectralSensing(at.Gaussian(), [1.0], [1.0]), at.Bicoloring(5), at.XORSAT(3), at.Coloring(5),
        at.RectangularMatrix(at.Gaussian(), at.Rademacher(), 2), at.GaussianMixture(3), at.RandomPerceptron(),
    ]  # fmt: skip
    assert {model.name for model in models} == set(catalogue.MODELS)
    for model in models:
        for name in model.scalings():
            assert f"`{name}`" in text, name


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_published_values_and_ours():
    """Every value(uncertainty) is one that reproduce computes, and every published value theirs, to the digits shown."""
    text = read("docs/accuracy.md")
    table = re.findall(r"^\|[^|]*\|[^|]*\| (\d[^|]*) \| (\d[^|]*) \|$", text, re.M)
    points = [point for figure in FIGURES for point in key_points(figure, compute(figure, 2))]
    ours, published = (np.array([getattr(point, name) for point in points]) for name in ("ours", "published"))
    assert len(table) == 13
    for value in re.findall(r"\d+\.\d+", " ".join(cell for cell, _ in table)):
        assert np.min(np.abs(published - float(value))) <= 0.5 * 10.0 ** -len(value.split(".")[1]), value
    shown = [pair for _, cell in table for pair in re.findall(r"(\d+\.\d+)\((\d)\)", cell)]
    assert len(shown) == len(re.findall(r"\d\.\d", "".join(cell for _, cell in table)))
    for digits, last in shown:
        unit = 10.0 ** -len(digits.split(".")[1])
        assert np.min(np.abs(ours - float(digits))) <= int(last) * unit, digits


def bound(model, path):
    """Return the largest relative error bound of a control among a model's thresholds."""
    special = at.thresholds(model, path)
    return max(point.error / point.value for point in special.points().values() if point is not None)


def test_error_bounds_are_as_stated(dense_models):
    text = line_of(read("docs/accuracy.md"))
    assert "For the dense models the bounds are below 1e-10 of the value, mostly near 1e-12" in text
    flow = at.Flow()
    bounds = [bound(model, flow) for model in dense_models.values()]
    assert max(bounds) < 1e-10
    assert np.median(bounds) < 5e-12
    assert "to at most 3e-10 at p = 100" in text
    assert 1e-10 < bound(at.IsingPSpin(100), flow) < 3e-10
    assert "to at most 4e-10 at noise 1e-6 of compressed sensing" in text
    sensing = [at.GLM(prior, at.LinearChannel(1e-6)) for prior in (at.Rademacher(), at.GaussBernoulli(0.1))]
    assert 1e-10 < max(bound(model, path) for model in sensing for path in (flow, at.Autoregressive())) < 4e-10


def test_reference_values_are_as_many_as_stated():
    cases = json.loads(read("tests/data/output_channel_reference.json"))["cases"]
    assert f"against {len(cases)} points with 18 digits" in line_of(read("docs/accuracy.md"))


def test_judgement_is_as_stated():
    text = line_of(read("docs/finite_instances.md"))
    words = {5: "five", 0.25: "a quarter"}
    for sentence in (
        f"t test over instances, significance {LEVEL:g} for both together",
        f"excluded at power {POWER:g}; at least {words[FEWEST_INSTANCES]} instances",
        f"four times the sweeps have not removed {words[1 - KEPT]} of it",
        f"The margin is {MARGIN:.0%}".replace("%", " %"),
    ):
        assert sentence in text


# --- contributing and releases ----------------------------------------------------------------------------------------


def test_reference_scripts_write_what_is_said():
    table = re.findall(r"^\| `(tests/oracles/\w+\.py)` \| `tests/data/(\w+\.json)` \|", read("CONTRIBUTING.md"), re.M)
    assert {data for _, data in table} == {path.name for path in (ROOT / "tests" / "data").glob("*.json")}
    for script, data in table:
        assert data in read(script)


def test_commits_to_imitate_are_there():
    text = line_of(read("CONTRIBUTING.md"))
    cited = re.findall(r"commit ([0-9a-f]{7}), \*(.*?)\*", text)
    assert len(cited) == len(re.findall(r"\b[0-9a-f]{7}\b", text)) > 5
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no history")

    def ask(*words):
        return subprocess.run([git, *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    if ask("rev-parse", "--is-shallow-repository") != "false":
        pytest.skip("a part of the history only")
    assert [(commit, ask("log", "-1", "--format=%s", commit)) for commit, _ in cited] == cited


def test_versions_agree():
    assert re.search(r"^version: (.*)$", read("CITATION.cff"), re.M)[1] == at.__version__


def test_pages_are_distributed():
    include = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [page for page in PAGES if f"/{page.split('/')[0]}" not in include] == []
