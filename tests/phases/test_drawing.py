"""Pictures: what is on the axes, in words and in data."""

from __future__ import annotations

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
def test_axes_of_time_and_information(path, axis):
    diagram = at.phase_diagram(at.IsingPSpin(3), path, points=20)
    axes = diagram.plot(axis=axis)
    drawn = next(line for line in axes.get_lines() if line.get_label() == "uninformed spinodal")
    strength = diagram.line("uninformed_spinodal").strength
    expected = {"strength": strength, "time": path.schedule.time(strength),
                "information": path.information(at.Rademacher(), strength)}[axis]  # fmt: skip
    assert np.allclose(drawn.get_ydata(), expected)
    axes.figure.canvas.draw()


def test_scaling_of_the_control():
    model = at.SpikedMatrix(at.SparseRademacher(0.08))
    axes = at.plot_diagram(at.phase_diagram(model, at.Flow(), points=20), scaling="noise_over_rho2")
    assert axes.get_xlabel() == r"noise $\Delta/\rho^2$"
    assert axes.get_xlim()[0] == pytest.approx(0.980792, abs=1e-6)


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
