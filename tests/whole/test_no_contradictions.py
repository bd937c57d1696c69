"""Every way to an answer against every other: no two of them may contradict each other, on random models.

Regions, verdicts, first failures, what a path meets, fixed points, overlaps, state evolution, the explorer's data and
the command line are compared at random controls and strengths, at strength zero, and next to thresholds.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from page_in_node import NODE, page_states
from random_models import is_allowed, random_model, random_prior

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.explorer.data import highest_strength, verdicts
from amp_theory.models.catalogue import build_model
from amp_theory.phases.comparison import BOUNDS
from amp_theory.phases.diagram.lines import LINES

PATHS = (at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion())
#: how far from a transition, relatively, answers are compared: beyond every error bound
AWAY = 1e-6


def random_channel(rng: np.random.Generator, scale: float) -> at.OutputChannel:
    """Return a channel of any kind for z of variance `scale`."""
    noise = float(10 ** rng.uniform(-5, 0.5)) * scale
    kappa = float(rng.uniform(0.4, 1.4)) * scale**0.5
    channels = (
        at.LinearChannel(noise), at.LinearChannel(0.0), at.SignChannel(), at.ProbitChannel(noise), at.AbsChannel(),
        at.ReLUChannel(), at.DoorChannel(kappa), at.SymmetricPerceptron(kappa),
    )  # fmt: skip
    return channels[rng.integers(len(channels))]


def tiny_mean(rng: np.random.Generator) -> at.Discrete:
    """Return a prior of two or three values whose mean is next to zero."""
    high, part = float(rng.uniform(1, 4)), float(rng.uniform(0.05, 0.4))
    mean = float(10 ** rng.uniform(-16, -1))
    return at.Discrete([high, (mean - high * part) / (1 - part)], [part, 1 - part])


def any_model(rng: np.random.Generator) -> at.Model:
    """Return a dense model of any kind."""
    match rng.integers(8):
        case 0 | 1:
            return random_model(rng)
        case 2 | 3:
            prior = (at.Rademacher(), at.Gaussian(), random_prior(rng))[rng.integers(3)]
            return at.GLM(prior, random_channel(rng, prior.second_moment))
        case 4:
            prior = tiny_mean(rng)
            return at.SpikedTensor(int(rng.integers(2, 6)), prior)
        case 5:
            prior = (at.Rademacher(), at.Gaussian())[rng.integers(2)]
            field, p = 10 ** rng.uniform(-30, -1), int(rng.integers(2, 9))
            return at.MixedPSpin(f"{field!r}*q + q**{p}/2", prior)
        case 6:
            return (at.StochasticBlockModel(int(rng.integers(2, 7))), at.SpikedMatrix(at.two_groups(rng.uniform(0.02, 0.5))))[
                rng.integers(2)
            ]  # fmt: skip
        case _:
            p = int(rng.integers(2, 8))
            return (at.IsingPSpin(p), at.SphericalPSpin(p), at.SherringtonKirkpatrick(), at.MixedPSpin("q**2/8 + q**4/2"))[
                rng.integers(4)
            ]  # fmt: skip


def allowed(model: at.Model, control: float, factor: float) -> float:
    """Return the control, moved by factors until the model has it."""
    for _ in range(100):
        try:
            return float(model.check_control(control))
        except at.InputError:
            control *= factor
    raise AssertionError(f"{model!r} has no control near {control:g}")


class Ways:
    """All ways to an answer for one model and path, and what must hold between them."""

    def __init__(self, model: at.Model, path: at.Path, rng: np.random.Generator, steps: int) -> None:
        self.model, self.path, self.rng, self.steps = model, path, rng, steps
        self.rho = model.variable_prior.second_moment
        self.special = at.thresholds(model, path)
        found = [*self.special.points().values(), *self.special.further_tricritical]
        self.points = [p for p in found if p is not None and is_allowed(model, p.control)]
        ends = [p.control for p in self.points] or [1.0]
        self.range = (allowed(model, 0.6 * min(ends), 1.2), allowed(model, 1.5 * max(ends), 1 / 1.2))
        targets = ["planted", "random"] if model.random_counterpart else ["planted"]
        self.diagrams = {t: at.phase_diagram(model, path, self.range, points=20, target=t) for t in targets}
        self.comparisons = {t: at.compare_samplers(model, t) for t in targets}
        # the optimum for many values takes seconds
        self.bounded = len(getattr(getattr(model.variable_prior, "mixture", None), "means", ())) <= 3
        self.pieces = {t: verdicts(d) for t, d in self.diagrams.items()}

    def controls(self, count: int) -> list[float]:
        """Return random controls, and some on each side of half as many special points."""
        some = self.rng.permutation([p.control for p in self.points])[: count // 2]
        near = [c * (1 + side * d) for c in some for side, d in ((-1, 10 * AWAY), (1, 10 * AWAY), (-1, 1e-3))][
            : 2 * count
        ]
        lo, hi = self.range
        return [*self.rng.uniform(lo, hi, count).tolist(), *(float(c) for c in near if lo < c < hi)]

    def transitions(self, control: float) -> dict[str, list[float]]:
        found = at.path_transitions(self.model, self.path, control)
        assert set(found.reasons) == {name for name in LINES if not getattr(found, name)}
        assert all(found.reasons.values())
        data = found.to_dict()
        assert data["reasons"] == found.reasons
        # on a first-order line is what its error bound cannot tell from it
        self.slack = 10 * max((p.errors[self.path.strength] for p in found.first_order), default=0.0)
        # a branch that runs into q = rho becomes the one that appears there
        self.becomes = [p.strength for p in found.informed_spinodal if p.how.startswith("q = rho")]
        return {name: [p.strength for p in getattr(found, name)] for name in LINES}

    def strengths(self, lines: dict[str, list[float]]) -> list[float]:
        """Return zero, tiny and random strengths, and both sides of everything that the path meets."""
        met = [s for line in lines.values() for s in line if s > 1e-9]
        limit = self.path.limit
        top = min(2 * max(met, default=0.3), 0.95 * limit) if np.isfinite(limit) else 2 * max(met, default=0.5)
        top = max([top, *(min(1.01 * s, 0.5 * (s + limit)) for s in met)])
        near = [s * (1 + side * 10 * AWAY) for s in self.rng.permutation(met)[:2] for side in (-1, 1)]
        return [0.0, 1e-7, *self.rng.uniform(0, top, 2).tolist(), *(float(s) for s in near if s < limit)]

    # --- at one control ---

    def check_control(self, control: float) -> dict[str, list[float]]:
        """Compare verdicts, first failures, what the path meets, and the explorer; return what the path meets."""
        lines = self.transitions(control)
        planted = self.diagrams["planted"]
        succeeds, failure = planted.sampler_succeeds(control), planted.first_failure_strength(control)
        assert succeeds == (failure is None), (succeeds, failure)
        for target, diagram in self.diagrams.items():
            lo, hi = diagram.described
            known = lo < control < hi
            answers = {
                "diagram": diagram.sampler_succeeds(control),
                "arrays": diagram.sampler_succeeds([control])[0],
                "compare": self.comparisons[target][self.path.name].at(control).succeeds,
                "explorer": self._piece(target, control)["succeeds"],
            }
            assert set(answers.values()) == {succeeds if known else None}, (target, control, answers)
            assert diagram.first_failure_strength(control) == (failure if known else None)
            assert ("no verdict" in diagram.reason(control)) != known
            if self.bounded:
                # what a path does some path does, and some denoiser
                bounds = [self.comparisons[target][name].at(control).succeeds for name in BOUNDS]
                answered = self.comparisons[target][BOUNDS[0]].verdicts[0].hi < np.inf
                assert all(bounds) or not (known and succeeds and answered), (target, control, bounds)
                assert bounds != [True, False]
        if failure is None:
            assert "no first-order" in planted.reason(control)
        elif failure == 0:
            assert planted.region(control, 0.0) == "hard"
            assert not lines["first_order"] or "start" in planted.reason(control)
        else:
            assert min(abs(np.array(lines["first_order"]) - failure)) <= 1e-9 * failure
            assert planted.region(control, 0.0) != "hard"
        return lines

    def _piece(self, target: str, control: float) -> dict[str, Any]:
        return next(p for p in self.pieces[target] if p["range"][0] <= control <= p["range"][1])

    # --- at one control and strength ---

    def check_point(self, control: float, strength: float, lines: dict[str, list[float]]) -> None:
        """Compare regions, fixed points, overlaps, state evolution and verdicts at one point."""
        model, path = self.model, self.path
        points = at.fixed_points(model, path, control, strength)
        stable = points.stable
        assert stable, "no stable fixed point"
        order = [p.overlap for p in points]
        assert order == sorted(order)
        assert [p.stable for p in points[1:]] != [p.stable for p in points[:-1]] or len(points) == 1
        self._check_region(points, control, strength)
        self._check_count(len(stable), control, strength, lines)
        failure = self.diagrams["planted"].first_failure_strength(control)
        if points.region == "hard" and strength > 0:
            assert failure is not None, "hard, and yet the sampler succeeds"
            assert strength >= failure * (1 - 1e-7) - self.slack
        for function, point, begin in ((at.uninformed_overlap, stable[0], "uninformed"),
                                       (at.informed_overlap, stable[-1], "informed")):  # fmt: skip
            overlap = float(function(model, path, control, strength))
            assert abs(overlap - point.overlap) <= 2 * point.errors["overlap"] + 1e-13 * self.rho
            self._check_state_evolution(control, strength, point, begin)

    def _check_region(self, points: at.FixedPoints, control: float, strength: float) -> None:
        stable = points.stable
        noise = [1e-13 + p.errors["free_entropy"] for p in stable]
        lead = max((p.free_entropy - stable[0].free_entropy for p in stable[1:]), default=-np.inf)
        if len(stable) == 1:
            assert points.region == "easy"
        elif abs(lead) > 20 * max(noise):
            assert points.region == ("hard" if lead > 0 else "easy_metastable")
        for diagram in self.diagrams.values():
            lo, hi = diagram.described
            expected = points.region if lo < control < hi else None
            assert diagram.region(control, strength) == expected
            assert diagram.region([control, control], [[strength]]).tolist() == [[expected, expected]]

    def _check_count(self, count: int, control: float, strength: float, lines: dict[str, list[float]]) -> None:
        """Branches at zero strength, plus those that appeared, minus those that ended."""
        least = min([1e-300, *(s / 2 for line in lines.values() for s in line if s > 0)])
        begin = len(at.fixed_points(self.model, self.path, control, max(least, 1e-12)).stable)
        start = max(least, 1e-12)
        born = sum(start < s < strength for s in lines["informed_spinodal"])
        ended = sum(start < s < strength for s in lines["uninformed_spinodal"])
        becomes = sum(s < strength for s in self.becomes)
        if strength > 1e-12:
            assert begin + born - ended - becomes <= count <= begin + born - ended

    def _check_state_evolution(self, control: float, strength: float, point: at.FixedPoint, begin: str) -> None:
        """State evolution runs towards its branch, never past it, stays there, and says `converged` only there."""
        slack = 4 * point.errors["overlap"] + 1e-9 * self.rho
        run = at.state_evolution(self.model, self.path, control, strength, start=begin, max_steps=self.steps)
        side = 1 if begin == "uninformed" else -1
        assert np.all(side * (point.overlap - run.overlap) >= -slack), (begin, run.overlap[-1], point.overlap)
        if run.converged:
            assert abs(run.overlap[-1] - point.overlap) <= slack + 1e-6 * self.rho, (run.overlap[-1], point.overlap)
        stays = at.state_evolution(
            self.model, self.path, control, strength, start=min(point.overlap, self.rho), max_steps=5
        )
        assert abs(stays.overlap[-1] - point.overlap) <= slack

    # --- the explorer's page ---

    def check_page(self, target: str, met: dict[float, dict[str, list[float]]], folder: Any) -> None:
        """Compare what the page shows, from its tables, with the library, away from lines."""
        diagram = self.diagrams[target]
        top = highest_strength(diagram)
        points = []
        for control, lines in met.items():
            here = [s for line in lines.values() for s in line] + [0.0]
            some = self.rng.uniform(0, top, 8)
            points += [(control, float(s)) for s in some if min(abs(s - np.array(here))) > 0.01 * top]
        try:
            states = page_states(diagram, points, folder)
        except at.NumericalError as error:
            assert "range" in str(error)  # noqa: PT017
            return
        for (control, strength), state in zip(points, states, strict=True):
            points_here = at.fixed_points(self.model, self.path, control, strength)
            assert state["target"] == target
            assert state["succeeds"] == diagram.sampler_succeeds(control), (control, strength)
            assert state["region"] == diagram.region(control, strength), (control, strength)
            shown = state["fixed_points"]
            assert [(p["kind"], p["stable"]) for p in shown] == [(p.kind, p.stable) for p in points_here]
            for p, q in zip(shown, points_here, strict=True):
                assert abs(p["overlap"] - q.overlap) <= 2e-3 * self.rho

    # --- the command line ---

    def arguments(self) -> list[str] | None:
        """Return how the command line names the model; None where it cannot."""
        parameters = {
            name: ",".join(map(repr, value)) if isinstance(value, tuple | list) else str(value)
            for name, value in self.model.parameters.items()
        }
        try:
            same = build_model(self.model.name, self.model.parameters) == self.model
        except at.AmpTheoryError:
            return None
        return (
            [self.model.name, *(x for item in parameters.items() for x in ("--set", "=".join(item)))] if same else None
        )

    def check_command_line(self, control: float, strength: float, capsys: Any) -> None:
        given = self.arguments()
        if given is None:
            return

        def ask(command: str, *options: str) -> dict[str, Any]:
            capsys.readouterr()
            path = [] if command == "compare" else ["--path", self.path.name]
            assert main([command, *given, *path, *options, "--json"]) == 0
            return json.loads(capsys.readouterr().out)

        data = ask("fixed-points", "--control", repr(control), "--strength", repr(strength))
        points = at.fixed_points(self.model, self.path, control, strength)
        assert data["region"] == points.region
        assert data["fixed_points"] == json.loads(json.dumps([p.to_dict() for p in points]))
        data = ask("transitions", "--control", repr(control))
        assert data == json.loads(json.dumps(at.path_transitions(self.model, self.path, control).to_dict()))
        data = ask("thresholds")
        assert data == json.loads(json.dumps(self.special.to_dict()))
        for target, diagram in self.diagrams.items() if self.bounded else ():
            data = ask("compare", "--target", target)["samplers"][self.path.name]["verdicts"]
            inside = [v for v in data if v["range"][0] <= control <= (v["range"][1] or np.inf)]
            assert {v["succeeds"] for v in inside} == {diagram.sampler_succeeds(control)}
            assert {v["target"] for v in inside} == {target}
            # three numbers a line are enough for whose diagram it is
            data = ask("diagram", "--target", target, "--points", "2", "--range", *map(repr, self.range))
            assert (data["target"], data["described"][0]) == (target, diagram.described[0])


def walk(
    model: at.Model, path: at.Path, rng: np.random.Generator, count: int, steps: int, capsys: Any, folder: Any = None
) -> None:
    """Walk every pair of ways at `count` random controls and next to thresholds."""
    ways = Ways(model, path, rng, steps)
    met = {}
    for k, control in enumerate(ways.controls(count)):
        lines = ways.check_control(control)
        strengths = ways.strengths(lines)
        for strength in strengths[k % 2 :: 2]:  # from zero and below what is met, or from 1e-7 and above, in turn
            ways.check_point(control, strength, lines)
        if k < count:
            met[control] = lines
        if k == 0:
            ways.check_command_line(control, strengths[3], capsys)
    if NODE is not None and folder is not None:
        for target in ways.diagrams:
            ways.check_page(target, met, folder)


#: one of every kind
FEW = [
    (at.IsingPSpin(3), at.Flow()),
    (at.SherringtonKirkpatrick(), at.UniformDiscreteDiffusion()),
    (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive()),
    (at.MixedPSpin("q/1000 + q**3/2", at.Gaussian()), at.Flow()),
    (at.SpikedTensor(3, at.Discrete([3, -0.33], [0.1, 0.9])), at.Flow()),
    (at.GLM(at.Rademacher(), at.LinearChannel(1e-3)), at.Flow()),
    (at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0.0)), at.Autoregressive()),
    (at.StochasticBlockModel(5), at.Flow()),
]


@pytest.mark.parametrize(("model", "path"), FEW, ids=lambda x: repr(x))
@pytest.mark.slow
def test_no_two_ways_contradict(model, path, capsys, tmp_path):
    walk(model, path, np.random.default_rng(12), 2, 40, capsys, tmp_path if isinstance(model, at.IsingPSpin) else None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(0, 40, 6))
def test_no_two_ways_contradict_on_random_models(seed, capsys, tmp_path):
    rng = np.random.default_rng(100_000 + seed)
    model = any_model(rng)
    path = PATHS[rng.integers(3 if model.variable_prior.unbiased_sign else 2)]
    walk(model, path, rng, 2, 200, capsys, tmp_path)
