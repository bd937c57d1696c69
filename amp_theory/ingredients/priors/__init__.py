"""Priors P0(s) of one variable, and their scalar channel y = sqrt(x) s + z, in doubles.

May import: tools.

- `base`: psi(x), the overlap M(x) and its derivatives, by definition; `named`: Rademacher, Gaussian and so on, and
  the base of mixtures; `groups`: the Potts prior and two unequal groups; `density`: a prior from a function;
  `large_snr`: its channel at a large snr.
- `mixtures`: posterior and integrands of a Gaussian mixture; `mixture_channel`: its channel by quadrature;
  `channel_table`: fast interpolants of it; `group_channel`: the channel of a Potts variable.
"""
