"""How accurate a sampler is: nats per variable, iterations and steps, as areas on the equation of state.

May import: tools, ingredients, models, equations_of_state, phases.geometry, phases.points, phases.diagram,
phases.comparison.

- `sampling_error`: the relative entropy of a denoising sampler; `error_curve`: the same over a range of controls;
  `leading_power`: the same next to a tricritical point.
- `met`: which branches denoiser and equilibrium stay on at one control, with their `stays`; `along`: integrals along
  them; `depth`: what finitely many iterations lose, `needed_depth`: how many are needed.
- `mismatched_error`: denoisers that believe in a wrong temperature, noise or prior, with their two overlaps from
  `wrong_measure`, the scalar problem from `scalar_answers` and the ends of their branches from `branch_jumps`.
- `reading`: what branches are like at many strengths.
- `steps`: what finitely many steps lose; `schedule`: the best places for them; `optimal_schedule`: as times to use.
"""
