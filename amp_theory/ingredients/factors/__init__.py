"""Factors: what a constraint among k binary spins does to messages and to the free entropy.

May import: tools.

- `factors`: the map from messages to a message, factor by factor (bicoloring, parity, a table of weights), and the free
  entropy of a factor; `field_grid`: laws of fields and their transforms; `exponential_sums`: how factors separate.
"""
