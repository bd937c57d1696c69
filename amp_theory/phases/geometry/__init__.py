"""Geometry of the surface of fixed points: folds, cusps, branches, and which of them coexist.

May import: tools, ingredients, models, equations_of_state.

- `fold_search`: where F = 0; `folds`: that curve, solved, with its cusps F = dF/dz = 0; `branches`: stable branches and
  where two have equal free entropy; `geometry`: what happens along an isotherm as the strength grows.
- `one_by_one`: a geometry of its own at every control; `regular_graphs`: every degree; `random_measures`: of measures
  whose samples overlap; `solved`: the geometry of a model along a path, kept.
"""
