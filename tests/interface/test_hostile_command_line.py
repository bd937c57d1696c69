"""Command lines as nobody should write them: exit code 0, 1 or 2, one short line, soon, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from amp_theory.interface.cli import main

#: seconds that any command here may take
LONGEST = 20
#: a run without its size
SIMULATE = ["simulate", "ising-p-spin", "--set", "p=3", "--control", "1.5", "--instances", "1", "--seed", "1"]
COMMANDS = [
    ["models"],
    ["thresholds", "ising-p-spin", "--set", "p=3", "--path", "flow"],
    ["thresholds", "spiked-matrix", "--set", "prior=sparse-rademacher", "--set", "rho=0.08", "--json"],
    ["thresholds", "spiked-matrix", "--set", "prior=discrete", "--set", "values=-1,0,2", "--set", "probabilities=.2,.5,.3"],
    ["thresholds", "mixed-p-spin", "--set", "xi=q**2/2+q**3/4"],
    ["thresholds", "glm", "--set", "prior=rademacher", "--set", "channel=sign", "--path", "autoregressive"],
    ["thresholds", "spherical-p-spin", "--set", "p=3", "--digits", "12"],
    ["fixed-points", "ising-p-spin", "--set", "p=3", "--control", "0.70", "--strength", "0.12"],
    ["transitions", "ising-p-spin", "--set", "p=3", "--control", "0.70", "--path", "uniform-diffusion"],
    ["closed-forms", "spherical-p-spin", "--path", "flow"],
    ["diagram", "ising-p-spin", "--set", "p=3", "--range", "0.6", "0.8", "--points", "4", "-o", "a.json", "-o", "a.csv"],
    ["diagram", "spherical-p-spin", "--set", "p=3", "--points", "3", "-o", "a.png", "--axis", "time", "--target", "planted"],
    ["draw", "saved.json", "-o", "b.csv", "--force", "--style", "print", "--annotate", "--title", "$p = 3$"],
    ["free-entropy", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--strengths", "0,0.05", "-o", "phi.svg"],
    ["overlap", "ising-p-spin", "--set", "p=3", "--control", "0.7", "-o", "overlap.csv"],
    ["compare", "ising-p-spin", "--set", "p=3", "--target", "random"],
    ["simulate", "ising-p-spin", "--set", "p=3", "--control", "1.5", "--size", "12", "--instances", "1", "--seed", "1",
     "--batch", "6", "--steps", "4", "--sweeps", "10", "--checkpoint", "run.npz"],
    ["animate", "ising-p-spin", "--set", "p=3", "--control", "0.7", "--frames", "2", "-o", "a.gif"],
    ["verify", "certificate.json"],
    ["models", "xorsat", "--json"],
    ["infer", "sk", "--data", "J.csv", "--control", "1.5", "--damping", "0.1", "-o", "means.npz"],
    ["sample", "xorsat", "--set", "k=3", "--data", "H.alist", "--batch", "2", "--steps", "3", "--seed", "1", "-o", "s.csv"],
    ["completion", "bash"],
    ["thresholds", "sk", "--path", "diffusion", "-v", "--log", "run.log"],
]  # fmt: skip
WORDS = [
    "", " ", "0", "-1", "1", "2", "nan", "inf", "-inf", "1e400", "1e308", "5e-324", "0_7", "1_000", "٣", "¾", "0x10", "1e", "--",
    "-", "=", "a=b", "p=", "=3", "p=3", "p=0_3", "p=٣", "p=1e9", "p=300", "rho=1e-9", "rho=0", "xi=q**q", "T=0.5", "Delta=1", "beta=2", "--log", "--log=run.log", "--log=a.json", "run.txt", "-v", "-vvv", "vp", "sk", "mcmc", "bash", "xi=__import__('os')", "xi=q**9999999",
    "xi=" + "(" * 200 + "q" + ")" * 200, "values=1,1", "values=,", "values=" + ",".join(["1"] * 400), "probabilities=1", "x" * 5000,
    "\0", "a\0b.json", "\ud800", "\udcff.json", "a\nb", "\x1b[31m", "\u202e", "../a.json", "/dev/zero", "/dev/full", "/proc/self/mem", "~", "*",
    ".json", "a.json", "a.exe", "none/a.json", "x" * 300 + ".json", "pipe.json", "loop.json", "link.json", "flow", "flwo", "Flow", "--path=flow",
    "--json", "--force", "--set", "--digits", "--digits=51", "--digits=0", "--workers=0", "--points=10**9", "1,2,,3", "[1]", "{}", "%s%n", "${HOME}",
    "autoregressive", "ising-p-spin", "XORSAT", "discrete", "planted", "random", "time", "dark", "--title=$x^{$", "0.7", "0.7j", "1/3", "1e-300", "99999999999999999999",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with files to read, pipes and links."""
    here = tmp_path_factory.mktemp("hostile")
    assert main(["diagram", "spherical-p-spin", "--set", "p=3", "--points", "3", "-o", str(here / "saved.json")]) == 0
    (here / "certificate.json").write_text("{}")
    (here / "J.csv").write_text("0,1,1\n1,0,1\n1,1,0\n")
    (here / "H.alist").write_text("3 1\n1 3\n1 1 1\n3\n1\n1\n1\n1 2 3\n")
    os.mkfifo(here / "pipe.json")
    (here / "loop.json").symlink_to(here / "loop.json")
    (here / "link.json").symlink_to(here / "nowhere.json")
    return here


def mutated(command, rng):
    """Return a command with one to three changes."""
    words = list(command)
    for _ in range(rng.integers(1, 4)):
        k, word = int(rng.integers(len(words))) if words else 0, WORDS[rng.integers(len(WORDS))]
        change = rng.integers(6)
        if change == 0 or not words:
            words.insert(k, word)
        elif change == 1:
            words[k] = word
        elif change == 2:
            del words[k]
        elif change == 3:
            words.insert(k, words[rng.integers(len(words))])
        elif change == 4:  # one character
            place = int(rng.integers(len(words[k]) + 1))
            words[k] = (
                words[k][:place]
                + chr(int(rng.choice([0, 45, 46, 48, 57, 61, 95, 101, 0x663, 0xDC80, 0x1F600])))
                + words[k][place + 1 :]
            )
        else:  # a value of the same option
            name, equals, _ = words[k].partition("=")
            words[k] = name + equals + word
    return words  # fmt: skip


#: a line of the log
LOGGED = re.compile(r"[\d-]{10} [\d:,]{12} (INFO|DEBUG|ERROR) amp_theory")


def too_long(*_):
    raise TimeoutError(f"more than {LONGEST} s")


def outcome(words, capsys):
    """Run a command and return what is wrong with how it ends, or None."""
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LONGEST)
    try:
        code = main(words)
    except SystemExit as ended:  # help or version
        code = ended.code
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    out, said = capsys.readouterr()
    # what -v asks for is not counted
    err = "".join(line for line in said.splitlines(keepends=True) if not LOGGED.match(line))
    if code == 0:
        return f"says {err!r} though all is well" if err else None
    if code not in (1, 2):
        return f"exit code {code}"
    if out or err.count("\n") != 1 or not err.startswith("amp-theory: error: ") or not err.strip().isprintable():
        return f"says {out[:200]!r} {err[:400]!r}"
    return f"{len(err)} characters: {err!r}" if len(err) > 300 else None


def check(number, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    kept, rng = {p.name for p in folder.iterdir()}, np.random.default_rng(number)
    wrong = []
    for _ in range(number):
        words = mutated(COMMANDS[rng.integers(len(COMMANDS))], rng)
        try:
            found = outcome(words, capsys)
        except Exception as error:  # noqa: BLE001 -- every kind of it is what is looked for
            found = repr(error)[:300]
        if any(p.name.startswith(".amp_theory") for p in folder.iterdir()):  # what is still being written
            found = f"leaves {[p.name for p in folder.iterdir() if p.name not in kept]}"
        if found:
            wrong.append(([w[:80] for w in words], found))
        for file in folder.iterdir():
            if file.name not in kept:
                file.unlink()
    assert not wrong, "\n".join(map(str, wrong))


def test_some_mutations(folder, capsys, monkeypatch):
    check(60, folder, capsys, monkeypatch)


@pytest.mark.slow
def test_hundreds_of_mutations(folder, capsys, monkeypatch):
    check(400, folder, capsys, monkeypatch)


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 300, "/dev/null/x", "saved.json", "loop.json/x"])
@pytest.mark.every(3)
def test_folders_that_cannot_be(folder, capsys, monkeypatch, name):
    monkeypatch.chdir(folder)
    assert main(["reproduce", "--folder", name]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize("arguments", [
    ["thresholds", "sk", "--log", ""], ["diagram", "xorsat", "--set", "k=3", "-o", ""], ["draw", "", "-o", "a.pdf"], ["verify", ""],
    [*SIMULATE, "--size", "12", "--checkpoint", ""], ["thresholds", "coloring", "--set", "q=4", "--checkpoint", ""], ["reproduce", "--folder", ""],
])  # fmt: skip
def test_no_name_is_shown_as_no_name(capsys, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), list(tmp_path.iterdir())) == ("", 1, [])
    assert err.endswith("got ''\n")


def test_a_checkpoint_without_a_folder_is_noticed_before_the_work(capsys, monkeypatch):
    from amp_theory.trials import simulation

    def work(*_):
        raise AssertionError

    monkeypatch.setattr(simulation, "random_energy", work)
    for place in ("none/run.npz", "/dev/full", "/"):
        assert main([*SIMULATE, "--size", "12", "--checkpoint", place]) == 2
        assert "cannot write" in capsys.readouterr().err
    with pytest.raises(AssertionError):
        main([*SIMULATE, "--size", "12"])


# --- streams and surroundings ---

THRESHOLDS = "thresholds ising-p-spin --set p=3"


def shell(line, **more):
    """Run a shell line in which $A is the command line."""
    environment = os.environ | {"A": f"{sys.executable} -m amp_theory"} | more
    return subprocess.run(["bash", "-c", line], capture_output=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (f"$A {THRESHOLDS} >&-", 2, b"standard output is closed"),
        (f"$A {THRESHOLDS} >/dev/full", 1, b"No space left on device"),
        ("$A --help >/dev/full", 1, b"No space left on device"),
        (f"$A {THRESHOLDS} 2>&- >/dev/null", 0, b""),
        (f"$A {THRESHOLDS} <&- >/dev/null", 0, b""),
        ("$A thresholds nothing 2>/dev/full", 2, b""),
        ("$A thresholds nothing 2>&-", 2, b""),
        (f"$A {THRESHOLDS} 2>/dev/full >/dev/full", 1, b""),
        (f"set -o pipefail; $A {THRESHOLDS} | true", 0, b""),
        (f"$A {THRESHOLDS} --json >/dev/null", 0, b""),
    ],
)
@pytest.mark.every(3)
def test_streams(line, code, said):
    run = shell(line)
    assert (run.returncode, run.stdout) == (code, b"")
    assert run.stderr.count(b"\n") == bool(said)
    assert said in run.stderr


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.slow
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path, closed):
    run = shell(f"cd {tmp_path}; $A diagram spherical-p-spin --set p=3 --points 3 -o a.json -o a.png {closed}")
    assert run.returncode == 0
    assert b"written: a.png" in run.stdout
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.slow
def test_terminals_without_all_characters(tmp_path, encoding):
    """What was computed is printed, and the name of what was written, whatever the terminal."""
    run = shell(
        f"cd {tmp_path}; $A diagram spherical-p-spin --set p=3 --points 3 -o 'λ→.json'", PYTHONIOENCODING=encoding
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert (r"\u03bb\u2192.json" if encoding != "utf-8" else "λ→.json").encode() in run.stdout
    assert (tmp_path / "λ→.json").exists()
    run = shell("$A thresholds 'λ→'", PYTHONIOENCODING=encoding)
    assert run.returncode == 2
    assert run.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    "backend",
    [
        "bogus",
        pytest.param("", marks=pytest.mark.slow),
        pytest.param("TkAgg", marks=pytest.mark.slow),
        pytest.param("module://nothing", marks=pytest.mark.slow),
    ],
)
def test_any_backend_of_matplotlib(tmp_path, backend):
    """No window is opened, so none of them matters."""
    run = shell(f"$A diagram spherical-p-spin --set p=3 --points 3 -o {tmp_path}/a.pdf", MPLBACKEND=backend)
    assert (run.returncode, run.stderr) == (0, b"")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_names_of_undecodable_bytes(tmp_path):
    """Such a name is one that the system knows."""
    run = shell(f"$A diagram spherical-p-spin --set p=3 --points 3 -o {tmp_path}/$'\\xff'.json")
    assert (run.returncode, run.stderr) == (0, b"")
    assert rb"\udcff.json" in run.stdout
    assert [os.fsencode(p.name) for p in Path(tmp_path).iterdir()] == [b"\xff.json"]


def test_module(capsys):
    run = shell("$A --version")
    assert run.stdout.decode().startswith("amp-theory ")
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.parametrize("text", ["0_7", "٠.٧", "0.7_", "1e1_0", "０.7"])
@pytest.mark.every(2)
def test_numbers_are_written_in_ascii_digits(capsys, text):
    assert main(["fixed-points", "ising-p-spin", "--set", "p=3", "--control", text, "--strength", "0.1"]) == 2
    assert "temperature" in capsys.readouterr().err
    for option in ("--points", "--digits"):
        command = ["diagram"] if option == "--points" else ["thresholds"]
        assert main([*command, "ising-p-spin", "--set", "p=3", option, text]) == 2
        assert option.strip("-") in capsys.readouterr().err
    for parameter in (f"p={text}", f"rho={text}"):
        model = "ising-p-spin" if parameter[0] == "p" else "spiked-matrix"
        prior = [] if parameter[0] == "p" else ["--set", "prior=sparse-rademacher"]
        assert main(["thresholds", model, *prior, "--set", parameter]) == 2
        assert capsys.readouterr().err
    assert main([*SIMULATE, "--size", "1_2"]) == 2
    assert main(["thresholds", "mixed-p-spin", "--set", f"xi={text}*q**3"]) == 2
