"""Reverse diffusion on instances small enough to enumerate: the relative entropy of its paths, and of what it draws.

With K steps ds_k the sampler's law Q of (y_1, ..., y_K, s) has Gaussian increments of drift m_k = <s>_den(y_k) and ends
with a draw from the product of marginals; under the truth P, s is an exact sample and dy = s ds + dB.  Given s both are
Gaussian, so by the chain rule, whatever the steps,

    KL(P || Q) = sum_k ds_k/2 E|s - m_k|^2 - E log prod_i Q(s_i | y_K) - S(P),

S the entropy of the target: E log P(y_K | s)/Q(y_K | .) of the increments is their squared error, and
P(s, y) = P(s) P(y | s).  With the exact means e_k it is the sum of two parts that are >= 0,

    girsanov = sum_k ds_k/2 E|e_k - m_k|^2 + E KL(marginals || those of the denoiser),
    steps = sum_k ds_k/2 E(N - |e_k|^2) + E sum_i S(s_i | y_K) - S(P),

the second of which is what K steps cost the exact denoiser.  Of n counts in M draws E H_n - H_M = log Q - b for
harmonic numbers H and b = sum_{k > M} (1 - Q)^k/k, so that sum_x P (log P + H_M - H_n) underestimates KL(P || Q) of the
laws by sum_x P b only, which is about sum_x P E_1(M Q); log(n/M), not defined for n = 0, misses 1/(2 M Q) as well.

``python tests/oracles/paths_and_laws.py`` writes ``figures/judged_paths_and_laws.csv`` (about 2 minutes on one core).
"""

from __future__ import annotations

import copy
import csv
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import special

import amp_theory as at

FILE = Path(__file__).parents[2] / "figures" / "judged_paths_and_laws.csv"
MODEL, TEMPERATURE, SIZES = at.IsingPSpin(3), 1.0, (10, 11, 12)
#: iterations of AMP, and where paths end
ITERATIONS, END = 8, 12.0
#: configurations given to enumeration, and drawn, at a time
CHUNK, BATCH = 1000, 5000
#: blocks of draws of which the jackknife leaves out one
BLOCKS = 20

Means = Callable[[at.SideInformation], np.ndarray]


class Estimate(NamedTuple):
    """A mean and its standard error, in nats."""

    value: float
    error: float


def amp(instance: at.Instance, iterations: int) -> Means:
    """Return AMP of spins with a fixed number of iterations from zero, so that batches do not know of each other."""

    def mean(side: at.SideInformation) -> np.ndarray:
        m = before = np.zeros_like(side.field)
        each = np.full((instance.size, 1), 1 / instance.size)
        for _ in range(iterations):
            variance = 1 - (m * m) @ each
            onsager = instance.coupling((m * before) @ each)[1] * variance * before
            m, before = np.tanh(side.field + instance.field(m) - onsager), m
        return m

    return mean


def exact(every: at.Enumeration) -> Means:
    """Return the exact posterior means of fields."""

    def mean(side: at.SideInformation) -> np.ndarray:
        found = []
        for field in np.array_split(side.field, max(1, side.batch // CHUNK)):
            weight = field @ every.configurations.T + every.log_weight
            weight = np.exp(weight - weight.max(axis=1, keepdims=True))
            found.append((weight @ every.configurations) / weight.sum(axis=1, keepdims=True))
        return np.clip(np.concatenate(found), -1, 1)  # sums of weights round

    return mean


def entropy(every: at.Enumeration) -> float:
    """Return the entropy of the target in nats."""
    return float(special.entr(every.probabilities()).sum())


def own(field: np.ndarray) -> np.ndarray:
    """Return the means of spins that know their own field only."""
    return np.tanh(field)


def spin_entropy(mean: np.ndarray) -> np.ndarray:
    """Return the entropy of spins of given means."""
    return special.entr((1 + mean) / 2) + special.entr((1 - mean) / 2)


def free_spin(strengths: np.ndarray) -> float:
    """Return steps + log 2 of a spin without others, by a sum over its noise."""
    z = np.linspace(-10, 10, 4001)
    weight = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    t = own(strengths[:, None] + np.sqrt(strengths)[:, None] * z)
    return float(np.diff(strengths) @ ((1 - t * t) @ weight)[:-1] / 2 + spin_entropy(t[-1]) @ weight)


def path_entropy(
    every: at.Enumeration, denoiser: Means, strengths: np.ndarray, number: int, seed: int
) -> tuple[Estimate, Estimate]:
    """Return `girsanov` and `steps` of the text above from true trajectories; spins without others are taken off."""
    rng, size, truth = np.random.default_rng(seed), every.instance.size, exact(every)
    s = every.sample(number, rng)
    y, girsanov, steps = np.zeros_like(s), np.zeros(number), np.zeros(number)

    def told(strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        side = at.SideInformation.from_field(y, strength)
        return truth(side), denoiser(side), own(y)

    for here, there in itertools.pairwise(strengths):
        e, m, t = told(here)
        girsanov += (there - here) / 2 * ((e - m) ** 2).sum(axis=1)
        steps += (there - here) / 2 * (t * t - e * e).sum(axis=1)
        y = y + (there - here) * s + np.sqrt(there - here) * rng.standard_normal(s.shape)
    e, m, t = told(strengths[-1])
    parts = [special.rel_entr((1 + x * e) / 2, np.maximum((1 + x * m) / 2, 1e-16)) for x in (-1, 1)]
    girsanov += sum(parts).sum(axis=1)
    steps += (spin_entropy(e) - spin_entropy(t)).sum(axis=1) + size * free_spin(strengths) - entropy(every)
    first, second = (Estimate(x.mean(), x.std(ddof=1) / np.sqrt(number)) for x in (girsanov, steps))
    return first, second


def counts(every: at.Enumeration, drawn: np.ndarray) -> np.ndarray:
    """Return how often every configuration was drawn."""
    values = every.instance.variables.means
    label = (drawn[..., None] == values).argmax(axis=-1)
    place = len(values) ** np.arange(every.instance.size)[::-1]
    return np.bincount(label @ place, minlength=len(every.configurations))


def law_entropy(every: at.Enumeration, drawn: np.ndarray) -> tuple[Estimate, float]:
    """Return KL(target || law of what was drawn) without the bias of plugging in, and about what it still misses."""
    p = every.probabilities()[0]
    n = np.array([counts(every, block) for block in np.array_split(drawn, BLOCKS)])

    def estimate(n: np.ndarray) -> np.ndarray:
        many = n.sum(axis=-1)
        return p @ np.log(p) + special.digamma(many + 1) - special.digamma(n + 1) @ p

    left = estimate(n.sum(axis=0) - n)
    value, error = float(estimate(n.sum(axis=0))), float(np.sqrt((BLOCKS - 1) * left.var()))
    return Estimate(value, error), float(p @ special.exp1(len(drawn) * p))


def drawn_by(every: at.Enumeration, denoiser: Means, number: int, steps: int, seed: int) -> np.ndarray:
    """Return configurations that the reverse diffusion draws."""
    batches = np.random.SeedSequence(seed).spawn(-(-number // BATCH))
    how = {"denoiser": denoiser, "steps": steps, "end_strength": END}
    drawn = [at.draw_samples(every.instance, "diffusion", BATCH, one, **how).configurations for one in batches]
    return np.concatenate(drawn)[:number]


def strengths_of(steps: int) -> np.ndarray:
    """Return the strengths at which the sampler asks."""
    one = at.draw_instance(MODEL, TEMPERATURE, 3, seed=0)
    return at.draw_samples(one, "diffusion", 1, 0, lambda s: own(s.field), steps, end_strength=END).strength


def judged(every: at.Enumeration, denoiser: Means, trajectories: int, batch: int, seed: int) -> Estimate:
    """Return the relative entropy of paths in continuous time, in nats, by `judge_denoiser` on exact samples."""
    instances = []
    for s in every.sample(trajectories, np.random.default_rng(seed)):
        instances.append(copy.copy(every.instance))
        instances[-1].planted = s
    found = at.judge_denoiser(instances, at.Flow(), denoiser=lambda i, side, s: denoiser(side), batch=batch, seed=seed)
    size = every.instance.size
    return Estimate(size * found.nats_per_variable, size * found.errors["nats_per_variable"])


def rows(size: int) -> Iterator[dict[str, object]]:
    """Return what the table says of one size."""
    every = at.Enumeration(at.draw_instance(MODEL, TEMPERATURE, size, seed=0))
    print(size, "total correlation", size * np.log(2) - entropy(every), flush=True)
    message_passing = amp(every.instance, ITERATIONS)
    for name, denoiser, steps, number in (
        ("AMP", message_passing, 32, 50_000),
        ("AMP", message_passing, 64, 50_000),
        ("on its own", amp(every.instance, 1), 32, 50_000),
        ("exact", exact(every), 32, 10_000),
    ):
        girsanov, lost = path_entropy(every, denoiser, strengths_of(steps), 2000, seed=1)
        law, unseen = law_entropy(every, drawn_by(every, denoiser, number, steps, seed=2))
        whole = judged(every, denoiser, 40, 25, seed=3) if name == "AMP" else Estimate(*[float("nan")] * 2)
        row = {
            "size": size, "denoiser": name, "steps": steps, "samples": number, "judged": whole.value,
            "error_of_judged": whole.error, "girsanov": girsanov.value, "error_of_girsanov": girsanov.error,
            "steps_lose": lost.value, "error_of_steps_lose": lost.error, "law": law.value, "error_of_law": law.error,
            "bias_of_law": -unseen,
        }  # fmt: skip
        print(row, flush=True)
        yield row


def main() -> None:
    """Compute every row and write the table."""
    found = [row for size in SIZES for row in rows(size)]
    with FILE.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
