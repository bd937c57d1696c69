"""The README: its examples run and say what is true, its tables name what exists, its numbers are ours."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface import cli
from amp_theory.interface.studies.published import FIGURES
from amp_theory.interface.studies.reproduction import compute, key_points
from amp_theory.models import catalogue as registry

README = Path(at.__file__).parent.parent / "README.md"
pytestmark = pytest.mark.skipif(not README.exists(), reason="installed without the repository")


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example(text):
    """What the README's Python examples define and print, run in order."""
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.S | re.M):
        exec(block, names)
    return names


def test_first_example_is_short_and_true(text, example):
    block = re.search(r"^```python\n(.*?)^```", text, re.S | re.M).group(1)
    assert len([line for line in block.splitlines() if line.strip()]) == 6
    assert example["diagram"].sampler_succeeds(0.70) is False
    assert at.compare_samplers(example["model"])["mcmc"].at(0.70).succeeds is True
    assert (README.parent / re.search(r"!\[.*\]\((.*)\)", text).group(1)).exists()


def test_own_density(example):
    """Weak recovery is at Delta = Var(s)^2."""
    found = at.thresholds(at.SpikedMatrix(example["laplace"]), at.Flow()).weak_recovery
    assert abs(found.noise - 1) <= found.error < 1e-12
    assert at.thresholds(at.SpikedMatrix(example["two_groups"]), at.Flow()).weak_recovery.noise == pytest.approx(1)


def test_own_coupling_and_model(example):
    """At the algorithmic threshold q = M(alpha/(noise + rho - q)), with equal slopes on both sides."""
    model = example["sensing"]
    point = at.thresholds(model, at.Flow()).algorithmic
    x = point.sampling_ratio / (model.noise + model.prior.rho - point.overlap)
    assert float(model.prior.overlap(x)) == pytest.approx(point.overlap, rel=1e-11)
    slope = float(model.prior.overlap_slope(x)) * x**2 / point.sampling_ratio
    assert slope == pytest.approx(1, abs=1e-9)
    diagram = at.phase_diagram(model, at.Autoregressive())
    control, strength = (getattr(diagram.line("uninformed_spinodal"), n)[50] for n in ("control", "strength"))
    assert diagram.region(control, strength * (1 - 1e-6)) == "hard"
    assert diagram.region(control, strength * (1 + 1e-6)) == "easy"


def test_own_channel(example):
    """q = M(alpha R(q)), R from the definition: E sum_y (E_w dP(y|z)/dz)^2/E_w P(y|z) by plain sums."""
    v = np.linspace(-9, 9, 721)
    weight = np.exp(-v * v / 2) / np.exp(-v * v / 2).sum()
    q = example["point"].overlap
    z = np.sqrt(q) * v[:, None] + np.sqrt(1 - q) * v[None, :]
    p = 1 / (1 + np.exp(-z))
    plus, slope = p @ weight, (p * (1 - p)) @ weight
    response = weight @ (slope**2 * (1 / plus + 1 / (1 - plus)))
    assert q == pytest.approx(float(at.Rademacher().overlap(3.0 * response)), abs=1e-11)


def test_own_path(example):
    """At the tricritical point G - q and its first two derivatives vanish."""
    prior, point = at.Rademacher(), at.thresholds(at.IsingPSpin(3), example["HalfFlow"]()).tricritical
    lam = 1.5 / point.temperature**2

    def excess(q):
        x = lam * q**2
        return (prior.overlap(x + point.snr) + prior.overlap(x)) / 2 - q

    h, q = 1e-3, point.overlap
    low, middle, high = (float(excess(v)) for v in (q - h, q, q + h))
    assert abs(middle) < 1e-11
    assert abs(high - low) / (2 * h) < 2e-5  # h^2/6 times the third derivative, here about -40
    third = float(excess(q + 2 * h) - 2 * excess(q + h) + 2 * excess(q - h) - excess(q - 2 * h)) / (2 * h**3)
    assert abs((high - low) / (2 * h) - h**2 / 6 * third) < 1e-8
    assert abs(high - 2 * middle + low) / h**2 < 1e-4


def test_own_schedule():
    flow = at.Flow(at.Interpolant(noise=lambda t: 1 - t**2, signal=lambda t: t))
    assert float(flow.schedule.strength(0.5)) == pytest.approx((0.5 / 0.75) ** 2, rel=1e-14)
    assert float(flow.schedule.time(4 / 9)) == pytest.approx(0.5, rel=1e-12)


def test_tables_name_what_exists(text):
    for name in at.__all__:
        if (
            name[0].isupper()
            and hasattr(getattr(at, name), "name")
            and name not in {"Model", "Path", "Prior", "Schedule", "SparseModel", "Factor"}
        ):
            assert name in text, name
    for name in [*registry.MODELS, *registry.PATHS]:
        assert f"`{name}`" in text, name
    _, commands = cli._parser()
    assert set(commands) == set(re.findall(r"^\| `([a-z-]+)` \| (?:which|where|what|how|the figures)", text, re.M))


def test_numbers_are_ours(text):
    """Every value(uncertainty) in the README is a value that reproduce computes, to the digits shown."""
    shown = re.findall(r"(?<=[ |])(\d+\.\d+)\((\d)\)", text)
    ours = np.array([row.ours for figure in FIGURES for row in key_points(figure, compute(figure, 2))])
    assert len(shown) >= 12
    for digits, last in shown:
        unit = 10.0 ** -len(digits.split(".")[1])
        assert np.min(np.abs(ours - float(digits))) <= int(last) * unit, digits


def test_introduction_names_the_path_it_speaks_of(text):
    """Every path has its own end of the hard region; Monte Carlo's is the dynamical point."""
    model = at.IsingPSpin(3)
    introduction = " ".join(text.split("## Start")[0].split())
    numbers = {
        "0.6816 < T < 0.7410, the traditional sampler wins over the flow": (
            at.thresholds(model, at.Flow()).dynamical,
            at.thresholds(model, at.Flow()).tricritical,
        ),
        "uniform discrete diffusion works down to T = 0.7392": (
            at.thresholds(model, at.UniformDiscreteDiffusion()).tricritical,
        ),
        "autoregressive generation down to 0.7587 only": (at.thresholds(model, at.Autoregressive()).tricritical,),
    }
    for words, points in numbers.items():
        assert words in introduction
        shown = re.findall(r"0\.\d{4}", words)
        assert [f"{point.temperature:.4f}" for point in points] == shown


def test_one_strength_at_most(text):
    """An overlap below that at zero strength would need a negative strength: "at most one" is what holds."""
    assert "at most one strength makes q a fixed point" in " ".join(text.split())
    curve = at.equation_of_state(at.IsingPSpin(3), at.Flow(), 0.6)
    assert curve.overlap[curve.strength > 0].min() < 0.5  # near zero overlap there is a strength ...
    assert not np.any((curve.overlap > 0.35) & (curve.overlap < 0.9))  # ... within the loop there is none
