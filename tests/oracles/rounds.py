"""Masked diffusion in rounds on instances: what AMP's marginals lose there, beyond revealing one by one.

A sampler that knows the variables revealed before a strength theta_k draws all that are revealed up to theta_{k+1} from
their marginals.  Let h(theta) be the mean of -log Q(s*_i | known) over i, every other variable being known with
probability theta, independently.  A variable is revealed in round k with probability theta_{k+1} - theta_k, so that
-log Q(s*) of a whole configuration is, per variable and for any size,

    sum_k (theta_{k+1} - theta_k) h(theta_k),    and    int_0^1 h dtheta

where they are revealed one by one: give every variable a uniform time, then what is known of variable i is what came
before its own.  The difference is the step loss; the entropy, which both contain, and what AMP loses on a finite
instance drop out.  What the couplings to known variables tell directly is taken off as noise of known mean: with
n known their sum is s*_i times a Gaussian of mean and variance x = n/(N T^2), and ``- E log((1 + tanh)/2)`` is log 2
less the information of a spin in Gaussian noise of that snr.

``python tests/oracles/rounds.py`` writes ``figures/judged_rounds.csv`` (about 2 minutes on one core).
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

import amp_theory as at

FILE = Path(__file__).parents[2] / "figures" / "judged_rounds.csv"
MODEL, TEMPERATURE = at.SherringtonKirkpatrick(), 1.5
ROUNDS = (4, 8, 16)
#: instances of every size
SIZES = {500: 32, 1000: 16, 2000: 8}
#: nodes of the integral over strengths
NODES = 12


def schedules(model: at.Model, temperature: float, rounds: tuple[int, ...]) -> dict[tuple[str, int], np.ndarray]:
    """Return the strengths of equal and of the best rounds, the end included."""
    found = {("equal", k): np.linspace(0, 1, k + 1) for k in rounds}
    for k in rounds:
        best = at.optimal_schedule(model, at.Autoregressive(), temperature, steps=k)
        found["best", k] = np.append(best.strength, 1.0)
    return found


def rules(schedules: dict[tuple[str, int], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return strengths, and for every schedule the weights of h there in the step loss."""
    node, weight = np.polynomial.legendre.leggauss(NODES)
    strength = np.concatenate([(1 + node) / 2, *(s[:-1] for s in schedules.values())])
    rows, start = np.zeros((len(schedules), len(strength))), NODES
    for row, s in zip(rows, schedules.values(), strict=True):
        row[:NODES] = -weight / 2
        row[start : start + len(s) - 1] = np.diff(s)
        start += len(s) - 1
    return strength, rows


def surprise(instance: at.Instance, strength: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the mean of -log Q(s*_i) over the hidden variables at every strength."""
    known, s = rng.random(instance.size) < strength[:, None], instance.planted
    side = at.SideInformation.from_known(known, np.broadcast_to(s, known.shape))
    aligned = s * at.MessagePassingDenoiser(instance)(side).mean
    direct = np.tanh(s * instance.field(np.where(known, s, 0.0)))
    told = direct_surprise(known.mean(axis=1) / TEMPERATURE**2)
    usual = direct_surprise(strength / TEMPERATURE**2)  # any constant would do against the noise of how many are hidden
    more = np.log1p(direct) - np.log1p(aligned) + (told - usual)[:, None]
    return usual + np.where(known, 0.0, more).sum(axis=1) / (instance.size * (1 - strength))


def direct_surprise(snr: np.ndarray) -> np.ndarray:
    """Return -E log Q(s) of spins in Gaussian noise, by a sum over the noise."""
    z = np.linspace(-10, 10, 801)
    weight = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    return np.logaddexp(0, -2 * (snr[:, None] + np.sqrt(snr)[:, None] * z)) @ weight


def step_losses(
    size: int, instances: int, given: dict[tuple[str, int], np.ndarray], masks: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """Return the step losses per variable of schedules, and their standard errors over instances."""
    strength, rows = rules(given)
    found = []
    for k in range(instances):
        instance = at.draw_instance(MODEL, TEMPERATURE, size, seed=k)
        rng = np.random.default_rng((size, k))
        found.append(rows @ np.mean([surprise(instance, strength, rng) for _ in range(masks)], axis=0))
    return np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(instances)


def expected(strength: np.ndarray) -> float:
    """Return what theory says of a schedule, the end included."""
    path = at.Autoregressive()
    return at.sampling_error(MODEL, path, TEMPERATURE, steps=strength[:-1].tolist()).nats_per_variable


def main() -> None:
    """Compute every row and write the table."""
    given, found = schedules(MODEL, TEMPERATURE, ROUNDS), []
    constant = at.optimal_schedule(MODEL, at.Autoregressive(), TEMPERATURE, steps=1).step_constant
    for size, instances in SIZES.items():
        for (name, k), s, value, error in zip(given, given.values(), *step_losses(size, instances, given), strict=True):
            found.append({
                "size": size, "instances": instances, "schedule": name, "rounds": k, "lost": value,
                "error_of_lost": error, "expected": expected(s), "constant_by_rounds": constant / k,
            })  # fmt: skip
            print(found[-1], flush=True)
    with FILE.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
