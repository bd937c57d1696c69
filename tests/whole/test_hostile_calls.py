"""Thousands of calls with right signatures and wrong values: an error of the family, or an answer, and soon."""

from __future__ import annotations

import inspect
import json

import matplotlib
import numpy as np
import pytest
from hostile_values import SOLVERS_OWN, Call, Slow, Things, hostile_calls, public_methods, valid_calls, within

import amp_theory as at

#: what a call may take, in seconds, and how long a message may be
LONGEST_CALL, LONGEST_MESSAGE = 120, 300


@pytest.fixture(scope="module")
def things():
    return Things()


@pytest.fixture
def calls(things, tmp_path, monkeypatch):
    """The valid calls, in a folder of their own: names of files are among the wrong values."""
    monkeypatch.chdir(tmp_path)
    things.diagram.save("diagram.json")
    things.dense.save("instance.npz")
    matplotlib.use("Agg")
    return valid_calls(things)


def fault(call) -> str | None:
    """Make a call and say what is wrong about how it ends, None if nothing."""
    from matplotlib import pyplot

    try:
        within(LONGEST_CALL, call)
    except at.AmpTheoryError as error:
        message = str(error)
        if len(message) > LONGEST_MESSAGE or not message.isprintable() or not message:
            return f"the message is {message!r}"
    except (Exception, Slow) as error:  # noqa: BLE001 - whatever it is, it is told
        return f"{type(error).__name__}: {error}"
    finally:
        pyplot.close("all")
    return None


def faults(calls, number, seed):
    found = ((call.name, fault(call)) for call in hostile_calls(calls, number, seed))
    return [f"{name}: {what}" for name, what in found if what is not None]


@pytest.mark.slow
def test_thousands_of_hostile_calls(calls):
    assert faults(calls, 3000, seed=1) == []


def test_faults_are_seen():
    """The negative control: errors outside the family, warnings, long messages and long calls are all told."""

    def warns(x):
        return np.float64(1) / np.float64(x)

    def long(x):
        error = at.InputError("short")
        error.args = ("x" * 301,)
        raise error

    def endless(x):
        while True:
            pass

    names = {"None": lambda x: x + 1, "0": warns, "1": long}
    for value, function in names.items():
        (call,) = [c for c in hostile_calls([Call("f", function, {"x": 1})], 500, 0) if c.name == f"f(x={value})"][:1]
        assert fault(call) is not None
    with pytest.raises(Slow):
        within(1, lambda: endless(1))


@pytest.mark.slow
def test_the_valid_calls_are_valid(calls):
    """Otherwise one wrong argument would hide what the others do; those named are refused for themselves."""
    refused = set()
    for call in calls:
        if call.name not in {"certify", "verify", "thresholds, graph"}:
            try:
                call()
            except at.AmpTheoryError:
                refused.add(call.name)
    assert refused == {"population_thresholds", "reproduce"}


def test_everything_public_is_called(things):
    """Every public function, class with arguments and method, but what solvers call with what they have checked."""
    made = valid_calls(things)
    names = {call.name.partition(",")[0].partition(" ")[0] for call in made}
    functions = {n for n in at.__all__ if inspect.isfunction(getattr(at, n))}
    assert functions <= names
    methods = {getattr(call.function, "__name__", "") for call in made}
    assert {(kind, name) for kind, name in public_methods() if name not in SOLVERS_OWN | methods} == set()


#: what users' own functions may do wrong
BAD_FUNCTIONS = {
    "raises": lambda *args: 1 / 0,
    "warns": lambda *args: np.float64(1) / np.float64(0),
    "text": lambda *args: "x",
    "complex": lambda *args: np.ones((2, 6)) * 1j,
    "nothing": lambda *args: None,
    "masked": lambda *args: np.ma.masked_all((2, 6)),
    "takes nothing": lambda: 1.0,
}


@pytest.mark.parametrize("function", BAD_FUNCTIONS.values(), ids=BAD_FUNCTIONS.keys())
def test_faults_of_users_functions_name_the_function(things, function):
    with pytest.raises(at.InputError, match="denoise"):
        at.draw_samples(things.dense, "flow", 2, 0, denoiser=function)
    with pytest.raises(at.InputError, match="density"):
        at.Density(function, (-1, 1))
    with pytest.raises(at.InputError, match="likelihood"):
        at.Channel([-1, 1], function)
    with pytest.raises(at.InputError, match="noise|signal"):
        at.Interpolant(noise=function, signal=lambda t: t)
    with pytest.raises(at.InputError, match="model"):
        at.scan_threshold(function, "condensation", [0.1, 0.2])


def test_the_cause_of_a_users_fault_is_kept(things):
    with pytest.raises(at.InputError, match="ZeroDivisionError: division by zero") as caught:
        at.draw_samples(things.dense, "flow", 2, 0, denoiser=lambda side: 1 / 0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("text", ["0_7", "٣", "٠.٧", "1_0", np.str_("0_7"), np.array("0_7")])
def test_numbers_in_text_are_plain(text):
    for call in (at.SparseRademacher, at.LinearChannel, at.IsingPSpin, lambda x: at.Density(lambda s: s, (0, x))):
        with pytest.raises(at.InputError):
            call(text)


def test_plain_text_still_is_a_number():
    assert at.SparseRademacher("0.7").rho == 0.7
    assert at.SparseRademacher(np.str_(" 7e-1 ")).rho == 0.7


@pytest.mark.parametrize(
    "number", [0, 10**400, 10**5000, np.ma.masked, np.float16("nan")], ids=lambda x: type(x).__name__
)
def test_no_value_is_too_much_for_a_message(number):
    with pytest.raises(at.InputError) as caught:
        at.SparseRademacher(number)
    assert len(str(caught.value)) <= LONGEST_MESSAGE


def test_masks_are_not_dropped(things):
    masked = np.ma.array(np.ones(6), mask=[1, 0, 0, 0, 0, 0])
    for call in (things.dense.energy, things.side.log_weight, at.SideInformation.from_field, at.LinearInterpolant().time,
                 lambda a: at.SideInformation.from_known(np.ones(6, dtype=bool), a), lambda a: at.Discrete(a, [1 / 6] * 6),
                 lambda a: things.diagram.region([masked], 0.1)):  # fmt: skip
        with pytest.raises(at.InputError):
            call(masked)


def test_csv_cells_are_no_formulas(things, tmp_path):
    """A user's own model and path may be called anything."""

    class Odd(at.IsingPSpin):
        control = "=cmd|' /C calc'!A0"

        def scalings(self):
            return {self.control: (1.0, 1.0)}

    class Way(at.Flow):
        strength = "@snr"

    diagram = at.phase_diagram(Odd(3), Way(), (0.66, 0.7), points=3)
    diagram.to_csv(tmp_path / "d.csv")
    at.equation_of_state(Odd(3), Way(), 0.7, points=5).to_csv(tmp_path / "c.csv")
    for name in ("d.csv", "c.csv"):
        lines = (tmp_path / name).read_text().splitlines()
        assert len(lines) > 5
        header = lines[0].split(",")
        assert not [cell for cell in header if cell.startswith(("=", "+", "-", "@"))]
        assert "'@snr" in header
    assert header[1] == "'@snr"


def test_csv_has_no_rows_of_nothing():
    from amp_theory.tools.sheets import csv_text

    nan = float("nan")
    text = csv_text(["a", "b", "c"], [["x", 1.0, nan], ["y", nan, nan], ["z", nan, float("inf")], ["+w", None, -2]])
    assert text == "a,b,c\nx,1.0,\nz,,inf\n'+w,,-2\n"
    assert json.dumps(text)
