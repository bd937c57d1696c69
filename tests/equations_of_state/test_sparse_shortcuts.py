"""What makes sparse models fast changes nothing: inexact degrees, shared zero strength, starts from what is known."""

from __future__ import annotations

import numpy as np
import pytest

import amp_theory as at
from amp_theory.equations_of_state.choose import equation_of_state_of
from amp_theory.equations_of_state.sparse.density_evolution import evolution_of
from amp_theory.equations_of_state.sparse.poisson_graphs import S0, X0
from amp_theory.phases.points.fixed_points import fixed_points_along
from amp_theory.tools.chebyshev import nodes

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())


def test_laws_have_the_overlap_asked_for_though_degrees_are_not_solved_to_the_end():
    """At rest the last step of the laws is the degree's too."""
    eos = equation_of_state_of(at.Bicoloring(4), at.Flow())
    x, s = np.array([0.5, 3.0, 9.0]), np.array([0.1, 0.0, 0.4])
    laws = eos.solve(x, s).laws
    side, grid = at.Flow().tilted_transform(eos.evolution.grid.frequency, s), eos.evolution.grid
    gap = at.Rademacher().table(x + s).mmse
    _, full = eos.evolution.variable(side, laws.degree[:, None], laws.loss)
    assert np.max(np.abs(full @ grid.gap / gap - 1)) < 1e-11
    # while one solution for the degree stops when its steps are of the order of 1e-5
    once = eos.evolution.solve_degree(side, gap, laws.loss, 1.3 * laws.degree)
    assert np.max(np.abs(once / laws.degree - 1)) < 1e-9
    _, wrong = eos.evolution.variable(side, 1.3 * laws.degree[:, None], laws.loss)
    assert np.min(np.abs(wrong @ grid.gap / gap - 1)) > 1e-3


def test_laws_at_other_frequencies():
    """A Gaussian law's transform is known everywhere; erasures stay exactly constant."""
    evolution, coarse = (evolution_of(at.XORSAT(3), c) for c in (1.0, 1.3))
    w, other = evolution.grid.frequency, coarse.grid.frequency
    gaussian = np.exp(-np.multiply.outer([1.0, 4.0], (1 + w**2) / 2))
    erasure = np.full((1, len(w)), 0.3)
    moved = evolution.resampled(np.concatenate([gaussian, erasure]), other)
    exact = np.exp(-np.multiply.outer([1.0, 4.0], (1 + other**2) / 2))
    assert moved[:2] == pytest.approx(exact, abs=1e-9)
    assert moved[2].tolist() == [0.3] * len(other)
    nearest = gaussian[:, np.abs(w[:, None] - other).argmin(axis=0)]
    assert np.max(np.abs(nearest - exact)) > 1e-3


def test_the_second_grid_does_not_depend_on_its_start():
    """Begun at the laws on the fine grid it ends where it does from afar; the fine grid itself ends elsewhere."""
    eos = equation_of_state_of(at.Bicoloring(5), at.Autoregressive())
    x, s = np.array([1.0, 3.0, 10.0]), np.array([0.05, 0.2, 0.0])
    fine = eos.solve(x, s)
    near = eos.solve(x, s, (fine.laws.transform, fine.laws.degree))
    far = eos.solve(x, s, (np.exp(-np.multiply.outer(2 * x, (1 + eos.evolution.grid.frequency**2) / 2)), 3 * x))
    assert near.density == pytest.approx(far.density, rel=1e-11)
    assert np.max(np.abs(near.density / fine.density - 1)) > 1e-10


@pytest.mark.parametrize("model", [at.XORSAT(3), at.Bicoloring(5, temperature=0.3)], ids=lambda m: m.name)
def test_paths_agree_without_side_information(model):
    """So that they share what is solved for at strength zero."""
    x, zero = np.array([0.3, 2.0, 8.0]), np.zeros(3)
    points = [equation_of_state_of(model, path).solve(x, zero) for path in PATHS]
    for point in points[1:]:
        assert point.density == pytest.approx(points[0].density, rel=1e-10)
        assert point.free_entropy == pytest.approx(points[0].free_entropy, abs=1e-11)
    one, other = (equation_of_state_of(model, path).solve(x, zero + 0.2) for path in PATHS[:2])
    assert np.max(np.abs(one.density / other.density - 1)) > 1e-3


@pytest.mark.parametrize(
    ("model", "path"),
    [(at.XORSAT(3), PATHS[1]), (at.IsingPSpin(3), PATHS[2]), (at.SpikedMatrixTensor(3, 0.8), PATHS[0])],
    ids=lambda v: v.name,
)
def test_potential_at_many_intensities(model, path):
    eos = equation_of_state_of(model, path)
    lam, low, high = np.array([0.7, 0.9, 1.4]), *eos.overlap_range(0.2)
    q = low + (high - low) * np.linspace(0.1, 0.9, 5)
    together = eos.potential(lam, 0.2, q[:, None])
    assert together == pytest.approx(np.array([eos.potential(float(x), 0.2, q) for x in lam]).T, abs=1e-14)
    assert np.ptp(together, axis=1).min() > 1e-4


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.name)
def test_coordinates_of_overlaps(path):
    eos = equation_of_state_of(at.XORSAT(3), path)
    x = np.array([1e-3, 0.1, 2.0, 20.0])
    for s in (0.0, 0.3):
        q = path.response(eos.prior, path.coordinate(x, np.full(4, s)), np.full(4, s)).overlap
        assert eos.signal_at(q, s) == pytest.approx(x, rel=1e-10)
    assert np.all(np.isnan(eos.signal_at(np.array([0.0, 1.0]), 0.3)))


def test_the_second_grid_at_some_nodes_bounds_the_change_at_all():
    """Between the nodes at which the second grid is solved its change is no larger than what the table tells."""
    eos = equation_of_state_of(at.Bicoloring(5), at.Autoregressive())
    x, s = X0 * np.expm1(nodes(0.1, 2.5, 24)), S0 * np.expm1(nodes(0.05, 1.0, 6))
    table = eos._table(x, s, (0.1, 2.5), (0.05, 1.0))
    xx, ss = (a.ravel() for a in np.meshgrid(x, s, indexing="ij"))
    fine = eos.solve(xx, ss)
    coarse = eos.solve(xx, ss, (fine.laws.transform, fine.laws.degree))
    change = np.abs(eos._functions(fine, xx, ss) - eos._functions(coarse, xx, ss))
    bound = table.errors(np.log1p(xx / X0), np.log1p(ss / S0))
    assert table.resolution.shape == (3, 12, 3)
    assert np.all(change <= bound)
    # which would not do without its neighbours
    assert not np.all(change <= np.median(table.resolution, axis=(1, 2))[:, None])


def test_fixed_points_of_many_strengths():
    """Solved together they are what they are one by one."""
    model, path, control, strengths = at.XORSAT(3), at.Autoregressive(), 0.85, [0.0, 1e-3, 0.1, 0.22, 0.8]
    together = list(fixed_points_along(model, path, control, strengths))
    assert len({len(found) for found in together}) > 1
    for strength, found in zip(strengths, together, strict=True):
        alone = at.fixed_points(model, path, control, strength)
        assert (alone.region, alone.strength, len(alone)) == (found.region, strength, len(found))
        for a, b in zip(alone, found, strict=True):
            assert (a.kind, a.stable) == (b.kind, b.stable)
            assert a.overlap == pytest.approx(b.overlap, abs=1e-13)
            assert a.free_entropy == pytest.approx(b.free_entropy, abs=1e-13)
