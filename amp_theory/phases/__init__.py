"""Phases: the answers.

- `geometry`: folds and branches; `points`: thresholds and fixed points; `diagram`: lines, regions, pictures;
  `families`: all of that for many models at once.
- `optimal`: which path is best, and what no denoiser passes; `accuracy`: how wrong samplers are, in nats.
- `rules`: which sampler works where, and how sure that is; it may import all of phases but phases.diagram.
- `comparison`: the verdicts it returns.
"""
