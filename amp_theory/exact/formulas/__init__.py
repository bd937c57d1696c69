"""Closed forms: the exact formulas of those models that have some, in sympy.

May import: tools, ingredients, models.

- `forms`: which model has which; `setting`: coupling and prior in exact terms; `result`: formulas and
  reasons; `paths`: what a path makes of Gaussian variables.
- `gaussian`: curves and points of Gaussian variables; `polynomial`: with numbers as coefficients; `linear`: linear
  measurements; `sparse`: parity checks and bicoloring; `two_sides`: variables of two kinds.
"""
