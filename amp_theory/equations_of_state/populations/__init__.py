"""Planted colouring by population dynamics: numbers with statistical errors.

May import: tools, ingredients, models, the spine.

- `population`: messages of q colours and their entropy, at prescribed overlap; `fresh_nodes`: what a sweep draws, the
  same as a loop in `compiled_products`; `found`: the points that it finds; `fitted`: the equation of state of
  polynomials through such points.
"""
