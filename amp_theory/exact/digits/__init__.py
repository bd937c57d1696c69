"""The equations in mpmath: as many digits as asked for, confirmed by a second quadrature rule.

May import: tools, ingredients, models, equations_of_state.

- `equations`: fixed point, fold, cusp, equal heights; `two_sides`: the same of variables of two kinds; `newton`: how
  they are solved and checked; `points`: special points, points on lines and fixed points from their values in doubles.
- `channel_base`, `channels`, `groups`, `faint`: scalar channels of priors; `coupling_base`, `couplings`, `outputs`,
  `absolute`, `rotational`: couplings; `responses`: paths; `erasures`: parity checks at zero temperature.
- `contexts`: a precision of one's own in every thread; `rationals`: what floats stand for; `rules`: two quadratures.
"""
