"""Ingredients: what models are made of.

`priors` of one variable, `couplings` xi(q), `outputs` of measurements, `factors` among spins, and the `paths` on which
samplers reveal a configuration.
"""
