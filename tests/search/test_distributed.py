"""A chief and two workers on one machine, and one of the workers is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys
import keras_tuner
from tests.search.test_search import arguments
from tfdcu.search import oracles, search, tuners
oracles.ResumableOracle.patience = 20.0
tuners.BEAT = 1.0
options = arguments(tuner="RandomSearch", max_trials=4, limits=None)
options["space"] = {"channels.macs": [0.3, 0.4, 0.5, 0.6],
                    "transfer.temperature": [1.0, 2.0, 4.0]}
options["training"] = {"epochs": 30}
record = search(**options, workdir=sys.argv[1], max_winners=1)
print("RECORD" if record else "NOTHING LEFT")
"""


def start(name, port, folder):
    environment = {
        **os.environ,
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    log = open(folder / f"{name}.log", "w")
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder / "run")],
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.slow
def test_a_search_of_two_workers_is_complete_though_one_is_killed(tmp_path):
    port = free_port()
    chief = start("chief", port, tmp_path)
    workers = [start(f"worker{n}", port, tmp_path) for n in range(2)]
    trials = tmp_path / "run/trials"
    oracle = trials / "oracle.json"
    try:
        # Both are in the middle of training a trial.
        wait_for(lambda: len(list(trials.glob("*/training/epoch*.h5"))) >= 2)
        ongoing = json.loads(oracle.read_text())["ongoing_trials"]
        assert set(ongoing) == {"worker0", "worker1"}
        os.kill(workers[0].pid, signal.SIGKILL)
        lost = trials / f"trial_{ongoing['worker0']}/outcome.json"
        assert not lost.exists()
        assert workers[1].wait(300) == 0
        assert chief.wait(300) == 0
    finally:
        for process in (chief, *workers):
            process.kill()
    assert "NOTHING LEFT" in (tmp_path / "worker1.log").read_text()
    said = (tmp_path / "chief.log").read_text()
    assert f"worker0 is lost; retrying trial {ongoing['worker0']}." in said
    record = json.loads((tmp_path / "run/front.json").read_text())
    assert [one["status"] for one in record["trials"]] == ["finished"] * 4
    assert lost.exists()
    (chosen,) = (one for one in record["students"] if one["chosen"])
    for name in chosen["files"]:
        assert (tmp_path / "run" / chosen["folder"] / name).exists()
