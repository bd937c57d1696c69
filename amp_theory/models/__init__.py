"""Models: the named target measures, each a prior and a coupling or a factor, and a control.

May import: tools, ingredients.

- `base`: what a model is, from control to intensity; `spin_glasses`: couplings xi_1(q)/T^2; `spiked`: A(q)/Delta;
  `measurements`: generalised linear models, alpha A(q); `block_model`: groups.
- `two_sides`: variables of two kinds, rectangular matrices and mixtures.
- `perceptrons`: weights on random patterns, which are not planted.
- `sparse`: constraint satisfaction on random hypergraphs; `coloring`: planted colouring of random graphs.
- `catalogue`: all of them by the names on the command line and in files; `synonyms`: what they are called elsewhere;
  `own_names`: control and strength by the names that model and path give them;
  `descriptions`: what each is and takes, from its docstring and its signature.
"""
