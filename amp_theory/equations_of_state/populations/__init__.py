"""Planted colouring by population dynamics: numbers with statistical errors.

May import: tools, ingredients, models, the spine.

- `population`: messages of q colours and their entropy, at prescribed overlap; `fitted`: the equation of state of
  polynomials through points of it.
"""
