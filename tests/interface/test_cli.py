"""The command line: strict JSON, exit codes, one-line errors that name the value, nothing written on error."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.interface.command_list import COMMANDS, SECONDS
from amp_theory.interface.studies import reproduction
from amp_theory.interface.studies.published import FIGURES
from amp_theory.phases.diagram.styles import is_dark


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_thresholds_json(capsys):
    code, out, err = run(capsys, "thresholds", "ising-p-spin", "--set", "p=3", "--path", "flow", "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert data["model"] == "ising-p-spin"
    assert data["parameters"] == {"p": 3}
    assert (data["path"], data["control"], data["strength"]) == ("flow", "temperature", "snr")
    assert data["dynamical"]["temperature"] == pytest.approx(0.68159804057, abs=1e-11)
    assert data["tricritical"]["snr"] == pytest.approx(0.167043678334, abs=1e-12)
    assert data["tricritical"]["error"]["temperature"] < 1e-11
    assert data["algorithmic"] is None
    assert data["weak_recovery"] is None
    assert data["reasons"]["algorithmic"] == "q = 0 is stable at every temperature"


def test_fixed_points_json(capsys):
    arguments = (
        "fixed-points",
        "ising-p-spin",
        "--set",
        "p=3",
        "--path",
        "flow",
        "--control",
        "0.70",
        "--strength",
        "0.12",
    )
    code, out, _ = run(capsys, *arguments, "--json")
    data = json.loads(out)
    assert code == 0
    assert [p["kind"] for p in data["fixed_points"]] == ["uninformed", "unstable", "informed"]
    assert [p["stable"] for p in data["fixed_points"]] == [True, False, True]
    assert data["region"] == "hard"
    assert (data["temperature"], data["snr"]) == (0.7, 0.12)
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "region: hard" in out


@pytest.mark.slow
def test_diagram_files_and_json(capsys, tmp_path):
    names = [tmp_path / f"d.{e}" for e in ("pdf", "png", "svg", "json", "csv")]
    outputs = [x for name in names for x in ("-o", str(name))]
    code, out, err = run(capsys, "diagram", "spherical-p-spin", "--set", "p=3", "--points", "20", *outputs, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert set(data["lines"]) == {"informed_spinodal", "first_order", "uninformed_spinodal"}
    assert data["points"]["tricritical"]["temperature"] == pytest.approx(2 / 3)
    assert all(name.stat().st_size > 500 for name in names)
    assert at.load(names[3]).thresholds.tricritical.snr == pytest.approx(1 / 8)
    before = {name: name.read_bytes() for name in names}
    code, out, err = run(capsys, "diagram", "spherical-p-spin", "--set", "p=3", *outputs)
    assert (code, out) == (2, "")
    assert "exists already" in err
    assert before == {name: name.read_bytes() for name in names}
    code, out, _ = run(capsys, "diagram", "spherical-p-spin", "--set", "p=3", "--points", "5", *outputs[-4:], "--force")
    assert code == 0
    assert out.count("written:") == 2
    assert [name.read_bytes() == before[name] for name in names] == [True, True, True, False, False]


def test_other_commands(capsys, tmp_path):
    code, out, _ = run(capsys, "models", "--json")
    assert code == 0
    assert "spiked-matrix-tensor" in json.loads(out)["models"]
    assert run(capsys, "models")[0] == 0
    code, out, _ = run(capsys, "compare", "ising-p-spin", "--set", "p=3", "--json")
    assert json.loads(out)["samplers"]["mcmc"]["succeeds"][0][0] == pytest.approx(0.681598, abs=1e-6)
    assert "mcmc" in run(capsys, "compare", "sherrington-kirkpatrick", "--target", "planted")[1]
    code, out, _ = run(capsys, "overlap", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--schedule", "trigonometric",
                       "--axis", "time", "-o", str(tmp_path / "o.png"), "-o", str(tmp_path / "o.csv"))  # fmt: skip
    assert code == 0
    assert out.count("fold:") == 2
    code, out, _ = run(capsys, "overlap", "sherrington-kirkpatrick", "--control", "0.7", "--json")
    assert json.loads(out)["folds"] == []
    code, out, _ = run(capsys, "free-entropy", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--strengths", "0,0.1",
                       "-o", str(tmp_path / "f.svg"), "--json")  # fmt: skip
    assert [c["snr"] for c in json.loads(out)["curves"]] == [0, 0.1]
    assert (tmp_path / "f.svg").stat().st_size > 1000
    code, out, _ = run(capsys, "thresholds", "mixed-p-spin", "--set", "xi=q**2/2+q**3/3", "--set", "prior=gaussian")
    assert code == 0
    assert "weak_recovery" in out
    code, out, _ = run(
        capsys, "diagram", "sherrington-kirkpatrick", "--range", "0.5", "1.5", "--target", "planted", "--json"
    )
    assert json.loads(out)["target"] == "planted"


#: commands that draw, and what draws for them
DRAWING = {
    "diagram": ("phases.diagram.drawing.plot_diagram", ["spherical-p-spin", "--set", "p=3", "--points", "3"]),
    "draw": ("phases.diagram.drawing.plot_diagram", ["saved.json"]),
    "free-entropy": ("interface.plots.plot_free_entropy", ["ising-p-spin", "--set", "p=3", "--control", "0.7", "--strengths", "0,0.1"]),
    "overlap": ("interface.plots.plot_overlap", ["ising-p-spin", "--set", "p=3", "--control", "0.7"]),
}  # fmt: skip


@pytest.mark.parametrize("command", DRAWING)
def test_looks_of_pictures(capsys, tmp_path, monkeypatch, command):
    """Each option does what the same option of the function in Python does; without any nothing has a look of its own."""
    monkeypatch.chdir(tmp_path)
    at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=3).save("saved.json")
    where, arguments = DRAWING[command]
    module, _, name = where.rpartition(".")
    plot, drawn = getattr(importlib.import_module(f"amp_theory.{module}"), name), []
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)  # that it is written is tested elsewhere
    monkeypatch.setattr(f"amp_theory.{where}", lambda *what, **more: drawn.append(plot(*what, **more)))
    dark = ["--style", "dark", "--annotate", "--title", "Of $p = 3$"]
    for options in ([], dark):
        assert run(capsys, command, *arguments, *options, "-o", "a.svg", "--force")[::2] == (0, "")
    plain, named = drawn
    assert (plain.get_title(), named.get_title()) == ("", "Of $p = 3$")
    assert [is_dark(axes.figure.get_facecolor()) for axes in drawn] == [False, True]
    assert [axes.figure.get_size_inches().tolist() for axes in drawn] == [[5.6, 4.4], [5.6, 4.4]]
    assert len(named.texts) > len(plain.texts)


def test_pictures_for_print_are_as_wide_as_a_column(capsys, tmp_path):
    arguments = ["overlap", *ISING, "--control", "0.7", "--style", "print", "--title", "5 $ or 6 %\nand λ"]
    assert run(capsys, *arguments, "-o", str(tmp_path / "a.png"))[::2] == (0, "")
    assert imread(tmp_path / "a.png").shape[:2] == (2.6 * 180, 3.4 * 180)


@pytest.mark.parametrize(("options", "said"), [
    (["--style", "drak"], "did you mean 'dark'"), (["--style", ""], "unknown style ''"), (["--style", "{}"], "unknown style '{}'"),
    (["--style", "dark", "--style", "dark"], "--style is given twice"), (["--annotate=no"], "ignored explicit argument"),
    (["--title", r"$\foo$"], "Unknown symbol"), (["--title", "$x^{$"], "the title '$x^{$'"), (["--title", "\ud800"], "the title"),
    (["--title", "\u65e5"], "missing from font"), (["--title", "\x1b[31m"], "the title '\\x1b[31m'"), (["--title"], "expected one argument"),
    (["--title", "$" + "x_{" * 400 + "}" * 400 + "$"], "the title"), (["--title", "a", "--title", "b"], "--title is given twice"),
])  # fmt: skip
def test_looks_that_cannot_be_are_noticed_before_the_work(capsys, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("amp_theory.phases.diagram.curves.equation_of_state", lambda *_: pytest.fail("it works"))
    code, out, err = run(capsys, "overlap", *ISING, "--control", "0.7", "-o", "a.png", *options)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, [])
    assert said in err
    assert err.strip().isprintable()


@pytest.mark.parametrize("title", ["", "$", "x" * 500, "\u202e"])
def test_titles_that_can_be(capsys, title):
    assert run(capsys, "overlap", "sk", "--control", "0.7", "--title", title)[::2] == (0, "")


@pytest.mark.slow
def test_reproduce(capsys, tmp_path, monkeypatch):
    """Two figures, in their part of the time; test_reproduction.py makes all of them."""
    two = FIGURES[:2]
    monkeypatch.setattr(reproduction, "FIGURES", two)
    begin = time.process_time()
    code, out, err = run(capsys, "reproduce", "--folder", str(tmp_path / "figures"), "--json")
    assert (code, err) == (0, "")
    assert len(json.loads(out)["key_points"]) == sum(len(figure.values) for figure in two)
    assert time.process_time() - begin < SECONDS["reproduce"] * len(two) / len(FIGURES)
    code, _, err = run(capsys, "reproduce", "--folder", str(tmp_path / "figures"))
    assert code == 2
    assert "exists already" in err


QUICK = ["thresholds", "ising-p-spin", "--set", "p=3"]
ISING = ("ising-p-spin", "--set", "p=3")
SPARSE = ("spiked-matrix", "--set", "prior=sparse-rademacher", "--set")
ATOMS = ("thresholds", "spiked-matrix", "--set", "prior=discrete", "--set")
BAD = [
    (("thresholds", "ising-p-spin", "--set", "p=1"), "p must be an integer from 2 to 1000, got '1'"),
    (("thresholds", "ising-p-spin", "--set", "p=2.5"), "'2.5'"),
    (("thresholds", "ising-p-spin", "--set", "p=nan"), "'nan'"),
    (("thresholds", "ising-p-spin"), "needs p"),
    (("thresholds", "ising-p-spin", "--set", "p=3", "--set", "p=4"), "given twice"),
    (("thresholds", "ising-p-spin", "--set", "p"), "NAME=VALUE"),
    (("thresholds", "ising-p-spin", "--set", "p="), "NAME=VALUE"),
    (("thresholds", "ising-p-spin", "--set", "=3"), "NAME=VALUE"),
    (("thresholds", "ising-p-spin", "--set", "P=3"), "did you mean 'p'"),
    (("thresholds", "isign-p-spin"), "did you mean 'ising-p-spin'"),
    (("thresholds", "spherical-p-spin", "--set", "p=3", "--set", "prior=rademacher"), "fixed prior"),
    (("thresholds", *SPARSE, "rho=0"), "rho must lie in (0, 1], got '0'"),
    (("thresholds", *SPARSE, "rho=1.5"), "'1.5'"),
    (("thresholds", *SPARSE, "rho=nan"), "'nan'"),
    (("thresholds", *SPARSE, "roh=0.1"), "did you mean 'rho'"),
    (("thresholds", "spiked-matrix", "--set", "prior=rademacher", "--set", "rho=0.1"), "not chosen"),
    (("thresholds", "spiked-matrix", "--set", "prior=rademcher"), "did you mean 'rademacher'"),
    ((*ATOMS, "values=0,1", "--set", "probabilities=0.5"), "equal length"),
    ((*ATOMS, "values=0,0", "--set", "probabilities=0.5,0.5"), "distinct"),
    ((*ATOMS, "values=0,nan", "--set", "probabilities=0.5,0.5"), "'nan'"),
    ((*ATOMS, "values=0,,1", "--set", "probabilities=0.5,0.5"), "got ''"),
    ((*ATOMS, "values=0,1", "--set", "probabilities=0.5,0.6"), "sum to one"),
    ((*ATOMS, "values=0,1", "--set", "probabilities=0,1"), "variance"),
    (("thresholds", *SPARSE, "rho=0.1", "--path", "uniform-diffusion"), "unbiased"),
    (("thresholds", "mixed-p-spin", "--set", "xi=__import__('os').getcwd()"), "may only hold"),
    (("thresholds", "mixed-p-spin", "--set", "xi=-q**2"), ">= 0"),
    (("thresholds", "mixed-p-spin", "--set", "xi=1+q**2"), "constant"),
    (("thresholds", "mixed-p-spin", "--set", "xi=sqrt(q)"), "may only hold"),
    (("thresholds", "spiked-matrix-tensor", "--set", "p=3", "--set", "tensor_noise=0"), "tensor_noise"),
    (("thresholds", *ISING, "--path", "flwo"), "did you mean 'flow'"),
    (("thresholds", *ISING, "--foo"), "unknown option '--foo'"),
    (("fixed-points", *ISING, "--control", "0", "--strength", "0.1"), "temperature must be finite and > 0, got 0"),
    (("fixed-points", *ISING, "--control=-1", "--strength", "0.1"), "got -1"),
    (("fixed-points", *ISING, "--control", "inf", "--strength", "0.1"), "'inf'"),
    (("fixed-points", *ISING, "--control", "nan", "--strength", "0.1"), "'nan'"),
    (("fixed-points", *ISING, "--control", "0.7"), "--strength"),
    (("fixed-points", *ISING, "--control", "0.7", "--strength=-1"), "snr must be"),
    (
        ("fixed-points", *ISING, "--control", "0.7", "--strength", "1", "--path", "autoregressive"),
        "revealed must be in [0, 1)",
    ),
    (
        ("fixed-points", *ISING, "--control", "0.7", "--strength", "1", "--path", "uniform-diffusion"),
        "retention must be in [0, 1)",
    ),
    (("diagram", *ISING, "--range", "0.8", "0.7"), "lo < hi"),
    (("diagram", *ISING, "--range", "0.8"), "--range"),
    (("diagram", *ISING, "--points", "1"), "--points"),
    (("diagram", *ISING, "--target", "plantd"), "did you mean 'planted'"),
    (("diagram", *ISING, "--schedule", "masked"), "schedule of flow"),
    (("diagram", *ISING, "--axis", "tme"), "did you mean 'time'"),
    (("diagram", *ISING, "--scaling", "gamma"), "unknown scaling"),
    (("diagram", *ISING, "-o", "no/folder.pdf"), "does not exist"),
    (("diagram", *ISING, "-o", "figure.xyz"), "ending must be"),
    (("diagram", "sherrington-kirkpatrick"), "give a range"),
    (("compare", "spiked-matrix", "--set", "prior=gaussian", "--target", "random"), "no random counterpart"),
    (("free-entropy", *ISING, "--control", "0.7", "--strengths", "0,x"), "'x'"),
    ((), "COMMAND"),
    (("nonsense",), "nonsense"),
    (("tresholds",), "did you mean 'thresholds'"),
    (("thresholds", *ISING, "--pth", "flow"), "did you mean '--path'"),
    (("thresholds", *ISING, "--pat", "flow"), "did you mean '--path'"),
    (("thresholds", *ISING, "--path", "flow", "--path", "flow"), "--path is given twice"),
    (("thresholds", *ISING, "more"), "unexpected argument 'more'"),
    (("thresholds", "ising-p-spin", "--set", "p=1e300"), "from 2 to 1000"),
    (("thresholds", *SPARSE, "rho=1e-300"), "rho must be at least 1e-08"),
    ((*ATOMS, "values=1e-100,-1e-100", "--set", "probabilities=0.5,0.5"), "choose other units"),
    ((*ATOMS, "values=1,1.00001", "--set", "probabilities=0.5,0.5"), "almost constant"),
    (("thresholds", "mixed-p-spin", "--set", "xi=1e200*q**2"), "terms of xi at q = rho must lie between"),
    (("fixed-points", *ISING, "--control", "-1e-3", "--strength", "0.1"), "got -0.001"),
    (("fixed-points", *ISING, "--control", "-inf", "--strength", "0.1"), "'-inf'"),
    (("fixed-points", *ISING, "--control", "1e-200", "--strength", "0.1"), "temperature = 1e-200 is too extreme"),
    (("fixed-points", *ISING, "--control", "0.7", "--strength", "1e20"), "snr must be in [0, 1e+12), got 1e+20"),
    (("free-entropy", *ISING, "--control", "0.7", "--strengths", "-1,0"), "got -1"),
    (("diagram", *ISING, "--range", "-1e-3", "1"), "lo < hi"),
    (("diagram", *ISING, "--points", "1e12"), "--points must be an integer from 2 to 100000"),
    (("diagram", *ISING, "-o", "a.pdf", "-o", "./a.pdf"), "given twice"),
    (("diagram", *ISING, "-o", "x" * 300 + ".json"), "cannot write"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=lambda x: " ".join(x) if isinstance(x, tuple) else None)
@pytest.mark.parametrize("as_json", [False, True])
def test_bad_input(capsys, tmp_path, monkeypatch, arguments, message, as_json):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments, *(["--json"] if as_json and arguments else []))
    assert code == 2
    assert out == ""
    assert err.startswith("amp-theory: error: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("first", [["--json"], ["-v"], ["-vv", "--json"], ["-v", "-v"], ["--verbose"], ["--log", "a.log"],
                                   ["--log=a.log", "--json", "-v"]])  # fmt: skip
def test_what_every_command_takes_may_stand_first(capsys, tmp_path, monkeypatch, first):
    """With the same answer and as much of a log."""
    monkeypatch.chdir(tmp_path)
    assert run(capsys, *QUICK)[0] == 0  # what is solved the first time is logged in more detail
    told = []
    for arguments in ([*first, *QUICK], [*QUICK, *first]):
        code, out, err = run(capsys, *arguments)
        assert code == 0
        log = (tmp_path / "a.log").read_text() if "a.log" in " ".join(first) else ""
        levels = [line.split()[2] for line in (log or err).splitlines() if " amp_theory" in line]
        told.append((out, bool(err), set(levels)))
        for file in tmp_path.iterdir():
            file.unlink()
    assert told[0] == told[1]
    assert bool(told[0][2]) == (first != ["--json"])


@pytest.mark.parametrize(("arguments", "said"), [
    (["--log", "a.log", *QUICK, "--log", "b.log"], "--log is given twice"), (["--log=a.log", "--log=a.log", *QUICK], "--log is given twice"),
    (["--log", *QUICK[:1]], "required: COMMAND"), (["-v"], "required: COMMAND"), (["--log"], "expected one argument"),
    (["--log", "-v", *QUICK], "expected one argument"), (["--json=3", *QUICK], "ignored explicit argument '3'"),
    (["--path", "flow", "thresholds", "sk"], "--path must stand behind the command"), (["-o", "a.pdf"], "-o must stand behind"),
    (["-v", "--force", "draw", "a.json"], "--force must stand behind"), (["--jsn", "models"], "unknown option '--jsn' (did you mean '--json'?)"),
    (["-x", "models"], "unknown option '-x'"), (["-vx", "models"], "unknown option '-vx'"), (["--", "models"], "unknown option '--'"),
    (["-v", "nonsense"], "unknown command 'nonsense'"), (["--json", "thresholds", "sk", "--pth", "flow"], "did you mean '--path'"),
])  # fmt: skip
def test_what_may_not_stand_first(capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *arguments)
    assert (code, out, err.count("\n"), list(tmp_path.iterdir())) == (2, "", 1, [])
    assert said in err
    # nothing is said to be unknown, and known
    assert all(f"unknown option '{word}'" not in err or f" {word}," not in err for word in arguments)


@pytest.mark.parametrize(
    ("symbol", "quantity"), [("T=0.7", "control"), ("beta=2", "control"), ("gamma2=0.1", "strength")]
)
def test_advice_on_a_misplaced_parameter_can_be_followed(capsys, symbol, quantity):
    """By every command that takes parameters: what it says is an option, or the command runs without one."""
    for name, _, _, _, options in COMMANDS:
        taken = {word: settings for names, settings in options for word in names.split()}
        if "--set" not in taken:
            continue
        needed = [
            x
            for word, settings in taken.items()
            if settings.get("required")
            for x in (word, "control=1" if word == "--over" else "1")
        ]
        code, out, err = run(capsys, name, *ISING, "--set", symbol, *needed)
        assert (code, out, err.count("\n")) == (2, "", 1)
        said = re.findall(r"--\w+", err)
        assert set(said) <= set(taken), name
        assert said in ([f"--{quantity}"], [f"--{quantity}s"], ["--over"]) or "leave it out" in err, err
        # nothing that must be given is to be left out
        assert "leave it out" not in err or not {f"--{quantity}", f"--{quantity}s"} & set(taken), err
        if name == "diagram" and quantity == "control":
            assert said == ["--range"]


def test_bad_axis_writes_nothing_even_with_good_outputs(capsys, tmp_path):
    code, _, _ = run(capsys, "diagram", "spherical-p-spin", "--set", "p=3", "--path", "autoregressive", "--axis", "information",
                     "-o", str(tmp_path / "a.json"), "-o", str(tmp_path / "a.pdf"))  # fmt: skip
    assert code == 2
    assert list(tmp_path.iterdir()) == []


def test_numerical_failure_is_exit_code_one(capsys, monkeypatch):
    from amp_theory.phases.points import thresholds as module

    def fail(*_, **__):
        raise at.NumericalError("no luck\nat all", "try again", partial=3)

    monkeypatch.setattr(module, "special_points", fail)
    code, out, err = run(capsys, "thresholds", "ising-p-spin", "--set", "p=3")
    assert (code, out, err) == (1, "", "amp-theory: error: no luck at all: try again\n")


def test_interruption_is_quiet(capsys, monkeypatch):
    from amp_theory.phases.points import thresholds as module

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "special_points", interrupt)
    code, out, err = run(capsys, "thresholds", "ising-p-spin", "--set", "p=3")
    assert (code, out, err) == (130, "", "")


@pytest.mark.parametrize("command", ["models", "thresholds", "fixed-points", "diagram", "compare", "reproduce", "overlap",
                                     "free-entropy"])  # fmt: skip
def test_help_shows_an_example(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"example: amp-theory {command}" in capsys.readouterr().out


#: seconds that the example of a command may take
SOON = 20


@pytest.mark.slow
def test_examples_end_soon(capsys, tmp_path, monkeypatch):
    """Or say how long they take; some read what others write.  `reproduce` has a test of its own."""
    monkeypatch.chdir(tmp_path)
    assert SECONDS.keys() == {"reproduce"}
    np.save("J.npy", np.full((6, 6), 0.4))
    (tmp_path / "code.alist").write_text("4 2\n2 3\n1 2 2 1\n3 3\n1 0\n1 2\n1 2\n2 0\n1 2 3\n2 3 4\n")
    for name, _, _, example, _ in COMMANDS:
        if name in SECONDS:
            continue
        begin = time.process_time()
        code, _, err = run(capsys, *shlex.split(example))
        assert (code, err) == (0, ""), name
        assert time.process_time() - begin < SOON, name


def test_help_says_how_long_the_example_takes(capsys):
    for command, _, _, example, _ in COMMANDS:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        said = capsys.readouterr().out
        assert f"example: amp-theory {example}\n" in said
        assert (f"it takes about {SECONDS.get(command)} s" in said) == (command in SECONDS)


def test_as_a_process(tmp_path):
    """The installed entry point; a closed pipe is no traceback."""
    command = [sys.executable, "-m", "amp_theory.interface.cli"]
    done = subprocess.run(
        [*command, "thresholds", "ising-p-spin", "--set", "p=0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    pipe = f"{sys.executable} -m amp_theory diagram ising-p-spin --set p=3 --json | head -c 20"
    closed = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, check=False)
    assert closed.stderr == ""
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout == f"amp-theory {at.__version__}\n"


def test_text_of_a_revealed_continuous_variable(capsys):
    code, out, _ = run(capsys, "fixed-points", "spherical-p-spin", "--set", "p=3", "--path", "autoregressive",
                       "--control", "0.7", "--strength", "0.1", "--json")  # fmt: skip
    assert code == 0
    assert json.loads(out)["fixed_points"][0]["mutual_information"] is None
    assert np.isfinite(json.loads(out)["fixed_points"][0]["free_entropy"])
