"""The explorer's page, in a real browser: what it shows agrees with the library, and hands can work it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import start_browser
from page_in_node import NODE, page_states
from scipy.interpolate import CubicSpline

import amp_theory as at
from amp_theory.interface.explorer.data import highest_strength, plain_symbol, verdicts
from amp_theory.interface.explorer.page import explorer_html, save_explorer

SPARSE = at.SpikedMatrix(at.SparseRademacher(0.08))
LOOPS = at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005]))
CASES: dict[str, tuple[at.Model, at.Path, tuple[float, float] | None]] = {
    "ising": (at.IsingPSpin(3), at.Flow(), None),
    "sparse flow": (SPARSE, at.Flow(), None),
    "sparse autoregressive": (SPARSE, at.Autoregressive(), None),
    "uniform diffusion": (at.IsingPSpin(3), at.UniformDiscreteDiffusion(), None),
    "noisy sensing": (at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(1e-4)), at.Flow(), None),
    "perceptron": (at.GLM(at.Rademacher(), at.SignChannel()), at.Flow(), (0.5, 1.6)),
    "noiseless sensing": (at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0.0)), at.Flow(), (0.15, 0.5)),
    "two loops": (LOOPS, at.Flow(), (0.0009, 0.0015)),
    "no transition": (at.SherringtonKirkpatrick(), at.Autoregressive(), (0.5, 1.5)),
    "groups": (at.StochasticBlockModel(5), at.Flow(), None),
}
#: the cases beyond those whose tests take a second each
SLOW = {"perceptron", "noiseless sensing", "two loops", "no transition", "groups"}
EVERY = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in CASES]


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Any]:
    driver = start_browser(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Any:
    folder, made = tmp_path_factory.mktemp("pages"), {}

    def page(name: str) -> tuple[at.Diagram, Path]:
        if name not in made:
            diagram = at.phase_diagram(*CASES[name])
            file = folder / f"{name}.html"
            save_explorer(diagram, file)
            made[name] = diagram, file
        return made[name]

    return page


@pytest.fixture
def opened(browser, pages) -> Any:
    """Open a page, and afterwards look for complaints and for anything that was fetched."""

    def show(name: str) -> at.Diagram:
        diagram, file = pages(name)
        browser.get(file.as_uri())
        return diagram

    yield show
    assert browser.get_log("browser") == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def state(browser) -> dict[str, Any]:
    return browser.execute_script("return window.ampTheory.state()")


def random_points(diagram: at.Diagram, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random points of the picture, as many of every region as it has."""
    top = highest_strength(diagram)
    rng = np.random.default_rng(seed)
    control, strength = rng.uniform(*diagram.control_range, 2000), top * rng.random(2000)
    regions = diagram.region(control, strength)
    chosen = [np.flatnonzero(regions == name)[: count // 3] for name in ("easy", "easy_metastable", "hard")]
    found = np.concatenate(chosen)
    rest = np.setdiff1d(np.arange(2000), found)[: count - len(found)]
    return control[np.concatenate([found, rest])], strength[np.concatenate([found, rest])]


# --- what the page says is what the library says ---


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.slow
def test_page_agrees_with_the_library(name, opened, browser):
    diagram = opened(name)
    model, path = diagram.model, diagram.path
    rho = model.variable_prior.second_moment
    control, strength = random_points(diagram, 36, 7)
    strength[-3:] = 0.0  # the bottom axis
    script = "return arguments[0].map(([c, s]) => window.ampTheory.select(c, s))"
    states = browser.execute_script(script, np.stack([control, strength], axis=1).tolist())
    assert [s["region"] for s in states] == diagram.region(control, strength).tolist()
    assert [s["succeeds"] for s in states] == diagram.sampler_succeeds(control).tolist()
    regions = set()
    for c, s, shown in zip(control, strength, states, strict=True):
        assert (shown["control"], shown["strength"]) == (c, s)
        exact = at.fixed_points(model, path, c, s)
        points = shown["fixed_points"]
        assert [(p["kind"], p["stable"]) for p in points] == [(p.kind, p.stable) for p in exact]
        for p, q in zip(points, exact, strict=True):
            assert p["overlap"] == pytest.approx(q.overlap, abs=1e-3 * rho)
            assert p["mmse"] == pytest.approx(q.mmse, abs=1e-3 * rho)
            if np.isinf(q.free_entropy):
                assert p["free_entropy"] == "Infinity"
        overlap, phi = at.free_entropy_curve(model, path, c, s, 80)
        curve = CubicSpline(shown["overlap"], shown["free_entropy"])
        inside = (overlap > shown["overlap"][0]) & (overlap < shown["overlap"][-1])
        assert np.max(np.abs(curve(overlap) - phi)[inside]) <= 1e-4 * np.ptp(phi)
        for p, q in zip(points, exact, strict=True):
            if np.isfinite(q.free_entropy):
                assert p["free_entropy"] == pytest.approx(q.free_entropy, abs=1e-4 * np.ptp(phi))
        regions.add(shown["region"])
    # without a transition there is one region, and none where the random measure is not described
    assert len(regions) == (2 if name in ("no transition", "noiseless sensing") else 3)


@pytest.mark.slow
def test_sparse_graphs(browser, tmp_path):
    """On a sparse graph, where messages instead of overlaps obey the equations, the page agrees as well."""
    model, path = at.XORSAT(3), at.Autoregressive()
    diagram = at.phase_diagram(model, path, points=50)
    save_explorer(diagram, tmp_path / "page.html")
    browser.get((tmp_path / "page.html").as_uri())
    control, strength = random_points(diagram, 30, 5)
    script = "return arguments[0].map(([c, s]) => window.ampTheory.select(c, s))"
    states = browser.execute_script(script, np.stack([control, strength], axis=1).tolist())
    assert [s["region"] for s in states] == diagram.region(control, strength).tolist()
    assert [s["succeeds"] for s in states] == diagram.sampler_succeeds(control).tolist()
    for c, s, shown in zip(control, strength, states, strict=True):
        exact = at.fixed_points(model, path, c, s)
        points = shown["fixed_points"]
        assert [(p["kind"], p["stable"]) for p in points] == [(p.kind, p.stable) for p in exact]
        assert [p["overlap"] for p in points] == pytest.approx([p.overlap for p in exact], abs=1e-3)
        overlap, phi = at.free_entropy_curve(model, path, c, s, 60)
        inside = (overlap > shown["overlap"][0]) & (overlap < shown["overlap"][-1])
        curve = CubicSpline(shown["overlap"], shown["free_entropy"])(overlap)
        assert np.max(np.abs(curve - phi)[inside]) <= 1e-4 * np.ptp(phi[inside])
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", [case for case in EVERY if case.values[0] not in ("noiseless sensing", "groups")])
@pytest.mark.every(3)
def test_reasons_are_those_of_the_library(name, opened, browser):
    diagram = opened(name)
    control, _ = random_points(diagram, 15, 3)
    number = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")
    for c in control:
        shown = browser.execute_script("return window.ampTheory.select(arguments[0], 0.001)", float(c))
        start, reason = diagram.first_failure_strength(float(c)), diagram.reason(float(c))
        assert number.sub("#", shown["reason"]) == number.sub("#", reason)
        if start is None:
            assert shown["failure_strength"] is None
        else:
            assert shown["failure_strength"] == pytest.approx(start, rel=1e-3, abs=1e-6)
    assert shown["target"] == diagram.target
    text = browser.find_element("id", "reason").text
    assert text.endswith(f"(Target: the {diagram.target} measure.)")


def test_bottom_axis_and_folds(opened, browser):
    """At zero strength q = 0 is exact; beside a fold the pair of fixed points is found, beyond it is not."""
    diagram = opened("ising")
    shown = browser.execute_script("return window.ampTheory.select(0.66, 0)")["fixed_points"]
    assert shown[0] == {"overlap": 0, "mmse": 1, "free_entropy": 0, "stable": True, "kind": "uninformed"}
    line = diagram.lines["uninformed_spinodal"]
    for k in (20, 100, 180):
        c, s = float(line.control[k]), float(line.strength[k])
        counts = [
            len(
                browser.execute_script("return window.ampTheory.select(arguments[0], arguments[1])", c, x)[
                    "fixed_points"
                ]
            )
            for x in (s * (1 - 1e-4), s * (1 + 1e-4))
        ]
        assert counts == [3, 1]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("target", ["planted", "random"])
@pytest.mark.parametrize(
    ("model", "limits"), [(at.IsingPSpin(3), (0.6, 0.77)), (at.SherringtonKirkpatrick(), (0.5, 1.5))]
)
@pytest.mark.slow
def test_page_has_no_region_where_its_target_has_none(model, limits, target, tmp_path):
    """The script of the page, without a browser: region, verdict and target are the library's."""
    diagram = at.phase_diagram(model, at.Flow(), limits, points=30, target=target)
    control, strength = random_points(diagram, 40, 3)
    states = page_states(diagram, np.stack([control, strength], axis=1).tolist(), tmp_path)
    assert [s["region"] for s in states] == diagram.region(control, strength).tolist()
    assert [s["succeeds"] for s in states] == diagram.sampler_succeeds(control).tolist()
    assert {s["target"] for s in states} == {target}
    assert (None in {s["region"] for s in states}) == (target == "random")
    for c, s in zip(control, states, strict=True):
        assert ("no verdict for the random measure" in s["reason"]) == (s["region"] is None)
        assert [p["kind"] for p in s["fixed_points"]] == [
            p.kind for p in at.fixed_points(model, at.Flow(), c, s["strength"])
        ]


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("noise", [1e-5, 1e-3])
@pytest.mark.slow
def test_a_branch_that_knows_nearly_everything(noise, tmp_path):
    """Where rho - q underflows the informed branch's free entropy is still that of the control, and so is the region."""
    model = at.GLM(at.Rademacher(), at.LinearChannel(noise))
    diagram = at.phase_diagram(model, at.Flow(), (0.05, 0.6), points=10)
    control, strength = random_points(diagram, 30, 5)
    states = page_states(diagram, np.stack([control, strength], axis=1).tolist(), tmp_path)
    assert [s["region"] for s in states] == diagram.region(control, strength).tolist()
    for c, x, state in zip(control, strength, states, strict=True):
        wanted = [p.free_entropy for p in at.fixed_points(model, at.Flow(), c, x)]
        assert [p["free_entropy"] for p in state["fixed_points"]] == pytest.approx(
            wanted, abs=1e-4 * np.ptp([0, *wanted])
        )


def test_verdicts_change_where_thresholds_are():
    diagram = at.phase_diagram(*CASES["sparse flow"])
    pieces = verdicts(diagram)
    special = diagram.thresholds
    assert [p["range"][1] for p in pieces[:2]] == pytest.approx(
        [special.condensation.control, special.tricritical.control], rel=1e-9
    )
    assert [p["succeeds"] for p in pieces] == [False, False, True]
    assert (pieces[0]["range"][0], pieces[-1]["range"][1]) == diagram.control_range


# --- hands ---


def test_mouse(opened, browser):
    from selenium.webdriver.common.action_chains import ActionChains

    diagram = opened("ising")
    plot = browser.find_element("id", "diagram")
    start = state(browser)

    def place(across: float, up: float) -> tuple[int, int]:
        """Return where a part of the axes is, from the middle of the picture in pixels."""
        box = browser.execute_script(
            "const r = document.querySelector('#diagram > rect').getBoundingClientRect(),"
            " d = document.getElementById('diagram').getBoundingClientRect();"
            "return [r.left - d.left - d.width / 2, r.top - d.top - d.height / 2, r.width, r.height]"
        )
        return round(box[0] + across * box[2]), round(box[1] + (1 - up) * box[3])

    def expected(across: float, up: float) -> tuple[Any, Any]:
        lo, hi = diagram.control_range
        return (pytest.approx(lo + across * (hi - lo), abs=0.005 * (hi - lo)), pytest.approx(up * top, abs=0.005 * top))

    top = highest_strength(diagram)
    actions = ActionChains(browser, duration=20)
    actions.move_to_element_with_offset(plot, *place(0.2, 0.3)).perform()
    hovered = state(browser)
    assert (hovered["control"], hovered["strength"]) == expected(0.2, 0.3)
    assert hovered["region"] == diagram.region(hovered["control"], hovered["strength"])
    actions.move_to_element(browser.find_element("id", "title")).perform()
    assert state(browser) == start  # looking around chooses nothing
    actions.move_to_element_with_offset(plot, *place(0.7, 0.5)).click().perform()
    actions.move_to_element(browser.find_element("id", "title")).perform()
    clicked = state(browser)
    assert (clicked["control"], clicked["strength"]) == expected(0.7, 0.5)
    assert clicked["region"] == "easy"
    actions.move_to_element_with_offset(plot, *place(0.7, 0.5)).click_and_hold()
    actions.move_to_element_with_offset(plot, *place(0.3, 0.4)).move_to_element_with_offset(plot, *place(0.1, 0.4))
    actions.release().move_to_element(browser.find_element("id", "title")).perform()
    dragged = state(browser)
    assert (dragged["control"], dragged["strength"]) == expected(0.1, 0.4)
    assert dragged["region"] == "hard"
    assert "fails" in browser.find_element("id", "verdict").text
    assert browser.find_element("css selector", ".region").text == "hard"


def test_keyboard_and_sliders(opened, browser):
    from selenium.webdriver.common.keys import Keys

    diagram = opened("sparse flow")
    lo, hi = diagram.control_range
    top = highest_strength(diagram)
    browser.execute_script("window.ampTheory.select(arguments[0], arguments[1])", 0.5 * (lo + hi), 0.5 * top)
    plot = browser.find_element("id", "diagram")
    plot.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    shown = state(browser)
    assert shown["control"] == pytest.approx(0.5 * (lo + hi) + (hi - lo) / 100)
    assert shown["strength"] == pytest.approx(0.495 * top)
    plot.send_keys(Keys.SHIFT, Keys.ARROW_LEFT)
    assert state(browser)["control"] == pytest.approx(shown["control"] - (hi - lo) / 20)
    plot.send_keys(Keys.HOME, *[Keys.PAGE_DOWN] * 12)
    assert (state(browser)["control"], state(browser)["strength"]) == (lo, 0)
    slider = browser.find_element("id", "strength-slider")
    slider.send_keys(*[Keys.ARROW_RIGHT] * 5)
    assert state(browser)["strength"] == pytest.approx(5 * top / 1000)
    slider.send_keys(Keys.END)
    assert state(browser)["strength"] == pytest.approx(top)
    number = browser.find_element("id", "control-number")
    number.send_keys(Keys.CONTROL, "a", Keys.NULL, "0.0067", Keys.ENTER)
    assert state(browser)["control"] == 0.0067
    number.send_keys(Keys.CONTROL, "a", Keys.NULL, "7", Keys.ENTER)  # beyond the picture
    assert state(browser)["control"] == hi
    rows = browser.find_elements("css selector", "#branches tbody tr")
    assert len(rows) == len(state(browser)["fixed_points"])


def test_following_the_path(opened, browser):
    """The button lets the strength grow from zero, and a second press stops it."""
    opened("ising")
    browser.execute_script("window.ampTheory.select(0.7, 0.2)")
    button = browser.find_element("id", "play")
    button.click()
    seen = [
        browser.execute_async_script("const done = arguments[0]; setTimeout(() => done(window.ampTheory.state()), 150)")
        for _ in range(3)
    ]
    strengths = [s["strength"] for s in seen]
    assert 0 < strengths[0] < strengths[1] < strengths[2] < 0.1
    button.click()
    stopped = state(browser)["strength"]
    later = "const done = arguments[0]; setTimeout(() => done(window.ampTheory.state().strength), 150)"
    assert browser.execute_async_script(later) == stopped
    assert "follow" in button.text


def test_narrow_window_and_words(opened, browser):
    opened("sparse autoregressive")
    browser.set_window_size(900, 1000)
    try:
        width = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1]
        assert "spiked-matrix (prior = sparse-rademacher, rho = 0.08)" in browser.find_element("id", "title").text
        about = browser.find_element("id", "about").text
        assert "noise Δ" in about
        assert "revealed θ" in about
        assert f"amp_theory {at.__version__}" in browser.find_element("id", "footer").text
        plot = browser.find_element("id", "diagram")
        assert "Arrow keys" in plot.get_attribute("aria-label")
        assert plot.get_attribute("tabindex") == "0"
    finally:
        browser.set_window_size(1280, 1180)


# --- the file ---


@dataclass(frozen=True)
class Hostile(at.SphericalPSpin):
    """A model whose strings would break out of a careless page."""

    name = "</script><script>document.title='broken'</script>[[DATA]]&amp;"
    control_symbol = r"<b>\Delta"


def test_strings_of_a_model_are_only_text(browser, tmp_path):
    file = tmp_path / "page.html"
    save_explorer(at.phase_diagram(Hostile(3), at.Flow()), file)
    assert file.read_text().count("</script>") == 2
    browser.get(file.as_uri())
    assert Hostile.name in browser.title
    assert Hostile.name in browser.find_element("id", "title").text
    assert "temperature <b>Δ" in browser.find_element("id", "about").text
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("name", EVERY)
def test_page_is_one_small_file(name, pages):
    _, file = pages(name)
    text = file.read_text()
    assert len(text.encode()) < 500_000
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket|eval)\b *\(", text)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert json.loads(data[1])["tables"]["free_entropy"]["error"] < 1e-4


@pytest.mark.slow
def test_symbols():
    assert plain_symbol(r"\Delta") == "Δ"
    assert plain_symbol(r"\gamma^2") == "γ²"
    assert plain_symbol(r"1-2\epsilon") == "1−2ε"
    assert plain_symbol(r"\mathrm{SNR}_x$") == "mathrmSNR_x"


@pytest.mark.slow
def test_bad_input(tmp_path):
    diagram = at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=10)
    with pytest.raises(at.InputError, match="phase_diagram"):
        explorer_html("diagram")  # type: ignore[arg-type]
    with pytest.raises(at.InputError, match=r"\.html"):
        save_explorer(diagram, tmp_path / "page.pdf")
    file = tmp_path / "page.html"
    file.write_text("mine")
    with pytest.raises(at.FileError, match="exists"):
        save_explorer(diagram, file)
    assert file.read_text() == "mine"
    save_explorer(diagram, file, overwrite=True)
    assert file.read_text().startswith("<!DOCTYPE html>")
    wide = at.phase_diagram(at.SherringtonKirkpatrick(), at.Flow(), (1e-4, 1e3))
    with pytest.raises(at.NumericalError, match="smaller range"):
        explorer_html(wide)
