"""Denoising paths: the side information about a planted sample that a sampler works with, and its schedules.

May import: tools, ingredients.priors.

- `base`: what a path is, and its `response` G(x, s), Psi(x, s); `named`: flow, autoregressive (with its spinodal),
  uniform discrete diffusion; `schedules`: from the time of a sampler to a strength.
- `letters`: paths that show a letter of discrete variables, births of non-zeros and channels of one's own;
  `hidden_atoms`: the scalar channel they need; `mixed`: two paths at once.
- `sides`: which of two kinds of variables is told something.
- `side_information`: what a path reveals about a configuration; `uniform_channel`: a spin seen through noise and
  a flip.
"""
