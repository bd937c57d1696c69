"""Pictures: what is on the axes, in words and in data."""

from __future__ import annotations

from decimal import Decimal

import matplotlib as mpl
import numpy as np
import pytest

import amp_theory as at

mpl.use("Agg")

from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ising() -> at.Diagram:
    return at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=60)


def labels(axes) -> set[str]:
    return {text.get_text() for text in axes.get_legend().get_texts()}


def test_diagram(ising):
    axes = ising.plot()
    assert axes.get_xlabel() == "temperature $T$"
    assert axes.get_ylabel() == r"snr $\gamma^2$"
    assert labels(axes) >= {"informed spinodal", "first-order line", "uninformed spinodal", "tricritical point",
                            "dynamical", "condensation", "easy", "easy, metastable branch", "hard"}  # fmt: skip
    assert axes.get_xlim() == pytest.approx(ising.control_range)
    drawn = {line.get_label(): line for line in axes.get_lines()}
    assert np.array_equal(drawn["first-order line"].get_ydata(), ising.line("first_order").strength)
    assert drawn["informed spinodal"].get_linestyle() == "--"
    axes.figure.canvas.draw()


@pytest.mark.parametrize("axis", ["strength", "time", "information"])
@pytest.mark.parametrize("path", [at.Flow(at.TrigonometricInterpolant()), at.Flow(at.VariancePreserving()),
                                  at.Autoregressive(at.MaskedDiffusion()), at.UniformDiscreteDiffusion(at.FlipProbability())])  # fmt: skip
@pytest.mark.every(3)
def test_axes_of_time_and_information(path, axis):
    diagram = at.phase_diagram(at.IsingPSpin(3), path, points=5)
    axes = diagram.plot(axis=axis)
    drawn = next(line for line in axes.get_lines() if line.get_label() == "uninformed spinodal")
    strength = diagram.line("uninformed_spinodal").strength
    expected = {"strength": strength, "time": path.schedule.time(strength),
                "information": path.information(at.Rademacher(), strength)}[axis]  # fmt: skip
    assert np.allclose(drawn.get_ydata(), expected)


def test_scaling_of_the_control():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    axes = at.plot_diagram(at.phase_diagram(model, at.Flow(), points=20), scaling="noise_over_rho2")
    assert axes.get_xlabel() == r"noise $\Delta/\rho^2$"
    assert axes.get_xlim()[0] == pytest.approx(0.980792, abs=1e-6)


@pytest.mark.slow
def test_target_is_named_and_what_it_has_no_answer_for_is_gray():
    """The same model's pictures for its two targets differ: in a word and in a gray part, which ends at condensation."""
    from matplotlib.patches import Rectangle

    shown = {}
    for target in ("planted", "random"):
        for model, limits in ((at.IsingPSpin(3), (0.6, 0.77)), (at.SherringtonKirkpatrick(), (0.5, 1.5))):
            diagram = at.phase_diagram(model, at.Flow(), limits, points=20, target=target)
            axes = diagram.plot()
            assert axes.get_legend().get_title().get_text() == f"target: {target} measure"
            gray = [p for p in axes.patches if isinstance(p, Rectangle)]
            assert ("no answer for this target" in labels(axes)) == bool(gray) == (target == "random")
            if gray:
                end = diagram.thresholds.condensation or diagram.thresholds.weak_recovery
                assert (gray[0].get_x(), gray[0].get_x() + gray[0].get_width()) == pytest.approx(
                    (limits[0], end.control)
                )
            shown[model.name, target] = diagram._repr_html_()
    assert len(set(shown.values())) == 4
    beyond = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (0.6, 0.77), points=20)
    (gray,) = (p for p in at.plot_diagram(beyond, scaling="beta").patches if isinstance(p, Rectangle))
    assert gray.get_x() == pytest.approx(1 / beyond.thresholds.condensation.control)
    # the default range begins at condensation: nothing to be seen is gray
    assert "no answer for this target" not in labels(at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=5).plot())
    paths = [at.phase_diagram(at.IsingPSpin(3), p, (0.6, 0.77), points=5) for p in (at.Flow(), at.Autoregressive())]
    assert "no answer for this target" in labels(at.plot_paths(paths))
    other = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (0.6, 0.77), points=5, target="planted")
    with pytest.raises(at.InputError, match="one and the same target"):
        at.plot_paths([paths[0], other])


@pytest.mark.slow
def test_several_loops_and_none():
    model = at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005]))
    axes = at.phase_diagram(model, at.Flow(), (0.0009, 0.0015), points=20).plot()
    assert len(axes.collections) == 1  # regions sampled on a mesh
    axes.figure.canvas.draw()
    empty = at.phase_diagram(at.SherringtonKirkpatrick(), at.Flow(), (0.5, 1.5)).plot()
    assert "weak recovery" in labels(empty)
    empty.figure.canvas.draw()
    at.phase_diagram(at.SherringtonKirkpatrick(), at.Autoregressive(), (0.5, 1.5)).plot().figure.canvas.draw()


def test_shaded_regions_are_the_regions(ising):
    """The filled bands lie where `region` says hard and easy_metastable."""
    axes = ising.plot()
    for collection, name in zip(axes.collections, ("easy_metastable", "hard"), strict=True):
        for path in collection.get_paths():
            inside = np.mean([path.vertices[:, 0].min(), path.vertices[:, 0].max()])
            column = np.linspace(1e-4, 0.2, 200)
            covered = np.array([path.contains_point((inside, s)) for s in column])
            region = ising.region(inside, column)
            assert np.mean(covered == (region == name)) > 0.97


def test_free_entropy_and_overlap():
    axes = at.plot_free_entropy(at.IsingPSpin(3), at.Flow(), 0.7, [0.0, 0.1, 0.13])
    assert len(axes.get_legend().get_texts()) == 3
    assert "overlap" in axes.get_xlabel()
    axes = at.plot_overlap(at.IsingPSpin(3), at.Flow(), 0.7)
    styles = {line.get_label(): line.get_linestyle() for line in axes.get_lines()}
    assert styles["stable"] == "-"
    assert styles["unstable"] == "--"
    own = plt.figure().add_subplot()
    assert at.plot_overlap(at.SherringtonKirkpatrick(), at.Autoregressive(), 0.5, own) is own


@pytest.mark.parametrize("path", [at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()], ids=lambda p: p.name)
@pytest.mark.parametrize(
    ("model", "controls"),
    [(at.IsingPSpin(3), (0.7, 0.72)), (at.IsingPSpin(4), (0.7,)), (at.SphericalPSpin(3), (0.64, 0.66))],
)
@pytest.mark.every(3)
def test_folds_are_named_for_what_they_are(model, controls, path):
    """The branch of small overlap ends at the larger strength: the uninformed spinodal."""
    if isinstance(model, at.SphericalPSpin) and isinstance(path, at.UniformDiscreteDiffusion):
        with pytest.raises(at.InputError, match="for unbiased .* variables only"):
            at.plot_overlap(model, path, controls[0])
        return
    for control in controls:
        axes = at.plot_overlap(model, path, control)
        folds = sorted((line.get_ydata()[0], line.get_xdata()[0], line.get_label())
                       for line in axes.lines if "spinodal" in line.get_label())  # fmt: skip
        assert [label for *_, label in folds] == ["uninformed spinodal", "informed spinodal"]
        assert folds[0][1] > folds[1][1]


def test_two_paths_in_common_units(ising):
    others = [
        at.phase_diagram(at.IsingPSpin(3), p, points=20) for p in (at.Autoregressive(), at.UniformDiscreteDiffusion())
    ]
    axes = at.plot_paths([ising, *others])
    assert "nats" in axes.get_ylabel()
    assert any("autoregressive" in text for text in labels(axes))
    axes.figure.canvas.draw()


def test_bad_axes(ising):
    with pytest.raises(at.UnknownNameError, match="did you mean 'time'"):
        ising.plot(axis="tme")
    with pytest.raises(at.UnknownNameError, match="scaling"):
        at.plot_diagram(ising, scaling="noise_over_rho2")
    spherical = at.phase_diagram(at.SphericalPSpin(3), at.Autoregressive(), points=5)
    with pytest.raises(at.InputError, match="infinitely much"):
        spherical.plot(axis="information")
    with pytest.raises(at.InputError, match="one and the same model"):
        at.plot_paths([ising, spherical])
    with pytest.raises(at.InputError, match="at least one"):
        at.plot_paths([])


def test_the_method_has_the_options_of_the_function():
    import inspect

    function, method = (inspect.signature(f).parameters for f in (at.plot_diagram, at.Diagram.plot))
    assert list(function)[1:] == list(method)[1:]
    assert [p.default for p in function.values()][1:] == [p.default for p in method.values()][1:]
    common = {"ax", "axes", "legend", "title", "annotate", "style"}
    assert all(common <= set(inspect.signature(f).parameters)
               for f in (at.plot_paths, at.plot_overlap, at.plot_free_entropy))  # fmt: skip


def test_legend_title_and_style(ising):
    assert ising.plot(legend=False).get_legend() is None
    axes = ising.plot(title=True, style={"base": "dark", "hard": "#800000", "font": 9})
    assert axes.get_title().replace("\n", " ") == "ising-p-spin(p=3), path flow, target: random measure"
    assert axes.get_legend().get_title().get_text() == ""
    assert axes.xaxis.label.get_size() == 9
    assert mpl.colors.same_color(axes.figure.get_facecolor(), "#14181e")
    assert any(mpl.colors.same_color(c.get_facecolor(), "#800000") for c in axes.collections)
    _, own = plt.subplots(facecolor="black")
    assert mpl.colors.same_color(ising.plot(axes=own).xaxis.label.get_color(), "#e8eaed")  # dark as the figure is
    for place, inside in (("inside", True), ("outside", False), ("below", False)):
        axes = ising.plot(legend=place)
        axes.figure.canvas.draw()
        legend = axes.get_legend().get_window_extent()
        assert (axes.bbox.x0 < legend.x0 < axes.bbox.x1 and legend.y0 > axes.bbox.y0) == inside
    assert at.print_figure()[0].get_figwidth() == 3.4
    assert [tuple(at.print_figure(c, p)[0].get_size_inches()) for c, p in ((2, 2), (1, 2))] == [(7.0, 2.8), (3.4, 5.8)]


def test_the_legend_shows_what_is_in_the_picture_only(ising):
    low = at.plot_diagram(ising, limit=0.05)
    assert "tricritical point" not in labels(low)
    assert "uninformed spinodal" not in labels(low)
    beyond = at.phase_diagram(at.IsingPSpin(3), at.Flow(), (0.75, 0.8), points=5).plot()
    assert labels(beyond) == {"easy"}
    named = ising.plot(annotate=True)
    named.figure.canvas.draw()
    written = {text.get_text() for text in named.texts if text.get_visible()}
    assert {"first-order line", "tricritical point", "hard"} <= written
    assert not written & labels(named)
    everything = {text.replace("\n", " ") for text in written} | labels(named)
    assert everything >= labels(ising.plot())


def test_what_lies_in_one_place_is_named_once():
    """Without noise the informed spinodal lies under the first-order line, and two thresholds are one mark."""
    model = at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(0.0))
    axes = at.phase_diagram(model, at.Flow(), (0.3, 0.6), points=5).plot(limit=20)
    assert labels(axes) >= {"first-order line", "uninformed spinodal", "dynamical and condensation", "algorithmic"}
    assert not labels(axes) & {"informed spinodal", "dynamical", "condensation"}
    # the break of an axis is clear of a mark at infinity
    axes = at.phase_diagram(at.IsingPSpin(3), at.Flow(at.VarianceExploding()), points=5).plot(
        axis="time", ax=plt.subplots(figsize=(3.4, 2.6), layout="constrained")[1]
    )
    axes.figure.canvas.draw()
    ends = {line.get_label(): line for line in axes.lines if not line.get_clip_on()}
    heights = {name: line.get_transform().transform(line.get_xydata())[0, 1] for name, line in ends.items()}
    radii = {name: line.get_markersize() / 2 * 100 / 72 for name, line in ends.items()}
    breaks = [name for name in ends if name.startswith("_child")]
    assert breaks
    for name in breaks:
        assert heights["condensation"] - heights[name] > radii["condensation"] + radii[name]


def sampler_arrow(axes) -> tuple[str, float]:
    (arrow,) = (text for text in axes.texts if "sampler" in text.get_text())
    return ("forwards" if "longright" in arrow.get_text() else "backwards"), arrow.get_rotation()


def test_the_arrow_follows_the_sampler():
    """Written upwards an arrow to the right points up: where time falls along the path it points down."""
    for path, axis, expected in (
        (at.Flow(), "strength", "forwards"), (at.Flow(at.TrigonometricInterpolant()), "time", "forwards"),
        (at.Flow(at.VariancePreserving()), "time", "backwards"), (at.Autoregressive(at.MaskedDiffusion()), "time", "backwards"),
        (at.UniformDiscreteDiffusion(at.FlipProbability()), "information", "forwards"),
    ):  # fmt: skip
        diagram = at.phase_diagram(at.IsingPSpin(3), path, points=5)
        assert sampler_arrow(diagram.plot(axis=axis)) == (expected, 90)
        assert sampler_arrow(at.plot_overlap(at.IsingPSpin(3), path, 0.7, axis=axis)) == (expected, 0)


@pytest.mark.parametrize("schedule", [at.VariancePreserving(), at.VarianceExploding()])
def test_infinite_time_has_a_tick_of_its_own(schedule):
    diagram = at.phase_diagram(at.IsingPSpin(3), at.Flow(schedule), points=30)
    axes = diagram.plot(axis="time")
    axes.figure.canvas.draw()
    ticks = {text.get_text(): y for text, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    infinity = ticks.pop(r"$\infty$")
    assert infinity == axes.get_ylim()[1]
    (dynamical,) = (line for line in axes.lines if line.get_label() == "dynamical")
    assert dynamical.get_ydata()[0] == infinity
    # finite ticks say the true time, and lines are where the schedule puts them up to the break
    (line,) = (line for line in axes.lines if line.get_label() == "informed spinodal")
    time = schedule.time(diagram.line("informed_spinodal").strength)
    below = line.get_ydata() <= max(ticks.values())
    np.testing.assert_allclose(line.get_ydata()[below], time[below])
    assert all(float(text) == pytest.approx(y) for text, y in ticks.items())
    assert np.all(np.isfinite(line.get_ydata()))
    assert np.all(line.get_ydata() <= infinity)
    finite = at.phase_diagram(at.IsingPSpin(3), at.Flow(), points=5).plot(axis="time")
    finite.figure.canvas.draw()
    assert r"$\infty$" not in [text.get_text() for text in finite.get_yticklabels()]


@pytest.mark.slow
def test_curves_have_no_corners():
    """The chords of the upper branch lie within half a pixel of the exact curve, those of 400 points do not."""
    model, path = at.XORSAT(4, temperature=0.5), at.Flow()
    for given in ((at.IsingPSpin(3), path, 0.7), (model, path, 1.5)):
        axes = at.plot_overlap(*given)
        line = next(line for line in axes.lines if line.get_label() == "stable")
        assert corners(axes, line.get_xydata()) < 0.6
    few = at.equation_of_state(at.IsingPSpin(3), path, 0.7, points=60)
    x = np.column_stack([few.strength, few.overlap])
    assert corners(at.plot_overlap(at.IsingPSpin(3), path, 0.7), x) > 0.6


def corners(axes, points) -> float:
    """Return the largest distance in pixels of a point from the chord between its neighbours, halved twice."""
    p = axes.transData.transform(points)
    chord, side = p[2:] - p[:-2], p[1:-1] - p[:-2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nanmax(np.abs(chord[:, 0] * side[:, 1] - chord[:, 1] * side[:, 0]) / np.hypot(*chord.T)) / 4


def test_no_text_is_a_programmers_formula():
    sparse = at.phase_diagram(at.SpikedMatrix(at.SparseRademacher(0.08)), at.Flow(), points=5)
    sensing = at.phase_diagram(at.GLM(at.GaussBernoulli(0.4), at.LinearChannel(1e-4)), at.Flow(), (0.5, 0.6), points=5)
    for axes in (at.plot_diagram(sparse, scaling="noise_over_rho2"), sensing.plot(), ising_entropy()):
        for text in axes.findobj(mpl.text.Text):
            assert not set("^_") & set("".join(text.get_text().split("$")[::2]))
    assert "nats per variable" in ising_entropy().get_ylabel().replace("\n", " ")


def ising_entropy():
    return at.plot_free_entropy(at.IsingPSpin(3), at.Flow(), 0.7, [0.1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"legend": "belw"}, "legend must be True, False"), ({"legend": 3}, "got 3"), ({"legend": Decimal("sNaN")}, "legend must be"), ({"title": 3}, "title must be"),
        ({"annotate": "yes"}, "annotate must be True or False"), ({"style": "drk"}, "did you mean 'dark'"),
        ({"style": 3}, "mapping of overrides"), ({"style": {"hrd": "red"}}, "did you mean 'hard'"),
        ({"style": {"hard": "no colour"}}, "must be a colour"), ({"style": {"font": -1}}, "positive"),
        ({"style": {"base": "drk"}}, "did you mean 'dark'"), ({"ax": 3}, "must be matplotlib axes"),
        ({"legend": np.array([1, 2])}, "legend must be True"), ({"annotate": np.array([1, 0])}, "annotate must be True"),
        ({"title": r"bad $\foo$"}, "formula"), ({"style": {"font": 1e9}}, "at most 200"),
        ({"style": {"font": "9"}}, "a number of points"), ({"style": {"series": []}}, "a list of colours"),
    ],
)  # fmt: skip
def test_bad_options(ising, options, message):
    before = plt.get_fignums()
    for draw in (ising.plot, lambda **o: at.plot_overlap(at.IsingPSpin(3), at.Flow(), 0.7, **o)):
        with pytest.raises(at.InputError, match=message) as raised:
            draw(**options)
        assert len(str(raised.value)) <= 280
        assert "\n" not in str(raised.value)
    assert plt.get_fignums() == before
    for projection in ("3d", "polar"):
        with pytest.raises(at.InputError, match="three dimensions"):
            ising.plot(plt.figure().add_subplot(projection=projection))
    with pytest.raises(at.InputError, match="another name of ax="):
        ising.plot(plt.figure().add_subplot(), axes=plt.figure().add_subplot())
    with pytest.raises(at.InputError, match="panels must be an integer from 1 to 2"):
        at.print_figure(panels=3)
