"""Interface: what people touch; the command line, pictures, the explorer, the studies.

May import: everything; nothing imports this room.

- `cli`: arguments, printing, exit codes; `command_list`: names, examples and options; `commands`: what each command
  computes, `families`: that of `sweep`, `paths`: those about the best path, `accuracy`: those about the errors of
  samplers, `judging`: that of `judge`, `own_data`: those on data of one's own, `dynamics`: that of `threshold-states`,
  `written`: results as files, `listing`: the list of names, `completion`: scripts for shells, `logs`: progress and log;
  `plots`: pictures of several diagrams, free entropies, overlaps; `sizes`: marks of the sizes from which failures are
  seen; `glassy`: the band of threshold states.
- `explorer`: a diagram as one interactive page, and films; `studies`: the figures and numbers of papers.
"""
