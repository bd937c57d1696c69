"""Denoising paths: the side information about a planted sample that a sampler works with.

Per variable and at given snr x from the other variables, a path is its overlap G(x, strength) and its
free entropy Psi(x, strength), dPsi/dx = G/2:

- flow and diffusion see y = gamma s* + z; strength snr = gamma^2:
  G = M(x + snr), Psi = psi(x + snr);
- autoregressive: a random fraction of the variables is given; strength revealed = theta:
  G = (1 - theta) M(x) + theta rho, Psi = (1 - theta) psi(x) + theta rho x/2;
- uniform discrete diffusion: spins are flipped with probability epsilon; strength retention = 1 - 2 epsilon:
  G and Psi in uniform_channel.py.

Psi is the log likelihood ratio against pure noise.  Paths parametrise their fixed points by a
`coordinate` in which the overlap is explicit: the total snr x + snr for the flow, x for the others.
A new path is a subclass with the methods below; its `response` must increase with strength.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.response import Response as Response
from amp_theory.ingredients.paths.response import TwoStrengths
from amp_theory.ingredients.paths.schedules import Schedule
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.paths.sides import Sided, check_no_side
from amp_theory.ingredients.priors.base import UNBOUNDED, Prior, check_prior
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import InputError, as_array, as_float, as_generator, as_real, told

#: strengths too small for their square roots and powers to be told from zero
NEGLIGIBLE = 1e-280
#: strengths beyond which doubles cannot tell the snr from the other variables
LARGEST = 1e12
#: the largest modulus of a variable that is observed
LARGEST_VALUE = 1e30


class Path(Sided, ABC):
    """A denoising path.  `strength` names its strength, `limit` is the strength of complete information.

    A path of one's own is a subclass that says what is abstract here, for arrays that broadcast.

    Raises
    ------
    InputError
        If the schedule is of another path.

    See Also
    --------
    Flow, Autoregressive, UniformDiscreteDiffusion

    References
    ----------
    arXiv:2308.14085; G and Psi of each path stand on top of this module.
    """

    name: ClassVar[str]
    strength: ClassVar[str]
    strength_symbol: ClassVar[str]
    limit: ClassVar[float]
    schedules: ClassVar[tuple[type[Schedule], ...]]
    #: whether the strength is the snr of a Gaussian channel, so that dPsi/d strength = G/2
    strength_is_snr: ClassVar[bool] = False
    #: whether a part of the variables, the strength, is known exactly and nothing is known of the others
    erases: ClassVar[bool] = False
    #: whether the overlap depends on the coordinate alone
    explicit_folds: ClassVar[bool] = False
    #: whether something is known at strength zero
    informed: ClassVar[bool] = False
    schedule: Schedule
    #: the order in which variables are revealed, where there is a choice
    order: str = "random"

    def __post_init__(self) -> None:
        if not isinstance(self.schedule, self.schedules):
            names = ", ".join(s.__name__ for s in self.schedules)
            raise InputError(f"the schedule of {type(self).__name__} must be one of {names}, got {told(self.schedule)}")
        super().__post_init__()

    @abstractmethod
    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return the overlap, its derivatives and the free entropy at (coordinate, internal strength).

        Without `with_energy` the free entropies may be left zero, where they cost much.

        Parameters
        ----------
        prior
            The law of one variable.
        coordinate
            z > 0: the total snr x + snr for the flow, x for the others.
        strength
            The internal strength >= 0, see `internal`.
        with_energy
            Whether the free entropies are needed.

        Returns
        -------
        Response
            x, G, Psi and their derivatives, arrays of the broadcast shape.

        Examples
        --------
        >>> from amp_theory import Flow, Rademacher
        >>> values = Flow().response(Rademacher(), np.array([0.5]), np.array([0.2]))
        >>> float(values.signal[0].round(9)), float(values.overlap[0].round(9)), float(values.free_entropy[0].round(9))
        (0.3, 0.350113405, 0.048654528)
        """

    @abstractmethod
    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return the coordinate z at which the other variables provide the snr x = `signal`.

        Parameters
        ----------
        signal
            The snr x >= 0 from the other variables.
        strength
            The internal strength >= 0.

        Returns
        -------
        array
            z, of the broadcast shape.

        See Also
        --------
        Path.response : What takes z.
        """

    @abstractmethod
    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return the mean log likelihood ratio of the side information at the truth, nats per variable.

        The mutual information of the model with everything observed is xi(rho)/2 + evidence - phi.

        Parameters
        ----------
        prior
            The law of one variable.
        strength
            Strengths in [0, limit], any shape.

        Returns
        -------
        array
            Nats per variable, of the shape of `strength`; infinite where a continuous variable is revealed.

        Raises
        ------
        InputError
            If a strength is out of range, or the prior is none.

        Examples
        --------
        >>> from amp_theory import Autoregressive, Flow, Rademacher
        >>> float(Flow().evidence(Rademacher(), 0.5)), round(float(Autoregressive().evidence(Rademacher(), 0.5)), 9)
        (0.25, 0.34657359)
        """

    @abstractmethod
    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return what the side information tells about one variable on its own, I(s*; side), in nats.

        Parameters
        ----------
        prior
            The law of one variable.
        strength
            Strengths in [0, limit], any shape.

        Returns
        -------
        array
            Nats, between 0 and the entropy of the prior, of the shape of `strength`.

        Raises
        ------
        InputError
            If a strength is out of range, or the prior is none.

        Examples
        --------
        >>> from amp_theory import Flow, Rademacher, UniformDiscreteDiffusion
        >>> [round(float(path.information(Rademacher(), 0.5)), 9) for path in (Flow(), UniformDiscreteDiffusion())]
        [0.201345472, 0.130812036]
        """

    def internal(self, strength: Array) -> Array:
        """Return the strength in the form in which G is analytic through zero.

        Parameters
        ----------
        strength
            Strengths as users know them, in [0, limit).

        Returns
        -------
        array
            The internal strength, of the same shape; the same numbers unless overridden.

        Examples
        --------
        >>> from amp_theory import UniformDiscreteDiffusion
        >>> path = UniformDiscreteDiffusion()
        >>> v = path.internal(np.array(0.5))
        >>> float(v), float(path.public(v)), float(path.public_slope(v))
        (0.25, 0.5, 1.0)
        """
        return strength

    def public(self, strength: Array) -> Array:
        """Return the strength as users know it from its internal form.

        Parameters
        ----------
        strength
            Internal strengths.

        Returns
        -------
        array
            The strength that `strength` names, of the same shape.

        See Also
        --------
        Path.internal : The inverse, with an example.
        """
        return strength

    def public_slope(self, strength: Array) -> Array:
        """Return d public/d internal at the internal strength.

        Parameters
        ----------
        strength
            Internal strengths.

        Returns
        -------
        array
            The derivative, one unless overridden, of the same shape.

        See Also
        --------
        Path.internal : With an example.
        """
        return np.ones_like(strength)

    def hidden(self, strength: Array) -> Array:
        """Return the part of the variables that is not known exactly at an internal strength, 1 unless overridden.

        At large snr x from the other variables rho - G is hidden (rho - M(x)).

        Parameters
        ----------
        strength
            Internal strengths.

        Returns
        -------
        array
            A fraction in [0, 1], of the same shape.

        Examples
        --------
        >>> from amp_theory import Autoregressive, Flow
        >>> [path.hidden(np.array(0.25)).tolist() for path in (Flow(), Autoregressive())]
        [1.0, 0.75]
        """
        return np.ones_like(strength)

    def tilted_transform(self, frequency: Array, strength: Array) -> Array:
        """Return E e^{(i w - 1) h} of the half log-likelihood ratio h that a spin +1 gets from the side information.

        It is what sparse models need of a path, for +-1 spins.  Internal strengths of shape (n,) give shape
        (n, frequencies).

        Parameters
        ----------
        frequency
            Frequencies w >= 0, shape (frequencies,).
        strength
            Internal strengths, shape (n,).

        Returns
        -------
        array
            The transform, shape (n, frequencies), at most 1 in modulus.

        Raises
        ------
        InputError
            If the path does not define it.

        Examples
        --------
        >>> from amp_theory import Flow
        >>> Flow().tilted_transform(np.array([0.0, 1.0]), np.array([0.5])).round(9).tolist()
        [[0.778800783, 0.60653066]]
        """
        raise InputError(f"{self!r} does not define `tilted_transform`, which models on sparse graphs need")

    def letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return P(y|a) of the letters y that are seen of a discrete variable, and its derivative in the strength.

        It is what paths of two strengths need of paths that are neither a flow nor reveal variables.

        Parameters
        ----------
        values
            The values a of the variable, ascending, shape (values,).
        strength
            Internal strengths, shape (n,).

        Returns
        -------
        arrays
            Both of shape (letters, values, n).

        Raises
        ------
        InputError
            If the path does not define it.

        Examples
        --------
        >>> from amp_theory import Birth
        >>> Birth().letters(np.array([0.0, 1.0]), np.array([0.25]))[0][:, :, 0].tolist()
        [[1.0, 0.75], [0.0, 0.25]]
        """
        raise InputError(f"{self!r} does not define `letters`, which paths of two strengths need")

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw side information of a strength about configurations of shape (batch, size), for finite instances.

        Parameters
        ----------
        truth
            The planted configurations, shape (batch, size), in the units of s.
        strength
            One strength in [0, limit].
        rng
            A generator, not of the seed that drew the truth: what is told would depend on it.

        Returns
        -------
        SideInformation
            What the denoiser is shown.

        Raises
        ------
        InputError
            If the path does not define it, or an argument is out of range.

        Examples
        --------
        >>> from amp_theory import Autoregressive
        >>> side = Autoregressive().observe(np.ones((1, 1000)), 0.25, np.random.default_rng(0))
        >>> int(side.known.sum()), bool(side.field.any())
        (231, False)
        """
        raise InputError(f"{self!r} does not define `observe`, which finite instances need")

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` if the path is not defined for `prior`: most take every prior.

        Parameters
        ----------
        prior
            The law of one variable.

        Raises
        ------
        InputError
            If it is no prior, or not one the path is made for.

        See Also
        --------
        Path.check_strength : The same for the strength.
        """
        check_prior(prior)

    def check_strength(self, strength: npt.ArrayLike) -> Array:
        """Return `strength` as an array after checking its range; too tiny ones count as zero.

        Parameters
        ----------
        strength
            Strengths, any shape.

        Returns
        -------
        array
            The strengths in [0, limit), of the same shape.

        Raises
        ------
        InputError
            If one is negative, at least the limit, or no number; the message names the first.

        Examples
        --------
        >>> from amp_theory import Flow
        >>> Flow().check_strength([0.1, 1e-300]).tolist()
        [0.1, 0.0]
        """
        allowed = f"in [0, {min(self.limit, LARGEST):g})"
        values = as_array(self.strength, strength, allowed)
        good = (values >= 0) & (values < min(self.limit, LARGEST))
        if not np.all(good):
            raise InputError(f"{self.strength} must be {allowed}, got {values[~good].ravel()[0]:g}")
        return np.where(self.internal(values) < NEGLIGIBLE, 0.0, values)

    def _strengths(self, strength: npt.ArrayLike) -> Array:
        """Return strengths from zero to the limit as an array."""
        most = min(self.limit, UNBOUNDED)
        allowed = f"in [0, {most:g}]"
        values = as_array(self.strength, strength, allowed)
        if not np.all((values >= 0) & (values <= most)):
            raise InputError(f"{self.strength} must be {allowed}, got {told(strength)}")
        return values

    def _observed(self, truth: Array, strength: float, rng: np.random.Generator) -> tuple[Array, float]:
        """Return a finite configuration and one strength, after checking these and the random numbers."""
        as_generator("rng", rng)
        check_no_side(self, "finite instances")
        level = float(self._strengths(as_float(self.strength, strength)))
        s = as_real("truth", truth)
        if not np.all(np.abs(s) <= LARGEST_VALUE):
            raise InputError(f"truth must be finite, of modulus up to {LARGEST_VALUE:g}, got {told(truth)}")
        return s, level


def as_path(path: object) -> Path:
    """Return `path` if it is one, else raise an `InputError` that shows how to make one."""
    if isinstance(path, TwoStrengths):
        one, two = path.strengths
        raise InputError(
            f"{path!r} needs two strengths, {one} and {two}, where one is asked for: hold one of them, "
            f".held({one}=...), or see safe_order"
        )
    if not isinstance(path, Path):
        raise InputError(f"path must be a path such as Flow(), got {told(path)}")
    return path
