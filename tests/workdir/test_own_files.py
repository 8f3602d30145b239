"""What a run wrote is listed; what changed is named and made again."""

import json
import os
import subprocess
import sys

import pytest

from tfdcu.workdir.own_files import LIST
from tfdcu.workdir.own_files import checksum
from tfdcu.workdir.own_files import drop_changed
from tfdcu.workdir.own_files import lock_folder
from tfdcu.workdir.own_files import record_files

NAMES = (
    "channels/1.json",
    "pruned.keras",
    "training/student.json",
    "student.keras",
    "student_int8.tflite",
    "report.html",
)


@pytest.fixture
def run(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    record_files(tmp_path, NAMES)
    return tmp_path


def names(folder):
    return {name for name in NAMES if (folder / name).exists()}


def test_a_checksum_is_that_of_the_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert checksum(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_what_is_as_it_was_stays(run):
    assert drop_changed(run) == []
    assert names(run) == set(NAMES)


@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("pruned.keras", ()),
        ("student.keras", ()),
        ("student_int8.tflite", ()),
        ("training/student.json", ("student.keras",)),
        ("channels/1.json", ("pruned.keras",)),
    ],
)
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_what_changed_is_dropped_with_what_is_read_with_it(
    run, name, also, how
):
    if how == "changed":
        (run / name).write_text(name.upper())
    else:
        (run / name).unlink()
    (sentence,) = drop_changed(run)
    assert f"'{run / name}'" in sentence and how in sentence
    assert names(run) == {*NAMES} - {name, *also, "report.html"}
    # It is said once.
    assert drop_changed(run) == []
    assert set(json.loads((run / LIST).read_text())) == names(run)


@pytest.mark.parametrize("content", ["", "{", "3", "[1]"])
def test_a_damaged_list_is_named(run, content):
    (run / LIST).write_text(content)
    with pytest.raises(ValueError, match="files.json', is damaged. Expected"):
        drop_changed(run)


def test_a_folder_is_of_one_process(tmp_path):
    lock = lock_folder(tmp_path / "run")
    # Another process, and another run in this one.
    program = "import sys; from tfdcu.workdir.own_files import lock_folder; "
    other = subprocess.run(
        [sys.executable, "-c", program + "lock_folder(sys.argv[1])"]
        + [str(tmp_path / "run")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with pytest.raises(ValueError, match="in use") as error:
        lock_folder(tmp_path / "run")
    for message in (other.stderr, str(error.value)):
        assert f"by process {os.getpid()} on " in message
        assert " since 20" in message and "Expected: one run" in message
    lock.release()
    lock_folder(tmp_path / "run").release()


@pytest.mark.parametrize(
    "name", ["../{}/victim", "{}/victim", "out/victim", ".", "channels", ""]
)
def test_a_list_of_what_is_no_file_of_the_run_is_refused(
    run, tmp_path_factory, name
):
    """What is listed may be deleted, so it lies in the folder."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "victim").write_text("not of the run")
    (run / "out").symlink_to(outside)
    place = outside.name if name.startswith("..") else outside
    listed = {name.format(place): "0" * 64}
    (run / LIST).write_text(json.dumps(listed))
    with pytest.raises(ValueError, match="damaged.*Expected.*Received"):
        drop_changed(run)
    assert (outside / "victim").exists()
    assert names(run) == set(NAMES)
