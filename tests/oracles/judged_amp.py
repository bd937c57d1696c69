"""AMP of the Ising 3-spin judged on instances, on both sides of the tricritical point, against the equations.

Message passing that starts from what was planted stands for the exact posterior (``reference="informed"``), with the
same side information: wherever both end at one fixed point nothing is lost, and no noise is left.  Below the tricritical
temperature AMP stays on the uninformed branch for a part of the path.  At finite size it leaves that branch early on some
instances and late on others, the more of them the smaller they are, so that a + b/size is fitted to what is lost.

``python tests/oracles/judged_amp.py`` writes ``figures/judged_amp.csv`` (about 5 minutes of processor time, three
processes).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import amp_theory as at

FILE = Path(__file__).parents[2] / "figures" / "judged_amp.csv"
MODEL, PATHS = at.IsingPSpin(3), {path.name: path for path in (at.Flow(), at.Autoregressive())}
#: path, temperature, size, instances
ROWS = (
    ("flow", 0.5, 100, 16), ("flow", 0.5, 70, 16), ("flow", 0.5, 50, 32),
    ("autoregressive", 0.5, 100, 16), ("autoregressive", 0.5, 70, 16), ("autoregressive", 0.5, 50, 32),
    ("flow", 1.0, 100, 4), ("flow", 1.0, 50, 8), ("autoregressive", 1.0, 100, 4), ("autoregressive", 1.0, 50, 8),
)  # fmt: skip


def judged(path: str, temperature: float, size: int, instances: int) -> dict[str, object]:
    """Return a row: what AMP loses, its error over instances, and what theory says."""
    given = {"size": size, "instances": instances, "seed": 0, "batch": 4, "reference": "informed"}
    found = at.judge_denoiser(MODEL, PATHS[path], temperature, "amp", **given)
    row: dict[str, object] = {
        "model": MODEL.name, "p": MODEL.p, "path": path, "temperature": temperature, **given,
        "nats_per_variable": found.nats_per_variable, "error_of_nats_per_variable": found.errors["nats_per_variable"],
        "quadrature": found.errors["quadrature"], "expected": found.expected,
    }  # fmt: skip
    print(row, flush=True)
    return row


def at_infinite_size(size: Sequence[float], value: Sequence[float], error: Sequence[float]) -> tuple[float, float]:
    """Return a of a + b/size, fitted by weighted least squares, and its standard error."""
    weight = 1 / np.asarray(error)
    design = np.stack([np.ones(len(size)), 1 / np.asarray(size)], axis=1) * weight[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return float((covariance @ design.T @ (weight * np.asarray(value)))[0]), float(np.sqrt(covariance[0, 0]))


def main() -> None:
    """Compute every row and write the table."""
    with ProcessPoolExecutor(3) as executor:
        found = list(executor.map(judged, *zip(*ROWS, strict=True)))
    with FILE.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
