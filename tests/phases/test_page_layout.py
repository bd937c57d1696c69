"""Pictures at several sizes, resolutions and styles: nothing is cut, covered, or on top of each other."""

from __future__ import annotations

import io
import pickle

import matplotlib as mpl
import numpy as np
import pytest
from page_layout import distance, faults, pixels_of_lines

import amp_theory as at

mpl.use("Agg")

from matplotlib import pyplot as plt

DENSE, PATH = at.IsingPSpin(3), at.Flow()
LOOPS = at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005]))
#: model, path, range and axis of what is drawn at every size
CASES = {
    "dense": (DENSE, PATH, None, "strength"),
    "algorithmic": (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive(), None, "strength"),
    "measurements": (at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(1e-4)), PATH, (0.5, 0.6), "strength"),
    "no answer, infinite time": (DENSE, at.Flow(at.VarianceExploding()), (0.6, 0.77), "time"),
    "time downwards": (DENSE, at.Flow(at.VariancePreserving()), None, "time"),
    "information": (DENSE, at.UniformDiscreteDiffusion(), None, "information"),
    "masked": (at.IsingPSpin(4), at.Autoregressive(at.MaskedDiffusion()), None, "time"),
    "wide": (DENSE, PATH, (0.3, 0.9), "strength"),
    "mixed": (at.MixedPSpin("q^2/2+q^4", at.Rademacher()), PATH, None, "time"),
    "nothing": (at.SherringtonKirkpatrick(), PATH, (0.5, 1.5), "strength"),
    "sparse": (at.XORSAT(4, temperature=0.5), PATH, None, "strength"),
    "bicoloring": (at.Bicoloring(5), at.Autoregressive(), (8.0, 10.3), "strength"),
    "regular graphs": (at.Bicoloring(5, degrees="regular"), PATH, (8.5, 11.0), "strength"),
    "several loops": (LOOPS, PATH, (0.0009, 0.0015), "strength"),
}
#: one case is quick, the others are as slow as it is, one by one
EVERY = [pytest.param(name, named, style, marks=() if (name, named) == ("dense", True) else pytest.mark.slow)
         for name in CASES for named, style in ((False, "light"), (True, "dark"))]  # fmt: skip


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
            points = 5 if name == "regular graphs" else 12  # whose laws take long
            made[name] = at.phase_diagram(model, path, limits, points=points)
        return made[name]

    return of


def faults_at(figure, *resolutions) -> list[str]:
    """Return what is wrong with a figure at any of several resolutions."""
    found = []
    for dpi in resolutions:
        figure.set_dpi(dpi)
        found += [f"{fault} at {dpi}" for fault in faults(figure)]
    return found


def panels(count=1, size=(3.4, 2.6), layout="constrained"):
    return plt.subplots(1, count, figsize=size, layout=layout, squeeze=False)[1].ravel()


@pytest.mark.parametrize(("name", "annotate", "style"), EVERY)
@pytest.mark.slow
def test_nothing_is_covered_or_cut(diagram, name, annotate, style):
    """Beside every picture stands another one that has an axis of its own; with names it stands alone, too."""
    options = {"annotate": annotate, "style": style, "title": annotate or None}
    left, right = panels(2, (7.0, 2.8))
    diagram(name).plot(right, axis=CASES[name][3], **options)
    diagram("dense").plot(left, axis="time", **options)
    assert faults_at(left.figure, 150 if annotate else 100) == []
    if annotate:
        (small,) = panels()
        diagram(name).plot(small, axis=CASES[name][3], **options)
        assert faults_at(small.figure, 300) == []
    assert min(ax.bbox.height for ax in (left, right)) > 0.45 * left.figure.bbox.height


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dense", "algorithmic", "no answer, infinite time", "information"])
@pytest.mark.parametrize("annotate", [True, False])
def test_nothing_is_covered_or_cut_in_figures_for_print(diagram, name, annotate):
    figure, axes = at.print_figure(1, 2)
    for ax, other in zip(axes, ("dense", name), strict=True):
        diagram(other).plot(ax, axis=CASES[name][3], annotate=annotate, style="print")
    assert faults_at(figure, 200 if annotate else 100) == []


@pytest.mark.slow
def test_no_legend_makes_axes_collapse(diagram):
    """Side by side, in either order; with large fonts; where there is no layout it stays in the figure."""
    infinite, finite = diagram("no answer, infinite time"), diagram("masked")
    for one, other in ((infinite, finite), (finite, infinite)):
        left, right = panels(2, (7.0, 2.8))
        one.plot(left, axis="time")
        other.plot(right, axis="time")
        assert faults_at(left.figure, 100, 150) == []
        assert min(*left.bbox.size, *right.bbox.size) > 1.3 * 150
    with plt.rc_context({"font.size": 16}):
        axes = finite.plot()
    assert faults(axes.figure) == []
    assert (axes.bbox.size > 0.4 * axes.figure.bbox.size).all()
    for legend in (True, "below", "outside"):
        (ax,) = panels(size=(3.8, 2.8), layout=None)
        ax.figure.subplots_adjust(left=0.2, bottom=0.2)
        diagram("dense").plot(ax, legend=legend)
        assert faults(ax.figure) == []


@pytest.mark.slow
def test_names_stay_beside_what_they_name(diagram):
    """At other limits, scales and sizes too; marks are not drawn beyond the axes."""
    shown = {"easy": "easy", "hard": "hard", "easy, metastable branch": "easy_metastable"}
    changes = (lambda ax: None, lambda ax: ax.set_ylim(0.05, 0.3), lambda ax: ax.set_xlim(0.68, 0.9),
               lambda ax: ax.set(yscale="log", ylim=(0.001, 0.4)), lambda ax: ax.figure.set_size_inches(3.4, 2.6))  # fmt: skip
    (ax,) = panels(size=(6.4, 4.8))
    diagram("dense").plot(ax, annotate=True)
    for change in changes:
        change(ax)
        assert faults_at(ax.figure, 100) == []
        named = 0
        for text in (text for text in ax.texts if text.get_visible()):
            words = text.get_text().replace("\n", " ")
            at_text = ax.transData.inverted().transform(text.get_position())
            for line in (line for line in ax.lines if line.get_label() == words):
                assert 0 < distance(text, line) < 12 * 100 / 72, words
                named += 1
            if words in shown:
                assert diagram("dense").region(*at_text) == shown[words]
                named += 1
        assert named >= 2
        ax.figure.set_dpi(100)
        below = pixels_of_lines(ax.figure)[: int(ax.bbox.y0) - 4]
        assert below.any() == (ax.get_ylim()[0] == 0)


@pytest.mark.slow
def test_a_panel_leaves_others_as_they_are(diagram):
    """A dark panel beside a light one, and names in subfigures, which are measured by their own width."""
    left, right = panels(2, (7.0, 2.8))
    diagram("dense").plot(left)
    diagram("dense").plot(right, style="dark")
    for ax in (left, right):
        assert mpl.colors.same_color(ax.xaxis.label.get_color(), "black")
    assert mpl.colors.same_color(left.figure.get_facecolor(), "white")
    assert faults(left.figure) == []
    figure = plt.figure(figsize=(7.0, 2.8), layout="constrained")
    parts = figure.subfigures(1, 2)
    for part, style in zip(parts, ("dark", "light"), strict=True):
        diagram("dense").plot(part.subplots(), style=style, annotate=True)
    assert mpl.colors.same_color(figure.axes[0].xaxis.label.get_color(), "#e8eaed")
    assert mpl.colors.same_color(figure.get_facecolor(), "white")
    assert figure.axes[0].xaxis.label.get_size() == left.xaxis.label.get_size()
    assert faults(figure) == []


@pytest.mark.slow
def test_what_is_added_is_not_covered(diagram):
    """Scattered points send the legend out of the axes; lines on twins count; and a figure can be pickled."""
    (ax,) = panels(size=(5.6, 4.2))
    diagram("dense").plot(ax, annotate=True)
    copy = pickle.loads(pickle.dumps(ax.figure))
    assert faults(copy) == []
    x, y = np.random.default_rng(0).uniform(size=(2, 300))
    ax.scatter(ax.get_xlim()[0] + np.ptp(ax.get_xlim()) * x, ax.get_ylim()[1] * y, s=4, c="black")
    assert faults(ax.figure) == []
    assert not ax.get_legend().get_window_extent().overlaps(ax.bbox)
    (ax,) = panels(size=(5.6, 4.2))
    diagram("dense").plot(ax)
    ax.twinx().plot(ax.get_xlim(), [1, 0.0])
    assert faults(ax.figure) == []


@pytest.mark.slow
def test_panels_are_fitted_once(diagram, monkeypatch):
    """Plotting lays out nothing, and a draw lays a figure out as often for three panels as for one."""
    laid = []
    engine = mpl.layout_engine.ConstrainedLayoutEngine
    true = engine.execute
    monkeypatch.setattr(engine, "execute", lambda self, figure: laid.append(figure) or true(self, figure))
    for count in (1, 3):
        axes = panels(count, (3.4 * count, 2.6))
        for ax in axes:
            diagram("dense").plot(ax, annotate=True)
        assert not laid
        axes[0].figure.canvas.draw()
        assert len(laid) == 1
        laid.clear()


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


@pytest.mark.slow
def test_a_figure_that_is_changed_is_arranged_anew(diagram):
    """What is added after the picture is not covered either, and another size and title are no harm."""
    axes = diagram("dense").plot()
    axes.get_legend().set_title("a title of its own")
    axes.figure.canvas.draw()
    assert axes.get_legend().get_title().get_text() == "a title of its own"
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


@pytest.mark.slow
def test_the_picture_of_the_readme_is_what_the_code_draws():
    import readme_figure

    if not readme_figure.FILE.exists():
        pytest.skip("installed without the repository")
    stored, drawn = (plt.imread(f)[..., :3] for f in (readme_figure.FILE, io.BytesIO(readme_figure.readme_figure())))
    other = plt.imread(io.BytesIO(readme_figure.readme_figure(at.Autoregressive())))[..., :3]
    assert stored.shape == drawn.shape
    # fonts may differ from one version of matplotlib to another, lines and regions do not
    assert np.mean(np.abs(stored - drawn)) < 0.01 < np.mean(np.abs(stored - other))
