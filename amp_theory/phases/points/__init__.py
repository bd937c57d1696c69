"""Special points and fixed points, each with an error bound.

May import: tools, ingredients, models, equations_of_state, exact.digits, phases.geometry,
phases.revealing.

- `thresholds`: all special points of a model along a path; `zero_strength`: dynamical, condensation, algorithmic, weak
  recovery, and the error bound of a threshold, with `zero_crossings`: equal free entropies; `tricritical`: where
  F = dF/dz = 0 at positive strength; `regular_graphs`: the smallest densities with a property; `populations`:
  the points of colourings; `confidence`: tricritical points of orders that depend on what is known; `expansion`: the
  normal form next to a tricritical point.
- `random_measures`: the points of measures whose samples overlap; `random_rows`: where folds and branches come and go
  on their isotherms; `random_perceptrons`: their tricritical margin, capacity and best tilt;
  `tricritical_field`: where first-order line and stability line meet in field and temperature.
- `fixed_points`: all fixed points at one control and strength, and regions; `listed`: each with what it tells;
  `state_evolution`: its iterates; `vector_evolution`: those of vector AMP.
- `targets`: whose verdict it is, and which other algorithms are known.
"""
