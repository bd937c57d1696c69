"""Finite instances: real algorithms against the theory, with which they share models and paths only.

`instances` are drawn; `inference` is message passing on them, with the `outputs` of channels; `samplers` draw with a
denoiser, `chains` by Monte Carlo and Langevin dynamics.
"""
