"""Special points of two kinds of variables with thirty digits, by means that share no code with the package.

``python tests/oracles/two_sides_table.py`` regenerates ``tests/data/two_sides_reference.json``: about ten minutes on
one core, or those cases alone whose names are given.  Points are one over the noise and, at cusps, the strength.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import mpmath as mp
from pairs_of_priors import Atoms, Normal, Pair, Simplex, Spike
from two_sides import DIGITS, GaussianAndSparse

WHERE = Path(__file__).parents[1] / "data" / "two_sides_reference.json"


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


def special_points(pair, guesses, unit=1):
    """Return the points of a pair by name, lambda in units of `unit`."""
    found = {}
    for name, guess in guesses.items():
        kind, _, side = name.partition(" ")
        if kind == "flow":
            point = pair.flow_cusp(side, guess)
        elif kind == "autoregressive":
            point = pair.autoregressive_cusp(side, guess)
        elif kind == "condensation":
            point = pair.condensation(guess)
        else:
            point = pair.fold(guess)
        found[name] = text((point[0] / unit, *point[1:]))
    return found


def clusters(k, aspect, places, guesses):
    """Return the points of k equal clusters; labels are looked at near `places` of y_v."""
    mp.mp.dps = DIGITS + 12
    pair = Pair(Normal(), Simplex(k, places), mp.mpf(aspect) / (k - 1))
    return special_points(pair, guesses, 1 - 1 / mp.mpf(k))


def ten_clusters():
    """Return the points of ten clusters at aspect 1."""
    return clusters(10, 1, ("0.5578", "0.8757", "1.1937"), {
        "dynamical": ("8.615", "0.1131", "0.8757"), "condensation": ("8.649", "0.1601", "1.194"),
        "flow u": ("8.521", "0.07005", "0.5578"), "flow v": ("8.501", "0.06763", "0.5578"),
        "flow both": ("8.519", "0.0698", "0.5578"), "autoregressive u": ("8.512", "0.06765", "0.5573"),
        "autoregressive v": ("8.530", "0.07004", "0.5583"), "autoregressive both": ("8.521", "0.06881", "0.5578"),
    })  # fmt: skip


def unequal_clusters():
    """Return the points of two clusters of weights 0.03 and 0.97 at aspect 1."""
    mp.mp.dps = DIGITS + 12
    w = mp.mpf("0.03")
    labels = Atoms([mp.sqrt((1 - w) / w), -mp.sqrt(w / (1 - w))], [w, 1 - w])
    return special_points(Pair(Normal(), labels, 1), {
        "dynamical": ("0.7221", "0.2011", "0.1209"), "condensation": ("0.7366", "0.3031", "0.1713"),
        "flow u": ("0.6831", "0.1185", "0.07235"), "flow v": ("0.6696", "0.09639", "0.07235"),
        "flow both": ("0.675", "0.1052", "0.07235"), "autoregressive u": ("0.677", "0.09707", "0.07214"),
        "autoregressive v": ("0.6921", "0.1173", "0.07266"), "autoregressive both": ("0.6831", "0.1052", "0.07235"),
    }, 2 * w * (1 - w))  # fmt: skip


def spikes():
    """Return the points of a Gaussian u and Gauss-Bernoulli v, rho = 0.02, at aspect 0.5."""
    mp.mp.dps = DIGITS + 12
    return special_points(Pair(Normal(), Spike("0.02"), "0.5"), {
        "dynamical": ("32.6", "0.1071", "3.153"), "condensation": ("33.96", "0.165", "4.808"),
        "algorithmic": ("70.718", "0.0001678", "0.01186"), "flow u": ("28.62", "0.06487", "1.744"),
        "flow v": ("27.96", "0.04029", "1.744"), "flow both": ("28.6", "0.06402", "1.744"),
        "autoregressive u": ("28.3", "0.04073", "1.742"), "autoregressive v": ("29.71", "0.06253", "1.749"),
        "autoregressive both": ("28.62", "0.04566", "1.744"),
    })  # fmt: skip


CASES = {
    "sparse PCA": sparse_pca, "sparser": sparser, "ten clusters": ten_clusters, "unequal clusters": unequal_clusters,
    "spikes": spikes,
}  # fmt: skip

if __name__ == "__main__":
    table = json.loads(WHERE.read_text()) if WHERE.exists() else {}
    for name in sys.argv[1:] or CASES:
        table[name] = CASES[name]()
    WHERE.write_text(json.dumps({name: table[name] for name in CASES if name in table}, indent=1) + "\n")
