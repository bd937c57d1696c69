"""Two kinds of memoryless side information at once, with two strengths.

With G_i(x, s_i) the overlap of each kind alone, both together give

- with a flow of snr g:              G(x) = G_2(x + g, s_2),   Psi = Psi_2(x + g);
- with a part theta known exactly:   G(x) = theta rho + (1 - theta) G_2(x, s_2), and Psi likewise;
- two letters of a discrete variable: the average over pairs of letters, P(y_1|a) P(y_2|a).

With one strength held, what is left is a path of one strength that starts with something told.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from amp_theory.ingredients.paths.base import Path, as_path
from amp_theory.ingredients.paths.letters import as_response, atoms_of, respond, told_by
from amp_theory.ingredients.paths.response import Response, TwoStrengths
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.ingredients.paths.sides import check_no_side
from amp_theory.ingredients.priors.base import Prior
from amp_theory.tools.arrays import Array, Index
from amp_theory.tools.errors import InputError, as_float, as_list, told, unknown_name


@dataclass(frozen=True)
class Mixed(TwoStrengths):
    """Two kinds of memoryless side information at once: two paths, each with its own strength.

    Parameters
    ----------
    first, second
        Two different paths with differently named strengths: Flow(), Autoregressive(), UniformDiscreteDiffusion(),
        Birth() or a SideChannel.

    Raises
    ------
    InputError
        If one is no such path, or both have one strength or one name.

    See Also
    --------
    safe_order : In which order to raise the two.

    Examples
    --------
    >>> from amp_theory import Autoregressive, Flow, IsingPSpin, thresholds
    >>> both = Mixed(Flow(), Autoregressive())
    >>> point = thresholds(IsingPSpin(3), both.held(snr=0.04)).tricritical
    >>> print(f"{point.temperature:.9f}")
    0.753827152
    """

    first: Path
    second: Path

    def __post_init__(self) -> None:
        for path in (self.first, self.second):
            if isinstance(path, TwoStrengths | Held):
                raise InputError(f"Mixed needs two paths of one strength each, got {path!r}")
            as_path(path)
            if not path.strength_is_snr and path.coordinate(np.ones(1), np.full(1, 0.1))[0] != 1:
                raise InputError(f"Mixed needs paths that add to the snr or leave it as it is, got {path!r}")
            check_no_side(path, "two paths at once")
            if path.order != "random":
                raise InputError(f"Mixed needs paths without memory, got an order of revealing: {path!r}")
        if self.first.strength == self.second.strength:
            raise InputError(f"Mixed needs two paths of different strengths, got two of {self.first.strength}")
        if self.first.name == self.second.name:
            raise InputError(f"Mixed needs two paths of different names, got two called {self.first.name!r}")

    @property
    def paths(self) -> tuple[Path, Path]:
        """Both paths."""
        return self.first, self.second

    @property
    def strengths(self) -> tuple[str, str]:
        """The names of both strengths."""
        return self.first.strength, self.second.strength

    def held(self, **strength: float) -> Path:
        """Return the path on which one strength is held, and the other grows from zero.

        Parameters
        ----------
        **strength
            One strength by its name, in [0, its limit).

        Returns
        -------
        Path
            One of the usual kind, on which something is known from the start.

        Raises
        ------
        InputError
            If not exactly one strength is given, or it is out of range.

        See Also
        --------
        Mixed : With an example.
        """
        if len(strength) != 1:
            raise InputError(f"one of the strengths {' and '.join(self.strengths)} must be held, got {len(strength)}")
        (name, value), names = next(iter(strength.items())), self.strengths
        if name not in names:
            raise unknown_name("strength", name, names)
        moving = self.paths[1 - names.index(name)]
        kept = self.paths[names.index(name)]
        kept.check_strength(as_float(name, value))
        return Held(moving, kept, float(value))

    def observe(self, truth: Array, strengths: tuple[float, float], rng: np.random.Generator) -> SideInformation:
        """Draw side information of both kinds about configurations, for finite instances.

        Parameters
        ----------
        truth
            The planted configurations, shape (batch, size), in the units of s.
        strengths
            Both strengths, in the order of the paths.
        rng
            A generator of random numbers.

        Returns
        -------
        SideInformation
            What the denoiser is shown.

        Raises
        ------
        InputError
            If there are not two strengths, or a path does not define it.

        Examples
        --------
        >>> from amp_theory import Autoregressive, Flow
        >>> both = Mixed(Flow(), Autoregressive())
        >>> side = both.observe(np.ones((1, 1000)), (0.5, 0.25), np.random.default_rng(0))
        >>> side.precision, 200 < int(side.known.sum()) < 300
        (0.5, True)
        """
        if isinstance(strengths, float | int) or len(as_list("strengths", strengths)) != 2:
            raise InputError(f"{self!r} needs two strengths, ({', '.join(self.strengths)}), got {told(strengths)}")
        one, two = (path.observe(truth, s, rng) for path, s in zip(self.paths, strengths, strict=True))
        known = one.known | two.known
        values = np.where(one.known, one.values, two.values)
        return SideInformation(one.field + two.field, one.precision + two.precision, known, values, one.zero + two.zero)


def partly_known(r: Response, fraction: Array, rho: float) -> Response:
    """Return what is left of a response at z = x when a fraction of the variables is known exactly."""
    hidden = 1 - fraction
    assert r.deficit is not None
    return replace(
        r, overlap=r.overlap + fraction * r.gap, gap=hidden * r.gap, overlap_z=hidden * r.overlap_z,
        overlap_zz=hidden * r.overlap_zz, overlap_s=hidden * r.overlap_s, overlap_zs=hidden * r.overlap_zs,
        free_entropy=hidden * r.free_entropy + fraction * rho * r.signal / 2,
        free_entropy_s=hidden * r.free_entropy_s, deficit=hidden * r.deficit,
    )  # fmt: skip


def spread(r: Response, where: Index) -> Response:
    """Return the entries `where` of a response."""
    parts: dict[str, Any] = {f.name: getattr(r, f.name) for f in fields(r)}
    return Response(**{name: part[where] if np.ndim(part) else part for name, part in parts.items()})


@dataclass(frozen=True)
class Held(Path):
    """A path of two strengths with one of them held: the path `moving`, on top of what `kept` tells at `level`.

    Parameters
    ----------
    moving, kept
        The two paths.
    level
        The strength of `kept`, as users know it.

    See Also
    --------
    Mixed.held : Which makes it.
    """

    moving: Path
    kept: Path
    level: float

    def __post_init__(self) -> None:
        for name in ("strength", "strength_symbol", "limit", "schedules", "schedule", "strength_is_snr"):
            object.__setattr__(self, name, getattr(self.moving, name))
        object.__setattr__(self, "name", f"{self.moving.name} with {self.kept.strength} = {self.level:.9g}")
        object.__setattr__(self, "explicit_folds", self.moving.strength_is_snr)
        object.__setattr__(self, "informed", self.level > 0)

    def __repr__(self) -> str:
        return f"Mixed({self.kept!r}, {self.moving!r}).held({self.kept.strength}={self.level:.9g})"

    @property
    def _level(self) -> Array:
        return np.asarray(self.kept.internal(np.asarray(float(self.level))))

    def response(self, prior: Prior, coordinate: Array, strength: Array, with_energy: bool = True) -> Response:
        """Return both together by the rules on top of this module; z = x + snr where `moving` is a flow."""
        z, s = np.broadcast_arrays(np.asarray(coordinate, dtype=float), np.asarray(strength, dtype=float))
        rho, level = prior.second_moment, np.broadcast_to(self._level, z.shape)
        if self.moving.strength_is_snr:
            return self._with_flow(self.kept.response(prior, z, level, with_energy), z, s, rho)
        if self.kept.strength_is_snr:
            r = self.moving.response(prior, z + level, s, with_energy)
            assert r.deficit is not None
            return replace(r, signal=z, deficit=r.deficit - rho * level / 2)
        if self.kept.erases:
            return partly_known(self.moving.response(prior, z, s, with_energy), level, rho)
        if self.moving.erases:
            # what is held does not depend on the strength: once for each coordinate
            different, where = np.unique(z, return_inverse=True)
            r = self.kept.response(prior, different, np.broadcast_to(self._level, different.shape), with_energy)
            return self._revealing(spread(r, where.reshape(z.shape)), s, rho)
        law = atoms_of(prior, f"the path {self.name}")
        return as_response(respond(law, z.ravel(), *self._letters(law.means, s.ravel())), z, z.shape)

    def _with_flow(self, r: Response, z: Array, s: Array, rho: float) -> Response:
        """Return a response in which the strength is an snr that is added to x."""
        zero = np.zeros(z.shape)
        assert r.deficit is not None
        return replace(
            r, signal=z - s, signal_s=-1.0, overlap_s=zero, overlap_zs=zero, free_entropy_s=r.overlap / 2,
            deficit=r.deficit - rho * s / 2,
        )  # fmt: skip

    def _revealing(self, r: Response, s: Array, rho: float) -> Response:
        """Return a response in which the strength is a fraction that is known exactly."""
        assert r.deficit is not None
        done = partly_known(replace(r, overlap_s=0 * r.gap, overlap_zs=0 * r.gap), s, rho)
        return replace(done, overlap_s=r.gap, overlap_zs=-r.overlap_z, free_entropy_s=r.deficit)

    def _letters(self, values: Array, strength: Array) -> tuple[Array, Array]:
        """Return probabilities of pairs of letters, and their derivatives."""
        kept, _ = self.kept.letters(values, np.broadcast_to(self._level, strength.shape))
        moving, changes = self.moving.letters(values, strength)
        shape = (len(kept) * len(moving), len(values), len(strength))
        both, more = ((kept[:, None] * part).reshape(shape) for part in (moving, changes))
        return both, more

    def coordinate(self, signal: Array, strength: Array) -> Array:
        """Return z = x + snr where `moving` is a flow, else x."""
        return self.moving.coordinate(signal, strength)

    def internal(self, strength: Array) -> Array:
        """Return that of `moving`."""
        return self.moving.internal(strength)

    def public(self, strength: Array) -> Array:
        """Return that of `moving`."""
        return self.moving.public(strength)

    def public_slope(self, strength: Array) -> Array:
        """Return that of `moving`."""
        return self.moving.public_slope(strength)

    def hidden(self, strength: Array) -> Array:
        """Return the part of the variables that neither knows exactly."""
        return np.asarray(self.kept.hidden(self._level) * self.moving.hidden(strength))

    def check_prior(self, prior: Prior) -> None:
        """Raise an `InputError` unless both paths are defined for the prior."""
        self.kept.check_prior(prior)
        self.moving.check_prior(prior)

    def observe(self, truth: Array, strength: float, rng: np.random.Generator) -> SideInformation:
        """Draw side information of both kinds."""
        return Mixed(self.kept, self.moving).observe(truth, (self.level, strength), rng)

    def evidence(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return that of both, by the rules on top of this module."""
        told_at = self._strengths(strength)
        kept, moving = self.kept.evidence(prior, self.level), self.moving.evidence(prior, told_at)
        if self.moving.strength_is_snr or self.kept.strength_is_snr:
            return np.asarray(kept + moving)
        if self.kept.erases:
            return np.asarray(kept + (1 - self.level) * moving)
        if self.moving.erases:
            return np.asarray(moving + (1 - told_at) * kept)
        law = atoms_of(prior, f"the path {self.name}")
        return told_by(law, self._letters(law.means, self.internal(told_at.ravel()))[0]).reshape(told_at.shape)

    def information(self, prior: Prior, strength: npt.ArrayLike) -> Array:
        """Return the evidence less Psi where nothing comes from other variables."""
        s = self.internal(self._strengths(strength))
        start = self.response(prior, self.coordinate(np.zeros(s.shape), s), s)
        return self.evidence(prior, strength) - start.free_entropy


@singledispatch
def moving_and_held(path: Path) -> tuple[Path, Path | None, float]:
    """Return the path whose strength moves, and what is held beside it with its level: None and 0 if nothing is.

    Examples
    --------
    >>> from amp_theory import Autoregressive, Flow
    >>> moving_and_held(Mixed(Flow(), Autoregressive()).held(revealed=0.2))[0].name
    'flow'
    """
    return path, None, 0.0


@moving_and_held.register
def _of_held(path: Held) -> tuple[Path, Path | None, float]:
    return path.moving, path.kept, path.level
