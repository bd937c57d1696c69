"""Two ways to one answer: which side to tell first, and the verdicts on every path, never contradict each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import amp_theory as at
from amp_theory.phases.comparison import BOUNDS

GAUSSIAN, SPIN, RARE = at.Gaussian(), at.Rademacher(), at.Discrete([0.0, 1.0], [0.98, 0.02])
#: two atoms of different size: transitions one after the other
TWO_SCALES = at.Discrete([-9.0, -0.3, 0.0, 0.3, 9.0], [5e-4, 0.01, 0.979, 0.01, 5e-4])
MODELS = [
    at.RectangularMatrix(GAUSSIAN, at.SparseRademacher(0.05), 1), at.RectangularMatrix(GAUSSIAN, GAUSSIAN, 1),
    at.RectangularMatrix(SPIN, SPIN, 2),
    *(pytest.param(model, marks=pytest.mark.slow) for model in (
        at.RectangularMatrix(GAUSSIAN, at.GaussBernoulli(0.03), 0.2),
        at.RectangularMatrix(SPIN, at.SparseRademacher(0.001), 0.01),
        at.RectangularMatrix(at.SparseRademacher(0.05), at.SparseRademacher(0.05), 1),
        at.RectangularMatrix(at.SparseRademacher(0.03), at.two_groups(0.02), 30),
        at.RectangularMatrix(at.Discrete([-1.0, 1.0], [0.4, 0.6]), at.SparseRademacher(0.01), 1),
        at.RectangularMatrix(RARE, RARE, 0.5), at.RectangularMatrix(GAUSSIAN, TWO_SCALES, 1),
        at.GaussianMixture(10, 1), at.GaussianMixture(30, 100), at.GaussianMixture(3, 1),
        at.GaussianMixture(weights=[0.05, 0.95], aspect=1),
    )),
]  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_best_side_and_verdicts_agree(model):
    best, rows = at.best_side(model), at.compare_samplers(model)
    assert (best.algorithm, best.target) == ("message passing", rows.target)
    begins = {}
    for name, point in best.points.items():
        row = rows[name]
        assert {(v.algorithm, v.target) for v in row.verdicts} == {(best.algorithm, best.target)}
        assert {v.certainty for v in row.verdicts} == {best.certainty}
        begins[name] = max((hi for _, hi in row.fails), default=0.0)
        assert (point is None) == (not row.fails)
        assert point is None or abs(begins[name] - point.control) <= point.error
    # where failure begins ranks the paths: the first rank begins to fail at the least noise
    order = [begins[name] for name in best.ranking]
    assert all(a <= b * (1 + 1e-12) for a, b in pairwise(order))
    if best.decided:
        between = 0.5 * (order[0] + order[1])
        works = {name for name in best.points if rows[name].at(between).succeeds}
        assert works == {f"{best.path} on {best.side}"}
    elif best.best is not None:  # the first two are one number within their errors
        a, b = (best.points[name] for name in best.ranking[:2])
        assert abs(a.control - b.control) <= a.error + b.error
    check_bounds(model, rows, sorted(begins.values()))


def check_bounds(model, rows, ends):
    """Compare rows on any path and on any denoiser with those on paths, and a denoiser's error with its verdict."""
    special = at.thresholds(model, at.Flow())
    marks = [point.noise for point in (special.dynamical, special.algorithmic) if point is not None]
    controls = np.sort([*marks, *ends, *(marks or [1.0])])
    controls = controls[controls > 0]
    middles = 0.5 * (controls[1:] + controls[:-1])
    for control in [0.9 * controls[0], *middles[np.diff(controls) > 1e-9 * controls[1:]], 1.1 * controls[-1]]:
        named = [rows[name].at(control).succeeds for name in rows_of_paths(rows)]
        product, denoiser = (rows[name].at(control) for name in BOUNDS)
        assert product.succeeds is True if any(named) else product.succeeds is not True
        assert denoiser.succeeds or not product.succeeds
        branches = len(at.fixed_points(model, at.Flow(), float(control), 1e-12).stable)
        assert (denoiser.succeeds is False) == (branches > 1)
        assert denoiser.certainty == {True: "conjecture", False: "bound", None: "unknown"}[denoiser.succeeds]
        for side, path in (("", at.Flow()), (" on v", at.Autoregressive(side="v"))):
            lost = at.sampling_error(model, path, float(control)).nats_per_variable
            assert (lost == 0) == rows[f"{path.name}{side}"].at(control).succeeds


def rows_of_paths(rows):
    """Return the names of samplers that are paths."""
    return [row.sampler for row in rows.judged if row.sampler.startswith(("flow", "autoregressive"))]


def test_both_sides_have_the_name_that_others_use():
    model = at.RectangularMatrix(GAUSSIAN, at.SparseRademacher(0.05), 1)
    rows = at.compare_samplers(model)
    assert rows["flow on both"] is rows["flow"]
    assert (
        rows["autoregressive on u"].verdicts[1].reason
        == "the autoregressive path on u crosses a first-order transition"
    )
    with pytest.raises(at.InputError, match="unknown sampler"):
        at.compare_samplers(at.SphericalPSpin(3))["flow on both"]
    with pytest.raises(at.InputError, match="different names"):
        at.simulate(model, 0.05, 20, 2, 1, ["flow", "flow on both"])
    with pytest.raises(at.InputError, match="unknown sampler"):
        at.simulate(at.IsingPSpin(3), 0.5, 10, 5, 0, ["flow on both"])


def test_a_wrong_point_is_seen():
    """The negative control: the first transition of another side is no end of the verdicts."""
    model = at.RectangularMatrix(GAUSSIAN, at.SparseRademacher(0.05), 1)
    best, rows = at.best_side(model), at.compare_samplers(model)
    other = best.points["flow on v"]
    assert abs(rows["flow on u"].fails[-1][1] - other.control) > 1e6 * other.error
