"""Closed forms: their defining equations hold exactly, and the solvers agree within their error bounds."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
import sympy
from sympy import Expr, Symbol

import amp_theory as at
from amp_theory.exact.formulas.forms import ClosedForms, closed_forms
from amp_theory.exact.formulas.setting import PARAMETERS, q
from amp_theory.tools.errors import InputError, UnknownNameError
from amp_theory.tools.results import POINTS

FLOW, AUTO = at.Flow(), at.Autoregressive()
GAUSS = at.Gaussian()
PATHS = [pytest.param(FLOW, id="flow"), pytest.param(AUTO, id="autoregressive")]


def gaussian_response(path: at.Path, x: Expr, s: Expr) -> Expr:
    """G of Gaussian variables, written down independently: M(x) = x/(1 + x)."""
    return (x + s) / (1 + x + s) if isinstance(path, at.Flow) else (1 - s) * x / (1 + x) + s


def gaussian_potential(path: at.Path, x: Expr, s: Expr) -> Expr:
    """Psi, from psi(x) = (x - log(1 + x))/2."""

    def psi(y: Expr) -> Expr:
        return (y - sympy.log(1 + y)) / 2

    return psi(x + s) if isinstance(path, at.Flow) else (1 - s) * psi(x) + s * x / 2


def zero(expression: Expr) -> bool:
    return bool(sympy.simplify(expression) == 0)


# --- defining equations, exactly ---------------------------------------------------------------------------


def xi_of(p: Expr, temperature: Expr) -> Expr:
    return q**p / (2 * temperature**2)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("p", range(3, 9))
@pytest.mark.every(3)
def test_points_of_the_spherical_p_spin_satisfy_their_equations(path: at.Path, p: int) -> None:
    points = closed_forms(at.SphericalPSpin(p), path).points
    for name in ("tricritical", "dynamical"):
        point = points[name]
        s, t, overlap = point.get(path.strength, sympy.Integer(0)), point["temperature"], point["overlap"]
        g = gaussian_response(path, xi_of(p, t).diff(q), s)
        assert zero((g - q).subs(q, overlap))  # a fixed point
        assert zero((g.diff(q) - 1).subs(q, overlap))  # marginal
        inflection = g.diff(q, 2).subs(q, overlap)
        assert zero(inflection) == (name == "tricritical")
    # negative control: a slightly wrong temperature is no fixed point
    wrong = gaussian_response(path, xi_of(p, points["tricritical"]["temperature"] * sympy.Rational(101, 100)).diff(q),
                              points["tricritical"][path.strength])  # fmt: skip
    assert not zero((wrong - q).subs(q, points["tricritical"]["overlap"]))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.every(2)
def test_points_for_symbolic_p_satisfy_their_equations(path: at.Path) -> None:
    """p = 3 + n with a symbol n >= 0."""
    forms = closed_forms(at.SphericalPSpin, path)
    n = Symbol("n", integer=True, nonnegative=True)
    for name in ("tricritical", "dynamical"):
        point = {c: e.subs(PARAMETERS["p"], n + 3) for c, e in forms.points[name].items()}
        s, t, overlap = point.get(path.strength, sympy.Integer(0)), point["temperature"], point["overlap"]
        # x and its derivatives at the point, by the power law x ~ q^(p-1)
        x = (n + 3) / (2 * t**2) * overlap ** (n + 2)
        signal = sympy.simplify(x)
        y = Symbol("y", positive=True)
        g = gaussian_response(path, y, s)
        first, second = (n + 2) * signal / overlap, (n + 2) * (n + 1) * signal / overlap**2
        assert zero(g.subs(y, signal) - overlap)
        assert zero(g.diff(y).subs(y, signal) * first - 1)
        inflection = g.diff(y, 2).subs(y, signal) * first**2 + g.diff(y).subs(y, signal) * second
        assert zero(inflection) == (name == "tricritical")
        wrong = signal * sympy.Rational(101, 100)
        assert not zero(g.subs(y, wrong) - overlap)


@pytest.mark.parametrize("path", PATHS)
def test_curves_for_symbolic_p_satisfy_their_equations(path: at.Path) -> None:
    forms = closed_forms(at.SphericalPSpin, path)
    p, t = PARAMETERS["p"], forms.symbols["temperature"]
    x = xi_of(p, t).diff(q)
    s = forms.equation_of_state
    assert zero(gaussian_response(path, x, s) - q)
    assert zero(s.subs(t, forms.zero_strength))
    assert zero(s.diff(q).subs(t, forms.spinodal["temperature"]))
    assert zero(s.subs(t, forms.spinodal["temperature"]) - forms.spinodal[path.strength])
    # d phi/dq = dPsi/ds ds/dq at constant control, Psi at constant x
    y, strength = Symbol("y", positive=True), Symbol("s", positive=True)
    slope = gaussian_potential(path, y, strength).diff(strength).subs({y: x, strength: s}) * s.diff(q)
    assert abs((forms.free_entropy.diff(q) - slope).subs({p: 5, t: 0.7, q: 0.3}).evalf()) < 1e-14
    phi = gaussian_potential(path, x, s) - (q * x - xi_of(p, t)) / 2
    for values in ({p: 3, t: 0.7, q: 0.3}, {p: 6, t: 0.5, q: 0.8}):
        assert abs((forms.free_entropy - phi).subs(values).evalf()) < 1e-14


@pytest.mark.parametrize("path", [FLOW, pytest.param(at.Autoregressive(), marks=pytest.mark.slow)])
def test_matrix_and_tensor_of_symbolic_noise(path: at.Path) -> None:
    """p = 3: inflection of the equation of state, and extremum of the zero-strength curve, exactly."""
    forms = closed_forms(at.SpikedMatrixTensor, path, p=3)
    noise, delta = forms.symbols["noise"], forms.symbols["tensor_noise"]
    xi = q**2 / (2 * noise) + q**3 / (3 * delta)
    for name in ("tricritical", "dynamical"):
        point = forms.points[name]
        at_point = {noise: point["noise"], q: point["overlap"]}
        s = point.get(path.strength, sympy.Integer(0))
        g = gaussian_response(path, xi.diff(q), s)
        assert zero((g - q).subs(at_point))
        assert zero((g.diff(q) - 1).subs(at_point))
        assert zero(g.diff(q, 2).subs(at_point)) == (name == "tricritical")
        # the conditions are where control, strength and overlap are positive, and the overlap is not zero
        for value in (sympy.Rational(i, 60) for i in range(16, 70)):
            numbers = [complex(e.subs(delta, value).evalf()) for e in point.values()]
            valid = all(abs(z.imag) < 1e-12 and z.real > 1e-12 for z in numbers)
            assert valid == bool(forms.conditions[name].subs(delta, value)), (name, value)


@pytest.mark.slow
def test_xorsat_by_its_own_equations() -> None:
    forms = closed_forms(at.XORSAT, AUTO)
    k, alpha = forms.symbols["k"], forms.symbols["density"]
    theta = forms.equation_of_state
    s = Symbol("s", positive=True)
    assert zero(1 - (1 - theta) * sympy.exp(-alpha * k * q ** (k - 1)) - q)
    assert zero(theta.diff(q).subs(alpha, forms.spinodal["density"]))
    assert zero(theta.subs(alpha, forms.spinodal["density"]) - forms.spinodal["revealed"])
    assert zero(sympy.expand_log(theta.subs(alpha, forms.zero_strength)))
    # d phi/dq of the trial function, at constant theta
    trial = (1 - s) * sympy.exp(-alpha * k * q ** (k - 1)) - alpha * (1 - q**k) + alpha * k * (1 - q) * q ** (k - 1)
    g = 1 - (1 - s) * sympy.exp(-alpha * k * q ** (k - 1))
    assert zero(trial.diff(q) - alpha * k * (k - 1) * q ** (k - 2) * (g - q))
    assert zero((trial - (1 - alpha) + s).subs(s, theta) - forms.free_entropy / sympy.log(2))
    for value in range(3, 9):
        point = forms.subs(k=value).points["tricritical"]
        at_point = {k: value, alpha: point["density"], q: point["overlap"]}
        assert zero(theta.subs(at_point) - point["revealed"])
        assert zero(theta.subs(k, value).diff(q).subs(at_point))
        assert zero(theta.subs(k, value).diff(q, 2).subs(at_point))
        assert not zero(theta.subs(k, value).diff(q).subs(at_point | {alpha: 2 * point["density"]}))
        dynamical = forms.subs(k=value).points["dynamical"]
        there = {alpha: dynamical["density"], q: dynamical["overlap"]}
        assert abs(theta.subs(k, value).subs(there).evalf(30)) < 1e-25
        assert abs(theta.subs(k, value).diff(q).subs(there).evalf(30)) < 1e-25


@pytest.mark.parametrize("path", PATHS)
def test_linear_channel_overlap_solves_its_equation(path: at.Path) -> None:
    forms = closed_forms(at.GLM, path, prior=GAUSS)
    strength = forms.symbols[path.strength]
    values = {forms.symbols["sampling_ratio"]: 0.7, forms.symbols["noise"]: 0.2, strength: 0.3}
    overlap = forms.overlap.subs(values)
    assert abs(forms.equation_of_state.subs(values).subs(q, overlap) - 0.3) < 1e-14
    assert zero(forms.equation_of_state.subs(forms.symbols["sampling_ratio"], forms.zero_strength))


def test_quadratic_overlap_solves_its_equation() -> None:
    for path in (FLOW, AUTO):
        forms = closed_forms(at.SpikedMatrix(GAUSS), path)
        s, noise = forms.symbols[path.strength], forms.symbols["noise"]
        assert zero(forms.equation_of_state.subs(q, forms.overlap) - s)
        found = at.fixed_points(at.SpikedMatrix(GAUSS), path, control=0.8, strength=0.3)
        assert forms.evaluate("overlap", noise=0.8, **{path.strength: 0.3}) == pytest.approx(
            found.equilibrium.overlap, abs=1e-14
        )
        assert forms.overlap.subs({s: 0, noise: sympy.Rational(1, 2)}) == sympy.Rational(1, 2)


# --- the solvers agree -------------------------------------------------------------------------------------

EXACT_MODELS = [
    *(at.SphericalPSpin(p) for p in (2, 3, 4, 8)),
    at.SpikedTensor(3, GAUSS), at.SpikedTensor(6, GAUSS), at.SpikedMatrix(GAUSS),
    at.MixedPSpin("q**2/8 + q**4/2", GAUSS), at.MixedPSpin("q**2/2 + q**3/2", GAUSS),
    at.MixedPSpin("q/10 + q**4/2", GAUSS), at.MixedPSpin("q/1000 + q**2/4 + q**7", GAUSS),
    at.MixedPSpin("q**3 + 30*q**24", GAUSS), at.MixedPSpin("q**2/2 + q**30/2", GAUSS),
    *(at.SpikedMatrixTensor(3, x) for x in (0.2, 0.28, 0.32, 0.8, 1.5)), at.SpikedMatrixTensor(4, 0.3),
    at.SpikedMatrixTensor(6, 0.19),
    at.SpikedMatrixTensor(4, 0.2), at.GLM(GAUSS, at.LinearChannel(0.1)),
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("model", EXACT_MODELS, ids=repr)
@pytest.mark.slow
def test_thresholds_agree_within_their_error_bounds(model: at.Model, path: at.Path) -> None:
    forms, numbers = closed_forms(model, path), at.thresholds(model, path)
    located = numbers.points()
    for name in POINTS:
        if name == "condensation":
            continue  # below
        assert (name in forms.points) == (located[name] is not None), (name, forms.reasons.get(name), located[name])
        if located[name] is not None:
            check_point(forms.points[name], located[name])
        else:
            assert forms.reasons[name]
    assert len(forms.further_tricritical) == len(numbers.further_tricritical)
    for exact, found in zip(forms.further_tricritical, numbers.further_tricritical, strict=True):
        check_point(exact, found)


def check_point(exact: dict[str, Expr], found: at.Located) -> None:
    assert set(exact) == set(found.coordinates)
    for coordinate, expression in exact.items():
        difference = abs(float(expression.evalf(30) - sympy.Float(found[coordinate], 30)))
        assert difference <= found.errors[coordinate] + 1e-300, (coordinate, difference, found)


@pytest.mark.parametrize("model", [m for m in EXACT_MODELS if not isinstance(m, at.GLM)], ids=repr)
@pytest.mark.every(4)
def test_condensation_solves_the_equation_given(model: at.Model) -> None:
    forms, point = closed_forms(model, FLOW), at.thresholds(model, FLOW).condensation
    if "condensation" not in forms.equations:
        known = forms.reasons["condensation"]
        assert ("transcendental" in known) == (point is not None)
        return
    assert point is not None
    solution = sympy.nsolve(forms.equations["condensation"].lhs, point.overlap, prec=40)
    overlap = sympy.re(solution)
    assert abs(sympy.im(solution)) < 1e-25
    control = forms.zero_strength.subs(q, overlap).evalf(30)
    assert abs(overlap - point.overlap) <= point.errors["overlap"]
    assert abs(control - point.control) <= point.error


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("model", "control"),
    [(at.SphericalPSpin(3), 0.64), (at.SpikedMatrixTensor(3, 0.8), 0.9), (at.MixedPSpin("q/10 + q**4/2", GAUSS), 0.6),
     (at.GLM(GAUSS, at.LinearChannel(0.1)), 0.7)],
    ids=repr,
)  # fmt: skip
@pytest.mark.every(3)
def test_equation_of_state_agrees(model: at.Model, control: float, path: at.Path) -> None:
    forms, curve = closed_forms(model, path), at.equation_of_state(model, path, control=control)
    values = {"overlap": curve.overlap, model.control: control}
    strength = forms.evaluate("equation_of_state", **values)
    # a double's overlap next to one resolves a strength that grows without bound only relatively
    assert np.allclose(strength, curve.strength, rtol=1e-12, atol=2e-14)
    inner = curve.overlap < 0.99
    phi = forms.evaluate("free_entropy", **(values | {"overlap": curve.overlap[inner]}))
    assert np.allclose(phi, curve.free_entropy[inner], rtol=1e-12, atol=1e-14)
    if forms.spinodal and curve.folds:
        for overlap, at_fold in curve.folds:
            fold = forms.evaluate("spinodal", overlap=overlap)
            assert fold[model.control] == pytest.approx(control, rel=1e-9)
            assert fold[path.strength] == pytest.approx(at_fold, rel=1e-9)


@pytest.mark.slow
def test_xorsat_agrees_with_density_evolution() -> None:
    for k in (3, 4):
        forms, found = closed_forms(at.XORSAT(k), AUTO), at.thresholds(at.XORSAT(k), AUTO)
        for name in ("dynamical", "tricritical"):
            check_point(forms.points[name], found.points()[name])
        overlap = complex(sympy.nsolve(forms.equations["condensation"].lhs, found.condensation.overlap)).real
        assert abs(forms.evaluate("zero_strength", overlap=overlap) - found.condensation.control) <= (
            found.condensation.error
        )


# --- weak recovery, symbols --------------------------------------------------------------------------------


def test_weak_recovery_of_every_symmetric_prior() -> None:
    priors = [at.Rademacher(), at.SparseRademacher(0.08), at.GaussBernoulli(0.3), at.Discrete([-1, 2], [2 / 3, 1 / 3]),
              at.Discrete([-1, 0, 1], [0.25, 0.5, 0.25]), at.two_groups(0.2)]  # fmt: skip
    for model in [*(at.SpikedMatrix(prior) for prior in priors), at.SherringtonKirkpatrick(), at.StochasticBlockModel(5),
                  at.MixedPSpin("q**2/8 + q**3"), at.SpikedMatrixTensor(3, 0.5)]:  # fmt: skip
        point = at.thresholds(model, FLOW).weak_recovery
        check_point(closed_forms(model, FLOW).points["weak_recovery"], point)
    assert closed_forms(at.SpikedMatrix(at.SparseRademacher(0.08)), FLOW).points["weak_recovery"]["noise"] == (
        sympy.Rational(8, 100) ** 2
    )
    assert closed_forms(at.SherringtonKirkpatrick(), FLOW).points["weak_recovery"]["temperature"] == 1
    assert closed_forms(at.SpikedMatrix, FLOW).points["weak_recovery"]["noise"] == PARAMETERS["variance"] ** 2
    rho = closed_forms(at.SpikedMatrix, FLOW, prior=at.SparseRademacher)
    assert rho.points["weak_recovery"]["noise"] == rho.symbols["rho"] ** 2
    for k in (3, 5):
        for temperature in (0, 0.5):
            model = at.Bicoloring(k, temperature)
            forms = closed_forms(model, at.UniformDiscreteDiffusion())
            assert float(forms.points["weak_recovery"]["density"]) == pytest.approx(model.weak_recovery, rel=1e-14)
    warm = closed_forms(at.Bicoloring, FLOW, temperature=0.5).evaluate("weak_recovery", k=5)
    assert warm["density"] == pytest.approx(at.Bicoloring(5, 0.5).weak_recovery, rel=1e-14)
    regular = at.Bicoloring(5, degrees="regular")
    assert closed_forms(regular, FLOW).points["weak_recovery"]["density"] == pytest.approx(regular.weak_recovery)


def test_no_weak_recovery_with_its_reason() -> None:
    for model in (at.IsingPSpin(3), at.MixedPSpin("q/10 + q**2/2"), at.SpikedMatrix(at.Discrete([0, 1], [0.5, 0.5]))):
        forms = closed_forms(model, FLOW)
        assert "weak_recovery" not in forms.points
        assert forms.reasons["weak_recovery"] == at.thresholds(model, FLOW).reasons["weak_recovery"]


def test_families_give_their_members() -> None:
    for path in (FLOW, AUTO):
        family = closed_forms(at.SpikedTensor, path, prior=GAUSS)
        for p in (3, 5):
            member = closed_forms(at.SpikedTensor(p, GAUSS), path)
            for name, point in member.points.items():
                assert all(zero(e - family.subs(p=p).points[name][c]) for c, e in point.items())
        # the general algebra of polynomials finds the same as the formulas for one power
        one = closed_forms(at.SpikedTensor(5, GAUSS), path)
        two = closed_forms(at.MixedPSpin("q**5/5", GAUSS), path)
        assert one.points["tricritical"]["overlap"] == two.points["tricritical"]["overlap"]
        assert zero(one.points["tricritical"]["noise"] - two.points["tricritical"]["temperature"] ** 2)


def test_general_algebra_reproduces_one_power() -> None:
    from amp_theory.exact.formulas import polynomial as algebra
    from amp_theory.exact.formulas.gaussian import Curves
    from amp_theory.exact.formulas.paths import gaussian_path
    from amp_theory.exact.formulas.setting import read

    for path in (FLOW, AUTO):
        for p in (3, 4, 7):
            curves = Curves(read(at.SphericalPSpin(p), path, {}), gaussian_path(path))
            formula = closed_forms(at.SphericalPSpin(p), path).points["tricritical"]
            (found,) = algebra.tricritical(curves)
            assert all(zero(found[c] - formula[c]) for c in formula)


# --- the object --------------------------------------------------------------------------------------------


def test_evaluate_and_subs() -> None:
    forms = closed_forms(at.SphericalPSpin, FLOW)
    assert forms.evaluate("tricritical", p=3) == {"temperature": pytest.approx(2 / 3), "snr": 0.125, "overlap": 1 / 3}
    values = forms.evaluate(
        "equation_of_state", overlap=np.array([0.1, 0.5]), temperature=np.array([[0.6], [1.0]]), p=3
    )
    assert values.shape == (2, 2)
    assert values[1, 1] == pytest.approx(0.625)
    assert forms.subs(p=4).points["tricritical"]["overlap"] == sympy.Rational(1, 2)
    assert forms.evaluate("spinodal", overlap=0.25, p=3)["temperature"] == pytest.approx(np.sqrt(3) / 2 * 0.75)
    for call in (
        lambda: forms.evaluate("tricritical"),
        lambda: forms.evaluate("tricritical", p=2),
        lambda: forms.evaluate("condensation", p=3),
        lambda: forms.evaluate("equation_of_state", overlap=0.5),
        lambda: forms.evaluate("equation_of_state", overlap=1.0, temperature=1.0, p=3),
        lambda: forms.evaluate("tricritical", p="three"),
        lambda: forms.subs(p=float("nan")),
    ):
        with pytest.raises(InputError):
            call()
    for call in (lambda: forms.evaluate("tricritcal", p=3), lambda: forms.evaluate("tricritical", n=3)):
        with pytest.raises(UnknownNameError):
            call()


def test_own_symbols_and_numbers_as_parameters() -> None:
    n = Symbol("n", integer=True, positive=True)
    forms = closed_forms(at.SphericalPSpin, FLOW, p=n + 1)
    assert forms.symbols["n"] == n
    assert forms.evaluate("tricritical", n=2)["snr"] == 0.125
    assert closed_forms(at.SphericalPSpin, FLOW, p=sympy.Integer(3)).points["tricritical"]["snr"] == sympy.Rational(
        1, 8
    )
    with pytest.raises(InputError):
        closed_forms(at.SphericalPSpin, FLOW, p=sympy.Integer(1))


def test_noiseless_linear_channel() -> None:
    forms = closed_forms(at.GLM(GAUSS, at.LinearChannel(0)), FLOW)
    for alpha, expected in ((0.3, 0.3), (1.5, 1.0)):
        assert forms.evaluate("overlap", sampling_ratio=alpha, snr=0) == pytest.approx(expected, abs=1e-15)
    assert forms.evaluate("overlap", sampling_ratio=0.5, snr=1) == pytest.approx(0.75)
    assert all("sampling_ratio >= 1" in forms.reasons[name] for name in ("dynamical", "tricritical"))


def test_bad_questions() -> None:
    for call in (
        lambda: closed_forms("spherical-p-spin", FLOW),
        lambda: closed_forms(at.Model, FLOW),
        lambda: closed_forms(at.SphericalPSpin(3), "flow"),
        lambda: closed_forms(at.SphericalPSpin(3), FLOW, p=3),
        lambda: closed_forms(at.SphericalPSpin, FLOW, q=3),
        lambda: closed_forms(at.SphericalPSpin, FLOW, p=1),
        lambda: closed_forms(at.SpikedMatrixTensor, FLOW, tensor_noise=-1),
        lambda: closed_forms(at.MixedPSpin, FLOW),
        lambda: closed_forms(at.SpikedMatrix, FLOW, prior=at.Discrete),
        lambda: closed_forms(at.SpikedMatrix, FLOW, prior="gaussian"),
        lambda: closed_forms(at.Bicoloring, FLOW, temperature=-1),
        lambda: closed_forms(at.Bicoloring, FLOW, temperature="hot"),
        lambda: closed_forms(at.Bicoloring, FLOW, degrees="any"),
        lambda: closed_forms(at.GLM(GAUSS, at.SignChannel()), FLOW),
        lambda: closed_forms(at.Coloring(5), FLOW),
        lambda: closed_forms(at.SphericalPSpin(3), at.UniformDiscreteDiffusion()),
    ):
        with pytest.raises(InputError):
            call()


def test_texts() -> None:
    for forms in (
        closed_forms(at.SphericalPSpin, FLOW),
        closed_forms(at.SpikedMatrixTensor, AUTO, p=3),
        closed_forms(at.MixedPSpin("q/10 + q**4/2", GAUSS), AUTO),
        closed_forms(at.XORSAT, AUTO),
        closed_forms(at.IsingPSpin(3), FLOW),
    ):
        text, markup, latex = str(forms), forms._repr_html_(), forms._repr_latex_()
        assert forms.title in text
        for name in (*forms.points, *forms.reasons):
            assert name in text
            assert name.replace("_", " ") in markup
        assert latex.startswith("$\\displaystyle")
        assert latex.count("{") == latex.count("}")
        assert isinstance(forms, ClosedForms)
        hash(forms)
    assert "snr = (p - 2)**2/(4*p - 4)" in str(closed_forms(at.SphericalPSpin, FLOW))
    assert r"\gamma^{2}" in closed_forms(at.SphericalPSpin, FLOW)._repr_latex_()


def test_high_powers_are_refused_with_a_reason() -> None:
    forms = closed_forms(at.MixedPSpin("q**2/8 + q**200", GAUSS), FLOW)
    assert "degree" in forms.reasons["tricritical"]
    assert forms.points["weak_recovery"]["temperature"] == sympy.Rational(1, 2)


def test_symbolic_p_is_quick() -> None:
    start = time.perf_counter()
    closed_forms(at.SphericalPSpin, AUTO)
    assert time.perf_counter() - start < 2


def test_sympy_is_imported_lazily() -> None:
    code = "import sys, amp_theory; print('sympy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
