"""Posterior means of generalised linear models by Markov chains, and the table of matrices in docs/finite_instances.md.

Metropolis moves that share nothing with the package: of one variable (a step; for a spike a jump to it or off it; for
spins a flip), and of pairs, that exchange values or shift them against each other, which a large mean of the matrix
does not hinder.  Chains from the planted configuration and from zero or random spins are to agree.

    python tests/oracles/measured_chains.py [--sweeps 1500]

prints the table: some minutes of a core with numba.
"""

# ruff: noqa: NPY002 -- the generator that compiled loops have
from __future__ import annotations

import argparse
import math

import numpy as np

import amp_theory as at
from amp_theory.tools.compiled import compiled

NORMAL, SPIKE, SPINS = 0, 1, 2
KINDS = {at.Gaussian: NORMAL, at.GaussBernoulli: SPIKE, at.Rademacher: SPINS}


@compiled
def level(linear, noise, y, z):
    """Log probability of an output; of labels log of the normal law below x, by its series far below."""
    if linear:
        return -0.5 * (y - z) ** 2 / noise
    x = y * z / math.sqrt(noise)
    if x > -25:
        return math.log(0.5 * math.erfc(-x / math.sqrt(2)))
    return -0.5 * x * x - math.log(-x) - 0.5 * math.log(2 * math.pi) - 1 / x**2 + 2.5 / x**4


@compiled
def prior_level(kind, rho, s):
    """Log density of a value; of a spike its log probability."""
    if kind == SPINS:
        return 0.0
    if kind == SPIKE and s == 0:
        return math.log(1 - rho)
    return (math.log(rho) if kind == SPIKE else 0.0) - 0.5 * s * s - 0.5 * math.log(2 * math.pi)


@compiled
def proposed(kind, s, i, j, step, single):
    """New values of one variable, or of two, and the log of the ratio of the proposals' densities."""
    if not single:
        if kind == SPINS or (kind == SPIKE and s[i] * s[j] == 0) or np.random.random() < 0.3:
            return s[j], s[i], 0.0
        shift = step * np.random.standard_normal()
        return s[i] + shift, s[j] - shift, 0.0
    if kind == SPINS:
        return -s[i], s[j], 0.0
    if kind == NORMAL or (s[i] != 0 and np.random.random() < 0.5):
        return s[i] + step * np.random.standard_normal(), s[j], 0.0
    if s[i] == 0:
        value = step * np.random.standard_normal()
        density = -0.5 * (value / step) ** 2 - math.log(step) - 0.5 * math.log(2 * math.pi)
        return value, s[j], math.log(0.5) - density
    density = -0.5 * (s[i] / step) ** 2 - math.log(step) - 0.5 * math.log(2 * math.pi)
    return 0.0, s[j], density - math.log(0.5)


@compiled
def chain(columns, y, linear, noise, kind, rho, s, sweeps, dropped, seed):
    """Mean configuration and mean squares of one chain; columns are those of the matrix."""
    np.random.seed(seed)
    size, rows = columns.shape
    z = np.zeros(rows)
    for i in range(size):
        z += s[i] * columns[i]
    now = np.array([level(linear, noise, y[k], z[k]) for k in range(rows)])
    new, moved = now.copy(), z.copy()
    mean, square = np.zeros(size), np.zeros(size)
    for sweep in range(sweeps + dropped):
        for n in range(2 * size):
            i, j = n % size, np.random.randint(size)
            if i == j:
                continue
            step = 1.5 * 10 ** (-2.5 * np.random.random())
            a, b, ratio = proposed(kind, s, i, j, step, n < size)
            da, db = a - s[i], b - s[j]
            if da == 0 and db == 0:
                continue
            change = ratio + prior_level(kind, rho, a) - prior_level(kind, rho, s[i])
            change += prior_level(kind, rho, b) - prior_level(kind, rho, s[j])
            for k in range(rows):
                moved[k] = z[k] + da * columns[i, k] + db * columns[j, k]
                new[k] = level(linear, noise, y[k], moved[k])
                change += new[k] - now[k]
            if change >= 0 or np.random.random() < math.exp(change):
                s[i], s[j] = a, b
                z[:], now[:] = moved, new
        if sweep >= dropped:
            mean += s
            square += s * s
    return mean / sweeps, square / sweeps


def posterior_of(instance, sweeps=20000, seed=0):
    """Posterior means and mean variances of two pairs of chains, from the planted configuration and from elsewhere."""
    model, rng = instance.model, np.random.default_rng(seed)
    kind, linear = KINDS[type(model.prior)], isinstance(model.channel, at.LinearChannel)
    elsewhere = rng.choice([-1.0, 1.0], instance.size) if kind == SPINS else np.zeros(instance.size)
    starts = [instance.planted, elsewhere, instance.planted, elsewhere]
    found = [
        chain(np.ascontiguousarray(instance.sensing.T), np.asarray(instance.measurements, dtype=float), linear,
              model.channel.noise, kind, getattr(model.prior, "rho", 1.0), start.astype(float).copy(), sweeps,
              sweeps // 4, seed + 10 * k)
        for k, start in enumerate(starts)
    ]  # fmt: skip
    means = np.array([m for m, _ in found])
    variance = float(np.mean([s for _, s in found]) - (means[0] * means[1] + means[2] * means[3]).mean() / 2)
    return means, variance


def distance(means, mean):
    """Mean squared distance from the posterior mean, without the noise of the chains, which are independent."""
    off = means - mean
    return float(np.mean([(off[k] * off[j]).mean() for k in range(4) for j in range(k)]))


# --- the table ----------------------------------------------------------------------------------------------

CONDITIONS, MEANS, SHAPE = (10, 100, 1000), (0.1, 1.0, 10.0), (60, 40)
CHANNELS = {"linear": at.LinearChannel(0.01), "probit": at.ProbitChannel(0.1)}
PRIORS = {"normal": at.Gaussian(), "Gauss-Bernoulli": at.GaussBernoulli(0.3), "spins": at.Rademacher()}


def matrix(rows, size, condition, mean, rng):
    """A matrix of mean square 1/size with a condition number (None: independent entries), plus mean/sqrt(size)."""
    if condition is None:
        body = rng.standard_normal((rows, size)) / math.sqrt(size)
    else:
        k = min(rows, size)
        left, right = (np.linalg.qr(rng.standard_normal((n, k)))[0] for n in (rows, size))
        body = (left * np.geomspace(1, 1 / condition, k)) @ right.T
        body *= math.sqrt(rows / (body**2).sum())
    return body + mean / math.sqrt(size)


def measured(prior, channel, condition, mean, shape=SHAPE, seed=0):
    """An instance of measurements."""
    rng, (rows, size) = np.random.default_rng(seed), shape
    sensing = matrix(rows, size, condition, mean, rng)
    s = rng.standard_normal(size) * (rng.random(size) < getattr(prior, "rho", 1.0))
    s = rng.choice([-1.0, 1.0], size) if isinstance(prior, at.Rademacher) else s
    z = sensing @ s + math.sqrt(channel.noise) * rng.standard_normal(rows)
    data = {"sensing": sensing, "measurements": z if isinstance(channel, at.LinearChannel) else np.sign(z)}
    return at.instance_from(at.GLM(prior, channel), planted=s, check_scale=False, **data)


def exact(instance, sweeps):
    """Posterior means, four times or by four chains, and the mean variance."""
    model, noise = instance.model, instance.model.channel.noise
    if isinstance(model.channel, at.LinearChannel):
        if isinstance(model.prior, at.Gaussian):
            inverse = np.linalg.inv(np.eye(instance.size) + instance.sensing.T @ instance.sensing / noise)
            mean = inverse @ instance.sensing.T @ instance.measurements / noise
            return np.tile(mean, (4, 1)), float(np.trace(inverse)) / instance.size
        if isinstance(model.prior, at.Rademacher):  # whose chains stay where they are, the planted one at its place
            return np.tile(instance.planted, (4, 1)), 0.0
        sweeps = 12 * sweeps  # a move costs little, and goes a short way
    return posterior_of(instance, sweeps)


def cell(found, means, variance):
    """Squared distance from the posterior mean over the posterior variance, and the status if it is another."""
    off = max(distance(means, found.mean[0]), 0.0)
    text = f"{off / variance:.3f}" if variance > 1e-6 else f"{off:.0e}"
    return text + {"converged": "", "max_iterations": " m", "inconsistent": " i", "diverged": " d"}[found.status[0]]


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description="print the table of ill-conditioned and non-centred matrices")
    parser.add_argument("--sweeps", type=int, default=1500)
    parser.add_argument("--channel", choices=[*CHANNELS], nargs="+", default=[*CHANNELS])
    given = parser.parse_args()
    how = at.MessagePassingOptions(max_iterations=300, adapt_damping=True)
    print("| channel, prior, condition number | posterior variance | chains apart | VAMP | robust GAMP |")
    print("|---|---|---|---|---|")
    for channel, prior, condition in ((a, p, c) for a in given.channel for p in PRIORS for c in CONDITIONS):
        cells = [[], [], [], []]
        for mean in MEANS:
            instance = measured(PRIORS[prior], CHANNELS[channel], condition, mean)
            means, variance = exact(instance, given.sweeps)
            apart = float(((means[0] + means[2] - means[1] - means[3]) ** 2).mean()) / 4 / max(variance, 1e-300)
            runs = [cell(run(instance, options=how), means, variance) for run in (at.run_vamp, at.run_robust_gamp)]
            for column, text in zip(cells, (f"{variance:.3g}", f"{apart:.1g}", *runs), strict=True):
                column.append(text)
        print(f"| {channel}, {prior}, {condition} | " + " | ".join(map(" / ".join, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
