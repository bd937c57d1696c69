"""Studies: the figures of papers redrawn, and the numbers they print.

May import: everything below.

- `literature`: the catalogue of published thresholds (`catalogue.json`); `checking`: its values beside ours.
- `reproduction`: the figures of arXiv:2308.14085; `published`: numbers printed by others, with their source.
"""
