"""AMP on finite instances against state evolution, iteration by iteration.

The overlap of AMP's iterates with the planted configuration, averaged over instances, follows state evolution up to
corrections of order 1/size.  Least squares fit mean differences

    d_n(t) = a(t) + b(t)/n

at the iterations 2, 4, 8, ....  With a the sum over sizes of w_n d_n, and V that of w_n^2 S_n/m, S_n being the
covariance between iterations of m instances, a(t) = 0 is tested by Hotelling's T^2 = a.V^-1 a.  Every size has a
covariance of its own, which is estimated: the degrees of freedom nu of all together are those of Krishnamoorthy and Yu
(Statistics & Probability Letters 66, 2004),

    nu = (p + p^2)/sum_n [Tr R_n^2 + (Tr R_n)^2]/(m - 1),   R_n = w_n^2 S_n V^-1/m

of p iterations, and T^2 (nu - p + 1)/(nu p) has the law F(p, nu - p + 1).  More iterations say no more: neighbours are
nearly copies of each other.  Where there are two kinds of variables the differences of both are tested together.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from amp_theory.finite.inference.base import MessagePassingOptions
from amp_theory.finite.inference.run import run_message_passing
from amp_theory.finite.inference.vamp import run_vamp
from amp_theory.finite.instances.base import check_master_seed
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.draw import draw_instance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.rotational import RotationalInstance
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.base import Path
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_point
from amp_theory.phases.points.state_evolution import state_evolution
from amp_theory.phases.points.vector_evolution import vector_overlaps
from amp_theory.tools.arrays import Array
from amp_theory.tools.checkpoints import Result, State
from amp_theory.tools.errors import InputError, as_list, integer_between, told, unknown_name
from amp_theory.tools.reports import Reported
from amp_theory.tools.runs import run_tasks
from amp_theory.tools.tables import ResultTable, of_grid, of_rows

#: a tolerance that no change of an overlap meets, so that all iterations are done
NEVER = 1e-300
#: overlaps of instances that differ by rounding only
SAME = 1e-12
#: the part of a difference that earlier iterations do not tell, relatively, where it is rounding only
ALIKE = 1e-10


@dataclass(frozen=True)
class AmpRun:
    """AMP on one instance: a task of `run_tasks`; parameters as for `amp_against_state_evolution`."""

    model: Model
    path: Path
    control: float
    strength: float
    size: int
    iterations: int
    vector: bool = False

    def start(self, rng: np.random.Generator) -> State:
        """Draw the seed of the instance."""
        return {"seed": rng.integers(0, 2**63, 1), "overlap": np.empty(0)}

    def advance(self, state: State, rng: np.random.Generator) -> None:
        """Run AMP."""
        instance = draw_instance(self.model, self.control, self.size, int(state["seed"][0]))
        assert instance.planted is not None
        side = instance.observe(self.path, self.strength, rng)
        options = MessagePassingOptions(max_iterations=self.iterations, tolerance=NEVER, keep_iterates=True)
        run = run_vamp if self.vector else run_message_passing
        found = run(instance, side, options=options)
        product = np.array(found.iterates)[1:, 0] * instance.planted
        overlap = np.array(instance._kind_means(product))
        # AMP ends early where its means do not change in the least
        rest = self.iterations - overlap.shape[1]
        state["overlap"] = np.append(overlap, np.repeat(overlap[:, -1:], rest, axis=1), axis=1)

    def finished(self, state: State) -> bool:
        """Tell whether the instance is done."""
        return len(state["overlap"]) > 0

    def result(self, state: State) -> Result:
        """Return the overlaps of every kind after every iteration."""
        return {"overlap": state["overlap"].ravel().tolist()}


@dataclass(frozen=True, eq=False)
class AmpComparison(Reported):
    """What `amp_against_state_evolution` found.

    Parameters
    ----------
    sizes
        Numbers of variables, shape (sizes,).
    theory
        Overlap of state evolution after every iteration, shape (iterations,).
    overlap
        Overlap of AMP, shape (sizes, instances, iterations).
    tested
        Iterations that the test is made of.
    extrapolated, extrapolated_error
        AMP minus state evolution at infinite size, and the standard error, at the tested iterations.
    p_value
        Probability of extrapolated differences as large as these, if there is none; of both kinds of variables together
        where there are two.
    other_kind
        Of models with two kinds of variables the same for v, with a p value of its own; all above is that of u.

    See Also
    --------
    amp_against_state_evolution : With an example.
    """

    sizes: tuple[int, ...]
    theory: Array
    overlap: Array
    tested: tuple[int, ...]
    extrapolated: Array
    extrapolated_error: Array
    p_value: float
    other_kind: AmpComparison | None = None

    @property
    def difference(self) -> Array:
        """Mean over instances of AMP minus state evolution, shape (sizes, iterations)."""
        return np.asarray(self.overlap.mean(axis=1) - self.theory)

    @property
    def difference_error(self) -> Array:
        """Its standard error, shape (sizes, iterations)."""
        return np.asarray(self.overlap.std(axis=1, ddof=1) / np.sqrt(self.overlap.shape[1]))

    def report(self) -> str:
        """Return a readable text."""
        lines = [f"{'iteration':<10}{'theory':>10}" + "".join(f"{f'AMP - theory, N = {n}':>28}" for n in self.sizes)]
        for t in range(len(self.theory)):
            row = zip(self.difference[:, t], self.difference_error[:, t], strict=True)
            lines.append(f"{t + 1:<10}{self.theory[t]:>10.5f}" + "".join(f"{d:>+17.5f} +- {e:.5f}" for d, e in row))
        for t, a, e in zip(self.tested, self.extrapolated, self.extrapolated_error, strict=True):
            lines.append(f"iteration {t} at infinite size: {a:+.5f} +- {e:.5f}")
        lines.append(f"p value of no difference: {self.p_value:.3g}")
        return "\n".join(lines if self.other_kind is None else [*lines, "the v:", self.other_kind.report()])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the fields, those of v where there are two kinds of variables."""
        content = super().to_dict()
        del content["other_kind"]
        return content if self.other_kind is None else content | {"other_kind": self.other_kind.to_dict()}

    def _summary(self) -> str:
        what = f"AMP against state evolution, {len(self.theory)} iterations, sizes {', '.join(map(str, self.sizes))}"
        return f"{what}; p value of no difference: {self.p_value:.3g}"

    def table(self) -> ResultTable:
        """Return theory, mean overlap of AMP and their difference for every size and iteration, errors being standard.

        Where the iteration is one of those tested, a row of infinite size holds the extrapolated difference.  Of v
        `other_kind.table()`.
        """
        axes = {"size": np.asarray(self.sizes, dtype=float), "iteration": np.arange(1, len(self.theory) + 1)}
        columns = {
            "theory": self.theory, "overlap": self.overlap.mean(axis=1), "difference": self.difference,
            "error_of_difference": self.difference_error,
        }  # fmt: skip
        grid = of_grid(f"AMP against state evolution, p value {self.p_value:.3g}", axes, columns)
        theory = [self.theory[t - 1] for t in self.tested]
        means = [q + d for q, d in zip(theory, self.extrapolated, strict=True)]
        ends = zip(self.tested, theory, means, self.extrapolated, self.extrapolated_error, strict=True)
        return of_rows(grid.title, list(grid.columns), [*grid.rows(), *((math.inf, *row) for row in ends)])


def extrapolate(sizes: Sequence[int], differences: Array) -> tuple[Array, Array, float]:
    """Fit mean differences, shape (sizes, instances, iterations), with a + b/size.

    Returns
    -------
    extrapolated, error, p_value
        a and its standard error, shape (iterations,), and the p value of a = 0.

    Raises
    ------
    InputError
        If there are no more instances than iterations, or an iteration repeats earlier ones up to rounding.
    """
    from scipy.stats import f

    _, instances, steps = differences.shape
    if instances <= steps:
        raise InputError(
            f"{instances} instances do not tell the covariance of {steps} differences: take more, or fewer iterations"
        )
    n = np.array(sizes, dtype=float)
    design = np.column_stack([np.ones(len(n)), 1 / n])
    # of variances like 1/n; of any others a is as well without bias, and its covariance is that of the instances
    weights = np.linalg.solve(design.T @ (n[:, None] * design), (n[:, None] * design).T)[0]
    a = weights @ differences.mean(axis=1)
    residuals = weights[:, None, None] * (differences - differences.mean(axis=1, keepdims=True))
    residuals /= math.sqrt(instances * (instances - 1))
    spread = np.sqrt((residuals**2).sum(axis=(0, 1)))
    # the covariance of a is R^T R; its condition is not squared
    whitened, root = np.linalg.qr(residuals.reshape(-1, steps))
    if np.any(np.abs(np.diag(root)) <= ALIKE * spread):
        raise InputError("an iteration repeats earlier ones up to rounding: choose fewer iterations")
    statistic = float((np.linalg.solve(root.T, a) ** 2).sum())
    parts = whitened.reshape(len(n), instances, steps)
    shares = np.swapaxes(parts, 1, 2) @ parts
    squares = ((shares**2).sum(axis=(1, 2)) + np.trace(shares, axis1=1, axis2=2) ** 2).sum()
    freedom = (instances - 1) * (steps + steps**2) / float(squares)
    rest = freedom - steps + 1
    return a, spread, float(f.sf(statistic * rest / (freedom * steps), steps, rest))


def amp_against_state_evolution(
    model: Model, path: Path, control: float | None = None, strength: float | None = None, sizes: Sequence[int] = (),
    instances: int = 20, seed: int = 0, iterations: int = 8, executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None, progress: Callable[[int, int], None] | None = None,
    algorithm: str | None = None, **named: float,
) -> AmpComparison:  # fmt: skip
    """Run AMP on planted instances of several sizes and extrapolate its distance from state evolution to infinite size.

    Parameters
    ----------
    model, path, control, strength, **named
        A dense model with a polynomial coupling, measurements or one with two kinds of variables, and where on
        the path; with some side information, strength > 0, AMP knows which symmetric configuration is meant.
        Or by own names: temperature=0.7.
    sizes, instances
        At least three numbers of variables, as for `draw_instance`; how many instances of every size, >= 10.
    seed
        An integer >= 0.
    iterations
        Of AMP, >= 2.
    executor, checkpoint, progress
        As for `simulate`.
    algorithm
        "vector" for vector AMP (`run_vamp`) of measurements, or None for the one that fits: vector AMP where the model
        gives singular values, else AMP.

    Returns
    -------
    AmpComparison
        Overlaps of AMP and of state evolution, and how likely their differences are by chance.

    Raises
    ------
    InputError, FileError
        For bad arguments; if the checkpoint belongs to another problem.

    Examples
    --------
    >>> from amp_theory import Flow, SherringtonKirkpatrick
    >>> found = amp_against_state_evolution(SherringtonKirkpatrick(), Flow(), 1.5, 0.5, [50, 100, 200])
    >>> found.theory.shape, bool(found.p_value > 1e-3)
    ((8,), True)
    """
    master, steps = check_master_seed(seed), integer_between("iterations", iterations, 2, 10**6)
    number = integer_between("instances", instances, 10, 10**6)
    ns = tuple(integer_between("sizes", n, 2, 10**7) for n in as_list("sizes", sizes))
    if len(set(ns)) < 3:
        raise InputError(f"sizes must be at least three different numbers, got {told(sizes)}")
    control, strength = at_point(model, path, control, strength, named)
    vector = _is_vector(model, control, min(ns), algorithm)
    theory = _theory(model, path, control, strength, steps, vector)
    problem: dict[str, Any] = {
        "model": model.name, **model.parameters, "path": path.name, "control": float(control),
        "strength": float(strength), "sizes": list(ns), "instances": number, "iterations": steps,
    } | ({"algorithm": "vector"} if vector else {})  # fmt: skip
    tasks = [AmpRun(model, path, float(control), float(strength), n, steps, vector) for n in ns for _ in range(number)]
    results = run_tasks(tasks, master, problem, executor, checkpoint, progress)
    overlap = np.array([r["overlap"] for r in results]).reshape(len(ns), number, len(theory), steps)
    return _compared(ns, theory, np.moveaxis(overlap, 2, 0))


def _is_vector(model: Model, control: float, size: int, algorithm: str | None) -> bool:
    """Return whether vector AMP is meant, after checking that the model has instances for AMP of either kind."""
    if algorithm not in (None, "vector"):
        raise unknown_name("algorithm", told(algorithm), ["vector"])
    instance = draw_instance(model, control, size, 0)
    if not isinstance(instance, DenseInstance | GLMInstance | TwoSidesInstance):
        raise InputError(f"AMP is for dense models, got {told(model)}")
    return algorithm is not None or isinstance(instance, RotationalInstance)


def _compared(ns: tuple[int, ...], theory: Array, overlap: Array) -> AmpComparison:
    """Compare overlaps, shape (kinds, sizes, instances, iterations), with theory, shape (kinds, iterations)."""
    kinds, steps = theory.shape
    tested = tuple(t for t in (2**k for k in range(1, 20)) if t <= steps)
    columns = np.array(tested) - 1
    differences = (overlap - theory[:, None, None])[..., columns]
    for values in overlap:
        _check_differences(values[..., columns])
    found = AmpComparison(ns, theory[0], overlap[0], tested, *extrapolate(ns, differences[0]))
    if kinds == 1:
        return found
    _, _, p_value = extrapolate(ns, np.concatenate([*differences], axis=-1))
    return replace(found, p_value=p_value, other_kind=_compared(ns, theory[1:], overlap[1:]))


def _check_differences(overlap: Array) -> None:
    """Raise an `InputError` if all instances have the same overlap, of shape (sizes, instances, iterations)."""
    if np.ptp(overlap, axis=1).min() <= SAME:
        raise InputError(
            "AMP's overlap is the same in all instances, as without side information at q = 0, or where AMP recovers "
            "them exactly: choose a strength > 0, or fewer iterations"
        )


def _theory(model: Model, path: Path, control: float, strength: float, steps: int, vector: bool) -> Array:
    """Return the overlaps after every iteration of state evolution, shape (kinds, iterations); v comes before u."""
    if vector:
        return vector_overlaps(model, path, control, strength, steps)[None]
    run = state_evolution(model, path, control, strength, max_steps=steps, tolerance=NEVER)
    theory = run.overlap[1:]
    if len(theory) < steps:
        raise InputError(
            f"state evolution stands still at overlap {theory[-1]:g} from iteration {len(theory)} on: "
            "choose a strength > 0, or fewer iterations"
        )
    return np.array([theory] if run.overlap_v is None else [theory, run.overlap_v[:-1]])
