"""Calls of the public interface with right signatures and wrong values, made from one valid call of everything.

The valid calls stand in `valid_calls`; `hostile_calls` replaces one or two of their arguments by values that nobody
should give, or by the arguments of other calls.
"""

from __future__ import annotations

import decimal
import fractions
import inspect
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import amp_theory as at


class Slow(BaseException):
    """A call that takes too long; no handler of errors catches it."""


class Odd:
    """An object that is nothing known, and says little of itself."""

    def __repr__(self) -> str:
        return "<odd\nobject " + "x" * 2000 + ">"


def raises(*args: Any, **kwargs: Any) -> Any:
    """A user's function with a fault of its own."""
    raise ZeroDivisionError("division by zero")


def progress_shown(name: Any, stream: Any) -> None:
    """Show the progress of nothing."""
    with at.show_progress(name, stream):
        pass


def flips(retention: float) -> list[list[float]]:
    """Return the probabilities of a spin that is flipped with probability (1 - retention)/2."""
    kept, flipped = (1 + retention) / 2, (1 - retention) / 2
    return [[kept, flipped], [flipped, kept]]


def ragged() -> list[list[int]]:
    return [[1], [1, 2]]


#: values by name, made afresh for every call
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "-1": lambda: -1,
    "0": lambda: 0,
    "-0.0": lambda: -0.0,
    "1": lambda: 1,
    "2": lambda: 2,
    "0.5": lambda: 0.5,
    "2.5": lambda: 2.5,
    "1e308": lambda: 1e308,
    "-1e308": lambda: -1e308,
    "5e-324": lambda: 5e-324,
    "1e-200": lambda: 1e-200,
    "1e12": lambda: 1e12,
    "10**9": lambda: 10**9,
    "10**18": lambda: 10**18,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "x": lambda: "x",
    "empty text": lambda: "",
    "text 0_7": lambda: "0_7",
    "text 0.7": lambda: "0.7",
    "arabic three": lambda: "٣",
    "text nan": lambda: "nan",
    "formula": lambda: "=1+1",
    "nul": lambda: "a\0b",
    "long text": lambda: "a\n" * 5000,
    "surrogate": lambda: "\ud800",
    "bytes": lambda: b"x",
    "empty list": list,
    "empty tuple": lambda: (),
    "list": lambda: [0.1, 0.2],
    "ragged": ragged,
    "nested": lambda: [[[1.0]], [[2.0]]],
    "list of None": lambda: [None, None],
    "list of text": lambda: ["a", "b"],
    "list of lists": lambda: [[1, 2], [3, 4]],
    "dict": lambda: {"a": 1},
    "set": lambda: {1, 2},
    "class": lambda: int,
    "object": Odd,
    "lambda": lambda: lambda *args, **kwargs: 1.0,
    "function that returns text": lambda: lambda *args, **kwargs: "x",
    "function that returns None": lambda: lambda *args, **kwargs: None,
    "function that returns nan": lambda: lambda *args, **kwargs: float("nan"),
    "function that returns complex": lambda: lambda *args, **kwargs: 1j,
    "function that returns an array": lambda: lambda *args, **kwargs: np.ones((2, 3)),
    "function of nothing": lambda: lambda: 1.0,
    "function that raises": lambda: raises,
    "generator": lambda: (k for k in range(3)),
    "range": lambda: range(3),
    "complex": lambda: 1j,
    "numpy complex": lambda: np.complex128(0.5),
    "numpy text": lambda: np.str_("x"),
    "numpy bool": lambda: np.bool_(True),
    "float16": lambda: np.float16(0.5),
    "float16 inf": lambda: np.float16("inf"),
    "longdouble": lambda: np.longdouble("0.5"),
    "int8": lambda: np.int8(-128),
    "uint64": lambda: np.uint64(2**64 - 1),
    "datetime": lambda: np.datetime64("2000-01-01"),
    "Decimal": lambda: decimal.Decimal("0.5"),
    "Decimal nan": lambda: decimal.Decimal("sNaN"),
    "Decimal huge": lambda: decimal.Decimal("1e999"),
    "Fraction": lambda: fractions.Fraction(1, 2),
    "huge Fraction": lambda: fractions.Fraction(10**400, 3),
    "empty array": lambda: np.array([]),
    "empty matrix": lambda: np.zeros((0, 6)),
    "zero-dimensional": lambda: np.array(0.5),
    "one element": lambda: np.array([0.5]),
    "vector": lambda: np.linspace(0.1, 0.9, 5),
    "matrix": lambda: np.full((2, 6), 0.5),
    "spins": lambda: np.ones((2, 6)),
    "cube": lambda: np.ones((2, 2, 2)),
    "nan vector": lambda: np.array([0.5, np.nan]),
    "inf matrix": lambda: np.full((2, 6), np.inf),
    "huge vector": lambda: np.array([1e308, -1e308]),
    "object array": lambda: np.array([1, None, "x"], dtype=object),
    "object of ragged": lambda: np.array([[1], [1, 2]], dtype=object),
    "text array": lambda: np.array(["a", "b"]),
    "bool array": lambda: np.array([True, False]),
    "complex array": lambda: np.array([1j, 0.5]),
    "masked": lambda: np.ma.masked,
    "masked array": lambda: np.ma.array([0.5, 0.6], mask=[True, False]),
    "masked matrix": lambda: np.ma.array(np.ones((2, 6)), mask=np.eye(2, 6, dtype=bool)),
    "structured": lambda: np.zeros(2, dtype=[("a", float)]),
    "matrix object": lambda: np.array([[0.5, 0.5], [0.5, 0.5]]).T,
    "a model": lambda: at.IsingPSpin(3),
    "a model class": lambda: at.IsingPSpin,
    "a graph model": lambda: at.XORSAT(3),
    "a path": lambda: at.Autoregressive(),
    "another path": lambda: at.UniformDiscreteDiffusion(),
    "a prior": lambda: at.Gaussian(),
    "a sparse prior": lambda: at.SparseRademacher(0.1),
    "a channel": lambda: at.SignChannel(),
    "a schedule": lambda: at.MaskedDiffusion(),
    "a generator of numbers": lambda: np.random.default_rng(0),
    "a seed": lambda: np.random.SeedSequence(1),
}  # fmt: skip


#: wrong nowhere, but a day of work
WORK = ("sweeps", "10**9")


@dataclass
class Call:
    """A valid call: a function, and its arguments by name."""

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    #: arguments that keep their values
    kept: tuple[str, ...] = ()
    #: values by position, for functions without names
    fuzzed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fuzzed = [name for name in self.arguments if name not in self.kept]

    def __call__(self, **changes: Any) -> Any:
        return self.function(**{**self.arguments, **changes})


class Things:
    """Small valid objects of every kind."""

    def __init__(self) -> None:
        self.ising, self.flow, self.auto, self.uniform = (
            at.IsingPSpin(3), at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion()
        )  # fmt: skip
        self.xorsat, self.coloring = at.XORSAT(3), at.Coloring(5, population=1000, sweeps=20, runs=2)
        self.regular = at.XORSAT(3, 0.5, degrees="regular")
        self.glm = at.GLM(at.Rademacher(), at.SignChannel())
        self.spherical = at.SphericalPSpin(3)
        self.diagram = at.phase_diagram(self.ising, self.flow, points=3)
        self.glassy = at.SpikedMatrixTensor(3, 0.5)
        self.states = at.threshold_states(self.glassy)
        self.glassy_diagram = at.phase_diagram(self.glassy, self.flow, (0.7, 1.3), 3)
        self.dense = at.draw_instance(self.ising, 1.0, 6, 0)
        self.graph = at.draw_instance(at.Bicoloring(3, 0.5), 1.0, 6, 0)
        self.linear = at.draw_instance(self.glm, 1.0, 6, 0)
        self.ball = at.draw_instance(self.spherical, 1.0, 6, 0)
        self.side = at.SideInformation.from_field(np.zeros((2, 6)), 0.1)
        self.chains = at.heat_bath(self.dense, 8, 0, chains=2)
        self.amp = at.run_amp(self.dense, options=at.MessagePassingOptions(keep_iterates=True))
        self.samples = at.draw_samples(self.dense, "flow", 2, 0, steps=2)
        self.points = at.fixed_points(self.ising, self.flow, 0.7, 0.1)
        self.curve = at.equation_of_state(self.ising, self.flow, 0.7, points=5)
        self.sweep = at.sweep(self.ising, control=[0.7, 0.8], quantities="first_order")
        self.comparison = at.compare_samplers(self.ising)
        self.scan = at.scan_threshold(lambda r: at.SpikedMatrix(at.SparseRademacher(r)), "condensation", [0.09, 0.1])
        self.forms = at.closed_forms(self.spherical, self.flow)
        self.expansion = at.tricritical_expansion(self.ising, self.flow)
        self.correlation = at.equilibrium_correlation(self.spherical, 0.8, end_time=10.0)
        self.order = at.safe_order(self.ising, self.flow, self.auto, 0.75)
        self.critical = at.critical_line(self.ising, self.flow, self.auto, points=2)
        self.enumeration = at.Enumeration(self.dense)
        self.denoiser = at.MessagePassingDenoiser(self.dense)
        self.coefficient = at.Coefficient(1.0, 0.1)
        self.certificate = at.certify(at.thresholds(self.ising, self.flow).dynamical)
        self.schedules = [kind() for kind in (
            at.LinearInterpolant, at.TrigonometricInterpolant, at.VariancePreserving, at.VarianceExploding,
            at.StochasticLocalization, at.FractionRevealed, at.MaskedDiffusion, at.FlipProbability, at.Retention,
            at.StrengthAsTime,
        )]  # fmt: skip
        self.schedules.append(at.Interpolant(lambda t: 1 - t, lambda t: t))
        self.priors = [
            at.Rademacher(), at.SparseRademacher(0.1), at.Gaussian(), at.GaussBernoulli(0.2), at.PottsPrior(3),
            at.Discrete([0, 1, 3], [0.5, 0.25, 0.25]), at.Density(lambda s: 0.5 + 0 * s, (-1, 1)),
        ]  # fmt: skip
        self.channels = [
            at.LinearChannel(0.1), at.SignChannel(), at.ProbitChannel(0.1), at.AbsChannel(), at.ReLUChannel(),
            at.DoorChannel(0.7), at.SymmetricPerceptron(0.7),
        ]  # fmt: skip
        self.sides = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)
        self.matrix = at.draw_instance(self.sides, 0.5, 6, 0)
        self.models = [
            self.ising, self.spherical, at.SherringtonKirkpatrick(), at.MixedPSpin("q**2/8 + q**4/2"),
            at.SpikedTensor(3, at.Rademacher()), at.SpikedMatrix(at.SparseRademacher(0.1)),
            at.SpikedMatrixTensor(3, 1.0), self.xorsat, at.Bicoloring(4), self.regular, self.coloring, self.glm,
            at.StochasticBlockModel(3), at.RowOrthogonalSensing(at.Rademacher(), 0.1),
            at.SpectralSensing(at.Rademacher(), [0.5, 1.5], [0.5, 0.5]), self.sides, at.GaussianMixture(5, 0.5),
        ]  # fmt: skip


def valid_calls(t: Things) -> list[Call]:
    """Return one valid call of every public function, constructor and method that takes arguments."""
    return [*_theory(t), *_pictures(t), *_constructors(t), *_instances(t), *_methods(t)]


def _theory(t: Things) -> Iterator[Call]:
    both = {"model": t.ising, "path": t.flow}
    at_point = both | {"control": 0.7, "strength": 0.1}
    yield Call("thresholds", at.thresholds, both | {"digits": None})
    yield Call("thresholds, graph", at.thresholds, {"model": t.regular, "path": t.auto, "digits": None})
    yield Call("fixed_points", at.fixed_points, at_point | {"digits": None})
    yield Call("fixed_points, graph", at.fixed_points, at_point | {"model": t.regular, "path": t.auto, "control": 1.0})
    yield Call("fixed_points, linear", at.fixed_points, at_point | {"model": t.glm, "path": t.auto, "control": 1.0})
    yield Call("informed_overlap", at.informed_overlap, at_point)
    yield Call("uninformed_overlap", at.uninformed_overlap, at_point)
    yield Call("state_evolution", at.state_evolution,
               at_point | {"start": "uninformed", "max_steps": 20, "tolerance": 1e-6})  # fmt: skip
    yield Call("phase_diagram", at.phase_diagram, both | {"control_range": (0.6, 0.8), "points": 3, "target": None})
    yield Call("equation_of_state", at.equation_of_state,
               both | {"control": 0.7, "max_strength": None, "points": 5})  # fmt: skip
    yield Call("free_entropy_curve", at.free_entropy_curve, at_point | {"points": 5})
    yield Call("best_path", at.best_path, {"model": t.ising})
    yield Call("threshold_states", at.threshold_states, {"model": t.glassy})
    yield Call("best_side", at.best_side, {"model": t.sides})
    yield Call("thresholds, two kinds", at.thresholds, {"model": t.sides, "path": at.Flow(side="u"), "digits": None})
    yield Call("sampling_error", at.sampling_error,
               both | {"control": 0.7, "iterations": None, "steps": 3, "target": None})  # fmt: skip
    yield Call("mismatched_error", at.mismatched_error,
               both | {"control": 1.0, "assumed": 1.2, "prior": None, "iterations": 2, "end_strength": 0.3,
                       "target": None})  # fmt: skip
    yield Call("judge_denoiser", at.judge_denoiser,
               {"model_or_instances": t.ising, "path": t.flow, "control": 1.0, "denoiser": "amp", "size": 6,
                "instances": 2, "seed": 0, "batch": 1, "end_strength": 0.3, "reference": None})  # fmt: skip
    yield Call("error_curve", at.error_curve, both | {"control_range": (0.6, 0.8), "points": 3, "target": None})
    yield Call("leading_error", at.leading_error, both | {"number": 0})
    yield Call("LeadingError.nats_per_variable", at.leading_error(t.ising, t.flow).nats_per_variable, {"control": 0.7})
    yield Call("SamplingError.revealed_at_once", at.sampling_error(t.ising, t.flow, 1.0, steps=2).revealed_at_once,
               {"nats": 1.0})  # fmt: skip
    yield Call("depth_for", at.depth_for, both | {"control": 1.0, "size": 50, "nats": 1.0, "target": None})
    yield Call("optimal_schedule", at.optimal_schedule, both | {"control": 1.0, "steps": 3, "target": None})
    yield Call("marginal_lines", at.marginal_lines, {"model": t.ising, "points": 20})
    two = {"model": t.ising, "path1": t.flow, "path2": t.auto}
    yield Call("safe_order", at.safe_order, two | {"control": 0.75})
    yield Call("critical_line", at.critical_line, two | {"points": 2})
    yield Call("revealing_curve", at.revealing_curve, {"model": t.ising, "path": t.auto, "control": 0.8})
    yield Call("compare_samplers", at.compare_samplers, {"model": t.ising, "target": None})
    yield Call("show_progress", progress_shown, {"name": "work", "stream": None})
    yield Call("scan_threshold", at.scan_threshold, {
        "model_of": lambda rho: at.SpikedMatrix(at.SparseRademacher(rho)), "name": "condensation",
        "values": [0.05, 0.06], "path": None})  # fmt: skip
    yield Call("path_transitions", at.path_transitions, both | {"control": 0.7, "digits": None})
    yield Call("tricritical_field", at.tricritical_field, {"model": t.spherical})
    yield Call("tricritical_margin", at.tricritical_margin, {"model": at.RandomPerceptron()})
    yield Call("perceptron_capacity", at.perceptron_capacity, {"model": at.RandomPerceptron()})
    # at any other margin that is allowed it takes seconds
    yield Call("best_tilt", at.best_tilt, {
        "prior": at.Rademacher(), "kappa": 0.0, "path": t.flow, "family": None, "between": (1.2, 1.7)},
        kept=("kappa",))  # fmt: skip
    yield Call("Margin", at.Margin, {"kappa": 0.5, "exponent": 1.5})
    yield Call("Logistic", at.Logistic, {"kappa": 0.5, "steepness": 2.0})
    yield Call("RandomPerceptron", at.RandomPerceptron, {"prior": at.Gaussian(), "potential": at.Margin()})
    yield Call("LogConcave", at.LogConcave, {
        "log_psi": lambda s: -(s**2) / 2, "slope": lambda s: -s, "curvature": lambda s: 0 * s - 1})  # fmt: skip
    yield Call("tricritical_expansion", at.tricritical_expansion, both | {"number": 0})
    yield Call("closed_forms", at.closed_forms, {"model": t.spherical, "path": t.flow})
    yield Call("closed_forms with a parameter", at.closed_forms, {"model": at.SphericalPSpin, "path": t.flow, "p": 4})
    yield Call("certify", at.certify, {"threshold": at.thresholds(t.ising, t.flow).dynamical})
    yield Call("verify", at.verify, {"certificate": t.certificate})
    yield Call(
        "equilibrium_correlation",
        at.equilibrium_correlation,
        {"model": t.spherical, "control": 0.8, "end_time": 10.0, "level": 0.4, "tolerance": 1e-3, "nodes": 8},
    )
    yield Call("langevin_correlations", at.langevin_correlations,
               {"model": t.spherical, "control": 0.8, "start": "random", "end_time": 0.5, "steps": 20,
                "initial_overlap": None, "tolerance": 0.1})  # fmt: skip
    yield Call(
        "population_fixed_point",
        at.population_fixed_point,
        {"model": t.coloring, "path": t.auto, "control": 4.0, "strength": 0.1, "start": "informed"},
    )
    yield Call("population_isotherm", at.population_isotherm,
               {"model": t.coloring, "path": t.auto, "overlaps": [0.3, 0.5], "strength": 0.0,
                "checkpoint": None, "progress": None})  # fmt: skip
    # with a model of its own the call would take half a minute
    yield Call("population_thresholds", at.population_thresholds,
               {"model": t.ising, "path": t.auto, "checkpoint": None, "progress": None})  # fmt: skip
    yield Call("amp_against_state_evolution", at.amp_against_state_evolution,
               at_point | {"sizes": [20, 30, 40], "instances": 10, "seed": 0, "iterations": 2, "checkpoint": None,
                           "progress": None, "algorithm": None})  # fmt: skip
    yield Call("two_groups", at.two_groups, {"minority": 0.2})
    yield Call("sweep", at.sweep, {
        "models": at.SphericalPSpin, "quantities": ["first_order", "region"], "path": t.flow, "executor": None,
        "checkpoint": None, "progress": None, "p": [3, 4], "temperature": [0.6, 0.7], "snr": 0.1})  # fmt: skip
    yield Call("fixed_points, own names", at.fixed_points,
               {"model": t.ising, "path": t.flow, "temperature": 0.7, "snr": [0.1, 0.2]})  # fmt: skip


def _pictures(t: Things) -> Iterator[Call]:
    both = {"model": t.ising, "path": t.flow}
    looks = {"legend": True, "annotate": False, "style": None}
    yield Call("plot_diagram", at.plot_diagram,
               looks | {"diagram": t.diagram, "ax": None, "axis": "strength", "scaling": None, "limit": None})  # fmt: skip
    yield Call("plot_free_entropy", at.plot_free_entropy, both | {"control": 0.7, "strengths": [0.1], "axes": None})
    yield Call("plot_overlap", at.plot_overlap, both | {"control": 0.7, "axes": None, "axis": "strength"})
    yield Call("controls_of_sizes", at.controls_of_sizes, {"diagram": t.diagram})
    yield Call("plot_glassy", at.plot_glassy, {"diagram": t.glassy_diagram, "axes": None, "axis": "strength"})
    yield Call("plot_sizes", at.plot_sizes, {"diagram": t.diagram, "axes": None, "axis": "strength"})
    yield Call("plot_paths", at.plot_paths, {"diagrams": [t.diagram], "axes": None})
    yield Call("print_figure", at.print_figure, {"columns": 1, "panels": 1, "style": "print"})
    yield Call("animate", at.animate, both | {
        "file": "film.gif", "control": 0.7, "diagram": t.diagram, "frames": 2, "frames_per_second": 2,
        "overwrite": True})  # fmt: skip
    yield Call("explorer_html", at.explorer_html, {"diagram": t.diagram})
    yield Call("save_explorer", at.save_explorer, {"diagram": t.diagram, "path": "page.html", "overwrite": True})
    # the valid call would take a minute
    yield Call("check", at.check, {"model": "sherrington-kirkpatrick", "catalogue": None, "progress": None})
    yield Call("published_values", at.published_values, {"catalogue": None})
    yield Call("PublishedValue.build", at.published_values()[0].build, {})
    yield Call("CheckedValues.title", at.check("sherrington-kirkpatrick").title, {})
    yield Call(
        "reproduce", at.reproduce, {"folder": b"x", "overwrite": False, "progress": None, "study": None}, ("folder",)
    )
    yield Call("load", at.load, {"file": "diagram.json", "model": None, "path": None})


def _constructors(t: Things) -> Iterator[Call]:
    for kind in (at.IsingPSpin, at.SphericalPSpin):
        yield Call(kind.__name__, kind, {"p": 3})
    yield Call("MixedPSpin", at.MixedPSpin, {"xi": "q**2/8 + q**4/2", "prior": at.Rademacher()})
    yield Call("SpikedMatrix", at.SpikedMatrix, {"prior": at.Rademacher()})
    yield Call("SpikedTensor", at.SpikedTensor, {"p": 3, "prior": at.Rademacher()})
    yield Call("SpikedMatrixTensor", at.SpikedMatrixTensor, {"p": 3, "tensor_noise": 1.0})
    for kind in (at.XORSAT, at.Bicoloring):
        yield Call(kind.__name__, kind,
                   {"k": 3, "temperature": 0.5, "degrees": "poisson", "spacing": 0.125, "accuracy": 1e-5})  # fmt: skip
    yield Call("Coloring", at.Coloring, {"q": 4, "population": 1000, "sweeps": 20, "runs": 2, "seed": 0})
    yield Call("GLM", at.GLM, {"prior": at.Rademacher(), "channel": at.SignChannel()})
    yield Call("StochasticBlockModel", at.StochasticBlockModel, {"k": 3})
    yield Call("RectangularMatrix", at.RectangularMatrix, {"u": at.Gaussian(), "v": at.Rademacher(), "aspect": 0.5})
    yield Call("GaussianMixture", at.GaussianMixture, {"k": 2, "aspect": 0.5, "weights": [0.2, 0.8]})
    yield Call("PottsPrior", at.PottsPrior, {"k": 3})
    yield Call("RowOrthogonalSensing", at.RowOrthogonalSensing, {"prior": at.Rademacher(), "noise": 0.1})
    yield Call("SpectralSensing", at.SpectralSensing,
               {"prior": at.Rademacher(), "eigenvalues": [0.5, 1.5], "weights": [0.5, 0.5]})  # fmt: skip
    for kind in (at.SparseRademacher, at.GaussBernoulli):
        yield Call(kind.__name__, kind, {"rho": 0.1})
    yield Call("Discrete", at.Discrete, {"values": [1, -1], "probabilities": [0.5, 0.5]})
    yield Call("Density", at.Density, {"function": lambda s: 0.5 + 0 * s, "support": (-1, 1)})
    for kind in (at.Flow, at.Autoregressive, at.UniformDiscreteDiffusion):
        yield Call(kind.__name__, kind, {"schedule": kind().schedule})
    yield Call("Birth", at.Birth, {"schedule": at.Birth().schedule})
    yield Call("Mixed", at.Mixed, {"first": t.flow, "second": t.auto})
    yield Call("SideChannel", at.SideChannel, {"name": "flips", "matrix": flips, "schedule": at.StrengthAsTime(),
                                               "strength": "told"})  # fmt: skip
    yield Call("Interpolant", at.Interpolant, {"noise": lambda t: 1 - t, "signal": lambda t: t})
    yield Call("PolynomialCoupling", at.PolynomialCoupling,
               {"scaled_terms": ((2, 0.5),), "fixed_terms": ((3, 0.1),)})  # fmt: skip
    yield Call("LinearChannel", at.LinearChannel, {"noise": 0.1})
    yield Call("ProbitChannel", at.ProbitChannel, {"noise": 0.1})
    yield Call("DoorChannel", at.DoorChannel, {"kappa": 0.7})
    yield Call("SymmetricPerceptron", at.SymmetricPerceptron, {"kappa": 0.7})
    yield Call("Channel", at.Channel,
               {"outcomes": [-1.0, 1.0], "likelihood": lambda y, z: 0.5 + 0.5 * np.tanh(y * z)})  # fmt: skip
    yield Call("Channel with a density", at.Channel, {
        "density": lambda y, z: np.exp(-((y - z) ** 2) / 2) / np.sqrt(2 * np.pi), "support": (-np.inf, np.inf),
        "breakpoints": (0.0,)})  # fmt: skip
    yield Call("MessagePassingOptions", at.MessagePassingOptions,
               {"damping": 0.1, "tolerance": 1e-6, "max_iterations": 20, "keep_iterates": False,
                "adapt_damping": False})  # fmt: skip
    yield Call("SideInformation", at.SideInformation, {
        "field": np.zeros((2, 6)), "precision": 0.1, "known": np.zeros((2, 6), dtype=bool),
        "values": np.zeros((2, 6))})  # fmt: skip
    yield Call("SideInformation.from_field", at.SideInformation.from_field, {"field": np.zeros(6), "precision": 0.1})
    yield Call("SideInformation.from_known", at.SideInformation.from_known,
               {"known": np.ones(6, dtype=bool), "values": np.ones(6)})  # fmt: skip
    yield Call("Enumeration", at.Enumeration, {"instance": t.dense})
    yield Call("MessagePassingDenoiser", at.MessagePassingDenoiser,
               {"instance": t.dense, "options": at.MessagePassingOptions(), "warm": True})  # fmt: skip
    yield Call("Coefficient.times", t.coefficient.times, {"factor": 2.0})


def _instances(t: Things) -> Iterator[Call]:
    for model in (t.ising, t.spherical, t.xorsat, t.glm):
        yield Call(f"draw_instance, {model.name}", at.draw_instance,
                   {"model": model, "control": 1.0, "size": 6, "seed": 0, "target": None, "storage": "double"})  # fmt: skip
    yield Call("instance_from", at.instance_from,
               {"model": t.ising, "control": 1.0, "couplings": np.ones((3, 3, 3)), "planted": None,
                "check_scale": False})  # fmt: skip
    yield Call("instance_from, graph", at.instance_from,
               {"model": t.xorsat, "control": None, "graph": [[0, 1, 2], [1, 2, 3]], "signs": None,
                "right_sides": [0, 1], "size": 6, "planted": None})  # fmt: skip
    yield Call("instance_from, measurements", at.instance_from,
               {"model": t.glm, "control": 1.0, "sensing": np.full((6, 6), 0.4), "measurements": np.ones(6),
                "planted": np.ones(6), "check_scale": True})  # fmt: skip
    yield Call("instance_from, matrix", at.instance_from,
               {"model": t.sides, "control": 1.0, "matrix": np.ones((6, 6)), "planted": None,
                "check_scale": False})  # fmt: skip
    yield Call("instance_from, patterns", at.instance_from,
               {"model": at.RandomPerceptron(), "control": 1.0, "patterns": np.ones((6, 6)), "planted": None,
                "check_scale": False})  # fmt: skip
    yield Call("instance_from, points", at.instance_from,
               {"model": at.GaussianMixture(3, 1), "control": 1.0, "points": np.ones((6, 6)), "planted": None,
                "check_scale": False})  # fmt: skip
    yield Call("load_instance", at.load_instance, {"file": "instance.npz", "model": None})
    draw = {"instance": t.dense, "batch": 2, "seed": 0, "denoiser": None, "steps": 2, "path": None,
            "end_strength": None, "order": None}  # fmt: skip
    for sampler in ("flow", "diffusion", "autoregressive", "masked", "uniform-diffusion"):
        yield Call(f"draw_samples, {sampler}", at.draw_samples, draw | {"sampler": sampler})
    yield Call("draw_samples by a function", at.draw_samples,
               draw | {"sampler": "flow", "denoiser": lambda side: np.zeros((2, 6))})  # fmt: skip
    yield Call("unit_propagation", at.unit_propagation,
               {"k": 3, "density": 0.7, "size": 100, "order": "random", "steps": 5, "seed": 0})  # fmt: skip
    chain = {"instance": t.dense, "sweeps": 4, "seed": 0, "start": "random", "chains": 2, "side": None, "every": 1,
             "keep_samples": False}  # fmt: skip
    for function in (at.heat_bath, at.metropolis):
        yield Call(function.__name__, function, chain)
        yield Call(f"{function.__name__}, graph", function, chain | {"instance": t.graph})
    yield Call("parallel_tempering", at.parallel_tempering, chain | {"factors": np.array([0.0, 0.5, 1.0])})
    yield Call("langevin", at.langevin,
               {"instance": t.ball, "end_time": 0.2, "step": 0.1, "seed": 0, "start": "random", "chains": 2,
                "every": 1, "check_step": False})  # fmt: skip
    for function, instance in ((at.run_amp, t.dense), (at.run_bp, t.graph), (at.run_gamp, t.linear),
                               (at.run_vamp, t.linear), (at.run_robust_gamp, t.linear)):  # fmt: skip
        own = {"denoiser": at.Rademacher()} if function is at.run_amp else {}
        yield Call(function.__name__, function,
                   {"instance": instance, "side": t.side, "start": "uninformed",
                    "options": at.MessagePassingOptions(max_iterations=5), **own})  # fmt: skip
    known = {"instance": t.graph, "runs": 2, "seed": 0, "side": None}
    yield Call(
        "solve_by_decimation",
        at.solve_by_decimation,
        known | {"choice": "drawn", "portion": 0.5, "options": at.MessagePassingOptions(max_iterations=5)},
    )
    yield Call(
        "solve_by_reinforcement", at.solve_by_reinforcement, known | {"rate": 0.1, "damping": 0.1, "max_iterations": 5}
    )
    yield Call("plan_simulation", at.plan_simulation,
               {"model": t.ising, "control": 0.7, "sampler": "flow", "power": 0.9, "size": 8, "batch": 6, "steps": 2,
                "sweeps": 2, "target": None, "seed": 0})  # fmt: skip
    yield Call("demonstrate", at.demonstrate,
               {"name": "orders", "sizes": [100, 200], "instances": 1, "seed": 0, "recorded": None, "checkpoint": None,
                "progress": None})  # fmt: skip
    yield Call("recovery_by_heat_bath", at.recovery_by_heat_bath,
               {"model": at.SpikedMatrix(at.SparseRademacher(0.2)), "controls": [0.002], "sizes": [10], "instances": 1, "sweeps": 2, "seed": 0,
                "checkpoint": None, "progress": None})  # fmt: skip
    yield Call(
        "simulate",
        at.simulate,
        {
            "model": t.ising,
            "control": 1.0,
            "size": 6,
            "instances": 2,
            "seed": 0,
            "samplers": ["heat-bath"],
            "batch": 6,
            "steps": 2,
            "sweeps": 4,
            "target": None,
            "checkpoint": None,
            "progress": None,
        },
    )


def _methods(t: Things) -> Iterator[Call]:
    def of(thing: Any, name: str, /, **arguments: Any) -> Call:
        return Call(f"{type(thing).__name__}.{name}", getattr(thing, name), arguments)

    for schedule in t.schedules:
        yield of(schedule, "strength", time=0.3)
        yield of(schedule, "time", strength=0.3)
    for prior in t.priors:
        for name in ("channel", "free_entropy", "log_mmse", "mmse", "overlap", "overlap_curvature", "overlap_slope"):
            yield of(prior, name, snr=0.5)
        if not isinstance(prior, at.PottsPrior):
            yield of(prior, "resolved", snr=0.5)
    for path in (t.flow, t.auto, t.uniform):
        yield of(path, "check_prior", prior=at.Rademacher())
        yield of(path, "check_strength", strength=0.1)
        yield of(path, "evidence", prior=at.Rademacher(), strength=0.1)
        yield of(path, "information", prior=at.Rademacher(), strength=0.1)
        yield of(path, "observe", truth=np.ones((2, 6)), strength=0.1, rng=np.random.default_rng(0))
    for path in (at.Birth(), at.SideChannel("seen", lambda s: [[1, 0], [1 - s, s]])):
        prior = at.Discrete([0, 1], [0.7, 0.3])
        yield of(path, "check_prior", prior=prior)
        yield of(path, "evidence", prior=prior, strength=0.1)
        yield of(path, "information", prior=prior, strength=0.1)
    yield of(at.Birth(), "observe", truth=np.ones((2, 6)), strength=0.1, rng=np.random.default_rng(0))
    both = at.Mixed(t.flow, t.auto)
    yield of(both, "observe", truth=np.ones((2, 6)), strengths=(0.1, 0.2), rng=np.random.default_rng(0))
    yield of(both, "held", snr=0.1)
    yield of(t.order, "surface", points=2)
    yield of(t.order, "plot", ax=None, points=3, title=None, style=None)
    yield Call("CriticalLine[...]", lambda name: t.critical[name], {"name": "overlap"})
    for channel in t.channels:
        yield of(channel, "functions", overlap=0.3, gap=0.7)
        for name in ("check", "free_entropy_at_zero", "table"):
            yield of(channel, name, second_moment=1.0)
    for model in t.models:
        control = 1.0 if model is t.regular else 4.0 if model is t.coloring else 0.7
        yield of(model, "check_control", control=control)
        yield of(model, "check_target", target="planted")
        if hasattr(model, "in_field"):
            yield of(model, "in_field", field=0.1)
        yield of(model, "convert", value=control, source=model.control, to=model.control)
    yield of(t.regular, "degree", density=1.0)
    yield of(t.states, "at", control=0.8)
    yield of(t.states, "escapes", control=0.8)
    yield of(t.states, "why_undecided", control=0.8)
    yield of(t.diagram, "region", control=0.7, strength=0.1)
    yield of(t.diagram, "sampler_succeeds", control=0.7)
    yield of(t.diagram, "first_failure_strength", control=0.7)
    yield of(t.diagram, "reason", control=0.7)
    yield of(t.diagram, "line", name="first_order")
    yield of(t.diagram, "plot", axes=None, axis="strength", legend=True, title=None, annotate=False, style=None)
    yield of(t.scan, "plot", ax=None, parameter="rho", legend=True, title=None, style=None)
    yield of(t.scan, "to_csv", path="scan.csv", overwrite=True)
    yield of(t.diagram, "save", path="saved.json", overwrite=True)
    yield of(t.diagram, "to_csv", path="saved.csv", overwrite=True)
    yield of(t.sweep, "values", quantity="first_order", coordinate="overlap")
    yield Call(
        "Sweep.reason", lambda quantity, index: t.sweep.reason(quantity, index), {"quantity": "first_order", "index": 1}
    )
    yield Call("Sweep[...]", lambda quantity: t.sweep[quantity], {"quantity": "first_order"})
    yield of(t.curve, "to_csv", path="curve.csv", overwrite=True)
    yield of(t.certificate, "save", path="certificate.json", overwrite=True)
    yield Call("FixedPoints[...]", lambda index: t.points[index], {"index": 0})
    yield Call("Scan[...]", lambda index: t.scan[index], {"index": 0})
    yield of(t.diagram.thresholds, "get", key="dynamical", default=None)
    yield Call("Thresholds[...]", lambda name: t.diagram.thresholds[name], {"name": "algorithmic"})
    yield Call("ResultTable", at.ResultTable, {"title": "table", "columns": {"overlap": [0.1, 0.2]}})
    yield Call("Located[...]", lambda name: t.diagram.thresholds.dynamical[name], {"name": "overlap"})
    yield Call("Comparison[...]", lambda name: t.comparison[name], {"name": "mcmc"})
    yield of(t.comparison["mcmc"], "at", control=0.7)
    where = {"name": "equation_of_state", "overlap": 0.5, "snr": 0.1, "temperature": 0.7}
    yield Call("ClosedForms.evaluate", t.forms.evaluate, where)
    yield Call("ClosedForms.subs", t.forms.subs, {"overlap": 0.5})
    yield of(t.expansion, "lines", control=0.7)
    yield of(t.correlation, "residual", time=1.0)
    for name in ("autocorrelation_time", "effective_sample_size", "split_r_hat"):
        yield of(t.chains, name, discard=0)
    for instance in (t.dense, t.graph, t.linear, t.ball):
        yield of(instance, "energy", configurations=np.ones((2, 6)))
        yield of(instance, "save", path="saved.npz", overwrite=True)
        yield of(instance, "interaction", configurations=np.ones((2, 6)))
        yield of(instance, "overlap", a=np.ones(6), b=np.ones((2, 6)))
    yield of(t.amp, "overlaps", reference=np.ones(6))
    yield of(t.side, "log_weight", configurations=np.ones((3, 6)))
    yield of(t.enumeration, "denoise", side=t.side)
    for name in ("marginals", "mean", "probabilities"):
        yield of(t.enumeration, name, side=t.side)
    yield of(t.enumeration, "sample", number=3, rng=np.random.default_rng(0))
    yield of(t.denoiser, "infer", side=t.side, start=None)
    yield of(t.denoiser, "__call__", side=t.side, start=None)


@dataclass
class Hostile:
    """A call with some values replaced."""

    call: Call
    changes: dict[str, tuple[str, Callable[[], Any]]]

    @property
    def name(self) -> str:
        return f"{self.call.name}({', '.join(f'{k}={label}' for k, (label, _) in self.changes.items())})"

    def __call__(self) -> Any:
        return self.call(**{name: make() for name, (_, make) in self.changes.items()})


def hostile_calls(calls: list[Call], number: int, seed: int) -> Iterator[Hostile]:
    """Return about so many calls: every valid call as often as the others, with one or two of its arguments replaced."""
    rng = np.random.default_rng(seed)
    values = list(VALUES.items())
    calls = [call for call in calls if call.fuzzed]
    order: list[int] = []
    for _ in range(number):
        order = order or rng.permutation(len(calls)).tolist()
        call = calls[order.pop()]
        names = rng.permutation(call.fuzzed)[: 1 if rng.random() < 0.7 else 2]
        changes = {str(name): values[rng.integers(len(values))] for name in names}
        if WORK not in [(name, label) for name, (label, _) in changes.items()]:
            yield Hostile(call, changes)


def within(seconds: int, function: Callable[[], Any]) -> Any:
    """Call a function; raise `Slow` if it takes longer."""

    def stop(*_: Any) -> None:
        raise Slow(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        return function()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def public_methods() -> set[tuple[str, str]]:
    """Return (class, method) of every public method with arguments of the public classes."""
    found = set()
    for name in at.__all__:
        kind = getattr(at, name)
        if not inspect.isclass(kind) or issubclass(kind, BaseException):
            continue
        for method, _ in inspect.getmembers(kind, callable):
            raw = inspect.getattr_static(kind, method)
            if method.startswith("_") or not inspect.isroutine(getattr(raw, "__func__", raw)):
                continue
            if len(inspect.signature(getattr(kind, method)).parameters) > (not isinstance(raw, classmethod)):
                found.add((name, method))
    return found


#: what solvers call with numbers that they have checked, many times: a user's own model or path may have its own
SOLVERS_OWN = {
    # paths
    "response", "coordinate", "hidden", "internal", "public", "public_slope", "tilted_transform", "letters",
    "weighted",
    # models and couplings
    "intensity", "from_intensity", "energy_unit", "at", "curvature", "fixed", "instability", "scaled", "scaled_ratios",
    "signal", "steepest", "value",
    # factors, channels and posteriors
    "decomposition", "messages", "output_panels", "values_at", "draw",
    "logarithm", "smoothed", "log_smoothed", "log_value",
    # results
    "of",
}  # fmt: skip
