"""Studies: the figures of papers redrawn, and the numbers they print.

May import: everything below.

- `reproduction`: the figures of arXiv:2308.14085; `published`: numbers printed by others, with their source.
"""
