"""Instances of models: drawn, planted or random, with their energies and fields.

May import: tools, ingredients, models, finite.outputs.

- `base`: what instances have in common; `dense`, `linear`, `graphs`, `two_sides`: tensors, measurements, hypergraphs,
  matrices; `rotational`: measurements with given singular values; `random_patterns`: those of perceptrons without a
  teacher; `draw`: an instance of any model.
- `own_data`: instances from data of one's own, by kind `own_couplings`, `own_graphs`, `own_measurements`,
  `own_matrices`, of the right scale (`scales`); `saved_instances`: those read from files.
- `enumeration`: exact averages of small instances; `scalar_posterior`: one variable given a field and a precision,
  `laws`: the same of a vector.
"""
