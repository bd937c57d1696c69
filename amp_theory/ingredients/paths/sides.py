"""Which of two kinds of variables a path tells something, and where that has no meaning."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import ClassVar

from amp_theory.tools.errors import InputError, one_of

#: one kind, the other, or both
SIDES = ("u", "v", "both")


class Sided:
    """What may have a side: a dataclass that shows it where it is given."""

    #: which of two kinds of variables is told something: "u", "v" or "both"; None where nothing is said of it
    side: str | None = None
    #: whether there is a choice
    sided: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.side is not None:
            one_of("side", self.side, SIDES)

    def __repr__(self) -> str:
        shown = [f.name for f in fields(self) if f.name != "side" or self.side is not None]  # type: ignore[arg-type]
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def without_both(name: str, sides: Collection[str]) -> str:
    """Return a sampler's name without " on both" where variables are of two kinds: that is what no side means.

    Examples
    --------
    >>> without_both("flow on both", SIDES), without_both("flow on u", SIDES)
    ('flow', 'flow on u')
    """
    return name.removesuffix(f" on {SIDES[-1]}") if sides and isinstance(name, str) else name


def check_no_side(path: Sided, what: str) -> None:
    """Raise an `InputError` if a path has a side, which is for models with variables of two kinds."""
    if path.side is not None:
        raise InputError(
            f"side = {path.side!r} is for models with variables of two kinds, RectangularMatrix and GaussianMixture; "
            f"{what} have none: leave it out"
        )
