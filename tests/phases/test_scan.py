"""Thresholds along a parameter, and where they end."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import reference
from matplotlib.figure import Figure

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.phases.geometry.folds import fold_curve


def sparse(rho: float) -> at.Model:
    return at.SpikedMatrix(at.SparseRademacher(rho))


def zero_one(rho: float) -> at.Model:
    return at.SpikedMatrix(at.Discrete([0, 1], [1 - rho, rho]))


@pytest.mark.parametrize(("family", "values", "printed", "prior"), [
    (sparse, [0.05, 0.09, 0.1, 0.2], 0.0964158, "sparse-rademacher"), (zero_one, [0.03, 0.06], 0.0413916, "discrete")])  # fmt: skip
@pytest.mark.parametrize("name", ["dynamical", "condensation", "algorithmic", "tricritical"])
@pytest.mark.every(3)
def test_first_order_ends_at_a_critical_sparsity(family, values, printed, prior, name):
    scan = at.scan_threshold(family, name, values)
    assert len(scan.cusps) == 1
    assert scan.cusp.value == pytest.approx(printed, abs=5e-8)
    (case,) = (c for c in reference(quantity="critical_sparsity") if c["parameters"]["prior"] == prior)
    assert abs(scan.cusp.value - float(case["rho"])) <= scan.cusp.error
    assert scan.cusp.error < 1e-10
    assert scan.cusp.control == pytest.approx(float(case["control"]), rel=1e-9)
    assert [p is None for p in scan.points] == [v > scan.cusp.value for v in values]
    assert [r is None for r in scan.reasons] == [p is not None for p in scan.points]
    assert scan.controls[0] == getattr(at.thresholds(family(values[0]), at.Flow()), name).control


def test_all_paths_end_at_the_same_place():
    flow = at.scan_threshold(sparse, "tricritical", [0.09, 0.1])
    auto = at.scan_threshold(sparse, "tricritical", [0.09, 0.1], at.Autoregressive())
    assert auto.cusp.value == pytest.approx(flow.cusp.value, abs=1e-12)
    assert auto.controls != flow.controls


def test_scan_that_never_ends():
    scan = at.scan_threshold(lambda p: at.SphericalPSpin(int(p)), "dynamical", [3, 4, 5])
    assert scan.cusp is None
    exact = [np.sqrt(p * ((p - 2) / (p - 1)) ** (p - 2) / (2 * (p - 1))) for p in (3, 4, 5)]
    assert np.allclose(scan.controls, exact, rtol=1e-13)
    weak = at.scan_threshold(sparse, "weak_recovery", [0.05, 0.2])
    assert np.allclose(weak.controls, [0.0025, 0.04], rtol=1e-14)


@pytest.mark.parametrize("values", [[0.1], [0.2, 0.1], [0.1, 0.1], [0.1, np.nan], ["a", "b"]])
def test_bad_values(values):
    with pytest.raises(at.InputError):
        at.scan_threshold(sparse, "dynamical", values)


def test_bad_name():
    with pytest.raises(at.UnknownNameError, match="did you mean 'condensation'"):
        at.scan_threshold(sparse, "condensatoin", [0.05, 0.1])


def test_pictures_show_where_a_threshold_ends():
    values = [0.05, 0.07, 0.09, 0.1, 0.12]
    scan = at.scan_threshold(sparse, "condensation", values)
    for style in ("light", "dark", "print"):
        axes = scan.plot(Figure().add_subplot(), parameter="sparsity", title=True, style=style)
        assert axes.get_xlabel() == "sparsity"
        assert "noise" in axes.get_ylabel()
        assert axes.get_title() == scan.title
        points = [line for line in axes.lines if line.get_label() == "condensation"]
        np.testing.assert_array_equal(points[0].get_ydata(), scan.controls[:3])
        (star,) = [line for line in axes.lines if line.get_label() == "where it ends"]
        assert star.get_xydata().tolist() == [[scan.cusp.value, scan.cusp.control]]
        grey = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
        assert min(box.x0 for box in grey) == pytest.approx(scan.cusp.value)
        assert max(box.x1 for box in grey) == pytest.approx(values[-1])
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts == ["condensation", "where it ends", "no condensation point"]
    whole = at.scan_threshold(sparse, "condensation", values[:3]).plot(Figure().add_subplot())
    assert [text.get_text() for text in whole.get_legend().get_texts()] == ["condensation"]
    for bad in ({"style": "pink"}, {"legend": "left"}, {"parameter": 3}, {"ax": 1}):
        with pytest.raises(at.InputError):
            scan.plot(**bad)


@pytest.mark.slow
def test_a_cusp_at_zero_strength_is_the_point_of_zero_strength_itself():
    """Next to the end of a threshold the cusp's strength is rounding, so that F changes its sign on neither side."""
    for rho in 0.0964157828802149 * (1 + 2e-16 * np.arange(-20, 20)):
        eos = equation_of_state_of(at.SpikedMatrix(at.SparseRademacher(float(rho))), at.Flow())
        (cusp,) = [cusp for cusp in fold_curve(eos).cusps if cusp.merging]
        assert abs(float(cusp.surface.strength[0])) < 1e-12


@pytest.mark.slow
def test_first_order_of_clusters_ends_at_the_onset():
    """k = 4 + 2 sqrt(aspect), where the tricritical point shrinks into no overlap."""
    scan = at.scan_threshold(lambda aspect: at.GaussianMixture(10, aspect), "dynamical", [7, 11], at.Flow(side="v"))
    assert abs(scan.cusp.value - 9) <= scan.cusp.error <= 1e-5
    assert scan.cusp.control == pytest.approx(np.sqrt(9) / 10, abs=1e-6)


@pytest.mark.parametrize("name", ["dynamical", "tricritical"])
def test_first_order_of_two_groups_ends_where_the_cubic_term_does(name):
    """At 1/2 - 1/(2 sqrt 3), at Delta = 1 (Caltagirone, Lelarge and Miolane)."""
    scan = at.scan_threshold(lambda r: at.SpikedMatrix(at.two_groups(r)), name, [0.15, 0.25])
    assert abs(scan.cusp.value - (0.5 - 0.5 / np.sqrt(3))) <= scan.cusp.error <= 1e-8
    assert scan.cusp.control == 1


@pytest.mark.slow
def test_sparse_pca_ends_where_the_tricritical_point_comes_from_negative_strength():
    def pca(rho):
        return at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(rho), 1)

    scan = at.scan_threshold(pca, "dynamical", [0.05, 0.1, 0.3])
    assert len(scan.cusps) == 1
    value, error = scan.cusp.value, scan.cusp.error
    assert error < 1e-10
    near = at.thresholds(pca(value - 1e-6), at.Flow(side="u"))
    assert near.dynamical
    assert at.thresholds(pca(value + 1e-6), at.Flow(side="u")).dynamical is None
    # in y = y_v alone: M_v'' = 2 M_v'^(3/2) at every cusp, and with r = sqrt(M_v') lambda = y + 1/r = 1/(r - M_v)
    prior, y = at.SparseRademacher(value), near.dynamical.overlap / near.dynamical.noise
    for _ in range(8):
        at_y, beside = (prior.channel(x) for x in (y, y + 1e-6))
        bend, more = (float(c.overlap_curvature / c.overlap_slope**1.5) for c in (at_y, beside))
        y -= (bend - 2) / ((more - bend) / 1e-6)
    root, m = float(np.sqrt(prior.overlap_slope(y))), float(prior.overlap(y))
    assert y + 1 / root == pytest.approx(1 / scan.cusp.control, rel=1e-9)
    assert 1 / (root - m) == pytest.approx(1 / scan.cusp.control, rel=1e-9)


def test_an_end_that_is_none_is_an_error():
    """Where q = 0 changes nothing and no tricritical point comes from below zero nothing is made up."""
    models = {1.0: at.SphericalPSpin(3), 2.0: at.SpikedMatrix(at.Rademacher())}
    with pytest.raises(at.AmpTheoryError):
        at.scan_threshold(lambda x: models[1.0 if x < 1.5 else 2.0], "dynamical", [1.0, 2.0])
