"""Pictures at three sizes and two styles: nothing is cut, covered, or on top of each other."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
import pytest
from page_layout import faults

import amp_theory as at

mpl.use("Agg")

from matplotlib import pyplot as plt

DENSE, PATH = at.IsingPSpin(3), at.Flow()
LOOPS = at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005]))
SIZES = [(3.4, 2.6, 1), (5.6, 4.2, 1), (7.0, 2.8, 2)]
#: model, path, range and axis of what is drawn in every size and style
CASES = {
    "dense": (DENSE, PATH, None, "strength"),
    "algorithmic": (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive(), None, "strength"),
    "measurements": (at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(1e-4)), PATH, (0.5, 0.6), "strength"),
    "no answer, infinite time": (DENSE, at.Flow(at.VarianceExploding()), (0.6, 0.77), "time"),
    "time downwards": (DENSE, at.Flow(at.VariancePreserving()), None, "time"),
    "information": (DENSE, at.UniformDiscreteDiffusion(), None, "information"),
    "nothing": (at.SherringtonKirkpatrick(), PATH, (0.5, 1.5), "strength"),
    "sparse": (at.XORSAT(4, temperature=0.5), PATH, None, "strength"),
    "bicoloring": (at.Bicoloring(5), at.Autoregressive(), (8.0, 10.3), "strength"),
    "regular graphs": (at.Bicoloring(5, degrees="regular"), PATH, (8.5, 11.0), "strength"),
    "several loops": (LOOPS, PATH, (0.0009, 0.0015), "strength"),
}
#: one case is quick, the others are as slow as it is, one by one
EVERY = [pytest.param(name, marks=() if name == "dense" else pytest.mark.slow) for name in CASES]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def diagram():
    made = {}

    def of(name):
        model, path, limits, _ = CASES[name]
        if name not in made:
            made[name] = at.phase_diagram(model, path, limits, points=24)
        return made[name]

    return of


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("annotate", "style"), [(False, "light"), (True, "dark")])
def test_nothing_is_covered_or_cut(diagram, name, annotate, style):
    for width, height, panels in SIZES:
        figure, axes = plt.subplots(1, panels, figsize=(width, height), layout="constrained", squeeze=False)
        for ax in axes.flat:
            diagram(name).plot(ax, axis=CASES[name][3], annotate=annotate, style=style, title=annotate or None)
        assert faults(figure) == [], (width, height)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "algorithmic", "no answer, infinite time", "information"])
@pytest.mark.parametrize(("annotate", "style"), [(True, "light"), (False, "dark"), (True, "print"), (False, "print")])
def test_nothing_is_covered_or_cut_in_figures_for_print(diagram, name, annotate, style):
    for columns, panels in ((1, 1), (1, 2)):
        figure, axes = at.print_figure(columns, panels, style=style)
        for ax in np.ravel(axes):
            diagram(name).plot(ax, axis=CASES[name][3], annotate=annotate, style=style)
        assert faults(figure) == [], (columns, panels)


OTHERS = {
    "overlap": lambda **options: at.plot_overlap(DENSE, PATH, 0.7, **options),
    "overlap in time": lambda **options: at.plot_overlap(DENSE, at.Flow(at.VarianceExploding()), 0.7, axis="time", **options),
    "free entropy": lambda **options: at.plot_free_entropy(DENSE, PATH, 0.7, [0.0, 0.1, 0.13], **options),
    "paths": lambda **options: at.plot_paths(
        [at.phase_diagram(DENSE, p, (0.6, 0.77), points=24) for p in (PATH, at.Autoregressive())], **options
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "annotate"),
    [pytest.param(n, a, marks=() if (n, a) == ("overlap", True) else pytest.mark.slow) for n in OTHERS for a in (0, 1)],
)
def test_other_pictures(name, annotate):
    annotate = bool(annotate)
    for style in ("print", "dark"):
        axes = OTHERS[name](annotate=annotate, style=style, title=annotate or None)
        assert faults(axes.figure) == [], style


def test_a_figure_that_is_changed_is_arranged_anew(diagram):
    """What is added after the picture is not covered either, and another size and title are no harm."""
    axes = diagram("dense").plot(annotate=True)
    axes.figure.canvas.draw()
    before = axes.get_legend().get_window_extent()
    x, y = axes.transAxes.inverted().transform(before.get_points().mean(axis=0))
    axes.plot(*axes.transData.inverted().transform(axes.transAxes.transform((x, y))), "x", ms=12)
    axes.set_title("a title of one's own")
    axes.figure.set_size_inches(5.0, 4.4)
    assert faults(axes.figure) == []
    axes.get_legend().set_loc("center left")
    axes.figure.canvas.draw()
    moved = axes.get_legend().get_window_extent()
    assert abs(moved.x0 - axes.bbox.x0) < 12  # a user's own place is kept
    assert moved.y0 + moved.height / 2 == pytest.approx(axes.bbox.y0 + axes.bbox.height / 2, abs=2)


def bad(change):
    """Return the faults of a plain figure after a change."""
    figure, axes = plt.subplots(figsize=(4, 3))
    figure.subplots_adjust(left=0.2, bottom=0.2)
    axes.plot([0, 1], [0, 1], label="line")
    axes.set(xlabel="x", ylabel="y")
    change(axes)
    return faults(figure)


def test_the_checker_finds_what_is_wrong():
    assert bad(lambda axes: None) == []
    assert bad(lambda axes: axes.legend(loc="upper left")) == []
    assert any("covers" in fault and "legend" in fault for fault in bad(lambda axes: axes.legend(loc="center")))
    assert any("covers" in fault for fault in bad(lambda axes: axes.text(0.4, 0.5, "on the line")))
    assert bad(lambda axes: axes.text(0.1, 0.25, "beside it", rotation=36, rotation_mode="anchor")) == []
    assert any("covers" in fault for fault in bad(lambda axes: axes.text(0.2, 0.2, "along it", rotation=36)))
    assert any("cut" in fault for fault in bad(lambda axes: axes.set_title("a title that is far too long " * 5)))
    assert any("cut" in fault for fault in bad(lambda axes: axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1))))
    two = bad(lambda axes: (axes.text(0.1, 0.8, "one text"), axes.text(0.12, 0.81, "another")))
    assert any("on each other" in fault for fault in two)
    assert any(
        "covers" in fault for fault in bad(lambda axes: (axes.plot(0.2, 0.9, "o"), axes.legend(loc="upper left")))
    )
    assert any("on each other" in fault for fault in bad(lambda axes: axes.text(-0.1, -0.13, "on a tick")))


def test_the_picture_of_the_readme_is_what_the_code_draws():
    import readme_figure

    if not readme_figure.FILE.exists():
        pytest.skip("installed without the repository")
    stored, drawn = (plt.imread(f)[..., :3] for f in (readme_figure.FILE, io.BytesIO(readme_figure.readme_figure())))
    other = plt.imread(io.BytesIO(readme_figure.readme_figure(at.Autoregressive())))[..., :3]
    assert stored.shape == drawn.shape
    # fonts may differ from one version of matplotlib to another, lines and regions do not
    assert np.mean(np.abs(stored - drawn)) < 0.01 < np.mean(np.abs(stored - other))
