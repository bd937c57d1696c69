"""Trials: where theory and referee meet; samplers on instances, judged by exact samples or by the equations.

May import: everything below; nothing below imports this room.

- `simulation`: samplers on many instances; `judging`: an excess tested against zero and against the size of a failure.
- `judge_denoiser`: any denoiser on planted trajectories; `denoiser_judgement`: what it loses and on which account, with
  `judgement_picture`.
- `amp_against_theory`: AMP on instances against state evolution, iteration by iteration.
"""
