"""Planted colouring by population dynamics: numbers with statistical errors.

May import: tools, ingredients, models.

- `population`: messages of q colours and their entropy, at prescribed overlap; `thresholds`: the special points at zero
  strength from a fitted curve; `tricritical`: the cusp of a fitted surface.
"""
