"""Random dense models for the referee, and the comparison of its answers with the package's."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from referee_oracle import Linear, Point, Polynomial, Referee, Response, Undecided, scalar_channel

import amp_theory as at

#: relative difference that a loss of digits explains
BLUR = 1e-5
#: part of the limit of the strength beyond which the referee does not scan
END = 2e-5
CHANNELS = ("linear", "sign", "probit", "abs", "relu", "door", "symmetric-perceptron")


@dataclass
class Case:
    """A model for both sides: the package's objects, the referee, and the control as a function of lambda."""

    name: str
    model: Any
    path: Any
    referee: Referee
    factor: float
    power: float  # lambda = factor * control^power

    def lam(self, control: float) -> float:
        return self.factor * control**self.power

    def control(self, lam: float) -> float:
        return (lam / self.factor) ** (1 / self.power)


def log_uniform(rng: np.random.Generator, lo: float, hi: float) -> float:
    return float(10 ** rng.uniform(math.log10(lo), math.log10(hi)))


def random_discrete(rng: np.random.Generator) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return atoms whose mean is known: of the order of the scale, or any smaller one down to 1e-16 of it."""
    kind = rng.integers(4)
    if kind == 0:  # two atoms of any weights, nearly centred: the second atom makes the mean
        p = log_uniform(rng, 1e-4, 0.5)
        mean = log_uniform(rng, 1e-9, 1)
        return (float((1 - p) / p), float(-1 + mean)), (p, 1 - p)
    if kind == 1:  # symmetric pairs, which cancel in every order of summation, and a rare atom
        size = float(rng.uniform(0.5, 3))
        rare = log_uniform(rng, 1e-16, 1e-2)
        value = log_uniform(rng, 0.3, 30)
        return (-size, size, value * 1.1 * size), ((1 - rare) / 2, (1 - rare) / 2, rare)
    if kind == 2:  # nought or one, and the like
        p = log_uniform(rng, 1e-8, 0.5)
        return (0.0, float(rng.uniform(0.3, 3))), (1 - p, p)
    count = int(rng.integers(2, 7))
    weights = np.maximum(rng.dirichlet(np.full(count, 0.7)), 10 ** rng.uniform(-6, -2))
    weights /= weights.sum()
    while True:
        values = rng.normal(size=count)
        if np.diff(np.sort(values)).min() > 0.05:
            break
    if rng.random() < 0.5:
        values = values - weights @ values + log_uniform(rng, 1e-8, 1)
    return tuple(map(float, values)), tuple(map(float, weights))


def random_prior(rng: np.random.Generator) -> tuple[str, Any, Any]:
    """Return a description, the package's prior and the referee's channel."""
    match rng.integers(7):
        case 0:
            return "rademacher", at.Rademacher(), scalar_channel("rademacher")
        case 1:
            return "gaussian", at.Gaussian(), scalar_channel("gaussian")
        case 2:
            rho = log_uniform(rng, 1e-8, 1)
            return f"sparse {rho!r}", at.SparseRademacher(rho), scalar_channel("sparse", rho)
        case 3:
            rho = log_uniform(rng, 1e-8, 1)
            return f"gauss-bernoulli {rho!r}", at.GaussBernoulli(rho), scalar_channel("gauss-bernoulli", rho)
    values, weights = random_discrete(rng)
    return f"discrete {values} {weights}", at.Discrete(values, weights), scalar_channel("discrete", values, weights)


def random_case(seed: int) -> Case:
    """Return the model of a seed."""
    rng = np.random.default_rng([12, seed])
    name, prior, channel = random_prior(rng)
    paths = ["flow", "autoregressive"] + ["uniform"] * (name == "rademacher")
    path = str(rng.choice(paths, p=[0.2, 0.3, 0.5] if len(paths) == 3 else None))
    package = {"flow": at.Flow, "autoregressive": at.Autoregressive, "uniform": at.UniformDiscreteDiffusion}[path]()
    rho = channel.rho
    kind = rng.integers(8)
    extra = None
    if kind == 0 and name == "rademacher":
        p = int(rng.integers(2, 51))
        model, coupling, factor, power = at.IsingPSpin(p), Polynomial(((p, 1 / p),)), p / 2, -2.0
    elif kind == 0 and name == "gaussian":
        p, noise = int(rng.integers(3, 9)), log_uniform(rng, 1e-3, 10)
        model, coupling, factor, power = at.SpikedMatrixTensor(p, noise), Polynomial(((2, 0.5),)), 1.0, -1.0
        extra = Polynomial(((p, 1 / (p * noise)),))
    elif kind <= 1:
        model, coupling, factor, power = at.SpikedMatrix(prior), Polynomial(((2, 0.5),)), 1.0, -1.0
    elif kind == 2:
        p = int(rng.integers(3, 51 if rng.random() < 0.3 else 9))
        model, coupling, factor, power = at.SpikedTensor(p, prior), Polynomial(((p, 1 / p),)), 1.0, -1.0
    elif kind <= 4:
        powers = sorted({int(k) for k in rng.integers(2, 51 if rng.random() < 0.3 else 7, size=rng.integers(1, 4))})
        powers = [k for k in powers if abs(k * math.log10(rho)) < 250] or [2]
        terms = [(k, log_uniform(rng, 1e-3, 10) / rho**k) for k in powers]
        if rng.random() < 0.7:
            terms = [(1, log_uniform(rng, 1e-30, 1) / rho), *terms]
        model = at.MixedPSpin(" + ".join(f"{c!r}*q**{k}" for k, c in terms), prior)
        coupling, factor, power = Polynomial(tuple(terms)), 1.0, -2.0
    else:
        model, coupling = random_measurements(rng, prior, rho)
        factor, power = 1.0, 1.0
    referee = Referee(channel, coupling, path, extra)
    return Case(f"{model!r} {name} {path}", model, package, referee, factor, power)


def random_measurements(rng: np.random.Generator, prior: Any, rho: float) -> tuple[Any, Any]:
    name = str(rng.choice(CHANNELS))
    noise = rho * log_uniform(rng, 1e-8, 1)
    kappa = math.sqrt(rho) * log_uniform(rng, 0.2, 3)
    match name:
        case "linear":
            noise = 0.0 if rng.random() < 0.3 else noise
            return at.GLM(prior, at.LinearChannel(noise)), Linear(noise, rho)
        case "sign":
            return at.GLM(prior, at.SignChannel()), Response("sign", rho)
        case "probit":
            return at.GLM(prior, at.ProbitChannel(noise)), Response("sign", rho, noise=noise)
        case "abs":
            return at.GLM(prior, at.AbsChannel()), Response("abs", rho)
        case "relu":
            return at.GLM(prior, at.ReLUChannel()), Response("relu", rho)
        case "door":
            return at.GLM(prior, at.DoorChannel(kappa)), Response("door", rho, kappa)
    return at.GLM(prior, at.SymmetricPerceptron(kappa)), Response("symmetric-perceptron", rho, kappa)


# -------------------------------------------------------------------------------------------------- comparison


@dataclass
class Report:
    """What one model gave."""

    seed: int
    name: str
    compared: int = 0
    disagreements: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    abstained: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def check(self, what: str, agree: bool, ours: Any, theirs: Any, **where: Any) -> None:
        self.compared += 1
        if not agree:
            self.disagreements.append({"what": what, "package": ours, "referee": theirs, **where})

    def ask(self, what: str, function: Any, **where: Any) -> Any:
        """Return the package's answer; what goes wrong is recorded, never passed over."""
        start = time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return function()
        except at.NumericalError as error:
            self.errors.append({"what": what, "kind": "NumericalError", "message": str(error), **where})
        except at.InputError as error:
            if "choose units" in str(error) or "too extreme" in str(error):  # refused for its size, with what to do
                self.abstained.append(f"{what}: refused: {error}")
            else:
                self.errors.append({"what": what, "kind": "InputError", "message": str(error), **where})
        except (at.AmpTheoryError, Warning, ArithmeticError, LookupError, ValueError, TypeError) as error:
            self.errors.append({"what": what, "kind": type(error).__name__, "message": str(error), **where})
        finally:
            self.seconds["package"] = self.seconds.get("package", 0) + time.process_time() - start
        return None

    def judge(self, what: str, function: Any) -> Any:
        """Return the referee's answer, None where it abstains."""
        start = time.process_time()
        try:
            with np.errstate(all="ignore"):
                return function()
        except Undecided as reason:
            self.abstained.append(f"{what}: {reason}")
            return None
        finally:
            self.seconds["referee"] = self.seconds.get("referee", 0) + time.process_time() - start


def tolerance(case: Case, point: Point) -> float:
    """Return the bound on the difference of overlaps: blur of the signal, table's error, doubt about the mean."""
    moved = point.steepness * point.signal * point.blur if math.isfinite(point.signal) else 0.0
    own = 1e-9 * point.overlap + 1e-290
    return own + 30 * moved + 10 * case.referee.channel.mean_doubt * point.overlap


def small_noise(case: Case) -> bool:
    """Tell whether a linear channel has so little noise that the referee's free entropies lose digits."""
    return 0 < getattr(case.referee.coupling, "noise", 1.0) < 1e-6 * case.referee.rho


def blurred(case: Case) -> bool:
    """Tell whether the referee's free entropies lose digits next to full overlap, where many digits take minutes."""
    return small_noise(case) and math.isinf(case.model.variable_prior.entropy)


def sharp_failure(case: Case, control: float, first: float) -> float:
    """Return how far the strength of a first failure is from that with many digits."""
    try:
        met = at.path_transitions(case.model, case.path, control, digits=12).first_order
    except at.AmpTheoryError:
        return math.inf
    return min((abs(float(p.decimals[case.path.strength]) - first) for p in met), default=math.inf)


def on_a_line(case: Case, special: list[float], control: float, s: float) -> bool:
    """Tell whether a control is a special point, or that at which q = rho becomes stable, up to what can be told."""
    if vertical_line(case):
        hidden = 1 - s if case.referee.path == "autoregressive" else 1.0
        pole = float(case.model.coupling.singularity[1])
        special = [*special, case.referee.channel.dimension * hidden / pole]
    return any(abs(control / x - 1) < 1e-6 for x in special if x)


def vertical_line(case: Case) -> bool:
    """Tell whether q = rho appears at one control for every strength: densities without noise."""
    return case.referee.coupling.infinite and case.referee.channel.dimension > 0


def compare_points(case: Case, report: Report, control: float, s: float) -> None:
    referee, where = case.referee, {"control": control, "strength": s}
    points = report.judge("fixed points", lambda: referee.fixed_points(case.lam(control), s))
    if points is None:
        return
    ours = report.ask("fixed_points", lambda: at.fixed_points(case.model, case.path, control, s), **where)
    if ours is None:
        return
    theirs = list(points)
    if len(ours) != len(theirs) and theirs and theirs[0].overlap == 0 and not theirs[0].stable:
        theirs = theirs[1:]  # an unstable q = 0 at zero strength is no branch
    report.check(
        "count", len(ours) == len(theirs), [p.overlap for p in ours], [p.overlap for p in theirs], **where
    )  # fmt: skip
    if len(ours) != len(theirs):
        return
    for a, b in zip(ours, theirs, strict=True):
        bound = tolerance(case, b) + a.errors.get("overlap", 0.0)
        report.check("overlap", abs(a.overlap - b.overlap) <= bound, a.overlap, b.overlap, bound=bound, **where)
        report.check("stability", a.stable == b.stable, a.stable, b.stable, overlap=b.overlap, **where)
    low, reference = ours[0], theirs[0]
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        mine, other = a.free_entropy - low.free_entropy, b.free_entropy - reference.free_entropy
        bound = 5 * (b.doubt + reference.doubt) + a.errors["free_entropy"] + low.errors["free_entropy"]
        same = mine == other or abs(mine - other) <= bound
        report.check("free entropy difference", bool(same), mine, other, bound=bound, **where)
    region = report.judge("region", lambda: referee.region(points))
    stable = [p for p in theirs if p.stable]
    if region is not None:
        report.check("region", ours.region == region, ours.region, region, **where)
    for name, function, b in (
        ("uninformed_overlap", at.uninformed_overlap, stable[0]),
        ("informed_overlap", at.informed_overlap, stable[-1]),
    ):
        value = report.ask(name, lambda f=function: float(f(case.model, case.path, control, s)), **where)
        if value is not None:
            bound = tolerance(case, b) + 1e-10 * b.overlap
            report.check(name, abs(value - b.overlap) <= bound, value, b.overlap, bound=bound, **where)


def compare_thresholds(case: Case, report: Report) -> dict[str, float]:
    """Compare all special points; return the referee's, by name, as controls."""
    referee = case.referee
    found = report.judge("thresholds", referee.thresholds) or {}
    cusps = report.judge("tricritical", referee.tricritical)
    controls = {name: case.control(point[0]) for name, point in found.items() if point}
    if cusps:
        controls["tricritical"] = case.control(cusps[0][0])
    ours = report.ask("thresholds", lambda: at.thresholds(case.model, case.path))
    if ours is None:
        return controls
    vertical = vertical_line(case)
    names = list(found) + (["tricritical"] if cusps is not None else [])
    for name in names:
        point, theirs = getattr(ours, name), controls.get(name)
        value = None if point is None else point.control
        agree = (value is None) == (theirs is None)
        if agree and value is not None:
            # controls follow from lambda; a mean in doubt moves what hangs on it
            bound = (2e-9 + 8 * referee.channel.mean_doubt + (3e-6 if vertical else 0)) * theirs + point.error
            agree = abs(value - theirs) <= bound
        doubt = "" if agree else doubtful(case, name, point, theirs)
        if doubt:
            report.abstained.append(f"{name}: {value} or {theirs}: {doubt}")
            continue
        report.check(name, agree, value, theirs, reason=ours.reasons.get(name))
    return controls


def doubtful(case: Case, name: str, point: Any, theirs: float | None) -> str:
    """Tell why a difference in a threshold is none: by the referee's own fixed points, or by many digits."""
    referee, rho = case.referee, case.model.variable_prior.second_moment
    if theirs is not None and not 1e-60 < theirs < 1e60:
        return "beyond the controls that are allowed"
    if point is not None and point.error > 0.1 * point.control:
        return "the package states no digit"
    if name == "tricritical" and point is not None and theirs is None:
        if case.path.limit - point.strength < END * case.path.limit:
            return "beyond the referee's scan of strengths"
        if rho - point.overlap < 1e-8 * rho:
            return "a cusp of the last digits of rho - q"
    if point is not None and theirs is not None:
        if not isinstance(case.model, at.GLM):  # only the referee's response of a channel loses digits
            return ""
        if blurred(case) and abs(point.control - theirs) < BLUR * theirs:
            return "free entropies of the referee lose digits at so little noise, and many digits take minutes"
        try:
            sharp = at.thresholds(case.model, case.path, digits=12)
        except at.AmpTheoryError:
            return ""
        exact = float(getattr(sharp, name).decimals[case.model.control])
        return "as many digits have it" if abs(exact - point.control) <= point.error + 1e-11 * exact else ""

    def kind(control: float) -> Any:
        """What changes at the special point, by the referee's fixed points or spinodals."""
        lam = case.lam(control)
        if name == "tricritical":
            return [len(x) for x in referee.spinodals(lam)]
        points = referee.fixed_points(lam, 0.0)
        if name == "condensation":
            return referee.region(points) == "hard"
        stable = [p for p in points if p.stable]
        return stable[0].overlap > 0 if name == "weak_recovery" else len(stable)

    control = theirs if point is None else point.control
    try:
        changes = kind(control * (1 - 1e-3)) != kind(control * (1 + 1e-3))
    except Undecided as reason:
        return str(reason)
    return "the referee's own fixed points say the opposite" if changes == (point is not None) else ""


def interesting_controls(case: Case, marks: dict[str, float], rng: np.random.Generator) -> list[float]:
    """Return controls near, between and beyond the thresholds."""

    def within(control: float) -> bool:
        """Tell whether the snr from the other variables is within the documented limits, by two orders."""
        referee = case.referee
        gap = 1e-3 * referee.rho if referee.coupling.infinite else 0.0
        snr = referee.signal(case.lam(control), np.array([referee.rho - gap]), np.array([gap]))[0]
        return bool(1e-10 < snr < 1e10)

    values = sorted(v for v in marks.values() if within(v))
    if not values:
        unit = case.control(1 / max(case.referee.channel.variance, 1e-12))
        return [unit * log_uniform(rng, 0.2, 5)]
    chosen = [float(rng.choice(values)) * float(rng.choice([0.5, 0.9, 0.98, 1.02, 1.1, 2]))]
    if len(values) > 1:
        i = rng.integers(len(values) - 1)
        chosen.append(values[i] + (values[i + 1] - values[i]) * rng.uniform(0.1, 0.9))
    else:
        chosen.append(values[0] * rng.uniform(0.7, 1.3))
    return chosen


def compare(seed: int) -> Report:
    """Return the comparison of all answers about the model of a seed."""
    rng = np.random.default_rng([13, seed])
    report = Report(seed, "")
    case = report.judge("model", lambda: random_case(seed))
    if case is None:
        return report
    report.name = case.name
    marks = compare_thresholds(case, report)
    controls = interesting_controls(case, marks, rng)
    scale = case.referee.channel.unit if case.referee.path == "flow" else 1.0
    for k, control in enumerate(controls):
        lam = case.lam(control)
        failure = report.judge("first failure", lambda lam=lam: (case.referee.first_failure(lam),))
        tiny = [1e-12, 1e-6] if case.referee.path == "uniform" else [1e-300, 1e-30, 1e-12, 1e-6]
        strengths = [0.0, float(rng.choice(tiny)) * scale, scale * float(rng.uniform(0.01, 0.6))]
        turns = report.judge("spinodals", lambda lam=lam: case.referee.spinodals(lam)) or ([], [])
        turns = [x.value for kind in turns for x in kind if x.value > 1e-7 * scale]
        if turns:
            strengths.append(float(rng.choice(turns)) * float(rng.choice([1 - 1e-6, 1 - 1e-3, 1 + 1e-3, 1 + 1e-6])))
        if failure and failure[0]:
            strengths.append(failure[0] * float(rng.choice([0.99, 1.01])))
        for s in (x for x in strengths if x < case.referee.functions.limit):
            if on_a_line(case, list(marks.values()), control, s):
                report.abstained.append(f"points at {control}: on a line")
                continue
            compare_points(case, report, control, s)
        if failure and k == 0 and not on_a_line(case, list(marks.values()), control, 0.0):
            compare_verdict(case, report, control, failure[0])
    return report


def compare_verdict(case: Case, report: Report, control: float, failure: float | None) -> None:
    """Compare the verdict of a small diagram, and the transitions at one control, with the referee's."""
    limits = (control * 0.99, control * 1.01)
    diagram = report.ask(
        "phase_diagram", lambda: at.phase_diagram(case.model, case.path, limits, points=2, target="planted")
    )
    if diagram is not None:
        verdict = report.ask("sampler_succeeds", lambda: diagram.sampler_succeeds(control), control=control)
        first = report.ask("first_failure", lambda: diagram.first_failure_strength(control), control=control)
        if failure is None and first is not None and first > case.path.limit * (1 - END):
            report.abstained.append(f"first failure at {first}: beyond the referee's scan of strengths")
        else:
            report.check("sampler_succeeds", verdict == (failure is None), verdict, failure is None, control=control)
            agree = (first is None) == (failure is None)
            if agree and failure is not None:
                # where q = rho appears at alpha = d exactly, the referee sees it to the end of its grid
                blur = 1e-4 if vertical_line(case) else 1e-7
                met = at.path_transitions(case.model, case.path, control).first_order
                stated = max((p.errors[case.path.strength] for p in met), default=0.0)
                agree = abs(first - failure) <= blur * failure + 1e-9 * case.referee.channel.unit + stated
                if not agree and blurred(case) and abs(first - failure) < BLUR * failure:
                    report.abstained.append(f"first failure at {first} or {failure}: free entropies lose digits")
                    agree = True
                agree = agree or (small_noise(case) and sharp_failure(case, control, first) <= stated)
            report.check("first_failure_strength", agree, first, failure, control=control)
    spinodals = report.judge("spinodals", lambda: case.referee.spinodals(case.lam(control)))
    ours = report.ask("path_transitions", lambda: at.path_transitions(case.model, case.path, control), control=control)
    if spinodals is None or ours is None or vertical_line(case):
        return
    floor = 1e-7 * (case.referee.channel.unit if case.referee.path == "flow" else 1)
    for name, theirs in zip(("informed_spinodal", "uninformed_spinodal"), spinodals, strict=True):
        end = case.path.limit * (1 - END)
        a = [p.strength for p in getattr(ours, name) if floor < p.strength < end]
        b = [x.value for x in theirs if floor < x.value < end]
        agree = len(a) == len(b) and all(abs(x - y) <= 1e-6 * y + 1e-3 * floor for x, y in zip(a, b, strict=True))
        report.check(name, agree, a, b, control=control)


def compare_in_time(seed: int, limit: int = 60) -> Report:
    """Return the comparison of a seed, or a report that says that it took more than `limit` seconds."""

    def too_long(number: int, frame: Any) -> None:
        raise Undecided(f"more than {limit} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(limit)
    try:
        return compare(seed)
    except Undecided as reason:
        return Report(seed, "", abstained=[str(reason)])
    finally:
        signal.alarm(0)


def run(start: int, stop: int, processes: int = 1, output: Any = sys.stdout) -> dict[str, int]:
    """Compare the models of seeds start to stop - 1, one JSON line each; return the totals."""
    from concurrent.futures import ProcessPoolExecutor

    totals = {"models": 0, "compared": 0, "disagreements": 0, "errors": 0, "abstained": 0}
    with ProcessPoolExecutor(processes) as pool:
        for seed, future in [(seed, pool.submit(compare_in_time, seed)) for seed in range(start, stop)]:
            fault = future.exception()  # a fault of the referee itself: the run goes on, and the line says so
            report = Report(seed, "", abstained=[f"referee failed: {fault!r}"]) if fault else future.result()
            print(json.dumps(report.__dict__, default=float), file=output, flush=True)
            totals["models"] += 1
            totals["compared"] += report.compared
            for name in ("disagreements", "errors", "abstained"):
                totals[name] += len(getattr(report, name))
    return totals


if __name__ == "__main__":
    first, last, workers = (int(a) for a in [*sys.argv[1:], "1"][:3])
    print(json.dumps(run(first, last, workers)), file=sys.stderr)
