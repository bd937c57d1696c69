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
#: diagrams until all caches are full, the largest holds 256 models; how many then show whether anything grows; and how
#: many whose curves are all kept, as a cache without bounds would
WARM, DIAGRAMS, LEAKING = 300, 350, 100
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


def growth():
    """Return the bytes per diagram by which memory grows after the first `WARM`, and then where curves are kept."""
    rng, kept, found = random.Random(5), [], [resident()]
    for count, leaks in ((WARM, False), (DIAGRAMS, False), (LEAKING, True)):
        for _ in range(count):
            model, path = random_model(rng), rng.choice([at.Flow(), at.Autoregressive()])
            diagram = at.phase_diagram(model, path, points=2)
            assert len(diagram.lines["first_order"].strength) >= 2
            if leaks:
                kept.append(solved(model, path))
        found.append(resident())
    return [(found[2] - found[1]) / DIAGRAMS, (found[3] - found[2]) / LEAKING]


@pytest.mark.slow
@pytest.mark.skipif(not MEMORY.exists(), reason="no /proc/self/statm here")
def test_memory_is_flat_over_hundreds_of_random_diagrams_and_a_leak_is_noticed():
    """In a fresh process, in which no other test has left free memory."""
    code = "from test_memory import growth; print(*growth())"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(ROOT.parent)])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    flat, leaking = map(float, done.stdout.split())
    print(f"{flat:.0f} bytes per diagram, with a leak {leaking:.0f}")
    assert flat < BOUND
    assert leaking > 2 * BOUND


def unbounded(text):
    """Return the names of a module's caches that grow without bounds."""
    found = []
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
