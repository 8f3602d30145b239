"""A run may be killed at any moment: continued, it ends the same.

`pytest -m slow tests/faults/test_kills.py --kills=20 --every=10` kills less.
"""

import random
import shutil

import pytest

from tests.support.mortal import RUNS
from tests.support.mortal import Mortals
from tests.support.results import assert_the_same
from tests.support.results import results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mortals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("temporary")
    server = Mortals(TMPDIR=str(folder))
    server.temporary = folder
    yield server
    server.close()


@pytest.fixture(scope="module")
def undisturbed(mortals, tmp_path_factory):
    """Function that gives a run that nobody killed, and what it made."""
    known = {}

    def get(name):
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            told = mortals.run(name, folder)
            assert (told["end"], told["error"]) == ("done", "")
            known[name] = told, folder, results(folder)
        return known[name]

    return get


def new(path, like):
    """A folder with the teacher of another one, if that has one."""
    path.mkdir()
    for teacher in like.glob("teacher.keras"):
        shutil.copy(teacher, path)
    return path


def shares(kills):
    """The kills of each run; together as many as asked for."""
    names = list(RUNS)
    return {
        name: kills // len(names) + (place < kills % len(names))
        for place, name in enumerate(names)
    }


@pytest.mark.parametrize("name", RUNS)
def test_killed_at_random_moments(
    name, mortals, undisturbed, tmp_path, request
):
    whole, like, expected = undisturbed(name)
    generator = random.Random(name)
    left = shares(request.config.getoption("kills"))[name]
    moments, folder, span = [], None, whole["seconds"]
    while left:
        number = len(list(tmp_path.iterdir()))
        folder = folder or new(tmp_path / f"run {number}", like)
        # Some runs are killed several times before they end.
        moment = generator.uniform(0, span)
        told = mortals.run(name, folder, ("after", moment))
        if told["end"] == "killed":
            left -= 1
            moments.append(round(moment, 3))
            if left:
                continue
            told = mortals.run(name, folder)
        assert (told["end"], told["error"]) == ("done", ""), moments
        assert_the_same(folder, expected)
        assert not list(mortals.temporary.glob("tfdcu-*")), moments
        print(f"{name}: killed after {moments} s of {span:.1f} s", flush=True)
        if not moments:
            # The machine is less busy than it was.
            span = min(span, told["seconds"])
        moments, folder = [], None


def points(name, undisturbed):
    """Numbers of the renames of a run; of files that no run before it has."""
    names = list(RUNS)
    before = names[: names.index(name)]
    known = {file for one in before for file in undisturbed(one)[0]["renames"]}
    files = undisturbed(name)[0]["renames"]
    return [n for n, file in enumerate(files, 1) if file not in known]


@pytest.mark.parametrize("name", RUNS)
def test_killed_at_every_rename(name, mortals, undisturbed, tmp_path, request):
    _, like, expected = undisturbed(name)
    chosen = [
        (when, number)
        for number in points(name, undisturbed)
        for when in ("before rename", "after rename")
    ][:: request.config.getoption("every")]
    assert chosen
    for when, number in chosen:
        folder = new(tmp_path / f"{when} {number}", like)
        told = mortals.run(name, folder, (when, number))
        assert told["end"] == "killed", (when, number, told)
        told = mortals.run(name, folder)
        assert (told["end"], told["error"]) == ("done", ""), (when, number)
        assert_the_same(folder, expected)
        assert not list(mortals.temporary.glob("tfdcu-*")), (when, number)
    print(f"{name}: {len(chosen)} kills")
