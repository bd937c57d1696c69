"""Completion in shells: the words that a real bash offers."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys

import pytest

from amp_theory.interface.cli import main
from amp_theory.interface.command_list import COMMANDS
from amp_theory.models.catalogue import CHANNELS, MODELS, PATHS, PRIORS, SCHEDULES

there = pytest.mark.skipif(importlib.util.find_spec("shtab") is None, reason="shtab is not installed")
ASKED = {
    "amp-theory thr": ["threshold-states", "thresholds"], "amp-theory thresholds spiked-": ["spiked-matrix", "spiked-tensor", "spiked-matrix-tensor"],
    "amp-theory thresholds xorsat --pa": ["--path"], "amp-theory thresholds xorsat --path ": list(PATHS),
    "amp-theory thresholds glm --set channel": [f"channel={c}" for c in CHANNELS],
    "amp-theory thresholds glm --set rh": ["rho=", "rho_u=", "rho_v="], "amp-theory diagram xorsat --set k=3 --schedule ": list(SCHEDULES),
    "amp-theory models spa": ["sparse-rademacher"], "amp-theory compare ": list(MODELS),
    "amp-theory certify ising-p-spin --point dyn": ["dynamical"], "amp-theory completion ": ["bash", "zsh", "tcsh"],
    "amp-theory simulate xorsat --target r": ["random"], "amp-theory nonsense x": [],
    "amp-theory draw a.json --style ": ["light", "dark", "print"], "amp-theory -v --log a.log thr": ["threshold-states", "thresholds"],
    # what stands before the last = is there already
    "amp-theory thresholds glm --set channel=si": ["sign"], "amp-theory thresholds glm --set prior=": list(PRIORS),
    "amp-theory thresholds glm --set prior=rademacher --set cha": [f"channel={c}" for c in CHANNELS],
    "amp-theory thresholds sk --path=au": ["autoregressive"], "amp-theory thresholds glm --set=channel=si": ["sign"],
    "amp-theory thresholds glm --set rho=": [], "amp-theory reproduce sp": ["sparse-pca", "spherical-mixed"],
}  # fmt: skip


def script(capsys, shell):
    assert main(["completion", shell]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@there
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_a_bash_completes(capsys, tmp_path):
    (tmp_path / "script").write_text(script(capsys, "bash"))
    lines = [f"cd {tmp_path}; source ./script; complete -p amp-theory >/dev/null || exit 3"]
    for line in ASKED:
        parted = [part for word in line.split(" ") for part in (re.split("(=)", word) if word else [""])]
        words = " ".join(
            f"'{word}'" for k, word in enumerate(parted) if word or (k == len(parted) - 1 and parted[-2] != "=")
        )
        lines.append(
            f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); "
            '_amp_theory amp-theory "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$((COMP_CWORD - 1))]}"; '
            'echo "${COMPREPLY[*]}"'
        )
    run = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
    offered = dict(zip(ASKED, run.stdout.split("\n"), strict=False))
    assert {line: sorted(words.split()) for line, words in offered.items()} == {
        line: sorted(words) for line, words in ASKED.items()
    }


@there
@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(("typed", "words"), [
    ("--set prior=ra\t--json", ["--set", "prior=rademacher", "--json"]), ("--set=prior=ra\t--json", ["--set=prior=rademacher", "--json"]),
    ("--path=au\t--json", ["--path=autoregressive", "--json"]), ("--set ten\t\t0.1", ["--set", "tensor_noise=0.1"]),
    ("--set prior=rademacher --set cha\tsy\t--json", ["--set", "prior=rademacher", "--set", "channel=symmetric-perceptron", "--json"]),
])  # fmt: skip
def test_a_tab_is_pressed(capsys, tmp_path, typed, words):
    """In a bash on a terminal, where it is readline that parts the words; a command of this name tells what it gets."""
    (tmp_path / "script").write_text(script(capsys, "bash"))
    process, ours = pty.fork()
    if not process:
        os.execlp("bash", "bash", "--norc", "--noprofile", "-i")
    try:
        seen = ""
        begin = f"source {tmp_path}/script; amp-theory() {{ printf 'got:%s\\n' \"$@\" end; }}; echo rea''dy\n"
        for line, awaited in ((begin, "ready"), (f"amp-theory thresholds {typed}\n", "got:end")):
            os.write(ours, line.encode())
            while awaited not in seen:
                assert select.select([ours], [], [], 10)[0], seen
                seen += os.read(ours, 65536).decode()
        assert re.findall(r"got:(\S+)", seen)[-len(words) - 2 :] == ["thresholds", *words, "end"]
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(ours)


@there
@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_know_commands_and_models(capsys, shell):
    text = script(capsys, shell)
    assert all(name in text for name, *_ in COMMANDS)
    assert all(name in text for name in MODELS)
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=text, text=True, capture_output=True, timeout=60).returncode == 0


@there
def test_json(capsys):
    assert main(["completion", "bash", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["shell"] == "bash"
    assert "_shtab_amp_theory" in data["script"]


@pytest.mark.parametrize(("arguments", "said"), [
    (["fish"], "unknown shell 'fish'"), (["bsh"], "did you mean 'bash'"), ([], "SHELL"), (["bash", "zsh"], "unexpected argument 'zsh'"),
])  # fmt: skip
def test_shells_that_are_not_there(capsys, arguments, said):
    assert main(["completion", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_without_the_library(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert 'pip install "amp-theory[completion]"' in err
