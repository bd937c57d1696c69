"""Which sampler works where: denoising samplers against Monte Carlo and Langevin dynamics.

- flow, autoregressive, uniform-diffusion: the sampler follows the uninformed branch; it succeeds where
  that branch stays the global maximiser of the free entropy along the whole path.
- mcmc: local Monte Carlo equilibrates fast where no second branch exists at zero strength (above the
  dynamical temperature); where two branches coexist it stays where it starts; with more signal than the
  algorithmic threshold it meets glassy states (arXiv:1805.05857).
- langevin: as Monte Carlo, for continuous variables.  On the sphere an ageing ansatz (arXiv:1812.09066)
  tells whether a planted direction is found from a random start: with q_th the largest root of
  xi''(q) (1 - q)^2 = 1 (zero if there is none), it is found iff xi''(0) (1 - q_th) > 1.

How sure each answer is: `theorem` (proven, with the source in the reason), `conjecture` (AMP is the best
polynomial-time denoiser; dynamics follow the equilibrium branches), `heuristic`, or `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from amp_theory.equations_of_state import EquationOfState
from amp_theory.errors import positive, unknown_name
from amp_theory.isotherm import Transitions
from amp_theory.markup import table
from amp_theory.models import Model, SherringtonKirkpatrick, Target
from amp_theory.paths import Autoregressive, Flow, Path, UniformDiscreteDiffusion
from amp_theory.priors import Gaussian
from amp_theory.quadrature import Array, Index
from amp_theory.roots import solve_bracketed
from amp_theory.transitions import thresholds, transitions

Certainty = Literal["theorem", "conjecture", "heuristic", "unknown"]
SAMPLERS = ("flow", "autoregressive", "uniform-diffusion", "mcmc", "langevin")


@dataclass(frozen=True)
class Verdict:
    """What holds for controls between lo and hi (0 and infinity at the ends)."""

    lo: float
    hi: float
    succeeds: bool | None
    certainty: Certainty
    reason: str


@dataclass(frozen=True)
class SamplerVerdicts:
    """The verdicts on one sampler, by rising control."""

    sampler: str
    verdicts: tuple[Verdict, ...]

    @property
    def succeeds(self) -> tuple[tuple[float, float], ...]:
        """The intervals of control where the sampler succeeds."""
        return self._where(True)

    @property
    def fails(self) -> tuple[tuple[float, float], ...]:
        """The intervals of control where the sampler fails."""
        return self._where(False)

    def _where(self, answer: bool) -> tuple[tuple[float, float], ...]:
        joined: list[tuple[float, float]] = []
        for v in self.verdicts:
            if v.succeeds is answer:
                if joined and joined[-1][1] == v.lo:
                    joined[-1] = (joined[-1][0], v.hi)
                else:
                    joined.append((v.lo, v.hi))
        return tuple(joined)

    def at(self, control: float) -> Verdict:
        """Return the verdict at one control; on a boundary the less favourable one."""
        number = positive("control", control)
        here = [v for v in self.verdicts if v.lo <= number <= v.hi]
        return min(here, key=lambda v: (v.succeeds is True, v.succeeds is None))


WORDS = {True: "succeeds", False: "fails", None: "unknown"}


@dataclass(frozen=True)
class Comparison:
    """The verdicts on all samplers for one model; `comparison["mcmc"]` gives one of them."""

    model: Model
    target: Target
    samplers: tuple[SamplerVerdicts, ...]

    def __getitem__(self, name: str) -> SamplerVerdicts:
        for sampler in self.samplers:
            if sampler.sampler == name:
                return sampler
        raise unknown_name("sampler", name, SAMPLERS)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; an infinite end of an interval becomes None."""
        return {
            "model": self.model.name, "parameters": self.model.parameters, "control": self.model.control,
            "target": self.target,
            "samplers": {
                s.sampler: {
                    "succeeds": [_plain(lo, hi) for lo, hi in s.succeeds],
                    "fails": [_plain(lo, hi) for lo, hi in s.fails],
                    "verdicts": [
                        {"range": _plain(v.lo, v.hi), "succeeds": v.succeeds, "certainty": v.certainty,
                         "reason": v.reason}
                        for v in s.verdicts
                    ],
                }
                for s in self.samplers
            },
        }  # fmt: skip

    def report(self) -> str:
        """Return a readable text, one line per interval."""
        lines = [self.title]
        for s in self.samplers:
            lines.append(f"  {s.sampler}")
            for v in s.verdicts:
                lines.append(f"    {v.lo:.10g} to {v.hi:.10g}: {WORDS[v.succeeds]} ({v.certainty}): {v.reason}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        rows = [
            [s.sampler, f"{v.lo:.10g} to {v.hi:.10g}", WORDS[v.succeeds], v.certainty, v.reason]
            for s in self.samplers
            for v in s.verdicts
        ]
        return table(self.title, ["sampler", self.model.control, "verdict", "certainty", "reason"], rows)

    @property
    def title(self) -> str:
        """The model, whose measure is sampled, and its control."""
        control = self.model.control + self.model.control_note
        return f"{self.model!r}, samplers of the {self.target} measure, by {control}"


def _plain(lo: float, hi: float) -> list[float | None]:
    return [lo, hi if np.isfinite(hi) else None]


def compare_samplers(model: Model, target: Target | None = None) -> Comparison:
    """Tell for which controls each sampler succeeds, why, and how sure that is.

    Parameters
    ----------
    model
        The model.
    target
        "planted" or "random"; by default "random" where the model has a random counterpart.

    Examples
    --------
    >>> from amp_theory import IsingPSpin
    >>> result = compare_samplers(IsingPSpin(p=3))
    >>> result["mcmc"].at(0.70).succeeds, result["flow"].at(0.70).succeeds
    (True, False)
    """
    tr = transitions(model, Flow())
    chosen = model.check_target(target)
    judge = _Judge(model, chosen, tr)
    paths: list[Path] = [Flow(), Autoregressive()]
    rows = [judge.denoiser(path) for path in paths]
    rows.append(judge.denoiser(UniformDiscreteDiffusion()) if judge.prior.unbiased_sign else judge.not_binary())
    return Comparison(model, chosen, (*rows, judge.monte_carlo(), judge.langevin()))


class _Judge:
    """Works in intensities, where inference is easier upwards."""

    def __init__(self, model: Model, target: Target, tr: Transitions) -> None:
        self.model = model
        self.tr = tr
        self.eos: EquationOfState = tr.eos
        self.prior = tr.eos.prior
        self.special = thresholds(model, Flow())
        self.contiguous = self._intensity("condensation", "weak_recovery")
        self.limit = self.contiguous if target == "random" else np.inf
        self.dynamical = self._intensity("dynamical")
        self.algorithmic = self._intensity("algorithmic")

    def _intensity(self, *names: str) -> float:
        """Return the least intensity of the named points, infinite if none exists."""
        points = [getattr(self.special, n) for n in names]
        return min((float(self.model.intensity(np.array(p.control))) for p in points if p is not None), default=np.inf)

    def _verdicts(self, sampler: str, cuts: list[float], judge: Any) -> SamplerVerdicts:
        """Judge the middle of every interval between the cuts, and join equal neighbours."""
        ends = [0.0, *sorted({c for c in [*cuts, self.limit] if 0 < c < np.inf}), np.inf]
        rows: list[tuple[float, float, tuple[bool | None, Certainty, str]]] = []
        for a, b in pairwise(ends):
            middle = 2 * a if np.isinf(b) else 0.5 * (a + b)
            answer = judge(middle or 1.0) if middle < self.limit else _BEYOND
            if rows and rows[-1][2] == answer:
                rows[-1] = (rows[-1][0], b, answer)
            else:
                rows.append((a, b, answer))
        verdicts = []
        for a, b, answer in rows:
            lo, hi = sorted((self._control(a), self._control(b)))
            verdicts.append(Verdict(lo, hi, *answer))
        return SamplerVerdicts(sampler, tuple(sorted(verdicts, key=lambda v: v.lo)))

    def _control(self, intensity: float) -> float:
        if intensity == 0 or np.isinf(intensity):
            return float("inf") if (intensity == 0) == (self.model.easier == "down") else 0.0
        return float(self.model.from_intensity(np.array(intensity)))

    # --- denoisers ---

    def denoiser(self, path: Path) -> SamplerVerdicts:
        """Fail where the uninformed branch ends by a fold at positive strength."""
        ends = [
            (max(float(p.least), 0.0), p.limit)
            for p in transitions(self.model, path).curve.pieces
            if not p.appears and p.limit > 0
        ]

        def judge(intensity: float) -> tuple[bool | None, Certainty, str]:
            if any(a <= intensity <= b for a, b in ends):
                return False, "conjecture", f"the {path.name} path crosses a first-order transition"
            return True, *self._proof(path, intensity)

        return self._verdicts(path.name, [x for pair in ends for x in pair], judge)

    def _proof(self, path: Path, intensity: float) -> tuple[Certainty, str]:
        free = f"the {path.name} path meets no first-order transition"
        if isinstance(path, Flow) and self.model.random_counterpart and intensity < self.contiguous:
            if isinstance(self.model, SherringtonKirkpatrick):
                return (
                    "theorem",
                    f"{free} (El Alaoui, Montanari, Sellke, Prob. Math. Phys. 6, 2025: Wasserstein)",
                )
            if isinstance(self.prior, Gaussian) and self._convex(intensity):
                return "theorem", f"{free} (Huang, Montanari, Pham, arXiv:2404.15651: in total variation)"
        return "conjecture", free

    def _convex(self, intensity: float) -> bool:
        """Tell whether xi''(q) (1 - q)^2 < 1 for all q."""
        q = np.linspace(0, 1, 4001)[:-1]
        return bool(np.max(self._curvature(q, intensity) * (1 - q) ** 2) < 1)

    def not_binary(self) -> SamplerVerdicts:
        """Give no verdict on uniform discrete diffusion where the variables are not +-1."""
        verdict = Verdict(0.0, float("inf"), None, "unknown", "defined for unbiased +-1 variables only")
        return SamplerVerdicts(UniformDiscreteDiffusion.name, (verdict,))

    # --- dynamics ---

    def monte_carlo(self) -> SamplerVerdicts:
        """Judge local Monte Carlo from a random start by the branches at zero strength."""
        if isinstance(self.prior, Gaussian):  # on the sphere local dynamics are alike
            return SamplerVerdicts("mcmc", self.langevin().verdicts)
        cuts = [self.dynamical, self.algorithmic, self.eos.start]
        cuts += [1 / 16] if isinstance(self.model, SherringtonKirkpatrick) else []
        return self._verdicts("mcmc", cuts, self._dynamics)

    def _dynamics(self, intensity: float) -> tuple[bool | None, Certainty, str]:
        always = any(b.start == 0 for b in self.tr.zero[1:])
        coexist = always or intensity > self.dynamical
        if self.eos.symmetric and intensity > self.eos.start and not np.isfinite(self.algorithmic):
            return None, "unknown", "the planted direction emerges continuously; no theory of the time to find it"
        if not coexist:
            if isinstance(self.model, SherringtonKirkpatrick) and intensity < 1 / 16:
                return True, "theorem", "beta < 1/4 (Bauerschmidt, Bodineau; Eldan, Koehler, Zeitouni)"
            return True, "conjecture", "no second branch exists at zero strength"
        if intensity > self.algorithmic:
            return False, "heuristic", "glassy states trap the dynamics (arXiv:1805.05857, arXiv:1812.09066)"
        return False, "conjecture", "a second branch exists at zero strength: the dynamics stays where it starts"

    def langevin(self) -> SamplerVerdicts:
        """Judge Langevin dynamics: not for discrete variables; on the sphere by the ageing ansatz."""
        if not np.isinf(self.prior.entropy):
            reason = "the variables are discrete: there is no Langevin dynamics"
            return SamplerVerdicts("langevin", (Verdict(0.0, float("inf"), None, "unknown", reason),))
        if not isinstance(self.prior, Gaussian):
            return self._verdicts("langevin", [self.dynamical, self.algorithmic, self.eos.start], self._dynamics)
        cuts = [self.dynamical, self.eos.start, *self._ageing_boundaries()]
        return self._verdicts("langevin", cuts, self._spherical)

    def _spherical(self, intensity: float) -> tuple[bool | None, Certainty, str]:
        always = any(b.start == 0 for b in self.tr.zero[1:])
        if not (always or intensity > self.dynamical) and intensity <= self.eos.start:
            return True, "conjecture", "no informed branch exists at zero strength"
        field = self.eos.coupling.signal(np.array([intensity]), np.zeros(1), np.ones(1))[0] > 0
        if field or self._curvature(np.zeros(1), intensity)[0] * (1 - self._threshold(intensity)) > 1:
            return (
                True,
                "heuristic",
                "a random start finds the planted direction (ageing ansatz, arXiv:1812.09066)",
            )
        return False, "heuristic", "the dynamics ages in threshold states (ageing ansatz, arXiv:1812.09066)"

    def _curvature(self, q: Array, intensity: Array | float) -> Array:
        """Return xi''(q)."""
        return np.asarray(self.eos.coupling.curvature(np.asarray(intensity), q, 1 - q))

    def _threshold(self, intensity: float) -> float:
        """Return q_th, the largest root of xi''(q) (1 - q)^2 = 1, zero if there is none."""
        q = np.linspace(0, 1, 8001)
        above = np.flatnonzero(self._curvature(q, intensity) * (1 - q) ** 2 >= 1)
        return float(q[above[-1]]) if len(above) else 0.0

    def _ageing_boundaries(self) -> list[float]:
        """Return the intensities where xi''(0) (1 - q_th) = 1: with xi''(0) = 1/(1 - q), a root in q alone."""
        if np.isinf(self.eos.coupling.instability(1.0, np.ones(1))[0]):
            return []

        def excess(q: Array) -> Array:
            curvature = self._curvature(q, self.eos.coupling.instability(1.0, 1 - q))
            return np.asarray(curvature * (1 - q) - 1 / (1 - q)) / q

        def function(q: Array, _index: Index) -> tuple[Array, Array]:
            value = excess(q)
            return value, (excess(q + 1e-7) - value) / 1e-7

        q = np.linspace(0, 1, 4001)[1:-1]
        below = excess(q) < 0
        k = np.flatnonzero(below[:-1] != below[1:])
        roots = solve_bracketed(function, q[k], q[k + 1], below[k])
        return [float(x) for x in self.eos.coupling.instability(1.0, 1 - roots) if x > 0]


_BEYOND: tuple[None, Certainty, str] = (
    None,
    "unknown",
    "the random measure is not contiguous to the planted one beyond condensation or weak recovery",
)
