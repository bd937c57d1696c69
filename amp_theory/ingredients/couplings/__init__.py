"""Couplings xi(q): the covariance of the energy, whose slope xi'(q) is the snr that the other variables provide.

May import: tools.

- `base`: what a coupling is, and polynomials; `rotational`: linear measurements with rotationally invariant matrices.
"""
