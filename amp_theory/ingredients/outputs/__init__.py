"""Output channels P_out(y|z) of generalised linear models: their response, and with it a coupling.

May import: tools, ingredients.couplings, ingredients.priors.

- `base`: the response R(q), by definition; `named`: linear, sign, probit, abs, ReLU, door, symmetric perceptron;
  `likelihood`: a channel given by its likelihood.
- `potentials`: weights of patterns in random perceptrons; `margins`: powers of a margin; `lattice_sums`: smooth ones at
  evenly spaced fields, with sums that neighbours share, around the `largest_term`; `logistic`, a soft margin, and
  `log_concave`, of one's own, by `graded_sums` with terms that are dense where the slope `bends`.
- `sign_and_abs` and `door`: responses in closed integrals; `tabulated`: of a likelihood; `table`: interpolants of them.
"""
