"""Orders of revealing that depend on what is known already: the fields of hidden spins as a density.

May import: tools, ingredients, models, equations_of_state, phases.geometry.

- `field_density`: the density of fields, its averages, and how it spreads; `orders`: which fields are told of next.
- `march`: from overlap to overlap at one control; `marginal`: the control at which that is marginal first.
- `rounds`: what a sampler finds that reveals a few times only.
"""
