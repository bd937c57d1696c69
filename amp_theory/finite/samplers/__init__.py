"""Samplers that draw configurations with a denoiser, one noise level after the other.

May import: tools, ingredients, models, finite.

- `denoisers`: posterior means from side information, exact or by message passing; `samplers`: along each path.
"""
