"""Demonstrations on a cluster of Dask: killed in the middle, resumed, and with a worker that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.studies.demonstrations import _designed
from amp_theory.tools.checkpoints import Checkpoint

SIZE, INSTANCES, KEPT = 5_000, 4, 2
#: the command on a cluster, in a process that is killed as soon as so many instances are in the checkpoint
COMMAND = """
import os, signal, sys
from amp_theory.interface.cli import main
from amp_theory.tools.checkpoints import Checkpoint

finish = Checkpoint.finish

def finish_and_die(self, number, result):
    finish(self, number, result)
    if len(self.results) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    Checkpoint.finish = finish_and_die
    sys.exit(main(sys.argv[2:]))
"""


def kept_in(file):
    """Return what a checkpoint holds by label and number of the instance."""
    cases = [case.label for case in _designed("orders").cases]
    runs = [f"{c.label}, {c.trial!r}, {SIZE}, {k}" for c in _designed("orders").cases for k in range(INSTANCES)]
    results = Checkpoint(file, {"demonstration": "orders", "runs": runs, "seed": 1}).results
    return {(cases[n // INSTANCES], n % INSTANCES): (r["value"][0], r["seconds"][0]) for n, r in results.items()}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no such signal here")
def test_a_killed_demonstration_resumes_on_a_cluster_one_worker_of_which_dies(tmp_path):
    distributed = pytest.importorskip("distributed")
    file, script = tmp_path / "run.npz", tmp_path / "command.py"
    script.write_text(COMMAND)
    asked = f"demonstrate orders --sizes {SIZE} --instances {INSTANCES} --workers 1 --dask --checkpoint {file}".split()
    ended = subprocess.run([sys.executable, script, str(KEPT), *asked], capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    before = kept_in(file)
    assert len(before) == KEPT

    seen, killed = [], []
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, processes=True) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill_the_busiest(done, of):
            seen.append(done)
            if len(seen) == 2:
                processes = client.run(os.getpid)
                worker, tasks = max(client.processing().items(), key=lambda one: len(one[1]))
                assert tasks
                os.kill(processes[worker], signal.SIGKILL)
                killed.append(processes[worker])

        found = at.demonstrate(
            "orders", [SIZE], INSTANCES, executor=client.get_executor(), checkpoint=file, progress=kill_the_busiest
        )
    assert len(killed) == 1
    # one report before, and one for every instance that was left
    assert seen == list(range(KEPT, 2 * INSTANCES + 1))
    for (label, k), (value, seconds) in before.items():
        assert found.values[label, SIZE][k] == value
        assert found.seconds[label, SIZE][k] == seconds  # that of the killed run: it was not run again
    expected = at.demonstrate("orders", [SIZE], INSTANCES)
    assert all(np.array_equal(found.values[place], v) for place, v in expected.values.items())
