"""A film of the sampler's path: the free entropy while the strength grows, beside the phase diagram."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from amp_theory.ingredients.paths.base import Path
from amp_theory.interface.explorer.data import highest_strength
from amp_theory.interface.explorer.tables import known_overlaps
from amp_theory.models.base import Model
from amp_theory.models.own_names import at_control
from amp_theory.phases.diagram.compute import default_range, phase_diagram
from amp_theory.phases.diagram.diagram import Diagram, as_diagram
from amp_theory.phases.diagram.drawing import plot_diagram, target_title
from amp_theory.phases.diagram.styles import BLUE, LABELS, NO_ANSWER, NOWHERE, PURPLE, RED, REGIONS
from amp_theory.phases.geometry.solved import check_pair, geometry_of
from amp_theory.phases.points.fixed_points import fixed_points_along
from amp_theory.phases.points.thresholds import thresholds
from amp_theory.tools.arrays import Array
from amp_theory.tools.errors import FileError, InputError, as_float, integer_between, positive, told
from amp_theory.tools.files import check_output, replacing
from amp_theory.tools.fixed_points import FixedPoint
from amp_theory.tools.progress import tracked
from amp_theory.tools.reports import Reported
from amp_theory.tools.tables import ResultTable

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from matplotlib.backend_bases import RendererBase
    from matplotlib.figure import Figure

MOST_FRAMES, SLOWEST, FASTEST = 1000, 0.01, 60.0
#: inches and dots per inch: 960 x 450 pixels, even numbers as .mp4 wants them
SIZE, DOTS = (9.6, 4.5), 100
#: colours of a GIF, and pixels of the patches that ask for one
PALETTE, SWATCH = 192, 90
#: overlaps of a curve; the path ends beyond the jump by this factor, or without one at this part of the picture
OVERLAPS, BEYOND, PART = 320, 1.15, 0.95
#: the diagram reaches this far around a control for which there is no default range
AROUND = 0.35
COLOURS = {"informed": RED, "intermediate": PURPLE, "unstable": "black"}


@dataclass(frozen=True)
class Animation(Reported):
    """What `animate` wrote.

    Parameters
    ----------
    file, control, frames
        The file, the control of the path that is shown, and the number of pictures.
    transition, jump
        The strengths of the first-order transition on the path, and of where the uninformed branch ends, both of the
        planted measure; None where there is none.
    summary
        What the film shows, in a sentence.

    See Also
    --------
    animate : Which returns it.
    """

    file: FilePath
    control: float
    frames: int
    transition: float | None
    jump: float | None
    summary: str

    @property
    def crossed(self) -> bool:
        """Whether the path crosses a first-order transition."""
        return self.transition is not None

    def report(self) -> str:
        """Return a readable text: the file, and what the film shows."""
        return f"{self.file}: {self.frames} frames, {self.summary}"

    def table(self) -> ResultTable:
        """Return what was written as one row."""
        names = ("control", "frames", "transition", "jump", "summary")
        return ResultTable("film", {"file": [str(self.file)]} | {name: [getattr(self, name)] for name in names})


def animate(
    model: Model,
    path: Path,
    file: str | os.PathLike[str],
    control: float | None = None,
    *,
    diagram: Diagram | None = None,
    frames: int = 80,
    frames_per_second: float = 16,
    overwrite: bool = False,
    **named: float,
) -> Animation:
    """Write a film of the free entropy against the overlap while the strength of side information grows.

    A ball stands for an efficient denoiser: it stays on the uninformed branch, past the first-order transition, until
    that branch ends, and jumps.  Beside it a point moves up through the phase diagram.

    Parameters
    ----------
    model, path
        The model and the denoising path.
    file
        Where the film goes: .gif, or .mp4 if ffmpeg is installed.
    control, **named
        The model's control, also as temperature=...; by default half way from the tricritical to the dynamical point
        (or to condensation, if there is none), so that the path crosses the first-order line.
    diagram
        Their phase diagram, if it is known already; its range must hold the control.
    frames
        Number of pictures, 2 to 1000.
    frames_per_second, overwrite
        Pictures per second, 0.01 to 60; whether an existing file is replaced.

    Returns
    -------
    Animation
        The file written, and where the transition and the jump are.

    Raises
    ------
    InputError
        For a bad value, for .mp4 without ffmpeg, or where a control must be given.
    FileError
        If the file exists already (without `overwrite`) or cannot be written; nothing is left behind.

    See Also
    --------
    path_transitions : The strengths at which the ball and the equilibrium jump, with an example.
    """
    check_pair(model, path)
    target = check_output(file, [".gif", ".mp4"], overwrite)
    frames = integer_between("frames", frames, 2, MOST_FRAMES)
    speed = positive("frames_per_second", frames_per_second)
    if not SLOWEST <= speed <= FASTEST:
        raise InputError(f"frames_per_second must lie in [{SLOWEST:g}, {FASTEST:g}], got {told(frames_per_second)}")
    writer = _writer(target.suffix.lower(), speed)
    film = Film(*_prepare(model, path, at_control(model, control, named, optional=True), diagram), frames)
    _write(target, writer, film)
    return Animation(target, film.control, frames, film.transition, film.jump, film.sentence())


def _writer(ending: str, speed: float) -> AbstractMovieWriter:
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from PIL import Image

    class SmallGif(PillowWriter):
        """A GIF with one palette for all pictures and no dither, so that only what moves is stored."""

        _frames: list[Any]

        def finish(self) -> None:
            if not self._frames:  # stopped before the first picture
                return
            some = [frame.convert("RGB") for frame in self._frames[:: max(1, len(self._frames) // 4)]]
            width, height = some[0].size
            sheet = Image.new("RGB", (width, height * len(some) + SWATCH))
            for k, frame in enumerate(some):
                sheet.paste(frame, (0, k * height))
            # small marks do not count for much in a picture: their colours are asked for
            colours = ("white", "black", *COLOURS.values(), BLUE, NOWHERE, *(fill for fill, _ in REGIONS.values()))
            for k, colour in enumerate(colours):
                sheet.paste(colour, (k * SWATCH, height * len(some), (k + 1) * SWATCH, height * len(some) + SWATCH))
            palette = sheet.quantize(PALETTE)
            self._frames = [frame.convert("RGB").quantize(palette=palette, dither=0) for frame in self._frames]
            super().finish()

    if ending == ".gif":
        return SmallGif(fps=speed)  # type: ignore[arg-type]
    if not FFMpegWriter.isAvailable():
        raise InputError("an .mp4 file needs the program ffmpeg, which is not installed: install it, or write a .gif")
    return FFMpegWriter(fps=speed)  # type: ignore[arg-type]


def _prepare(model: Model, path: Path, control: float | None, diagram: Diagram | None) -> tuple[Diagram, float]:
    """Return the diagram and a control within its range."""
    if diagram is not None and (as_diagram(diagram).model != model or diagram.path != path):
        raise InputError(f"the diagram is that of {diagram.model!r} along {diagram.path!r}, not of {model!r}, {path!r}")
    if control is None:
        control = _default_control(model, path)
    else:
        control = float(model.check_control(as_float(model.control, control)))
    if diagram is None:
        diagram = phase_diagram(model, path, _range_around(model, path, control))
    lo, hi = diagram.control_range
    if not lo <= control <= hi:
        raise InputError(f"{model.control} must lie in the diagram's range [{lo:g}, {hi:g}], got {control:g}")
    return diagram, control


def _default_control(model: Model, path: Path) -> float:
    """Return a control at which the path crosses the first-order line."""
    special = thresholds(model, path)
    near, far = special.dynamical or special.condensation, special.tricritical
    if near is None or far is None:
        name = "tricritical" if far is None else "dynamical"
        raise InputError(
            f"no default {model.control} of a film: there is no {name} point ({special.reasons[name]}); give a control"
        )
    return 0.5 * (near.control + far.control)


def _range_around(model: Model, path: Path, control: float) -> tuple[float, float]:
    """Return the default range of a diagram, widened to hold the control, or a range around it if there is none."""
    try:
        lo, hi = default_range(model, thresholds(model, path))
    except InputError:
        return control * (1 - AROUND), control * (1 + AROUND)
    return min(lo, 0.95 * control), max(hi, 1.05 * control)


class Film:
    """The figure and its pictures: `draw` makes one of them.

    strengths and ball hold, per picture, the strength and the overlap of the uninformed branch.
    """

    def __init__(self, diagram: Diagram, control: float, frames: int) -> None:
        self.diagram, self.control = diagram, control
        self.model, self.path = diagram.model, diagram.path
        self.lam = float(self.model.intensity(np.array(control)))
        self.eos = geometry_of(self.model, self.path).at(self.lam).eos
        self.transition, self.jump = self._events()
        top = highest_strength(diagram)
        end = min(BEYOND * self.jump, 0.98 * self.path.limit) if self.jump is not None else PART * top
        self.limit = max(top, 1.02 * end)
        self.strengths = np.linspace(0, end, frames)
        self.regions = diagram.region(control, self.strengths)
        self.points = [list(found) for found in fixed_points_along(self.model, self.path, control, self.strengths)]
        self.ball = np.array([next(p.overlap for p in here if p.kind == "uninformed") for here in self.points])
        self.curves = self._curves()
        self.figure = self._stage()

    def _events(self) -> tuple[float | None, float | None]:
        """Return the strengths of the first-order transition and of the end of the uninformed branch."""
        geo = geometry_of(self.model, self.path)
        iso = geo.coexistence(np.full(1, self.lam))
        crossing = [iso.strength[c.index] for c in iso.crossings[0] if c.b == 0]
        first = iso.branches[0][0]
        ends = np.array([crossing[0] if crossing else np.nan, first.stop if first.dies is not None else np.nan])
        transition, jump = self.path.public(ends).tolist()
        return None if np.isnan(transition) else transition, None if np.isnan(jump) else jump

    def _curves(self) -> list[tuple[Array, Array, float]]:
        """Return the overlaps, phi - phi(left end) and phi(left end) of every picture."""
        internal = self.path.internal(self.strengths)
        share = np.sin(np.pi * (np.arange(OVERLAPS) + 0.5) / (2 * OVERLAPS)) ** 2
        curves = []
        for k, (low, high) in enumerate(known_overlaps(self.eos, internal).T):
            overlap = low + share * (high - low)
            phi = self.eos.potential(self.lam, float(internal[k]), overlap)
            # fixed points beyond the ends of what is known belong to the curve
            known = [p for p in self.points[k] if np.isfinite(p.free_entropy)]
            before = [(p.overlap, p.free_entropy) for p in known if p.overlap < overlap[0]]
            after = [(p.overlap, p.free_entropy) for p in known if p.overlap > overlap[-1]]
            table = np.array([*before, *zip(overlap, phi, strict=True), *after])
            curves.append((table[:, 0], table[:, 1] - phi[0], float(phi[0])))
        return curves

    def _heights(self, k: int) -> list[tuple[FixedPoint, float]]:
        """Return the fixed points of a picture with their heights, infinite ones left out."""
        base = self.curves[k][2]
        return [(p, p.free_entropy - base) for p in self.points[k] if np.isfinite(p.free_entropy)]

    # --- pictures ---

    def _stage(self) -> Figure:
        """Draw what stays, and make what moves."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=SIZE, dpi=DOTS)
        FigureCanvasAgg(figure)
        figure.subplots_adjust(left=0.075, right=0.98, top=0.86, bottom=0.23, wspace=0.22)
        left, right = figure.subplots(1, 2, width_ratios=(1.08, 1))
        self._draw_texts(figure, left)
        plot_diagram(self.diagram, right, limit=self.limit, legend=False)
        handles, labels = right.get_legend_handles_labels()
        place = {"loc": "upper center", "bbox_to_anchor": (0.47, -0.14), "fontsize": 7.5, "frameon": False}
        right.legend(handles, labels, ncols=3, **place)
        right.plot([self.control] * 2, [0, self.limit], ":", color="black", lw=1)
        if self.jump is not None:
            right.plot(self.control, self.jump, "_", color="black", ms=12, mew=1.5)
        (self.trail,) = right.plot([], [], "-", color=BLUE, lw=3, zorder=6)
        (self.point,) = right.plot([], [], "o", color=BLUE, ms=10, mec="white", mew=1.5, zorder=7, clip_on=False)
        (self.curve,) = left.plot([], [], "-", color="#30363d", lw=2)
        shared: dict[str, Any] = {"marker": "o", "ls": "", "clip_on": False}
        self.markers = {
            kind: left.plot([], [], ms=8, mfc="white" if kind == "unstable" else colour, mec=colour, mew=1.8, zorder=5,
                            label=kind, **shared)[0]
            for kind, colour in COLOURS.items()
            if any(p.kind == kind for here in self.points for p in here)
        }  # fmt: skip
        (self.mark,) = left.plot([], [], ms=15, color=BLUE, mec="white", mew=1.5, zorder=6, **shared,
                                 label="efficient denoiser (uninformed)")  # fmt: skip
        handles, labels = left.get_legend_handles_labels()
        left.legend(handles[::-1], labels[::-1], ncols=4, markerscale=0.75, **place)
        box = {"boxstyle": "round,pad=0.4", "edgecolor": "none"}
        self.label = left.text(0.03, 0.96, "", transform=left.transAxes, va="top", fontsize=10, bbox=box)
        return figure

    def _draw_texts(self, figure: Figure, left: Any) -> None:
        model, path = self.model, self.path
        heights = [h for k in range(len(self.strengths)) for _, h in self._heights(k)]
        least, most = min(heights), max(heights)
        margin = 0.3 * ((most - least) or float(np.ptp(self.curves[0][1])))
        left.set_xlim(0, model.largest_overlap)
        left.set_ylim(least - margin, most + 1.2 * margin)
        left.set_xlabel("overlap $q$")
        left.set_ylabel(r"free entropy $\varphi(q) - \varphi(0)$, nats per variable")
        left.ticklabel_format(axis="y", scilimits=(-1, 3))
        given = ", ".join(f"{name} = {value}" for name, value in model.parameters.items())
        first = f"{model.name}{f' ({given})' if given else ''}, path {path.name}, {target_title(self.diagram)}"
        # names are those of users' models: no formula is looked for in them
        figure.suptitle(f"{first}\n{self.sentence()}", fontsize=10.5, parse_math=False)

    def sentence(self) -> str:
        """Return what the film shows, in words, and whose it is where the diagram's target has no answer."""
        if self.regions[0] is None:
            return f"{self._events_in_words()} (planted measure; no answer for the {self.diagram.target} one)"
        return self._events_in_words()

    def _events_in_words(self) -> str:
        name, strength = self.model.control, self.path.strength
        at = f"{name} = {self.control:.6g}"
        if self.transition is not None and self.jump is not None:
            return (f"{at}: first-order transition at {strength} = {self.transition:.4g}, "
                    f"the uninformed branch ends at {self.jump:.4g}")  # fmt: skip
        if self.transition is not None:
            return f"{at}: first-order transition at {strength} = {self.transition:.4g}"
        if self.jump is not None:
            return (f"{at}: another branch is in equilibrium from the start, "
                    f"the uninformed one ends at {strength} = {self.jump:.4g}")  # fmt: skip
        return f"{at}: there is no first-order transition on the path"

    def paint_what_stays(self) -> None:
        """Turn what does not move into an image, so that axes, labels and texts are laid out once for all pictures."""
        from matplotlib.artist import Artist

        moving = {self.curve, self.trail, self.point, self.mark, self.label, *self.markers.values()}
        for artist in moving:
            artist.set_visible(False)
        canvas: Any = self.figure.canvas
        canvas.draw()
        image = np.array(canvas.buffer_rgba())[::-1]

        class Painted(Artist):
            """The image, below everything."""

            def draw(self, renderer: RendererBase) -> None:
                """Copy it."""
                renderer.draw_image(renderer.new_gc(), 0, 0, image)

        parts = [self.figure, *self.figure.axes]
        for artist in {child for part in parts for child in part.get_children()} - {*moving, *self.figure.axes}:
            artist.set_visible(False)
        for artist in moving:
            artist.set_visible(True)
        painted = Painted()
        painted.set_zorder(-1)
        self.figure.add_artist(painted)

    def draw(self, k: int) -> None:
        """Draw picture number k."""
        strength, region = float(self.strengths[k]), self.regions[k]
        overlap, height, _ = self.curves[k]
        self.curve.set_data(overlap, height)
        heights = self._heights(k)
        for kind, marker in self.markers.items():
            here = [(p.overlap, h) for p, h in heights if p.kind == kind]
            marker.set_data([q for q, _ in here], [h for _, h in here])
        ball = [(p.overlap, h) for p, h in heights if p.kind == "uninformed"]
        self.mark.set_data([q for q, _ in ball], [h for _, h in ball])
        self.trail.set_data([self.control] * 2, [0, strength])
        self.point.set_data([self.control], [strength])
        text, colour = (NO_ANSWER, NOWHERE) if region is None else (LABELS[region], REGIONS[region][0])
        self.label.set_text(f"{self.path.strength} ${self.path.strength_symbol}$ = {strength:.4f}\n{text}")
        patch = self.label.get_bbox_patch()
        if patch is not None:
            patch.set_facecolor(colour)


def _write(target: FilePath, writer: AbstractMovieWriter, film: Film) -> None:
    """Write a film aside and rename it into place; writers choose the format by the name's ending."""
    try:
        film.paint_what_stays()
        with replacing(target, target.suffix) as aside, writer.saving(film.figure, str(aside), DOTS):
            for k in tracked(range(len(film.strengths)), "frames"):
                film.draw(k)
                writer.grab_frame()
    except subprocess.CalledProcessError as error:
        raise FileError(f"cannot write {str(target)!r}: ffmpeg failed with exit code {error.returncode}") from error
