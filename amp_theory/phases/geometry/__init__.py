"""Geometry of the surface of fixed points: folds, cusps, branches, and which of them coexist.

May import: tools, ingredients, models, equations_of_state.

- `fold_search`: where F = 0; `folds`: that curve, solved, with its cusps F = dF/dz = 0; `branches`: stable branches and
  where two have equal free entropy; `geometry`: what happens along an isotherm as the strength grows.
- `regular_graphs`: the same degree by degree; `random_measures`: control by control, of measures whose samples
  overlap; `solved`: the geometry of a model along a path, kept.
"""
