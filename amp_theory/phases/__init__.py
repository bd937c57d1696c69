"""Phases: the answers.

- `geometry`: folds and branches; `revealing`: paths whose order depends on what is known; `points`: thresholds and
  fixed points; `diagram`: lines, regions, pictures; `families`: all of that for many models at once.
- `optimal`: which path is best, and what no denoiser passes; `accuracy`: how wrong samplers are, in nats.
- `rules`: which sampler works where, and how sure that is; it may import all of phases but phases.diagram.
- `bounds`: where all paths of independent information fail, and where all denoisers do; `comparison`: the verdicts;
  `random_measures`: those on measures whose samples overlap.
"""
