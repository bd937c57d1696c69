"""Tricritical points of k-XORSAT at T = 0 by degree, from the iteration q -> 1 - E(1 - q^(k-1)) along edges, in mpmath."""

import mpmath as mp


def cusp(k, highest, degree, start):
    """Solve g = q, g' = 1, g'' = 0 for q, c and theta, with the degree that is revealed in part given."""

    def conditions(q, c, theta):
        def law(m):
            return mp.exp(-c) * c**m / mp.factorial(m)

        below = sum(law(m) for m in range(degree))
        part = (1 - theta - below if highest else 1 - theta - (1 - below - law(degree))) / law(degree)

        def edges(w):
            low = sum(law(m - 1) * w ** (m - 1) for m in range(1, degree))
            middle = law(degree - 1) * w ** (degree - 1)
            rest = 0 if highest else mp.exp(c * (w - 1)) - low - middle
            return part * middle + (low if highest else rest)

        def step(y):
            return 1 - edges(1 - y ** (k - 1))

        return step(q) - q, mp.diff(step, q) - 1, mp.diff(step, q, 2)

    with mp.workdps(40):
        q, c, theta = mp.findroot(conditions, start)
        below = mp.gammainc(degree, c, regularized=True)  # P(degree < D)
        level = 1 - theta if highest else theta
        assert below <= level <= mp.gammainc(degree + 1, c, regularized=True)
        return float(c / k), float(theta), float(q)
