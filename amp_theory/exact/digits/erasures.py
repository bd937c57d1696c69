"""Models whose messages are erasures: known or unknown spins, so that sparse models have the equations of dense ones.

In XORSAT at temperature zero a check tells a spin if it knows its k - 1 others.  On the autoregressive path, where a
fraction theta of the spins is known from the start, the fraction q of known spins obeys

    q = 1 - (1 - theta) e^{-x},    x = alpha k q^(k-1),

of the dense form with xi = alpha q^k and M(x) = 1 - e^{-x}; so does the free entropy in units of 2 log 2 nats.
Source: M. Mezard and A. Montanari, Information, Physics, and Computation (Oxford, 2009), chapter 18.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from amp_theory.exact.digits.channel_base import ExactChannelValues, UnitAtoms
from amp_theory.exact.digits.contexts import mp
from amp_theory.exact.digits.rationals import lost_digits
from amp_theory.ingredients.couplings.base import GeneralCoupling, PolynomialCoupling
from amp_theory.models.sparse import XORSAT
from amp_theory.tools.errors import InputError, told
from amp_theory.tools.registration import ByClass

if TYPE_CHECKING:
    from amp_theory.exact.digits.rules import Real, Rule
    from amp_theory.ingredients.paths.base import Path
    from amp_theory.models.base import Model


class ErasureChannel(UnitAtoms):
    """A spin that is known with probability 1 - e^{-x}."""

    @property
    def entropy(self) -> Real:
        """Entropy log 2 of a spin, in nats."""
        return mp.log(2)

    @property
    def unit(self) -> Real:
        """2 log 2."""
        return 2 * mp.log(2)

    def values(self, snr: Real, rule: Rule) -> ExactChannelValues:
        """Return psi = (x - M)/2, M = 1 - e^{-x} and the others at x = `snr`."""
        unknown = mp.exp(-snr)
        with mp.workdps(mp.dps + lost_digits(snr)):
            known = -mp.expm1(-snr)
            return ExactChannelValues((snr - known) / 2, known, unknown, unknown, -unknown)


@ByClass
def erasure_form(model: Model, path: Path) -> GeneralCoupling:
    """Return the coupling that goes with an `ErasureChannel` for a model that is not dense.

    Raises
    ------
    InputError
        For all but XORSAT at temperature 0 with Poisson degrees on the autoregressive path.
    """
    raise _none(model, path)


def _none(model: Model, path: Path) -> InputError:
    return InputError(
        f"no digits beyond double precision for {told(model)} along {path.name}: its messages are laws on a grid or "
        "populations; dense models have them, and XORSAT at T = 0 with Poisson degrees, autoregressive"
    )


@erasure_form.register(XORSAT)
def _parity(model: XORSAT, path: Path) -> GeneralCoupling:
    if model.temperature == 0 and not model.regular and path.erases:
        return PolynomialCoupling(((model.k, Fraction(1)),))
    raise _none(model, path)
