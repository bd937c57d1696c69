"""Special points of two kinds of variables with thirty digits: sparse PCA, and ten clusters with fifteen.

``python tests/oracles/two_sides_table.py`` regenerates ``tests/data/two_sides_reference.json`` by the means of
`two_sides` (about three minutes on one core).
"""

from __future__ import annotations

import json
from pathlib import Path

import mpmath as mp
from two_sides import DIGITS, GaussianAnd, GaussianAndSparse, Groups

WHERE = Path(__file__).parents[1] / "data" / "two_sides_reference.json"
#: y_v where ten clusters have their points, half the width around and the Chebyshev points there, and digits left
PLACES, WIDTH, NUMBER, LEFT = {"dynamical": "0.8757", "flow v": "0.5578"}, "0.03", 16, 15


def text(values, digits=DIGITS):
    """Return decimal strings."""
    return [mp.nstr(x, digits) for x in (values if isinstance(values, tuple) else (values,))]


def sparse_pca():
    """Return the points of a Gaussian u and sparse signs v, rho = 0.05, alpha = 1, in lambda."""
    oracle = GaussianAndSparse("0.05", 1)
    points = {"weak_recovery": mp.mpf(20), "dynamical": oracle.fold(3.2), "condensation": oracle.condensation(4.3)}
    points["algorithmic"] = oracle.fold(0.5)
    points |= {f"flow {side}": point for side, point in oracle.flow_cusps(2.2).items()}
    points["autoregressive v"] = oracle.autoregressive_cusp_on_v(2.2)
    points |= {f"autoregressive {side}": point for side, point in oracle.autoregressive_cusps(2.2).items()}
    return {name: text(point) for name, point in points.items()}


def sparser():
    """Return lambda of the algorithmic point of sparse signs by rho: y is about 6 rho there."""
    found = {}
    for rho in ("0.001", "0.0001", "0.00001", "0.000001"):
        found[rho] = text(GaussianAndSparse(rho, 1).fold(6 * mp.mpf(rho)))
    return found


def clusters():
    """Return the points of ten clusters with one point per dimension, in lambda/k."""
    k, points = 10, {}
    mp.mp.dps = DIGITS + 8
    unit = 1 / (k - mp.mpf(1))  # lambda/k per lambda of labels of length one
    for name, place in PLACES.items():
        labels = Groups(k, place, WIDTH, NUMBER)
        oracle = GaussianAnd(labels.overlap, 1, unit, spare=8)
        if name == "flow v":
            lam, snr = oracle.flow_cusps(place)["v"]
            points[name] = text((unit * lam, snr), LEFT)
        else:
            points[name] = text(unit * oracle.fold(place), LEFT)
    return points


if __name__ == "__main__":
    table = {"sparse PCA": sparse_pca(), "sparser": sparser(), "ten clusters": clusters()}
    WHERE.write_text(json.dumps(table, indent=1) + "\n")
