"""What a run wrote is listed; what changed is named and made again."""

import json
import os

import pytest

from tests.support.processes import held
from tfdcu.workdir import own_files
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


@pytest.mark.parametrize(
    ("there", "here", "fits"),
    [
        (None, None, False),
        (None, "worker0", False),
        ("worker0", None, False),
        ("worker0", "worker0", False),
        ("worker0", "worker1", True),
        ("worker0", "chief", True),
        ("a/b", "a/b", False),
    ],
)
def test_a_folder_is_of_one_process_or_of_workers_with_names(
    tmp_path, monkeypatch, there, here, fits
):
    monkeypatch.setattr(own_files, "PATIENCE", 0.1)
    folder = tmp_path / "run"
    with held(folder, there) as process:
        # This process too has each name once.
        for _ in range(2):
            if fits:
                lock_folder(folder, here).release()
                continue
            with pytest.raises(ValueError, match="in use") as error:
                lock_folder(folder, here)
            message = str(error.value)
            assert f"by process {process.pid} on " in message
            assert " since 20" in message and "Expected: one run" in message
    lock = lock_folder(folder, here)
    with pytest.raises(ValueError, match=f"process {os.getpid()} on"):
        lock_folder(folder, here)
    lock.release()
    lock_folder(folder, here).release()


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
