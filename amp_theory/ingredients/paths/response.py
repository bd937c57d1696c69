"""What a path answers, and what two paths at once are asked for: one strength does not do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from amp_theory.tools.arrays import Array


@dataclass(frozen=True, slots=True)
class Response:
    """What a path returns at a coordinate z and an (internal) strength s, as arrays of one shape.

    Parameters
    ----------
    signal, signal_s
        The snr x(z, s) from the other variables, and its derivative in s.
    overlap, gap
        G, in the units of s^2, and rho - G.
    overlap_z, overlap_zz, overlap_s, overlap_zs
        Partial derivatives of G.
    free_entropy, free_entropy_s
        Psi in nats, and its derivative in s at constant x.
    relative_error
        Bound on the relative errors of G, rho - G, dG/dz and Psi.
    deficit
        rho x/2 - Psi where that is known without cancellation, else None: the digits of Psi next to q = rho.

    See Also
    --------
    Path.response : Which returns it, with an example.
    """

    signal: Array
    signal_s: float
    overlap: Array
    gap: Array
    overlap_z: Array
    overlap_zz: Array
    overlap_s: Array
    overlap_zs: Array
    free_entropy: Array
    free_entropy_s: Array
    relative_error: Array
    deficit: Array | None = None


class TwoStrengths(ABC):
    """What has two strengths, and is no path of one."""

    @property
    @abstractmethod
    def strengths(self) -> tuple[str, str]:
        """The names of both strengths."""
