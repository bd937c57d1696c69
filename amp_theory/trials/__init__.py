"""Trials: where theory and referee meet; samplers on instances, judged by exact samples or by the equations.

May import: everything below; nothing below imports this room.

- `simulation`: samplers on many instances; `judging`: an excess tested against zero and against the size of a failure.
- `differences`: the tests; `expected`: what theory says of a sampler, and from which size on that can be seen;
  `planning`: size, instances, time and memory of a simulation before it is run.
- `judge_denoiser`: any denoiser on planted trajectories, asked at `strengths`, `measured_answer` by answer;
  `denoiser_judgement`: what it loses and on which account, with `judgement_picture`.
- `recovery`: how far heat bath from random starts finds what was planted, with `recovery_picture`.
- `demonstration`: statements, `demonstration_cases`, held against runs of several sizes; `on_instances`: what is
  measured, by `extrapolation`, with `demonstration_picture`.
- `amp_against_theory`: AMP on instances against state evolution, iteration by iteration.
"""
