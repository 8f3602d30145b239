"""Hostile and damaged files: an error in three parts or a counted skip.

`pytest -m slow tests/faults/test_hostile.py --mutations=300` opens fewer.
"""

import pathlib
import shutil

import pytest

from tests.support import mutate
from tests.support.hostile import HOSTILE
from tests.support.judge import MOST_MIB
from tests.support.judge import MOST_SECONDS
from tests.support.judge import Judge

pytestmark = pytest.mark.slow
RIGHT = ("taken", "skipped", "refused")


@pytest.fixture(scope="module")
def judge():
    one = Judge()
    yield one
    one.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_input(name, judge, tmp_path):
    kind, outcomes, most, make = HOSTILE[name]
    told = judge.open(kind, make(tmp_path))
    assert told["outcome"] in outcomes, told
    assert told["mib"] <= most and told["seconds"] < MOST_SECONDS, told


def test_what_is_listed_as_a_run_s_file_but_lies_outside_stays(judge, tmp_path):
    _, _, _, make = HOSTILE["workdir whose list names files outside"]
    judge.open("workdir", make(tmp_path))
    assert (tmp_path / "victim").read_bytes() == b"not of the run"


def test_paths_in_a_model_file_lead_nowhere(judge, tmp_path):
    _, _, _, make = HOSTILE["keras with paths out of its archive"]
    folder = tmp_path / "a" / "b"
    judge.open("keras", make(folder))
    assert not [path for path in tmp_path.rglob("*escaped*")]
    assert not pathlib.Path("/tmp/escaped").exists()


def test_files_with_random_damage(judge, tmp_path, request):
    number = request.config.getoption("mutations")
    wrong, outcomes = {}, {}
    for index in range(number):
        folder = tmp_path / "file"
        folder.mkdir()
        kind, path = mutate.write(index, folder)
        told = judge.open(kind, path)
        shutil.rmtree(folder)
        key = kind, told["outcome"]
        outcomes[key] = outcomes.get(key, 0) + 1
        fits = told["mib"] <= MOST_MIB and told["seconds"] < MOST_SECONDS
        if told["outcome"] not in RIGHT or not fits:
            wrong[index] = {"kind": kind, **told}
            print(index, wrong[index], flush=True)
    print(outcomes)
    assert not wrong, "\n".join(f"{n}: {one}" for n, one in wrong.items())
