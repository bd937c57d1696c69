"""Memory stays flat however many models are solved: what is kept for later is bounded."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import amp_theory as at
from amp_theory.phases.geometry.solved import solved

ROOT = Path(at.__file__).parent
MEMORY = Path("/proc/self/statm")
#: diagrams until all caches are full, the largest holds 256 models; and how many then show whether anything grows
WARM, DIAGRAMS = 250, 220
#: of a leak it shows as soon as the process has what it always needs, before the caches are full
WARM_LEAKING, LEAKING = 60, 60
#: bytes by which each may grow the process; the curves of a model, kept, take twenty thousand
BOUND = 5000


def resident():
    """Return the bytes of memory this process occupies."""
    return int(MEMORY.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def random_model(rng):
    """Return a model that no other diagram has, with a first-order line."""
    power, atom = rng.randrange(3, 7), rng.uniform(1.2, 1.6)
    return rng.choice([
        lambda: at.MixedPSpin(f"{rng.uniform(0.01, 0.05)}*q**2 + {rng.uniform(0.5, 1)}*q**{power}"),
        lambda: at.MixedPSpin(f"{rng.uniform(0.5, 1)}*q**{power}", at.Gaussian()),
        lambda: at.SpikedMatrix(at.SparseRademacher(rng.uniform(0.02, 0.08))),
        lambda: at.SpikedTensor(3, at.Discrete((-atom, 0.0, atom), (0.25, 0.5, 0.25))),
    ])()  # fmt: skip


def growth(warm, diagrams, leaks):
    """Return the bytes per diagram by which memory grows after the first `warm`."""
    rng, kept, before = random.Random(5), [], 0
    for n in range(warm + diagrams):
        if n == warm:
            before = resident()
        model, path = random_model(rng), rng.choice([at.Flow(), at.Autoregressive()])
        diagram = at.phase_diagram(model, path, points=2)
        assert len(diagram.lines["first_order"].strength) >= 2
        if leaks:
            kept.append(solved(model, path))
    return (resident() - before) / diagrams


def grown(warm, diagrams, leaks):
    """Return the same of a fresh process, in which no other test has left free memory."""
    code = f"from test_memory import growth; print(growth({warm}, {diagrams}, {leaks}))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(ROOT.parent)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not MEMORY.exists(), reason="no /proc/self/statm here")
def test_memory_is_flat_over_hundreds_of_random_diagrams():
    found = grown(WARM, DIAGRAMS, leaks=False)
    print(f"{found:.0f} bytes per diagram")
    assert found < BOUND


@pytest.mark.slow
@pytest.mark.skipif(not MEMORY.exists(), reason="no /proc/self/statm here")
def test_a_leak_is_noticed():
    """Negative control: the curves of every model are kept, as a cache without bounds would."""
    found = grown(WARM_LEAKING, LEAKING, leaks=True)
    print(f"{found:.0f} bytes per diagram")
    assert found > 2 * BOUND


def unbounded(text):
    """Return the names of a module's caches that grow without bounds."""
    found = []
    if "cache" not in text and "maxsize" not in text:
        return found
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Name(id="cache") | ast.Attribute(attr="cache", value=ast.Name(id="functools")):
                found.append("cache")
            case ast.keyword(arg="maxsize", value=ast.Constant(value=None)):
                found.append("maxsize=None")
    return found


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_caches_have_bounds(file):
    assert unbounded(file.read_text()) == []


def test_caches_without_bounds_are_found():
    """Negative control."""
    assert unbounded("@cache\ndef f(): ...") == ["cache"]
    assert unbounded("@functools.cache\ndef f(): ...") == ["cache"]
    assert unbounded("@lru_cache(maxsize=None)\ndef f(): ...") == ["maxsize=None"]
    assert unbounded("@lru_cache(maxsize=9)\ndef f(): ...") == []
