"""The equation of state of sparse models, from density evolution at prescribed overlap.

May import: tools, ingredients, models, the spine.

- `density_evolution`: the cavity equations for laws of messages, and their entropies; `mixing`: how they are iterated.
- `poisson_graphs`: a table over coordinate and strength, `checked_table` with its errors.
- `regular_graphs`: one isotherm for every integer degree: `fixed_degree` solves it, `isotherm_table` keeps it.
- `degree_orders`: variables revealed by degree; `degree_laws`, `erasure_orders`: its laws; `order_sketch`: starts.
"""
