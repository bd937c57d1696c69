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

from amp_theory.exact.formulas.paths import gaussian_path
from amp_theory.exact.formulas.result import ClosedForms
from amp_theory.exact.formulas.setting import Setting, q

UNIQUE = "the overlap is unique and continuous at every sampling_ratio and strength"


def linear_forms(setting: Setting) -> ClosedForms:
    """Return the formulas for a linear channel: for Gaussian variables, else none but the reason."""
    weak = "q = 0 is not a fixed point: the coupling has a linear term (a field)"
    names = ("dynamical", "condensation", "algorithmic", "tricritical")
    delta, alpha, s = setting.noise, setting.intensity, setting.symbols[setting.strength]
    assert delta is not None
    path = gaussian_path(setting.path) if setting.gaussian else None
    quadratic = path.linear(delta, alpha, s) if path is not None else None
    if path is None or quadratic is None:
        reason = "the overlap M(x) of the prior has no closed form"
        reasons = dict.fromkeys(("equation_of_state", "free_entropy", "spinodal", "overlap", *names), reason)
        return ClosedForms(
            setting.title, setting.control, setting.strength, setting.symbols,
            reasons=reasons | {"weak_recovery": weak},
        )  # fmt: skip
    a, b, c = quadratic
    x = alpha / (delta + 1 - q)
    xi = alpha * sympy.log((delta + 1) / (delta + 1 - q))
    strength, entropy = path.h - path.m * x, path.free_entropy(x, xi, q * x - xi)
    reasons = dict.fromkeys((*names, "spinodal"), UNIQUE)
    if delta == 0:
        recovered = "at sampling_ratio >= 1 the overlap is 1: without noise as many measurements as variables suffice"
        reasons = dict.fromkeys((*names, "spinodal"), recovered)
    return ClosedForms(
        title=setting.title,
        control=setting.control,
        strength=setting.strength,
        symbols=setting.symbols,
        equation_of_state=strength,
        free_entropy=entropy,
        overlap=(b - sympy.sqrt(b**2 - 4 * a * c)) / (2 * a),
        zero_strength=q * (delta + 1 - q) / (1 - q),
        reasons=reasons | {"weak_recovery": weak},
    )
