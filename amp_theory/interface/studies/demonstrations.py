"""The demonstrations: their statements, models, sizes and margins; docs/demonstrations.md tells what was changed.

Margins are `SMALL` of the energy between random and exact configurations, or a third of what theory says of the sampler
beside it that fails.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import lru_cache

import numpy as np

from amp_theory.finite.instances.draw import draw_instance
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.paths.mixed import Mixed
from amp_theory.ingredients.paths.named import Autoregressive, Flow, UniformDiscreteDiffusion
from amp_theory.ingredients.priors.named import SparseRademacher
from amp_theory.models.base import Model
from amp_theory.models.sparse import XORSAT, Bicoloring
from amp_theory.models.spiked import SpikedMatrix
from amp_theory.models.spin_glasses import IsingPSpin
from amp_theory.phases.accuracy.sampling_error import sampling_error
from amp_theory.phases.diagram.along_path import path_transitions
from amp_theory.phases.points.fixed_points import informed_overlap, uninformed_overlap
from amp_theory.tools.errors import one_of
from amp_theory.trials.demonstration import DemonstrationRun, run_demonstration
from amp_theory.trials.demonstration_cases import Case, Demonstration
from amp_theory.trials.on_instances import CHAIN, ExcessEnergy, LargestGap, LateExcess, Missed, NatsLost, Redundant
from amp_theory.trials.simulation import random_energy

#: the part of the energy between random and exact configurations that counts as nothing
SMALL = 0.01
#: the part of what is lost beside that counts as nothing, and of an overlap that is found or not
THIRD, QUARTER = 1 / 3, 0.25
#: strengths at which two branches are looked for, in units of that of the jump; points of the search for it
AROUND, GRID = (0.975, 1.025, 9), 400
#: an instance whose energies tell what separates random from exact configurations
SCALE_SIZE = 2000


def _small(model: Model, control: float) -> float:
    """Return `SMALL` of the energy per variable between random and exact configurations."""
    instance = draw_instance(model, control, SCALE_SIZE if model.name != "ising-p-spin" else 100, 0)
    assert instance.planted is not None
    return SMALL * abs(random_energy(instance, 0) - float(instance.energy(instance.planted[None])[0]))


def _lost(model: Model, path: Path, control: float) -> float:
    """Return what theory says that a sampler loses, in nats per variable."""
    found = sampling_error(model, path, control).nats_per_variable
    assert found is not None
    return float(found)


def _gap(model: Model, path: Path, control: float, strengths: Sequence[float]) -> float:
    """Return the largest gap of theory at strengths."""
    apart = [f(model, path, control, np.array(strengths)) for f in (informed_overlap, uninformed_overlap)]
    return float(np.max(apart[0] - apart[1]))


def _steepest(model: Model, path: Path, control: float) -> tuple[float, ...]:
    """Return strengths around that at which the overlap jumps, or rises most steeply where there is one branch."""
    jumps = path_transitions(model, path, control).first_order
    centre = float(jumps[0].strength or 0.0) if jumps else 0.0
    if not centre:
        grid = np.geomspace(1e-2, 40, GRID) if math.isinf(path.limit) else path.limit * np.linspace(0, 1, GRID)[1:-1]
        overlap = np.asarray(uninformed_overlap(model, path, control, grid))
        centre = float(grid[np.argmax(np.diff(overlap) / np.diff(np.log(grid)))])
    return tuple(float(s) for s in (centre * np.linspace(*AROUND)).round(6))


def _xorsat() -> Demonstration:
    model, cases = XORSAT(4, temperature=0.5), []
    sizes, fewer = {6250: 16, 25_000: 12, 100_000: 8}, {6250: 16, 25_000: 12}
    for density, works in ((1.0, True), (1.4, False), (1.55, False)):
        flow = ExcessEnergy(model, density, "flow", 48)
        # where it works, its steps cost something at any size: shown
        margin, claim = _small(model, density), None if works else False
        cases.append(Case(f"flow at density {density}", flow, sizes, claim, margin))
    chain = ExcessEnergy(model, 1.4, CHAIN, 2000)
    cases.append(Case("heat bath at density 1.4", chain, sizes, True, _small(model, 1.4)))
    # next to the dynamical density it takes longer
    for sweeps, label, run in (2000, "", sizes), (8000, ", 8,000 sweeps", fewer):
        chain = ExcessEnergy(model, 1.55, CHAIN, sweeps)
        cases.append(Case(f"heat bath at density 1.55{label}", chain, run, None, _small(model, 1.55)))
    # one configuration, less the planted one, left it undecided
    late, longest = LateExcess(model, 1.55, 32_000), {6250: 12, 25_000: 12, 100_000: 4}
    cases.append(Case("heat bath at density 1.55, 32,000 sweeps", late, longest, True, _small(model, 1.55)))
    return Demonstration(
        "xorsat",
        "Parity checks of four spins, T = 0.5, between the tricritical density of the flow, 1.269, and the dynamical "
        "one, 1.654: the flow fails, heat bath works",
        "the flow's excess energy falls to nothing as the size grows, or that of heat bath does not",
        tuple(cases),
    )


def _bicoloring() -> Demonstration:
    model, density = Bicoloring(5, temperature=0.3), 10.8
    sizes, margin = {1600: 16, 6400: 12, 25_600: 8}, _small(model, density)
    longest = {1600: 12, 6400: 8, 25_600: 4, 100_000: 4}
    cases = [Case("flow", ExcessEnergy(model, density, "flow", 32), {**sizes, 100_000: 4}, False, margin)]
    for sweeps, label, run, claim in ((4000, "", sizes, None), (16_000, ", 16,000 sweeps", longest, True)):
        chain = ExcessEnergy(model, density, CHAIN, sweeps)
        cases.append(Case(f"heat bath{label}", chain, run, claim, margin))
    # the excess does not go with the size: it falls with the sweeps
    late = LateExcess(model, density, 64_000)
    cases.append(Case("heat bath, 64,000 sweeps", late, {1600: 12, 6400: 8, 25_600: 4}, None, margin))
    return Demonstration(
        "bicoloring",
        "Bicoloring of clauses of five, T = 0.3, density 10.8, between the tricritical point of the flow, 10.208, and "
        "the dynamical one, 11.264: the flow fails, heat bath works",
        "the flow's excess energy falls to nothing as the size grows, or that of heat bath does not",
        tuple(cases),
    )


def _ising() -> Demonstration:
    model, temperature, flow = IsingPSpin(3), 0.70, Flow()
    lost, sizes = _lost(model, flow, temperature), {48: 48, 96: 24, 192: 10}
    chain, late, fewer = (
        ExcessEnergy(model, temperature, CHAIN, 4000),
        LateExcess(model, temperature, 4000),
        {**sizes, 192: 12},
    )
    return Demonstration(
        "ising",
        "The Ising 3-spin at T = 0.70, between the dynamical temperature, 0.682, and the tricritical one, 0.741: the "
        "flow loses 0.0079 nats per variable, heat bath works",
        "what the flow loses extrapolates to another number, or heat bath keeps an excess energy",
        (
            Case("flow, nats lost", NatsLost(model, flow, temperature), sizes, False, THIRD * lost, lost),
            Case("heat bath, excess energy", chain, fewer, True, _small(model, temperature)),
            Case("heat bath, last quarter of its sweeps", late, fewer, None, _small(model, temperature)),
        ),
    )


def _nats() -> Demonstration:
    model, flow, cases = XORSAT(4, temperature=0.5), Flow(), []
    sizes, more = {1000: 16, 4000: 12, 16_000: 6}, {1000: 16, 4000: 24, 16_000: 24}  # those left 1.2 undecided
    for density in (1.2, 1.4, 1.6):
        lost = _lost(model, flow, density)
        cases.append(Case(
            f"density {density}", NatsLost(model, flow, density), sizes if lost else more,
            lost == 0, THIRD * (lost or _lost(model, flow, 1.4)), lost or None,
        ))  # fmt: skip
    return Demonstration(
        "nats",
        "Parity checks of four spins, T = 0.5: the flow loses per variable what sampling_error says",
        "what message passing loses on instances extrapolates to other numbers",
        tuple(cases),
    )


def _sparse_matrix() -> Demonstration:
    cases, sizes, part = [], {2500: 20, 5000: 20, 10_000: 20}, 0.7
    more = {2500: 60, 5000: 60, 10_000: 40}  # the first twenty left it undecided
    for rho, chain_works in ((0.08, True), (0.05, False)):
        model, noise = SpikedMatrix(SparseRademacher(rho)), part * rho**2
        informed = float(informed_overlap(model, Flow(), noise, 0.0))
        for name, label, effort, works in (("flow", "flow", 12, True), (CHAIN, "heat bath", 10_000, chain_works)):
            trial, run = Missed(model, noise, name, effort, informed), more if (name, rho) == ("flow", 0.05) else sizes
            cases.append(Case(f"{label}, rho = {rho}", trial, run, works, QUARTER))
    return Demonstration(
        "sparse-matrix",
        "The spiked matrix of sparse spins at 0.7 of rho^2, 10,000 sweeps: the flow finds what was planted; heat bath "
        "finds it at rho = 0.08, below the band of its glassy states, 0.90 to 0.95, and not at rho = 0.05, above it, "
        "0.32 to 0.48",
        "the flow misses it at large sizes, or heat bath does at rho = 0.08, or finds it in most instances at 0.05",
        tuple(cases),
    )


def _uniform_diffusion() -> Demonstration:
    model, density = XORSAT(8, temperature=0.5), 0.795
    cases: list[Case] = []
    sizes, more = {6250: 16, 25_000: 12, 100_000: 4}, {6250: 64, 25_000: 48, 100_000: 16}  # those left it undecided
    for label, path, works in (
        ("masked diffusion", Autoregressive(), False),
        ("flow", Flow(), False),
        ("uniform diffusion", UniformDiscreteDiffusion(), True),
    ):
        strengths = _steepest(model, path, density)
        # the largest of gaps that fluctuate is larger than that of theory: of its size nothing is claimed
        margin = cases[-1].margin if works else THIRD * _gap(model, path, density, strengths)
        run = more if works else sizes
        cases.append(Case(label, LargestGap(model, path, density, strengths), run, works, margin))
    return Demonstration(
        "uniform-diffusion",
        "Parity checks of eight spins, T = 0.5, density 0.795, between the tricritical points of the flow, 0.764, and "
        "of uniform diffusion, 0.808: flow and masked diffusion meet two branches, uniform diffusion one",
        "message passing along uniform diffusion ends on two branches at large sizes, or along the others on one",
        tuple(cases),
    )


def _orders() -> Demonstration:
    density, cases = 0.73, []
    sizes = {10_000: 16, 100_000: 12, 1_000_000: 6}
    lost = _lost(XORSAT(3), Autoregressive(), density) / math.log(2)
    for order, works in (("random", False), ("highest-degree", True)):
        trial = Redundant(3, density, order, 10**6)
        cases.append(Case(f"{order} order", trial, sizes, works, THIRD * lost, None if works else lost))
    return Demonstration(
        "orders",
        "Parity checks of three spins, T = 0, density 0.73, between the tricritical points of the random order, 2/3, "
        "and of the highest degrees first, 0.789: the random order guesses in vain, the other one does not",
        "redundant checks stay at large sizes with the highest degrees first, or vanish in random order",
        tuple(cases),
    )


def _two_paths() -> Demonstration:
    rho, sizes = 0.03, {800: 16, 1600: 12, 3200: 6}
    model, noise, flow, masks = SpikedMatrix(SparseRademacher(rho)), 2.23 * rho**2, Flow(), Autoregressive()
    first = Mixed(flow, masks).held(revealed=0.09)
    lost, until = _lost(model, flow, noise), tuple(float(s) for s in np.linspace(0.01, 0.09, 9))
    gap = _gap(model, flow, noise, _steepest(model, flow, noise))
    return Demonstration(
        "two-paths",
        "The spiked matrix of sparse spins, rho = 0.03, at 2.23 of rho^2: the flow alone fails; after masked diffusion "
        "to 9 % of the variables, which is safe, it does not",
        "the flow alone loses nothing at large sizes, or either part of the safe order loses something",
        (
            Case("flow alone", NatsLost(model, flow, noise), sizes, False, THIRD * lost, lost),
            Case("flow after 9 % revealed", NatsLost(model, first, noise), sizes, True, THIRD * lost),
            Case("9 % revealed", LargestGap(model, masks, noise, until), sizes, True, THIRD * gap),
        ),
    )


#: demonstrations by name
DESIGNS: Mapping[str, Callable[[], Demonstration]] = {
    "xorsat": _xorsat, "bicoloring": _bicoloring, "ising": _ising, "nats": _nats, "sparse-matrix": _sparse_matrix,
    "uniform-diffusion": _uniform_diffusion, "orders": _orders, "two-paths": _two_paths,
}  # fmt: skip


@lru_cache(maxsize=len(DESIGNS))
def _designed(name: str) -> Demonstration:
    return DESIGNS[name]()


def demonstrate(
    name: str, sizes: Sequence[int] | None = None, instances: int | None = None, seed: int = 1,
    recorded: str | os.PathLike[str] | None = None, executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None, progress: Callable[[int, int], None] | None = None,
) -> DemonstrationRun:  # fmt: skip
    """Hold what theory says of samplers at infinite size against runs on instances of several sizes.

    Parameters
    ----------
    name
        Which statement: "xorsat", "bicoloring", "ising", "nats", "sparse-matrix", "uniform-diffusion", "orders" or
        "two-paths".
    sizes, instances
        Numbers of variables >= 2, and how many instances of each, >= 1; by default those of the design, which take
        hours.
    seed
        An integer >= 0; an instance's random numbers depend on it, the case, the size and the instance's number alone.
    recorded
        A table that `to_csv` of the result wrote: what is in it is not run again.
    executor, checkpoint, progress
        As for `simulate`.

    Returns
    -------
    DemonstrationRun
        What was measured on every instance; means extrapolated to infinite size, and whether the statement is seen,
        refuted or undecided.

    Raises
    ------
    UnknownNameError, InputError, FileError, NumericalError
        For an unknown name; for bad numbers; for a table or checkpoint that cannot be read, or is of another problem;
        if instances failed: a checkpoint keeps the others.

    Examples
    --------
    >>> found = demonstrate("orders", sizes=[200, 400], instances=2)
    >>> [o.case.label for o in found.outcomes]
    ['random order', 'highest-degree order']
    """
    one_of("demonstration", name, list(DESIGNS))
    return run_demonstration(
        _designed(name), sizes, instances, seed, recorded, executor=executor, checkpoint=checkpoint, progress=progress
    )
