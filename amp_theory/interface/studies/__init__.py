"""Studies: the figures of papers redrawn, and the numbers they print.

May import: everything below.

- `literature`: the catalogue of published thresholds (`catalogue.json`); `checking`: its values beside ours.
- `demonstrations`: what theory says at infinite size, held against runs.
- `published`: the figures of arXiv:2308.14085; `reproduction`: draws them, or another study.
- `study`: what a study is; `study_picture`: its figure; `registered`: all of them, and what writes their files.
  `dense_studies`: spherical mixed models, block models, sparse PCA; `measurement_studies`: compressed sensing, phase
  retrieval, ReLU, the symmetric door; `code_studies`: low-density parity-check codes.
"""
