"""Which path is best: bounds on all side information at once, at every overlap.

May import: tools, ingredients, models, equations_of_state, phases.geometry, phases.revealing, phases.points,
phases.diagram.

- `best_path`: the best path, the worst, and what no denoiser passes.
- `known`: what is known of the least slope of each prior.
- `least_slope`: the least slope that memoryless side information allows at an overlap; `certificate`: the bound on the
  reduced cost that proves it; `adaptive`: the least slope of any side information about spins.
- `best_side`: which of two kinds of variables to tell first.
- `attained`: how far the paths with a name work.
- `two_strengths`: where the first-order surface of two paths at once ends; `surface_ends`: all its ends at one
  control; `safe_order`: how to go around them, with its `plane_picture`.
- `marginal`: where such a slope is marginal first; `path_slopes`: the slope along one path; `marginal_lines`: all of
  these by overlap, with their `marginal_picture`.
- `programme`: the least slope for priors of two to six values; `posteriors`: its quadrature; `reduced_cost`: its
  certificate; `programme_margin`: where it is marginal first; `order`: whether its laws lie on one path.
- `revealing_curve`: how an order of revealing goes at one control, and whether it succeeds.
"""
