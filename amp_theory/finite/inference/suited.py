"""Which message passing suits measurements of one's own: GAMP where Phi is like independent entries, else vector AMP.

GAMP of independent entries takes for granted that measurements of noise D tell variables of variance 1/gamma

    x = k alpha/(D + k v),    1/v = gamma + x,    k the mean sum of squares of a row,

in units where k = 1 for entries of variance 1/N, and that nothing is special about the vector of ones.  The singular
values of Phi give the x that is true, at gamma = 1/Var s and two noises; sums of rows and columns tell a mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from amp_theory.finite.inference.base import Inference, MessagePassingOptions
from amp_theory.finite.inference.gamp import run_gamp
from amp_theory.finite.inference.robust_gamp import FLUCTUATION, SLACK, run_robust_gamp
from amp_theory.finite.inference.run import run_message_passing
from amp_theory.finite.inference.vamp import run_vamp
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.tools.errors import InputError, one_of

#: standard errors of a sum of squares by which row sums tell a mean
DEVIATIONS = 6.0
#: noises at which x is compared, in units of the variance of z
NOISES = (0.01, 1.0)
#: the algorithms for measurements, by their names
ALGORITHMS = {"gamp": run_gamp, "robust-gamp": run_robust_gamp, "vamp": run_vamp}


@dataclass(frozen=True)
class Suited:
    """The name of an algorithm, and why it was chosen.

    Parameters
    ----------
    algorithm
        One of `ALGORITHMS`, or "message passing" for other instances than measurements.
    reason
        A sentence with the numbers.
    """

    algorithm: str
    reason: str


def suited_algorithm(instance: Instance) -> Suited:
    """Return the message passing that suits an instance, and the reason.

    Examples
    --------
    >>> from amp_theory import GLM, Rademacher, RowOrthogonalSensing, SignChannel, draw_instance
    >>> suited_algorithm(draw_instance(GLM(Rademacher(), SignChannel()), control=1.5, size=200, seed=0)).algorithm
    'gamp'
    >>> rows = RowOrthogonalSensing(Rademacher(), noise=0.1)
    >>> suited_algorithm(draw_instance(rows, control=0.5, size=200, seed=0)).algorithm
    'vamp'
    """
    if not isinstance(instance, GLMInstance):
        return Suited("message passing", "the model has one message passing only")
    size, unit = instance.size, instance.row_norm
    if abs(unit - 1) > SLACK + FLUCTUATION / size:
        return Suited("vamp", f"a row of Phi has {unit:.4g} as mean sum of squares, GAMP is for one")
    if not unit:
        return Suited("vamp", "all entries of Phi are zero")
    for sums, name in ((instance.sensing.sum(axis=1), "row"), (instance.sensing.sum(axis=0), "column")):
        across = unit / size * (instance.sensing.size / len(sums))
        ratio = float(sums @ sums) / (across * len(sums))
        if ratio > 1 + DEVIATIONS * math.sqrt(2 / len(sums)):
            return Suited("vamp", f"Phi has a mean: squares of {name} sums are {ratio:.4g} times those without one")
    found = [_told(instance, noise * unit) for noise in NOISES]
    off = max((abs(true / usual - 1) for true, usual in found), default=0.0)
    what = f"the singular values of Phi tell variables {off:.2g} more or less, relative, than independent entries do"
    return Suited("vamp" if off > SLACK + FLUCTUATION / size else "gamp", what)


def _told(instance: GLMInstance, noise: float) -> tuple[float, float]:
    """Return x of the singular values, and that of independent entries."""
    squares, size, ratio = instance.singular_values**2, instance.size, instance.sampling_ratio
    gamma, unit = 1 / instance.variables.variance, instance.row_norm
    left = (size - len(squares) + float((noise * gamma / (noise * gamma + squares)).sum())) / size
    # unit gamma v^2 + (gamma D + unit (alpha - 1)) v - D = 0
    half = (gamma * noise + unit * (ratio - 1)) / 2
    root = math.sqrt(half * half + unit * gamma * noise)
    v = noise / (half + root) if half > 0 else (root - half) / (unit * gamma)
    return gamma * (1 - left) / left, unit * ratio / (noise + unit * v)


def run_suited(
    instance: Instance, algorithm: str = "auto", options: MessagePassingOptions | None = None
) -> tuple[Inference, Suited]:
    """Run message passing by name, and tell which and why.

    Parameters
    ----------
    instance
        An instance.
    algorithm
        "auto" for the one that suits; of measurements "gamp", "robust-gamp" or "vamp".
    options
        Damping, tolerance, number of iterations.

    Returns
    -------
    tuple
        What was found, and which algorithm has found it for what reason.

    Raises
    ------
    InputError
        For another name, or one that is not for the instance.
    """
    one_of("algorithm", algorithm, ["auto", *ALGORITHMS])
    if algorithm == "auto":
        suited = suited_algorithm(instance)
    elif isinstance(instance, GLMInstance):
        suited = Suited(algorithm, "it was asked for")
    else:
        raise InputError(f"algorithm = {algorithm!r} is for measurements, {instance!r} has one algorithm: leave it out")
    run = ALGORITHMS.get(suited.algorithm, run_message_passing)
    return run(instance, options=options), suited
