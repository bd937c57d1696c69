"""Markov chains and Langevin trajectories on instances: the traditional samplers.

May import: tools, ingredients, models, finite.instances.

- `monte_carlo`: heat bath and Metropolis; `tempering`: parallel tempering; `langevin`: spherical models.
- `sweeps`: one sweep through all variables, `dense_sweeps` and `graph_sweeps`, the same as loops in `compiled_sweeps`,
  `two_sides_sweeps`: one kind of variables given the other;
  `starts`: where chains start; `diagnostics`: how far their records can be trusted.
"""
