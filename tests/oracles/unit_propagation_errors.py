"""What unit propagation loses on XORSAT, counted without any approximation, against `sampling_error`.

Revealed one by one, every variable that is not known costs unit propagation one bit, G bits in all; the exact
conditional laws are certain or fair, and cost N - rank bits by the chain rule of the uniform law of the solutions.  So
KL = G - N + rank bits exactly.  The rank is that of all M checks wherever removing checks that have a variable of their
own removes all of them, as then rows are in echelon form: densities below the dynamical point, where this is checked on
every instance.  Hence KL is the number of checks that told nothing, G - N + M.

Where theory says zero the number is of order one, from pairs of checks with two common variables and other short loops:
N KL has a limit.  a + b/N through both sizes takes it off.

    PYTHONPATH=. python tests/oracles/unit_propagation_errors.py figures/unit_propagation_errors.csv
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

import amp_theory as at

Index = npt.NDArray[np.intp]

#: variables per check and densities, on both sides of the tricritical points 2/3 and 9/16 of the random order
CASES = ((3, (0.60, 0.64, 0.68, 0.70, 0.75, 0.80)), (4, (0.53, 0.60, 0.70)))
SIZES, INSTANCES = (125_000, 500_000), 12
FIELDS = ("k", "density", "size", "first_seed", "instances", "bits_per_variable", "error", "expected")


def drawn(k: int, density: float, size: int, seed: int) -> tuple[Index, Index]:
    """Return checks among distinct variables, shape (checks, k), and an order of all variables."""
    rng = np.random.default_rng(seed)
    checks = rng.integers(size, size=(round(density * size), k))
    while True:
        ordered = np.sort(checks, axis=1)
        same = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not same.any():
            return checks, rng.permutation(size)
        checks[same] = rng.integers(size, size=(same.sum(), k))


def guessed(checks: Index, order: Index) -> list[int]:
    """Return the variables that are not known when they are revealed, one by one."""
    size, (number, k) = len(order), checks.shape
    at_variable: list[list[int]] = [[] for _ in range(size)]
    for check, row in enumerate(checks.tolist()):
        for variable in row:
            at_variable[variable].append(check)
    unknown, left = [k] * number, checks.sum(axis=1).tolist()
    known, guesses = bytearray(size), []
    for first in order.tolist():
        if known[first]:
            continue
        guesses.append(first)
        known[first], told = 1, [first]
        while told:
            variable = told.pop()
            for check in at_variable[variable]:
                unknown[check] -= 1
                left[check] -= variable
                if unknown[check] == 1 and not known[left[check]]:
                    known[left[check]] = 1
                    told.append(left[check])
    return guesses


def independent(checks: Index, size: int) -> bool:
    """Whether removing checks that have a variable of their own, again and again, leaves none."""
    while len(checks):
        degree = np.bincount(checks.ravel(), minlength=size)
        left = (degree[checks] > 1).all(axis=1)
        if left.all():
            return False
        checks = checks[left]
    return True


def lost(k: int, density: float, size: int, seed: int) -> int:
    """Return the bits that unit propagation loses on one instance."""
    checks, order = drawn(k, density, size, seed)
    assert independent(checks, size), (k, density, size, seed)
    return len(guessed(checks, order)) - size + len(checks)


def expected(k: int, density: float) -> float:
    """Return what theory says in bits per variable."""
    return at.sampling_error(at.XORSAT(k), at.Autoregressive(), density).nats_per_variable / float(np.log(2))


def extrapolated(
    sizes: tuple[int, int], means: tuple[float, float], errors: tuple[float, float]
) -> tuple[float, float]:
    """Return a of a + b/N through two sizes, and its standard error."""
    weights = np.array([-sizes[0], sizes[1]]) / (sizes[1] - sizes[0])
    return float(weights @ np.array(means)), float(np.hypot(*(weights * np.array(errors))))


def measured(k: int, density: float, size: int, first_seed: int, instances: int) -> tuple[float, float]:
    """Return the mean of bits per variable and its standard error; that of a few rare events is Poisson's."""
    bits = np.array([lost(k, density, size, first_seed + i) for i in range(instances)])
    variance = max(bits.var(ddof=1), bits.mean(), 1 / instances)
    return float(bits.mean() / size), float(np.sqrt(variance / instances) / size)


def rows(
    cases=CASES, sizes: tuple[int, int] = SIZES, instances: int = INSTANCES, first_seed: int = 0
) -> Iterator[tuple]:
    """Measure every case at every size."""
    for k, densities in cases:
        for density in densities:
            for size in sizes:
                found = measured(k, density, size, first_seed, instances)
                yield k, density, size, first_seed, instances, *found, expected(k, density)


def main(file: Path) -> None:
    """Write all rows."""
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in rows():
            writer.writerow(row)
            stream.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
