"""What every command does with a result: write it as a table or a picture, and return it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from amp_theory.interface.commands import Result, _save_picture
from amp_theory.tools.reports import Reported

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def written(
    found: Reported,
    files: Sequence[FilePath],
    look: Mapping[str, Any] | None = None,
    plot: Callable[..., Axes] | None = None,
    told: Reported | None = None,
) -> Result:
    """Write a result into files, .csv or else pictures, and return what is told: the result, or another one."""

    def draw(axes: Axes, **looks: Any) -> Axes:
        assert plot is not None
        return plot(axes, **looks)

    for file in files:
        if file.suffix.lower() == ".csv":
            found.to_csv(file, overwrite=True)
        else:
            _save_picture(file, look or {}, draw)
    answer = told or found
    return answer.to_dict(), "\n".join([answer.report(), *(f"written: {file}" for file in files)])
