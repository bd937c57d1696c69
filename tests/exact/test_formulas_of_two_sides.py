"""Closed forms of two kinds of variables: exact equations and limits, and the solver's numbers."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import amp_theory as at
from amp_theory.exact.formulas.forms import closed_forms
from amp_theory.exact.formulas.setting import q
from amp_theory.tools.errors import InputError

GAUSS = at.Gaussian()
PATHS = [kind(side=side) for kind in (at.Flow, at.Autoregressive) for side in ("u", "v", "both")]
NAMED = {"ids": lambda path: f"{path.name} {path.side}"}
#: the same, those marked as slow that take sympy or the solver long
SLOW = [p if (p.name, p.side) == ("autoregressive", "u") else pytest.param(p, marks=pytest.mark.slow)
        for p in PATHS]  # fmt: skip
KINDS = [pytest.param(at.Flow, marks=pytest.mark.slow), at.Autoregressive]
ALPHA, NOISE = sympy.symbols("alpha Delta", positive=True)
LEFT = ("dynamical", "condensation", "tricritical")


def pair(path):
    """Return the formulas of two Gaussian kinds, the aspect open."""
    return closed_forms(at.RectangularMatrix, path, u=GAUSS, v=GAUSS)


def evolved(path, aspect, noise, strength, steps=4000):
    """Return q and phi by state evolution of Gaussian variables, written down independently."""

    def shown(x, told):
        if isinstance(path, at.Flow):
            y = x + strength * told
            return y / (1 + y), (y - np.log1p(y)) / 2
        s = strength * told
        return s + (1 - s) * x / (1 + x), ((1 - s) * (x - np.log1p(x)) + s * x) / 2

    told_u, told_v = path.side in ("u", "both"), path.side in ("v", "both")
    u = 0.5
    for _ in range(steps):
        v, psi_v = shown(u / noise, told_v)
        u, psi_u = shown(aspect * v / noise, told_u)
    return u, psi_u + aspect * psi_v - aspect * u * v / (2 * noise)


@pytest.mark.parametrize("path", SLOW, **NAMED)
def test_gaussian_pairs_are_those_of_state_evolution_and_of_the_solver(path):
    forms = pair(path)
    for aspect, noise, strength in ((0.3, 0.4, 0.2), (3.0, 1.1, 0.05), (1.0, 2.0, 0.3)):
        named = {"noise": noise, "aspect": aspect}
        overlap, phi = evolved(path, aspect, noise, strength)
        assert forms.evaluate("overlap", **named, **{path.strength: strength}) == pytest.approx(overlap, rel=1e-11)
        assert forms.evaluate("equation_of_state", overlap=overlap, **named) == pytest.approx(strength, rel=1e-10)
        assert forms.evaluate("free_entropy", overlap=overlap, **named) == pytest.approx(phi, rel=1e-10)
        (point,) = at.fixed_points(at.RectangularMatrix(GAUSS, GAUSS, aspect), path, noise, strength)
        assert abs(point.overlap - overlap) <= point.errors["overlap"] + 1e-12
    # a negative control: another aspect is told apart
    other = forms.evaluate("overlap", noise=0.4, aspect=0.31, **{path.strength: 0.2})
    assert abs(other - evolved(path, 0.3, 0.4, 0.2)[0]) > 1e-3


@pytest.mark.parametrize("path", SLOW, **NAMED)
def test_without_side_information_a_gaussian_pair_has_one_overlap(path):
    forms, lam = pair(path), 1 / NOISE
    known = (ALPHA * lam**2 - 1) / (lam + ALPHA * lam**2)
    numbers = {ALPHA: sympy.Rational(9, 4), NOISE: sympy.Rational(1, 2)}
    untold = {forms.symbols[path.strength]: 0}
    assert (forms.overlap.subs(untold) - known).subs(numbers).equals(0)
    assert forms.equation_of_state.subs(q, known).subs(numbers).equals(0)
    assert forms.zero_strength.subs(q, known).subs(numbers).equals(numbers[NOISE])
    assert sympy.simplify(known.subs(NOISE, forms.points["weak_recovery"]["noise"])) == 0
    assert set(forms.reasons) == {"spinodal", "dynamical", "condensation", "algorithmic", "tricritical"}


@pytest.mark.parametrize("kind", KINDS)
def test_limits_are_the_scalar_models_that_remain(kind):
    """With 1/(alpha lambda^2) = D kept: far more v leave u, far more u leave v, each a matrix of noise D."""
    scalar = closed_forms(at.SpikedMatrix, kind(), prior=GAUSS)
    kept = {NOISE: sympy.sqrt(ALPHA * NOISE)}
    many_v = pair(kind(side="u")).equation_of_state.subs(kept)
    assert sympy.cancel(sympy.limit(sympy.cancel(many_v), ALPHA, sympy.oo) - scalar.equation_of_state) == 0
    # in the overlap of v, of which alpha lambda q_v = q/(1-q)
    x = ALPHA * q / NOISE
    many_u = pair(kind(side="v")).equation_of_state.subs(q, x / (1 + x), simultaneous=True).subs(kept)
    assert sympy.cancel(sympy.limit(sympy.cancel(many_u), ALPHA, 0) - scalar.equation_of_state) == 0
    assert sympy.cancel(many_u.subs(ALPHA, 1) - scalar.equation_of_state) != 0


@pytest.mark.parametrize("kind", KINDS)
def test_equal_gaussians_told_the_same_are_one_symmetric_matrix(kind):
    both, one = pair(kind(side="both")).subs(aspect=1), closed_forms(at.SpikedMatrix, kind(), prior=GAUSS)
    assert both.points["weak_recovery"] == one.points["weak_recovery"]
    uneven = pair(kind(side="both")).subs(aspect=2)
    numbers = {q: sympy.Rational(1, 3), NOISE: sympy.Rational(2, 5)}
    for name, times in (("equation_of_state", 1), ("free_entropy", 2), ("zero_strength", 1)):
        here, there, other = (getattr(forms, name).subs(numbers).evalf(30) for forms in (both, one, uneven))
        assert abs(here - times * there) < 1e-25
        assert abs(other - times * there) > 1e-3


MODELS = [
    at.RectangularMatrix(GAUSS, at.SparseRademacher(0.05), 1),
    at.RectangularMatrix(at.GaussBernoulli(0.3), at.Rademacher(), 0.02),
    at.RectangularMatrix(GAUSS, at.Discrete([3.0, -1 / 3], [0.1, 0.9]), 0.25),
    at.RectangularMatrix(at.Discrete([4.0, -1 / 4], [1 / 17, 16 / 17]), at.Rademacher(), 2.0),
    pytest.param(at.GaussianMixture(10, 1.0), marks=pytest.mark.slow),
    at.GaussianMixture(weights=[0.05, 0.95], aspect=3.0),
    at.GaussianMixture(weights=[0.3, 0.7], aspect=0.3),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_weak_recovery_and_whether_it_is_a_jump_are_the_solver_s(model):
    path = at.Flow(side="v")
    forms, found = closed_forms(model, path), at.thresholds(model, path)
    weak = forms.evaluate("weak_recovery")
    assert weak["overlap"] == 0
    assert abs(weak["noise"] - found.weak_recovery.noise) <= found.weak_recovery.error
    jumps = found.algorithmic is not None and found.algorithmic.overlap == 0
    assert ("algorithmic" in forms.points) == jumps
    if jumps:
        assert forms.points["algorithmic"] == forms.points["weak_recovery"]
    assert all("no closed form" in forms.reasons[name] for name in LEFT)


def test_hard_phases_of_clusters_begin_at_four_and_two_roots_of_the_aspect():
    forms = closed_forms(at.GaussianMixture, at.Flow(side="v"))
    k, alpha = forms.symbols["k"], forms.symbols["aspect"]
    assert forms.conditions == {"algorithmic": k > 4 + 2 * sympy.sqrt(alpha)}
    assert forms.points["weak_recovery"]["noise"] == sympy.sqrt(alpha) / k
    assert forms.evaluate("algorithmic", k=10, aspect=1)["noise"] == pytest.approx(0.1)
    with pytest.raises(InputError, match="algorithmic exists for"):
        forms.evaluate("algorithmic", k=6, aspect=4)
    assert forms.evaluate("weak_recovery", k=6, aspect=4)["noise"] == pytest.approx(1 / 3)
    onset = closed_forms(at.GaussianMixture(7, 2.25), at.Flow())
    assert "exactly where q = 0 begins to jump" in onset.reasons["algorithmic"]
    # the general condition of two priors is that of two clusters, whose labels are Rademacher(), for k = 2
    two = closed_forms(at.GaussianMixture, at.Flow(), weights=[0.1, 0.9])
    assert str(two.conditions["algorithmic"]) == "100/9 > 2*sqrt(alpha) + 6"
    signs = closed_forms(at.RectangularMatrix(GAUSS, at.Rademacher(), 0.5), at.Flow())
    assert "does not jump" in signs.reasons["algorithmic"]
    pairs = closed_forms(at.GaussianMixture(2, 0.5), at.Flow())
    assert pairs.points["weak_recovery"]["noise"] == signs.points["weak_recovery"]["noise"] / 2


def test_open_priors_keep_symbols_of_their_sides():
    some = closed_forms(at.RectangularMatrix, at.Flow(side="u"))
    assert str(some.points["weak_recovery"]["noise"]) == "V_u*V_v*sqrt(alpha)"
    assert "third moment" in some.reasons["algorithmic"]
    assert some.evaluate("weak_recovery", aspect=4, variance_u=2, variance_v=3)["noise"] == 12
    sparse = closed_forms(at.RectangularMatrix, at.Flow(), u=at.SparseRademacher, v=at.GaussBernoulli, aspect=1)
    assert str(sparse.points["weak_recovery"]["noise"]) == "rho_u*rho_v"
    assert {"rho_u", "rho_v"} < set(sparse.symbols)
    biased = closed_forms(at.RectangularMatrix(GAUSS, at.Discrete([0, 1], [0.5, 0.5]), 1), at.Flow())
    assert biased.reasons["weak_recovery"] == "q = 0 is not a fixed point: a prior has a non-zero mean"
    assert not biased.points


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: closed_forms(at.RectangularMatrix, at.UniformDiscreteDiffusion()), "variables of two kinds"),
        (lambda: closed_forms(at.RectangularMatrix, at.Flow(), u=3), "u must be an instance or a class"),
        (lambda: closed_forms(at.RectangularMatrix, at.Flow(), v=at.PottsPrior(3)), "is a vector"),
        (lambda: closed_forms(at.RectangularMatrix, at.Flow(), v=at.PottsPrior), "is a vector"),
        (lambda: closed_forms(at.RectangularMatrix, at.Flow(), aspect=-1), "aspect must be positive"),
        (lambda: closed_forms(at.GaussianMixture, at.Flow(), k=1), "k must be an integer"),
        (lambda: closed_forms(at.GaussianMixture, at.Flow(), k=3, weights=[0.1, 0.9]), "weights are those of two"),
        (lambda: closed_forms(at.GaussianMixture, at.Flow(), weights=[0.1, 0.8]), "sum to 1"),
        (lambda: closed_forms(type("Own", (at.RectangularMatrix,), {}), at.Flow()), "sides_of.register"),
    ],
)
def test_what_has_no_formulas_says_so(ask, says):
    with pytest.raises(InputError, match=says):
        ask()
