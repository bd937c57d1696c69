"""Equations of state: all fixed points of a model along a path, as one explicit surface.

May import: tools, ingredients, models.

- `base`: the spine, which the geometry of transitions rests on, and its contract; `surface`: the points of a surface
  and bounds on their errors; `choose`: which equation of state a model has.
- `dense`: intensity = (x - B')/A', F = 1 - K dq/dz, phi = Psi - (q x - xi)/2; `recovery`: q = rho of noiseless models.
- `two_sides`: variables of two kinds, u and v: the surface of u, with what v tells it as a coupling, which `other_side`
  is.
- `sparse`: density evolution at prescribed overlap; `populations`: population dynamics of colours.
- `random_measures`: measures whose samples overlap: an isotherm over a base of its own at every control.
- `iteration_limit`: how far the iterates of state evolution are from their limit.
"""
