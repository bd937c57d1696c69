"""Dynamics: the theory of Langevin and Monte Carlo dynamics, of which the equations of state know nothing.

May import: tools, ingredients, models.

- `landscape`: a spherical model at one control; `equilibrium`: its correlation on all time scales, with the
  criterion for the glass transition; `two_time`: correlation and response after a quench; `doubling_grid`: how the
  equation in memory of all times is solved.
- `ageing`: where Langevin dynamics of spherical mixed models finds a planted direction: the criterion of threshold
  states, and the ansatz of ageing.
- `threshold_states`: where local moves leave the glassy states of inference models for the signal; `glassy_state`: one
  of them; `trapping_lines`: where an overlap with the signal grows; `glassy_families`: what singles such states out at
  every control; `glassy_averages`: averages over them.
"""
