"""What the tests share: 30-digit reference values and independent, slow ways to the same numbers."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# the suite runs on several processes: threads of the linear algebra beneath them would fight for the cores
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import amp_theory as at
from amp_theory.models.catalogue import build_model

settings.register_profile("amp", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("amp")

REFERENCE = json.loads((Path(__file__).parent / "data" / "reference_values.json").read_text())


def reference(**wanted: Any) -> list[dict[str, Any]]:
    """Return the reference cases whose entries agree with `wanted`."""
    return [c for c in REFERENCE["cases"] if all(c.get(k) == v for k, v in wanted.items())]


def reference_model(case: dict[str, Any]) -> at.Model:
    """Return the model of a reference case."""
    return build_model(case["model"], case["parameters"])


def correct_digits(value: float, exact: float) -> float:
    """Return the number of correct significant digits, 17 where the doubles agree."""
    if value == exact:
        return 17.0
    return float(-np.log10(abs(value - exact) / abs(exact)))


@pytest.hookimpl(tryfirst=True)  # before those that are slow are left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases as slow that `every` leaves to the slow tests."""
    seen: Counter[tuple[Path, str]] = Counter()
    for item in items:
        if isinstance(item, pytest.Function) and (every := item.get_closest_marker("every")):
            which = (item.path, item.originalname)
            if seen[which] % every.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[which] += 1


@pytest.fixture(autouse=True)
def _no_figures_are_left() -> Iterator[None]:
    """Close the figures of a test: a worker runs thousands."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def dense_models() -> dict[str, at.Model]:
    """Models of every kind, with and without mean, field, one and several loops."""
    return {
        "ising 3": at.IsingPSpin(3),
        "spherical 4": at.SphericalPSpin(4),
        "sparse matrix": at.SpikedMatrix(at.SparseRademacher(0.08)),
        "01 matrix": at.SpikedMatrix(at.Discrete([0, 1], [0.97, 0.03])),
        "skew tensor": at.SpikedTensor(3, at.Discrete([-1, 0.5, 2], [0.3, 0.5, 0.2])),
        "gauss-bernoulli": at.SpikedMatrix(at.GaussBernoulli(0.05)),
        "matrix-tensor": at.SpikedMatrixTensor(3, 0.8),
        "field": at.MixedPSpin("q/100 + q**3/2"),
        "mixed": at.MixedPSpin("q**2/2 + q**30/2"),
        "two scales": at.SpikedTensor(3, at.Discrete([-5, -1, 0, 1, 5], [0.0005, 0.05, 0.899, 0.05, 0.0005])),
    }


def normal_nodes(step: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for expectations over N(0, 1)."""
    z = np.arange(-12, 12 + step / 2, step)
    weight = np.exp(-z * z / 2)
    return z, weight / weight.sum()


class PlainChannel:
    """The scalar channel of a discrete prior as it is defined: sum over the planted atom, integral over z.

    A fixed fine trapezoidal rule, written without any of the package's formulas.
    """

    def __init__(self, values: list[float], probabilities: list[float]) -> None:
        self.s, self.p = np.array(values), np.array(probabilities) / np.sum(probabilities)
        self.z, self.w = normal_nodes()

    def posterior_mean(self, x: float, planted: float) -> tuple[np.ndarray, np.ndarray]:
        exponent = (x * planted + np.sqrt(x) * self.z)[:, None] * self.s - x * self.s**2 / 2 + np.log(self.p)
        top = exponent.max(axis=1, keepdims=True)
        weight = np.exp(exponent - top)
        total = weight.sum(axis=1)
        return weight @ self.s / total, np.log(total) + top[:, 0]

    def overlap(self, x: float) -> float:
        return float(sum(p * s * (self.w @ self.posterior_mean(x, s)[0]) for p, s in zip(self.p, self.s, strict=True)))

    def free_entropy(self, x: float) -> float:
        return float(sum(p * (self.w @ self.posterior_mean(x, s)[1]) for p, s in zip(self.p, self.s, strict=True)))
