"""Thresholds of smooth potentials, named and one's own, within their bounds of a solve in long doubles.

The solve, `tests/oracles/perceptron_long.py`, knows log psi alone, and shares no code with the package.
"""

import numpy as np
import pytest

import amp_theory as at
from tests.oracles import perceptron_long as oracle

Real = oracle.Real
pytestmark = pytest.mark.skipif(np.finfo(Real).eps > 1e-18, reason="long doubles are doubles here")


class Cosh:
    """psi = cosh(k (s - c))^(-a/k)."""

    def __init__(self, k, c, a):
        self.k, self.c, self.a = k, c, a

    @property
    def bend(self):
        return self.c, 1 / self.k

    def logarithm(self, s):
        t = self.k * (s - self.real(s)(str(self.c)))
        size = np.abs(t)
        f = -self.a * (size + np.log1p(np.exp(-2 * size)) - np.log(self.real(s)(2))) / self.k
        return f, -self.a * np.tanh(t), -self.a * self.k / np.cosh(np.minimum(size, 300)) ** 2

    @staticmethod
    def real(s):
        return np.asarray(s).dtype.type


class Hinge(Cosh):
    """psi = (1 + e^{k (c - s)})^(-a/k)."""

    def logarithm(self, s):
        t = self.k * (self.real(s)(str(self.c)) - s)
        small = np.exp(-np.abs(t))
        above = np.where(t > 0, 1, small) / (1 + small)
        return (-self.a * (np.maximum(t, 0) + np.log1p(small)) / self.k, self.a * above,
                -self.a * self.k * small / (1 + small) ** 2)  # fmt: skip


def own(*terms):
    """Return a potential of one's own, a product."""
    return at.LogConcave(*(lambda s, j=j: sum(term.logarithm(s)[j] for term in terms) for j in range(3)))


def solved(weights, *terms):
    potential = oracle.Potential(lambda s: sum(t.logarithm(s)[0] for t in terms), [t.bend for t in terms])
    return oracle.Perceptron(oracle.Sphere() if weights == "sphere" else oracle.Spins(), potential)


STEEP, BOTH = Cosh(5, -1.3, 5), (Cosh(20, -0.5, 3), Hinge(5, 0.4, 4))
#: weights, terms: alpha, 1 - q and strength of every point, as the solve has them; "s" is the stability, "t" the cusp of a
#: flow, "r" that of an autoregressive path, "d" and "c" dynamical and condensation
TABLE = {
    ("sphere", (Hinge(20, -1.3, 1),)): {"s": ("115.804277116616", "0.4738999555529751")},
    ("binary", (Cosh(20, 0.7, 1),)): {"s": ("8.3536885785833522", "0.36475437268700517")},
    ("binary", (Hinge(20, -1.3, 20),)): {
        "s": ("9.4718090150066428", "0.54231514888160554"),
        "t": ("4.5865392419866147", "0.017460845365713021", "1.8691979077611084"),
    },
    ("binary", (Hinge(60, 0.7, 60),)): {"s": ("0.42800946124379814", "0.18190088040624397")},
    ("sphere", (Cosh(60, -1.3, 1),)): {"s": ("870.81732335720923", "0.034665140998263514")},
    ("sphere", (Cosh(20, -0.5, 1), Cosh(60, 0.7, 1))): {"s": ("8.6671618538425477", "0.33017571049872287")},
    ("binary", (STEEP,)): {
        "s": ("1.5391426815349943", "0.15554154696404233"),
        "t": ("1.4939331868401253", "0.093066932587085503", "0.0067693440639265319"),
    },
    ("binary", BOTH): {
        "s": ("1.5740476797352098", "0.70207451934131804"),
        "t": ("1.4627271419999189", "0.28818112593724832", "0.047752022330538857"),
        "d": ("1.4987785183019407", "0.19273705840661647"),
        "c": ("1.5170391382835053", "0.11630566498286433"),
        "r": ("1.4559865169167381", "0.29281406297517596", "0.035292239218776059"),
    },
    ("sphere", at.Logistic(-4, 3)): {
        "s": ("57615.819486967774", "0.83098109182692627"),
        "t": ("34146.816799896732", "0.46807846675684967", "0.17238128057285669"),
        "d": ("38070.256448111616", "0.33041171315635229"),
        "c": ("40597.128634014115", "0.21978640482381147"),
        "r": ("29161.961708886392", "0.46807203284208223", "0.14607137636165888"),
    },
}
QUICK = list(TABLE)[:2]


def off(value, exact, bound):
    """Return how far a value is from an exact one, in units of its bound."""
    return abs(float((Real(exact) - Real(value)) / Real(bound)))


def thresholds(weights, terms, path):
    prior = at.Gaussian() if weights == "sphere" else at.Rademacher()
    return at.thresholds(at.RandomPerceptron(prior, own(*terms) if isinstance(terms, tuple) else terms), path)


def compared(found, points, cusp):
    """Hold points against exact ones."""
    names = {"s": "stability", "d": "dynamical", "c": "condensation", cusp: "tricritical"}
    for which in points.keys() & names.keys():
        point, (alpha, gap, *strength) = getattr(found, names[which]), points[which]
        assert off(point.control, alpha, point.error) < 1, which
        assert off(point.overlap, 1 - Real(gap), point.errors["overlap"]) < 1, which
        if strength:
            assert off(point.strength, *strength, point.errors[point.strength_name]) < 1
        # a bound that holds all is none
        assert point.error < 1e-9 * point.control, which


@pytest.mark.parametrize("key", [pytest.param(k, marks=() if k in QUICK else pytest.mark.slow) for k in TABLE])
def test_thresholds_are_within_their_bounds(key):
    compared(thresholds(*key, at.Flow()), TABLE[key], "t")


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key, points in TABLE.items() if "r" in points])
def test_those_of_autoregressive_paths_are(key):
    compared(thresholds(*key, at.Autoregressive()), TABLE[key], "r")


def test_what_is_off_is_seen():
    with pytest.raises(AssertionError):
        compared(thresholds("sphere", (Hinge(20, -1.301, 1),), at.Flow()), TABLE[QUICK[0]], "t")


@pytest.mark.slow
def test_the_table_is_the_solves():
    """Places are log q0/(1 - q0) of spherical weights."""
    for key in (key for key in TABLE if key[0] == "sphere" and isinstance(key[1], tuple)):
        alpha, gap = map(Real, TABLE[key]["s"])
        found = solved(*key[:1], *key[1]).stability(np.log1p(-gap) - np.log(gap) + 1e-5)
        assert abs(found[0] / alpha - 1) < 1e-14
        assert abs(found[1] / gap - 1) < 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("which", ["t", "d", "c", "r"])
def test_the_cusps_of_a_steep_margin_are_the_solves(which):
    exact, points = solved("sphere", Hinge(3, -4, 3)), TABLE["sphere", at.Logistic(-4, 3)]
    alpha, gap, *strength = map(Real, points[which])
    place = np.log(alpha / Real(points["s"][0])) + exact.place(float(points["s"][0]), -8.0, 0.0)
    along, columns = (
        (exact.revealed, (1, 2)) if which == "r" else (exact.along, {"t": (1, 2), "d": (0, 1), "c": (0, 3)}[which])
    )
    found = exact.meeting(along, columns, place, gap if which == "r" else exact.snr(place, gap))
    assert abs(found[0] / alpha - 1) < 1e-14
    if strength:
        assert abs(found[1] / strength[0] - 1) < 1e-12


@pytest.mark.slow
def test_the_solve_is_the_one_with_25_digits():
    """Binary weights, Logistic(-1, 3), as in test_perceptron_digits."""
    alpha, gap = solved("binary", Hinge(3, -1, 3)).stability(Real("0.3"))
    assert abs(alpha / Real("12.38883499606247175001941") - 1) < 1e-16
    assert abs(gap / Real("0.3601594710026066418452826") - 1) < 1e-15
