"""The normal form next to tricritical points, against exact derivations and against the lines of phase diagrams."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy

import amp_theory as at
from amp_theory.exact.formulas.forms import closed_forms
from amp_theory.exact.formulas.setting import q
from amp_theory.phases.points.expansion import Coefficient, TricriticalExpansion, tricritical_expansion
from amp_theory.tools.errors import InputError, NumericalError

FLOW, AUTO, UNIFORM = at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()
SPARSE = at.SpikedMatrix(at.SparseRademacher(0.08))


def exact_coefficients(model: at.Model, path: at.Path, sign: int = -1) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
    """a, b and c from the closed spinodal curve (control(q), strength(q)), by its Taylor series at the cusp.

    epsilon = t2 x^2 + t3 x^3 and strength - s_c = s2 x^2 + s3 x^3 give, for x = +- epsilon^(1/2)/t2^(1/2) + ...,
    a = t2^(-1/2), b = s2/t2 and strength - s_c - b epsilon = +- (s3 - b t3) a^3 epsilon^(3/2) = -+ c epsilon^(3/2).
    """
    forms = closed_forms(model, path)
    point = forms.points["tricritical"]

    def taylor(expression: sympy.Expr, order: int) -> sympy.Expr:
        return expression.diff(q, order).subs(q, point["overlap"]) / sympy.factorial(order)

    control, strength = forms.spinodal[model.control], forms.spinodal[path.strength]
    assert abs(taylor(control, 1).evalf(30)) < 1e-25
    t2, t3 = (sign * taylor(control, n) for n in (2, 3))
    s2, s3 = (taylor(strength, n) for n in (2, 3))
    a, b = 1 / sympy.sqrt(t2), s2 / t2
    return a, b, -(s3 - b * t3) * a**3


@pytest.mark.parametrize(
    ("model", "path"),
    [(at.SphericalPSpin(p), path) for p in (3, 4, 20) for path in (FLOW, AUTO)]
    + [(at.SpikedTensor(3, at.Gaussian()), AUTO), (at.SpikedMatrixTensor(3, 0.8), FLOW),
       (at.SpikedMatrixTensor(3, 0.8), AUTO), (at.MixedPSpin("q/10 + q**4/2", at.Gaussian()), FLOW),
       (at.MixedPSpin("q**2/8 + q**4/2", at.Gaussian()), AUTO), pytest.param(at.SpikedMatrixTensor(6, 0.19), AUTO, marks=pytest.mark.slow)],
    ids=repr,
)  # fmt: skip
@pytest.mark.every(4)
def test_gaussian_variables_exactly(model: at.Model, path: at.Path) -> None:
    found = tricritical_expansion(model, path)
    check_exact(found, exact_coefficients(model, path, found.direction), 1e-7)


def check_exact(found: TricriticalExpansion, exact: tuple[sympy.Expr, ...], relative: float) -> None:
    coefficients = (found.overlap_opening, found.strength_slope, found.strength_opening)
    for coefficient, number in zip(coefficients, exact, strict=True):
        value = float(number.evalf(25))
        assert abs(coefficient.value - value) <= coefficient.error
        assert coefficient.error <= relative * abs(value)


def test_spherical_3_spin_in_numbers() -> None:
    """T = sqrt(3 q)(1-q) = (2/3)(1 - 27 x^2/8 + ...): a = 2/3; b = -9/8, c = 3 by the same series."""
    assert [sympy.simplify(x) for x in exact_coefficients(at.SphericalPSpin(3), FLOW)] == [
        sympy.Rational(2, 3), sympy.Rational(-9, 8), 3
    ]  # fmt: skip


def at_distance(model: at.Model, path: at.Path, found: TricriticalExpansion, epsilon: float) -> dict[str, float]:
    """Strengths and overlaps of the three lines of a phase diagram at one distance from the tricritical point."""
    edge = found.point.control + found.direction * epsilon
    beyond = found.point.control - 0.01 * found.direction * found.point.control
    lines = at.phase_diagram(model, path, control_range=(min(edge, beyond), max(edge, beyond)), points=3).lines
    result = {}
    for name, line in lines.items():
        k = int(np.argmin(np.abs(line.control - edge)))
        assert abs(line.control[k] - edge) < 1e-12 * abs(edge)
        result |= {f"{name} strength": line.strength[k], f"{name} overlap": line.overlap[k]}
        if line.lower_overlap is not None:
            result["lower"] = line.lower_overlap[k]
    return result


def remainders(lines: dict[str, float], found: TricriticalExpansion, epsilon: float, wrong: float = 1.0) -> np.ndarray:
    """What the expansion leaves of the lines, by the power of epsilon that the remainder has."""
    a, b, c = (wrong * float(x) for x in (found.overlap_opening, found.strength_slope, found.strength_opening))
    root, w, q_c = np.sqrt(epsilon), found.point.strength, found.point.overlap
    upper, lower = lines["informed_spinodal strength"], lines["uninformed_spinodal strength"]
    return np.array([
        lines["informed_spinodal overlap"] - (q_c + a * root),
        lines["uninformed_spinodal overlap"] - (q_c - a * root),
        lines["informed_spinodal overlap"] - lines["uninformed_spinodal overlap"] - 2 * a * root,
        lines["first_order overlap"] - lines["lower"] - 2 * np.sqrt(3) * a * root,
        lines["first_order strength"] - (w + b * epsilon),
        (upper + lower) / 2 - (w + b * epsilon),
        lower - upper - 2 * c * epsilon * root,
    ])  # fmt: skip


#: powers of epsilon of the remainders: single overlaps, differences of overlaps, middle strengths, their difference
POWERS = np.array([1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 2.5])


@pytest.mark.parametrize(
    ("model", "path"),
    [(at.IsingPSpin(3), FLOW), (at.IsingPSpin(3), AUTO), (at.IsingPSpin(3), UNIFORM), (SPARSE, FLOW), (SPARSE, AUTO),
     (at.MixedPSpin("q**2/8 + q**4/2"), FLOW), (at.MixedPSpin("q/20 + q**3/2"), UNIFORM),
     (at.GLM(at.GaussBernoulli(0.1), at.LinearChannel(1e-4)), FLOW), (at.SpikedMatrixTensor(3, 0.8), FLOW)],
    ids=repr,
)  # fmt: skip
@pytest.mark.every(3)
def test_lines_of_phase_diagrams_approach_the_expansion(model: at.Model, path: at.Path) -> None:
    """A quarter of the distance leaves 4^-power of the remainder, to leading order."""
    found = tricritical_expansion(model, path)
    scale = 1e-3 * min(found.point.control, 4 * abs(found.point.strength / found.strength_slope.value))
    distances = scale * 4.0 ** -np.arange(3)
    lines = [at_distance(model, path, found, float(e)) for e in distances]
    rest = np.abs([remainders(line, found, e) for line, e in zip(lines, distances, strict=True)])
    order = np.log(rest[1:-1] / rest[2:]) / np.log(4)
    assert np.all(np.abs(order - POWERS) < 0.1), order
    # negative control: one percent off in the coefficients, and the remainders no longer vanish that fast
    wrong = np.abs([remainders(line, found, e, 1.01) for line, e in zip(lines, distances, strict=True)])
    order = np.log(wrong[1:-1] / wrong[2:]) / np.log(4)
    # (a single overlap's remainder of order epsilon may still hide the error)
    assert np.all(np.abs(order - POWERS)[:, 2:] > 0.3), order


def test_exponents_and_ratios() -> None:
    found = tricritical_expansion(at.IsingPSpin(3), FLOW)
    assert (found.overlap_exponent, found.strength_exponent) == (0.5, 1.5)
    assert found.first_order_opening.value / found.overlap_opening.value == pytest.approx(np.sqrt(3), rel=1e-15)
    # the jump at a spinodal is 3 a, that on the first-order line 2 sqrt(3) a
    assert found.first_order_jump.value / found.spinodal_jump.value == pytest.approx(2 / np.sqrt(3), rel=1e-15)
    # measured: where the uninformed branch ends the overlap jumps by 3 a sqrt(epsilon)
    epsilon = 1e-6
    control = found.point.control - epsilon
    (low, top), _ = at.equation_of_state(at.IsingPSpin(3), FLOW, control=control).folds
    landed = at.fixed_points(at.IsingPSpin(3), FLOW, control=control, strength=top * (1 + 1e-13)).informed.overlap
    assert (landed - low) / np.sqrt(epsilon) == pytest.approx(found.spinodal_jump.value, rel=5e-3)


def test_a_line_that_ends_towards_easier_inference() -> None:
    """Matrix and 6-tensor, autoregressive: the tensor alone has a transition, and less noise of the matrix ends it."""
    model = at.SpikedMatrixTensor(6, 0.19)
    found = tricritical_expansion(model, AUTO)
    assert found.direction == 1
    assert found.strength_slope.value > 0
    for distance, folds in ((0.01, 2), (-0.01, 0)):
        curve = at.equation_of_state(model, AUTO, control=found.point.control + distance)
        assert len(curve.folds) == folds
    with pytest.raises(InputError):
        found.lines(found.point.control - 0.01)
    lines = found.lines(found.point.control + 0.01)
    curve = at.equation_of_state(model, AUTO, control=found.point.control + 0.01)
    (low, top), (high, bottom) = curve.folds
    assert lines["uninformed_spinodal"]["overlap"] == pytest.approx(low, abs=2e-3)
    assert lines["informed_spinodal"]["overlap"] == pytest.approx(high, abs=2e-3)
    assert top - bottom == pytest.approx(
        lines["uninformed_spinodal"]["revealed"] - lines["informed_spinodal"]["revealed"], rel=0.02
    )


def test_lines_method() -> None:
    found = tricritical_expansion(at.SphericalPSpin(3), FLOW)
    controls = np.array([[2 / 3 - 1e-4], [2 / 3 - 1e-6]])
    lines = found.lines(controls)
    assert set(lines) == {"informed_spinodal", "first_order", "uninformed_spinodal"}
    assert lines["first_order"]["snr"].shape == (2, 1)
    assert lines["informed_spinodal"]["snr"][0, 0] == pytest.approx(0.125 - 9 / 8 * 1e-4 - 3 * 1e-6, abs=1e-12)
    assert lines["informed_spinodal"]["overlap"][1, 0] == pytest.approx(1 / 3 + 2 / 3 * 1e-3, abs=1e-9)
    assert lines["first_order"]["lower_overlap"][1, 0] == pytest.approx(1 / 3 - 2 / np.sqrt(3) * 1e-3, abs=1e-9)
    for bad in (0.7, np.nan, "cold", [0.6, 0.8]):
        with pytest.raises(InputError):
            found.lines(bad)


def test_no_tricritical_point_is_refused_with_the_reason() -> None:
    for model, path in [(at.SherringtonKirkpatrick(), FLOW), (at.SphericalPSpin(2), AUTO),
                        (at.GLM(at.Rademacher(), at.SignChannel()), FLOW)]:  # fmt: skip
        reason = at.thresholds(model, path).reasons["tricritical"]
        with pytest.raises(InputError) as caught:
            tricritical_expansion(model, path)
        assert reason in str(caught.value)
    for call in (
        lambda: tricritical_expansion(at.IsingPSpin(3), FLOW, number=1),
        lambda: tricritical_expansion(at.IsingPSpin(3), FLOW, number=-1),
        lambda: tricritical_expansion(at.Coloring(5), FLOW),
        lambda: tricritical_expansion("ising-p-spin", FLOW),
        lambda: tricritical_expansion(at.SphericalPSpin(3), UNIFORM),
    ):
        with pytest.raises(InputError):
            call()


def test_further_tricritical_points() -> None:
    model = at.MixedPSpin("q**3 + 30*q**24", at.Gaussian())
    special = at.thresholds(model, FLOW)
    assert len(special.further_tricritical) == 1
    first, second = (tricritical_expansion(model, FLOW, number=k) for k in (0, 1))
    assert first.point == special.tricritical
    assert second.point == special.further_tricritical[0]
    assert first.overlap_opening != second.overlap_opening


def test_coefficients_that_are_not_known_are_refused() -> None:
    """With bounds on F and its derivatives so wide that F_zz may vanish, no coefficient is returned."""
    from amp_theory.phases.points import expansion as normal_form

    model, path = at.SphericalPSpin(3), FLOW
    geo = normal_form.geometry_of(model, path)
    ((_, cusp),) = normal_form.sorted_cusps(geo)

    class Noisy(type(geo.eos)):  # type: ignore[misc]
        def errors(self, f: object) -> object:
            bounds = super().errors(f)
            return type(bounds)(*(1e13 * getattr(bounds, name) for name in type(bounds).__slots__))

    with pytest.raises(NumericalError):
        normal_form._coefficients(Noisy(model, path), cusp)


def test_texts_and_data() -> None:
    found = tricritical_expansion(SPARSE, AUTO)
    text, markup = str(found), found.to_html()
    for name in ("tricritical", "epsilon", "first order", "noise", "revealed"):
        assert name in text
    for number in (found.overlap_opening, found.strength_slope, found.strength_opening):
        assert f"<td>{number.value:.12g}</td>" in markup
    assert text == found.report()
    data = json.loads(json.dumps(found.to_dict()))
    assert data["overlap_opening"] == found.overlap_opening.value
    assert data["error"]["strength_slope"] == found.strength_slope.error
    assert data["direction"] == -1
    assert str(Coefficient(1.5, 1e-9)) == "1.5 +- 1e-09"
    assert float(Coefficient(1.5, 1e-9).times(-2.0)) == -3.0
    assert hash(found) == hash(tricritical_expansion(SPARSE, AUTO))


@pytest.mark.slow
def test_xorsat_by_density_evolution_against_its_closed_form() -> None:
    found = tricritical_expansion(at.XORSAT(3), AUTO)
    assert found.direction == 1
    check_exact(found, exact_coefficients(at.XORSAT(3), AUTO, 1), 1e-3)


@pytest.mark.slow
def test_bicoloring_lines_approach_the_expansion() -> None:
    model = at.Bicoloring(5)
    found = tricritical_expansion(model, FLOW)
    distances = [0.02, 0.005]
    rest = np.abs([remainders(at_distance(model, FLOW, found, e), found, e) for e in distances])
    order = np.log(rest[0] / rest[1]) / np.log(4)
    assert np.all(np.abs(order[:4] - POWERS[:4]) < 0.25), order
