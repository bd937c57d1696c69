"""Closed forms of linear measurements, y = Phi s + sqrt(Delta) w: xi'(q) = alpha/(Delta + rho - q).

For Gaussian variables (rho = 1) state evolution is a quadratic equation in the overlap,

    flow:            (q - snr (1-q)) (Delta + 1 - q) = alpha (1-q),
    autoregressive:  (q - theta) (Delta + 1 - q) = alpha (1-q),

whose left side minus right side is <= 0 at q = 0, Delta > 0 at q = 1 (times 1 - theta) and falls again beyond: the
overlap is the smaller root.  It is unique at every strength, so that nothing ever jumps: a marginal fixed point
would need alpha = (1 + Delta/(1-q))^2, and with it snr = -[1 + Delta/(1-q)^2] < 0, theta = -[(1-q) + Delta/(1-q)] < 0.
"""

from __future__ import annotations

import sympy

from amp_theory.exact.formulas.result import ClosedForms
from amp_theory.exact.formulas.setting import COORDINATES, Setting, q
from amp_theory.ingredients.paths.named import Autoregressive, Flow

UNIQUE = "the overlap is unique and continuous at every sampling_ratio and strength"


def linear_forms(setting: Setting) -> ClosedForms:
    """Return the formulas for a linear channel: for Gaussian variables, else none but the reason."""
    weak = "q = 0 is not a fixed point: the coupling has a linear term (a field)"
    names = ("dynamical", "condensation", "algorithmic", "tricritical")
    if not setting.gaussian or type(setting.path) not in (Flow, Autoregressive):
        reason = "the overlap M(x) of the prior has no closed form"
        reasons = dict.fromkeys(("equation_of_state", "free_entropy", "spinodal", "overlap", *names), reason)
        return ClosedForms(
            setting.title, setting.control, setting.strength, setting.symbols,
            reasons=reasons | {"weak_recovery": weak},
        )  # fmt: skip
    delta, alpha, s = setting.noise, setting.intensity, COORDINATES[setting.strength]
    assert delta is not None
    x = alpha / (delta + 1 - q)
    xi = alpha * sympy.log((delta + 1) / (delta + 1 - q))
    if isinstance(setting.path, Autoregressive):
        strength = q - (1 - q) * x
        b, c = 1 + delta + s + alpha, s * (1 + delta) + alpha
        a = sympy.Integer(1)
        entropy = ((1 - q) * (x - (1 + x) * sympy.log(1 + x)) + xi) / 2
    else:
        strength = q / (1 - q) - x
        a, b, c = 1 + s, (1 + s) * (1 + delta) + s + alpha, s * (1 + delta) + alpha
        entropy = (q / (1 - q) + sympy.log(1 - q) - q * x + xi) / 2
    reasons = dict.fromkeys((*names, "spinodal"), UNIQUE)
    if delta == 0:
        recovered = "at sampling_ratio >= 1 the overlap is 1: without noise as many measurements as variables suffice"
        reasons = dict.fromkeys((*names, "spinodal"), recovered)
    return ClosedForms(
        setting.title, setting.control, setting.strength, setting.symbols, strength, entropy,
        (b - sympy.sqrt(b**2 - 4 * a * c)) / (2 * a), q * (delta + 1 - q) / (1 - q),
        reasons=reasons | {"weak_recovery": weak},
    )  # fmt: skip
