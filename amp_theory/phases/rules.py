"""Which sampler works where: denoising samplers against Monte Carlo and Langevin dynamics.

- flow, autoregressive, uniform-diffusion: the sampler's denoiser is message passing, which follows the uninformed
  branch; it succeeds where that branch stays the global maximiser of the free entropy along the whole path.
- mcmc: local Monte Carlo from a random start equilibrates fast where no second branch exists at zero strength (above
  the dynamical temperature); where two branches coexist it stays where it starts.  With more signal than where the
  uninformed branch ends by a jump, glassy states may trap it (arXiv:1805.05857, arXiv:1812.09066: matrix and
  matrix-tensor models) or may not; where threshold states are defined two heuristics tell, and may disagree
  (threshold_states.py), elsewhere no theory does.  Constraints that hold exactly stop single moves whatever the
  branches say.
- langevin: as Monte Carlo, for continuous variables.
- any product path, any denoiser (bound): what is possible and what is not, by `optimal` (module `bounds`).

A verdict names its algorithm (message passing, local moves), and the other algorithms that are known to do better.
How sure it is: `theorem` (proven, with the source in the reason), `conjecture` (AMP is the best polynomial-time
denoiser; dynamics follow the equilibrium branches), `bound`, `heuristic`, or `unknown`.  Models that are the same
measure - equal law of the prior, equal coupling - get the same verdicts, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np

from amp_theory.dynamics.ageing import Ageing
from amp_theory.dynamics.threshold_states import ThresholdStates, threshold_states
from amp_theory.dynamics.trapping_lines import why_not_defined
from amp_theory.equations_of_state.base import EquationOfState
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.priors.named import two_signs
from amp_theory.models.base import Model, Target, as_model
from amp_theory.phases.accuracy.sampling_error import SamplingError, sampling_error
from amp_theory.phases.bounds import Bounds, Failing, Interval, failures, passed_by_none
from amp_theory.phases.comparison import BOUNDS, Algorithm, Certainty, Comparison, SamplerVerdicts, Verdict
from amp_theory.phases.geometry.geometry import Geometry
from amp_theory.phases.geometry.solved import geometry_of
from amp_theory.phases.optimal.attained import named_paths
from amp_theory.phases.optimal.best_path import best_path
from amp_theory.phases.points.targets import contiguous_up_to, described_up_to, frozen, known_exceptions
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.phases.points.zero_strength import BLURRED, no_second_branch
from amp_theory.phases.random_measures import random_comparison
from amp_theory.tools.arrays import EPS
from amp_theory.tools.errors import InputError, NumericalError
from amp_theory.tools.progress import tracked
from amp_theory.tools.registration import ByClass
from amp_theory.tools.results import Located

Answer = tuple[bool | None, Certainty, str]
SAMPLERS = ("flow", "autoregressive", "uniform-diffusion", "mcmc", "langevin")


def compare_samplers(model: Model, target: Target | None = None) -> Comparison:
    """Tell for which controls each sampler succeeds, why, and how sure that is.

    Parameters
    ----------
    model
        The model.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.

    Returns
    -------
    Comparison
        For every sampler its verdicts by rising control, and those on any path of independent information ("any product
        path") and on any denoiser ("any denoiser (bound)"), which are computed when they are asked for.

    Raises
    ------
    InputError
        If the model has no such target.
    NumericalError
        If a solver fails.

    References
    ----------
    arXiv:2308.14085 for the denoisers; the reason of every verdict names its own source.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> result = compare_samplers(IsingPSpin(p=3))
    >>> result["mcmc"].at(0.70).succeeds, result["flow"].at(0.70).succeeds
    (True, False)
    """
    if as_model(model).outer_overlap:
        return random_comparison(model, model.check_target(target))
    judge = _judge(model, as_model(model).check_target(target))
    signs = judge.prior.unbiased_sign and not model.sides
    paths = [*sided_paths(model), *([UniformDiscreteDiffusion()] if signs else [])]
    rows = [judge.denoiser(path) for path in tracked(paths, "paths")]
    if not signs:
        rows.append(judge.not_binary())
    local = judge.monte_carlo()
    judged = (*rows, local, judge.langevin(local))
    return Comparison(model, judge.target, judged, partial(_bounds, model, judge.target))


def dynamics_verdicts(model: Model, target: Target) -> SamplerVerdicts:
    """Return the verdicts on local moves alone: Monte Carlo, and Langevin dynamics where variables are continuous."""
    return _judge(model, target).monte_carlo()


def _judge(model: Model, target: Target) -> _Judge:
    return _Judge(model, target, geometry_of(model, Flow()))


def _bounds(model: Model, target: Target) -> tuple[SamplerVerdicts, ...]:
    """Return the verdicts on any path of independent information, and on any denoiser."""
    return _judge(model, target).bounds()


def _size(model: Model, path: Path, target: Target, control: float) -> SamplingError:
    """Return how wrong a denoiser is at one control."""
    return sampling_error(model, path, control, target=target)


_TRAPPED = (
    "glassy states exist here in matrix and matrix-tensor models, and may trap the dynamics (arXiv:1805.05857, "
    "arXiv:1812.09066)"
)
_SEEN = (
    "on the aging line fewer than e such states are expected below some {:.2g} variables, and how many it takes to see "
    "trapping is not known"
)
_TWO_KINDS = "nothing is derived for the dynamics of variables of two kinds"


class _Judge:
    """Works in intensities, where inference is easier upwards."""

    def __init__(self, model: Model, target: Target, geo: Geometry) -> None:
        self.model, self.target, self.geo = model, target, geo
        self.eos: EquationOfState = geo.eos
        self.prior = geo.eos.prior
        self.special = thresholds(model, Flow())
        self.contiguous = contiguous_up_to(model, self.special)
        self.limit, self.beyond = described_up_to(model, geo.eos, self.special, target)
        self.exceptions = known_exceptions(model)
        jump = self.special.algorithmic
        self.algorithmic = np.inf if jump is None else float(model.intensity(np.array(jump.control)))
        self.frozen = frozen(model)
        self.coupling = model.polynomial
        self.ageing: Ageing | None = None
        if model.spherical and self.coupling is not None and geo.eos.symmetric:
            self.ageing = Ageing(self.coupling)
        self.boundaries = self.ageing.changes() if self.ageing else []
        self.states = self._states()
        if self.states is not None:
            # before this point the branches decide
            known = min(self.algorithmic, self.eos.start)
            self.boundaries = sorted({*self.boundaries, *(x for x in self.states.changes() if x > known)})

    def _states(self) -> ThresholdStates | None:
        """Return the threshold states where they say something, and beyond what is known without them."""
        if not np.isfinite(self.algorithmic) and not (self.eos.symmetric and np.isfinite(self.eos.start)):
            return None
        if self.target == "random" or why_not_defined(self.model):
            return None
        found = threshold_states(self.model)
        return found if found.judges else None

    def _verdicts(
        self, sampler: str, algorithm: Algorithm, cuts: list[float], judge: Callable[[float], Answer],
        special: Sequence[Located],
    ) -> SamplerVerdicts:  # fmt: skip
        """Judge the middle of every interval between the cuts, and join equal neighbours."""
        ends = [0.0]
        for cut in sorted(c for c in [*cuts, self.limit] if 0 < c < np.inf):
            # the same point by two ways differs by rounding
            ends += [cut] if cut > ends[-1] * (1 + 8 * EPS) else []
        ends.append(np.inf)
        rows: list[tuple[float, float, Answer]] = []
        for a, b in pairwise(ends):
            middle = 2 * a if np.isinf(b) else 0.5 * (a + b)
            answer = judge(middle or 1.0) if middle < self.limit else (None, _UNKNOWN, self.beyond)
            if rows and rows[-1][2] == answer:
                rows[-1] = (rows[-1][0], b, answer)
            else:
                rows.append((a, b, answer))
        verdicts = []
        for a, b, answer in rows:
            lo, hi = sorted((self._control(a), self._control(b)))
            verdicts.append(self._verdict(algorithm, answer, lo, hi))
        verdicts.sort(key=lambda v: v.lo)
        # the end of what the equations describe has its error bound subtracted already
        end = self._control(self.limit)
        around = tuple(0.0 if v.hi == end else _resolution(v.hi, special) for v in verdicts[:-1])
        return SamplerVerdicts(sampler, self.model, tuple(verdicts), around)

    def _verdict(self, algorithm: Algorithm, answer: Answer, lo: float = 0.0, hi: float = float("inf")) -> Verdict:
        exceptions = "" if answer[0] else self.exceptions
        return Verdict(lo, hi, *answer, algorithm, self.target, exceptions)

    def _control(self, intensity: float) -> float:
        if intensity == 0 or np.isinf(intensity):
            return float("inf") if (intensity == 0) == (self.model.easier == "down") else 0.0
        return float(self.model.from_intensity(np.array(intensity)))

    # --- denoisers ---

    def denoiser(self, path: Path) -> SamplerVerdicts:
        """Fail where the uninformed branch ends by a fold at positive strength."""
        ends = self._ends(path)
        name = path.name if path.side is None else f"{path.name} on {path.side}"

        def judge(intensity: float) -> Answer:
            if any(a <= intensity <= b for a, b in ends):
                return False, "conjecture", f"{_called(path)} crosses a first-order transition"
            return True, *self._proof(path, intensity)

        found = self._verdicts(name, "message passing", self._cuts(ends), judge, _located(self.model, path))
        return replace(found, sized=partial(_size, self.model, path, self.target))

    def _ends(self, path: Path) -> list[Interval]:
        """Return the intervals of the intensity in which the uninformed branch ends along a path."""
        pieces = geometry_of(self.model, path).curve.pieces
        return [(max(float(p.least), 0.0), p.limit) for p in pieces if not p.appears and p.limit > 0]

    def _cuts(self, ends: Iterable[Interval]) -> list[float]:
        return [x for pair in ends for x in pair] + [self.contiguous, *self.boundaries]

    def bounds(self) -> tuple[SamplerVerdicts, ...]:
        """Judge all paths of independent information at once, and all denoisers; where nothing is known, say why."""
        if self.model.sides:
            # no optimum is known: paths with a name tell what works, a second branch what does not
            second = passed_by_none(self._coexisting())
            paths = sided_paths(self.model)
            special = [point for path in paths for point in _located(self.model, path)]
            return self._bound_rows(paths, Bounds(second, second, 0.0), special)
        try:
            found = best_path(self.model)
        except (InputError, NumericalError) as error:
            return tuple(self._none(name, "message passing", str(error)) for name in BOUNDS)
        # of several that work the best speaks, unless another is proven to
        paths = sorted(named_paths(self.prior), key=lambda path: path.name != found.attained_by)
        ends = {path.name: self._ends(path) for path in paths}
        special = [p for p in (*found.points().values(), *found.paths.values()) if isinstance(p, Located)]
        return self._bound_rows(paths, failures(self.model, found, ends, self._coexisting()), special)

    def _bound_rows(self, paths: list[Path], bounds: Bounds, special: Sequence[Located]) -> tuple[SamplerVerdicts, ...]:
        """Return the verdicts on any path and on any denoiser, given what excludes all of them."""
        ends = {path: self._ends(path) for path in paths}
        rows = []
        for name, failing in zip(BOUNDS, (bounds.product, bounds.denoiser), strict=True):
            cuts = self._cuts([*(pair for pairs in ends.values() for pair in pairs), *((f.lo, f.hi) for f in failing)])
            judge = partial(self._bounded, ends, failing, bounds.reached)
            rows.append(self._verdicts(name, "message passing", [*cuts, bounds.reached], judge, special))
        return tuple(rows)

    def _coexisting(self) -> list[Interval]:
        """Return the intervals of the intensity in which several branches exist at zero strength."""
        cuts = sorted({x for b in self.geo.zero for x in (b.start, b.stop)})
        return [(a, b) for a, b in pairwise(cuts) if sum(z.start <= a and b <= z.stop for z in self.geo.zero) > 1]

    def _bounded(
        self, ends: dict[Path, list[Interval]], failing: Iterable[Failing], reached: float, intensity: float
    ) -> Answer:
        """Judge what one path can do by all that work, and what none can by the bounds."""
        working = [path for path, pairs in ends.items() if not any(a <= intensity <= b for a, b in pairs)]
        proofs = [self._proof(path, intensity) for path in working]
        if proofs:
            return True, *min(proofs, key=lambda proof: proof[0] != "theorem")
        for here in failing:
            if here.lo <= intensity <= here.hi:
                return False, here.certainty, here.reason
        if intensity < reached:
            return (
                True,
                "heuristic",
                "a path without a name goes through the optimal laws that were computed (best_path)",
            )
        return None, _UNKNOWN, "every path with a name crosses a transition here, and no bound excludes all others"

    def _proof(self, path: Path, intensity: float) -> tuple[Certainty, str]:
        source = theorem(path, self, intensity)
        if not source and geometry_of(self.model, path).unseen_strength is not None:
            return "conjecture", f"no first-order transition is seen on {_called(path)}; {BLURRED}"
        free = f"{_called(path)} meets no first-order transition"
        return ("theorem", f"{free} ({source})") if source else ("conjecture", free)

    @property
    def is_sherrington_kirkpatrick(self) -> bool:
        """Whether the measure is that of pairs of equally likely signs, whatever the model's name."""
        c = self.coupling
        return (
            c is not None
            and two_signs(self.prior)
            and not c.fixed_terms
            and {power for power, _ in c.scaled_terms} == {2}
        )

    def not_binary(self) -> SamplerVerdicts:
        """Give no verdict on uniform discrete diffusion where the variables are not +-1."""
        kinds = "variables of one kind" if self.model.sides else "unbiased +-1 variables"
        return self._none(UniformDiscreteDiffusion.name, "message passing", f"defined for {kinds} only")

    def _none(self, sampler: str, algorithm: Algorithm, reason: str) -> SamplerVerdicts:
        return SamplerVerdicts(sampler, self.model, (self._verdict(algorithm, (None, _UNKNOWN, reason)),))

    # --- dynamics ---

    def monte_carlo(self) -> SamplerVerdicts:
        """Judge local Monte Carlo from a random start by the branches at zero strength."""
        if self.model.sides:
            return self._none("mcmc", "local moves", _TWO_KINDS)
        cuts = [x for b in self.geo.zero for x in (b.start, b.stop)] + [self.algorithmic, self.eos.start]
        cuts += self.boundaries
        cuts += [1 / (16 * self._pair_curvature)] if self.is_sherrington_kirkpatrick else []
        return self._verdicts("mcmc", "local moves", cuts, self._dynamics, _located(self.model, Flow()))

    def langevin(self, local: SamplerVerdicts) -> SamplerVerdicts:
        """Judge Langevin dynamics as Monte Carlo, for continuous variables."""
        if self.model.sides:
            return self._none("langevin", "local moves", _TWO_KINDS)
        if np.isfinite(self.prior.entropy):
            return self._none("langevin", "local moves", "the variables are discrete: there is no Langevin dynamics")
        return SamplerVerdicts("langevin", self.model, local.verdicts, local.resolution)

    @property
    def _pair_curvature(self) -> float:
        """Return xi''(0) rho^2 per intensity, beta^2 of the Sherrington-Kirkpatrick model in units of it."""
        rho = np.full(1, self.prior.second_moment)
        assert self.coupling is not None
        return float(np.squeeze(self.coupling.curvature(np.ones(1), 0 * rho, rho) * rho**2))

    def _dynamics(self, intensity: float) -> Answer:
        if self.frozen is not None and self.frozen[0] != "perhaps":
            return (
                (False, "theorem", self.frozen[1]) if self.frozen[0] == "always" else (None, _UNKNOWN, self.frozen[1])
            )
        if sum(b.start < intensity < b.stop for b in self.geo.zero) > 1:
            return False, "conjecture", "a second branch exists at zero strength: the dynamics stays where it starts"
        if self.frozen is not None:
            return None, _UNKNOWN, self.frozen[1]
        jumped = intensity > self.algorithmic
        if jumped or (self.eos.symmetric and intensity > self.eos.start):
            return self._beyond_thresholds(intensity, jumped)
        if self.is_sherrington_kirkpatrick and intensity * self._pair_curvature < 1 / 16:
            return True, "theorem", "beta < 1/4 (Bauerschmidt, Bodineau; Eldan, Koehler, Zeitouni)"
        return True, "conjecture", no_second_branch(self.geo)

    def _beyond_thresholds(self, intensity: float, jumped: bool) -> Answer:
        """Judge where message passing finds the signal without help: what is known of the dynamics there."""
        if self.states is not None:
            escapes = self.states.escapes(self._control(intensity))
            lines = self.states.in_words
            if escapes:
                return True, "heuristic", f"a random start leaves threshold states for the planted direction ({lines})"
            if escapes is False:
                size = self.states.visible_size
                seen = f"; {_SEEN.format(size)}" if size is not None else ""
                return False, "heuristic", f"threshold states trap a random start ({lines}){seen}"
            return None, _UNKNOWN, f"{self.states.why_undecided(self._control(intensity))} ({lines})"
        if not jumped:
            return None, _UNKNOWN, "the planted direction emerges continuously; no theory of the time to find it"
        if self.coupling is not None:
            return None, _UNKNOWN, self._no_line()
        return None, _UNKNOWN, f"nothing is derived for couplings of this kind ({_TRAPPED})"

    def _no_line(self) -> str:
        """Return why threshold states tell nothing of a dense model."""
        refused = why_not_defined(self.model)
        if refused:
            return f"{_TRAPPED}; no line is derived here: {refused}"
        return f"threshold states tell no line here: {threshold_states(self.model).reasons['aging']} (heuristic)"


@ByClass
def theorem(path: Path, judge: _Judge, intensity: float) -> str:
    """Return who has proven that a sampler works along a path, wherever that meets no transition; "" for nobody."""
    return ""


@theorem.register(Flow)
def _localization(path: Flow, judge: _Judge, intensity: float) -> str:
    if intensity >= judge.contiguous:
        return ""
    if judge.is_sherrington_kirkpatrick:
        return "El Alaoui, Montanari, Sellke, Prob. Math. Phys. 6, 2025: Wasserstein"
    if judge.ageing is not None and judge.ageing.forgets(intensity):
        return "Huang, Montanari, Pham, arXiv:2404.15651: in total variation"
    return ""


_UNKNOWN: Certainty = "unknown"


def sided_paths(model: Model) -> list[Path]:
    """Return flow and autoregressive path without a side, which of two kinds is both, and on each kind alone."""
    sides = [None, *model.sides[:-1]]
    return [kind(side=side) for side in sides for kind in (Flow, Autoregressive)]


def _called(path: Path) -> str:
    """Return what a path is called in a sentence."""
    return f"the {path.name} path" + ("" if path.side is None else f" on {path.side}")


def _located(model: Model, path: Path) -> list[Located]:
    special = thresholds(model, path)
    return [p for p in (*special.points().values(), *special.further_tricritical) if p is not None]


def _resolution(control: float, special: Sequence[Located]) -> float:
    """Return how far from a boundary a control counts as on it: the error bound of the special point there."""
    near = [p.error for p in special if abs(p.control - control) <= p.error + 1e-9 * control]
    return max([*near, 4 * EPS * control])
