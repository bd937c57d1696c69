"""Random measures whose samples overlap: no planted measure in disguise, and still explicit in the overlap.

May import: tools, ingredients, models, the spine.

- `isotherms`: the contract: at every control a base, the replica-symmetric measure with its outer overlap q0, stability
  and entropy, and on it an isotherm, strength(q) for every q in [q0, 1).
- `inner_channels`: the scalar channel of a hidden sample given its outer field; `fields`: p-spins in a field,
  with `field_bases`, the base as a curve over q0, and `field_couplings`, increments of the coupling from q0 on.
- `perceptrons`: random perceptrons; `pattern_averages`: their averages over patterns, at the `graded_nodes` of smooth
  potentials; `frozen`: q = 1 where it is stable at every control.
- `surfaces`: what the geometry of transitions asks of one isotherm, and of all of them.
"""
