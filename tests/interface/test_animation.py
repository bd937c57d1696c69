"""The film of the path: what its pictures show is what the library says, and files are whole or not there."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter, PillowWriter
from PIL import Image

import amp_theory as at
from amp_theory.interface.explorer.animation import Animation, Film, animate
from amp_theory.phases.diagram.styles import BLUE

ISING, FLOW = at.IsingPSpin(3), at.Flow()


@pytest.fixture(scope="module")
def ising() -> at.Diagram:
    return at.phase_diagram(ISING, FLOW, points=60)


def pictures(file: Path) -> list[np.ndarray]:
    with Image.open(file) as film:
        frames = []
        for k in range(film.n_frames):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB"), dtype=int))
        return frames


def test_transition_and_jump(ising, tmp_path):
    """By default the control lies between tricritical and dynamical, and the path crosses the first-order line."""
    file = tmp_path / "film.gif"
    result = animate(ISING, FLOW, file, diagram=ising, frames=5)
    special = ising.thresholds
    assert isinstance(result, Animation)
    assert special.dynamical.control < result.control < special.tricritical.control
    assert result.crossed
    assert result.transition == pytest.approx(ising.first_failure_strength(result.control), rel=1e-12)
    below, above = at.uninformed_overlap(ISING, FLOW, result.control, result.jump * np.array([1 - 1e-9, 1 + 1e-9]))
    assert above - below > 0.3
    assert (result.file, result.frames) == (file, 5)
    with Image.open(file) as film:
        assert film.n_frames == 5
        assert film.info["loop"] == 0
        assert film.info["duration"] == pytest.approx(1000 / 16, abs=10)
    assert file.stat().st_size < 200_000
    assert [p.name for p in tmp_path.iterdir()] == ["film.gif"]


@pytest.mark.parametrize(
    ("model", "path", "control"),
    [
        (ISING, FLOW, 0.7),
        (at.SpikedMatrix(at.SparseRademacher(0.08)), at.Autoregressive(), 0.0067),
        (ISING, at.UniformDiscreteDiffusion(), 0.66),
        (at.GLM(at.Rademacher(), at.SignChannel()), FLOW, 1.0),
        (at.SherringtonKirkpatrick(), FLOW, 0.8),
    ],
)
@pytest.mark.slow
def test_ball_follows_the_uninformed_branch(model, path, control):
    diagram = at.phase_diagram(model, path, (0.8 * control, 1.25 * control), points=20)
    film = Film(diagram, control, 40)
    overlaps = at.uninformed_overlap(model, path, control, film.strengths)
    regions = diagram.region(control, film.strengths)
    for k, strength in enumerate(film.strengths):
        film.draw(k)
        assert film.mark.get_xdata() == [pytest.approx(overlaps[k], rel=1e-12)]
        assert film.point.get_ydata() == [strength]
        assert film.diagram.region(control, strength) == regions[k]
        shown = 1 + sum(len(marker.get_xdata()) for marker in film.markers.values())
        assert shown == len(at.fixed_points(model, path, control, float(strength)))
        # the ball lies on the curve
        height = np.interp(overlaps[k], film.curve.get_xdata(), film.curve.get_ydata())
        assert film.mark.get_ydata()[0] == pytest.approx(height, abs=2e-3 * np.ptp(film.curve.get_ydata()) + 1e-12)
    if film.jump is not None:
        steps = np.diff(overlaps)
        assert film.strengths[steps.argmax()] <= film.jump <= film.strengths[steps.argmax() + 1]
        assert steps.max() > 2.5 * np.sort(steps)[-2]
    assert film.strengths[-1] < film.limit


def test_ball_in_the_pixels(ising, tmp_path):
    """The blue disc of every picture of the file stands where the uninformed overlap is."""
    file = tmp_path / "film.gif"
    animate(ISING, FLOW, file, 0.71, diagram=ising, frames=12)
    film = Film(ising, 0.71, 12)
    left = film.figure.axes[0].get_window_extent()
    colour = np.array([int(BLUE[i : i + 2], 16) for i in (1, 3, 5)])
    for k, picture in enumerate(pictures(file)):
        height = picture.shape[0]
        rows = slice(height - int(left.y1), height - int(left.y0))
        blue = np.abs(picture[rows, int(left.x0) - 12 : int(left.x1) + 12] - colour).max(axis=2) < 40
        overlap = (np.flatnonzero(blue.any(axis=0)).mean() - 12) / left.width
        assert overlap == pytest.approx(film.ball[k], abs=0.012)


def test_what_stays_is_painted_once(ising):
    """A picture with it differs from one that is drawn from scratch at a few pixels, two pictures at many."""
    drawn, painted = Film(ising, 0.7, 3), Film(ising, 0.7, 3)
    painted.paint_what_stays()
    pixels = []
    for film in (drawn, painted):
        for k in (0, 2):
            film.draw(k)
            film.figure.canvas.draw()
            pixels.append(np.array(film.figure.canvas.buffer_rgba(), dtype=int))

    def different(a: np.ndarray, b: np.ndarray) -> int:
        return int(np.sum(np.abs(a - b).max(axis=2) > 8))

    first, last, painted_first, painted_last = pixels
    assert different(first, painted_first) < 60
    assert different(last, painted_last) < 60
    assert different(first, last) > 1000


def test_no_transition(tmp_path):
    model = at.SherringtonKirkpatrick()
    result = animate(model, FLOW, tmp_path / "film.gif", 1.2, frames=3)
    assert (result.crossed, result.transition, result.jump) == (False, None, None)
    film = Film(at.phase_diagram(model, FLOW, (0.9, 1.5)), 1.2, 3)
    assert "no first-order transition" in film.figure.get_suptitle()
    easy = animate(ISING, FLOW, tmp_path / "easy.gif", 0.8, frames=2)
    assert not easy.crossed
    with pytest.raises(at.InputError, match="no tricritical point .* give a control"):
        animate(model, FLOW, tmp_path / "other.gif")


def test_titles_tell_the_story(ising):
    assert "first-order transition at snr = 0.1" in Film(ising, 0.7, 2).sentence()
    sparse = at.SpikedMatrix(at.SparseRademacher(0.08))
    deep = Film(at.phase_diagram(sparse, FLOW, points=20), 0.0064, 2)  # beyond condensation
    assert "from the start" in deep.sentence()
    assert (deep.transition, deep.jump is not None) == (None, True)
    noiseless = at.GLM(at.GaussBernoulli(0.2), at.LinearChannel(0.0))
    film = Film(at.phase_diagram(noiseless, FLOW, (0.15, 0.5), points=20), 0.3, 4)
    film.draw(0)  # q = rho has an infinite free entropy, and is left out
    assert np.all(np.isfinite(film.figure.axes[0].get_ylim()))


def test_a_film_beyond_its_target(tmp_path):
    """Where the equations do not describe the target, the film says whose branches it shows, and names no region."""
    for target, answered in (("planted", True), ("random", False)):
        diagram = at.phase_diagram(ISING, FLOW, (0.6, 0.77), points=20, target=target)
        film = Film(diagram, 0.62, 3)
        assert f"target: {target} measure" in film.figure.get_suptitle()
        assert ("no answer for the random one" in film.sentence()) != answered
        for k in range(3):
            film.draw(k)
            assert film.regions[k] == diagram.region(0.62, film.strengths[k])
            assert ("no answer for this target" in film.label.get_text()) != answered
    assert animate(ISING, FLOW, tmp_path / "film.gif", diagram=diagram, control=0.62, frames=2).file.exists()


def test_bad_input(ising, tmp_path):
    file = tmp_path / "film.gif"
    for frames in (1, 1001, 2.5, "many"):
        with pytest.raises(at.InputError, match="frames must be an integer from 2 to 1000"):
            animate(ISING, FLOW, file, diagram=ising, frames=frames)  # type: ignore[arg-type]
    for speed in (0, -1, 61, float("nan")):
        with pytest.raises(at.InputError, match="frames_per_second"):
            animate(ISING, FLOW, file, diagram=ising, frames_per_second=speed)
    with pytest.raises(at.InputError, match=r"\.gif, \.mp4"):
        animate(ISING, FLOW, tmp_path / "film.avi")
    with pytest.raises(at.InputError, match="temperature must be"):
        animate(ISING, FLOW, file, -1.0)
    with pytest.raises(at.InputError, match="range"):
        animate(ISING, FLOW, file, 0.9, diagram=ising)
    with pytest.raises(at.InputError, match="the diagram is that of"):
        animate(ISING, at.Autoregressive(), file, diagram=ising)
    file.write_bytes(b"mine")
    with pytest.raises(at.FileError, match="exists"):
        animate(ISING, FLOW, file, diagram=ising, frames=2)
    assert file.read_bytes() == b"mine"
    animate(ISING, FLOW, file, diagram=ising, frames=2, overwrite=True)
    assert len(pictures(file)) == 2


def test_failure_leaves_no_file(ising, tmp_path, monkeypatch):
    def full(self):
        Path(self.outfile).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PillowWriter, "finish", full)
    with pytest.raises(at.FileError, match=r"film\.gif.*No space left"):
        animate(ISING, FLOW, tmp_path / "film.gif", diagram=ising, frames=2)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()

    def interrupt(self, k):
        raise KeyboardInterrupt

    monkeypatch.setattr(Film, "draw", interrupt)
    with pytest.raises(KeyboardInterrupt):
        animate(ISING, FLOW, tmp_path / "film.gif", diagram=ising, frames=2)
    assert list(tmp_path.iterdir()) == []


def test_mp4_without_ffmpeg(ising, tmp_path, monkeypatch):
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(at.InputError, match=r"ffmpeg.*install it, or write a \.gif"):
        animate(ISING, FLOW, tmp_path / "film.mp4", diagram=ising, frames=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [0, 3])
def test_mp4_with_a_program_of_that_name(ising, tmp_path, monkeypatch, code):
    """A stand-in for ffmpeg counts the bytes it is given: raw pictures of 960 x 450 pixels, four bytes each."""
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\nwc -c > "$last"\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: True))
    monkeypatch.setattr(FFMpegWriter, "bin_path", classmethod(lambda cls: str(program)))
    folder = tmp_path / "films"
    folder.mkdir()
    if code == 0:
        animate(ISING, FLOW, folder / "film.mp4", diagram=ising, frames=3)
        assert int((folder / "film.mp4").read_text()) == 3 * 960 * 450 * 4
        assert [p.name for p in folder.iterdir()] == ["film.mp4"]
    else:
        with pytest.raises(at.FileError, match="ffmpeg failed with exit code 3"):
            animate(ISING, FLOW, folder / "film.mp4", diagram=ising, frames=3)
        assert list(folder.iterdir()) == []


def test_mp4(ising, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not FFMpegWriter.isAvailable():
            pytest.skip("ffmpeg is not installed")
    file = tmp_path / "film.mp4"
    animate(ISING, FLOW, file, diagram=ising, frames=3)
    assert b"ftyp" in file.read_bytes()[:12]
    probe = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(file), "-f", "null", "-"], capture_output=True, check=True
    )
    assert probe.stderr == b""
