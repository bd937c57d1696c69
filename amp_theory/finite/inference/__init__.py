"""Inference on instances: message passing with side information, in its Bayes-optimal form.

May import: tools, ingredients, models, finite.instances, finite.outputs.

- `base`: results and options; `iterates`: what is kept on the way, and when it has converged; `run`: the message
  passing that fits an instance.
- `amp`: h_i = sum of fields - Onsager term, on dense instances; `amp_steps`: what follows its product, by arrays or,
  for few values, in `compiled_steps`; `amp_two_sides`: the same for each of two kinds; `gamp`: omega and its Onsager
  term, on measurements; `pattern_gamp`: on random patterns; `vamp`: vector AMP, for any singular values;
  `robust_gamp`: for matrices with a mean; `chosen_damping`: more of it where needed; `suited`: which of these suits
  measurements.
- `bp`: belief propagation on graphs, with `graph_messages`: messages on edges and which of them are certain,
  `exchanges`: all of them once, on arrays or in `compiled_messages`, and `contradictions`: where they exclude each
  other; to solutions by `decimation` and `reinforcement`: `solutions`.
- `free_entropy`: of all of these, at their fixed points, of vector AMP `vector_free_entropy`; `amp_denoisers`: what AMP
  does to its fields.
- `unit_propagation`: what parity checks at T = 0 tell one after the other, in orders of revealing.
"""
