"""Laws of the Beam pipeline: the same targets as without it."""

import importlib
import inspect
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import tiny
from tests.test_docstrings import undocumented

IMAGES = tiny.images(150, seed=2)


@pytest.fixture
def beam_module():
    """`tfdcu.pool.beam`, on Apache Beam itself."""
    pytest.importorskip(
        "apache_beam",
        reason="Apache Beam is not installed; ./scripts/check.sh --slow runs "
        "these tests in an environment that has it",
    )
    return importlib.import_module("tfdcu.pool.beam")


@pytest.fixture
def given(tmp_path):
    """Arguments of `teacher_targets` with a teacher and images on disk."""
    tiny.plain_net().save(tmp_path / "teacher.keras")
    np.savez(tmp_path / "pool.npz", images=IMAGES)
    return {
        "teacher": tmp_path / "teacher.keras",
        "images": f"npz:{tmp_path / 'pool.npz'}",
        "path": tmp_path / "beam",
        "augment": "shift",
        "views": 2,
        # An image's place in its batch, and so rounding, is that of its shard.
        "batch_size": 16,
        "shard_size": 32,
    }


def direct(*flags):
    """Options for a DirectRunner in this process, without downloads."""
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(["--prism_location=none", *flags])
    return {"runner": "DirectRunner", "pipeline_options": options}


def brightness(images):
    """A picklable teacher: four pixels, never probabilities."""
    return 3 * np.asarray(images)[:, 2:6, 3, 0] - 5


def files(path):
    return {f.name: f.read_bytes() for f in path.iterdir()}


def times(path):
    return {f.name: f.stat().st_mtime_ns for f in path.iterdir()}


@pytest.mark.parametrize(
    ("changes", "num_shares"), [({}, None), ({"teacher": brightness}, 2)]
)
def test_a_pipeline_writes_the_files_of_the_plain_call(
    tmp_path, given, beam_module, changes, num_shares
):
    given |= changes
    plain = tfdcu.teacher_targets(**{**given, "path": tmp_path / "plain"})
    made = beam_module.teacher_targets(
        **given, **direct(), num_shares=num_shares
    )
    assert files(made.path) == files(plain.path)
    assert (made.mark, made.missing()) == (plain.mark, [])


def test_a_pipeline_resumes_after_the_finished_shards(
    tmp_path, given, beam_module
):
    whole = tfdcu.teacher_targets(**{**given, "path": tmp_path / "whole"})
    begun = tfdcu.teacher_targets(**given, shard=(1, 2))
    assert begun.missing() == [0, 2, 4]
    before = times(begun.path)
    made = beam_module.teacher_targets(**given, **direct(), num_shares=3)
    assert files(made.path) == files(whole.path)
    assert times(made.path).items() >= before.items()


def test_workers_write_to_the_folder_that_was_begun_in_a_shared_one(
    given, beam_module, tmp_path
):
    shared = {**given, "path": str(tmp_path / "shared"), "shared": True}
    made = beam_module.teacher_targets(**shared, **direct())
    assert made.missing() == []
    assert made.path.parent == tmp_path / "shared"
    assert [made.path] == list((tmp_path / "shared").iterdir())


def test_a_process_opens_once_and_computes_one_share_at_a_time(
    given, beam_module, monkeypatch
):
    opened, busy, most, threads = [], [], [], set()
    open_teacher, plain = (
        beam_module.open_teacher,
        beam_module.targets.teacher_targets,
    )

    def counted(*arguments):
        opened.append(arguments)
        return open_teacher(*arguments)

    def watched(**options):
        busy.append(options["shard"])
        most.append(len(busy))
        threads.add(threading.get_ident())
        made = plain(**options)
        busy.remove(options["shard"])
        return made

    watched.__signature__ = inspect.signature(plain)
    monkeypatch.setattr(beam_module, "open_teacher", counted)
    monkeypatch.setattr(beam_module.targets, "teacher_targets", watched)
    flags = "--direct_running_mode=multi_threading", "--direct_num_workers=2"
    made = beam_module.teacher_targets(**given, **direct(*flags))
    assert made.missing() == []
    # The program itself, and two threads of Beam's.
    assert len(threads) > 2
    assert (len(opened), max(most)) == (1, 1)


def test_a_worker_computes_its_share_and_that_only_once(given, beam_module):
    bound = inspect.signature(tfdcu.teacher_targets).bind(**given, shard=None)
    bound.apply_defaults()
    begun = tfdcu.teacher_targets(**bound.arguments)
    opened = beam_module.Opened(bound.arguments)
    opened.compute((1, 2))
    assert begun.missing() == [0, 2, 4]
    before = times(begun.path)
    opened.compute((1, 2))
    assert times(begun.path) == before


def test_a_folder_of_something_else_is_refused_or_renewed(given, beam_module):
    made = tfdcu.teacher_targets(**given)
    before = files(made.path)
    given["teacher"] = brightness
    with pytest.raises(ValueError, match="another fingerprint.*teacher is"):
        beam_module.teacher_targets(**given, **direct())
    assert files(made.path) == before
    renewed = beam_module.teacher_targets(**given, **direct(), renew=True)
    assert renewed.missing() == [] and renewed.mark != made.mark


def test_finished_shards_of_other_images_stop_the_pipeline(given, beam_module):
    tfdcu.teacher_targets(**given, shard=(1, 2))
    changed = IMAGES.copy()
    changed[40] += 0.001
    np.savez(given["images"].removeprefix("npz:"), images=changed)
    with pytest.raises((ValueError, RuntimeError), match="of other images"):
        beam_module.teacher_targets(**given, **direct())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            lambda: {"teacher": tiny.plain_net()},
            "`teacher` cannot be.*Function",
        ),
        (lambda: {"images": IMAGES}, "`images` cannot be sent.*ndarray"),
        (
            lambda: {"images": tf.data.Dataset.from_tensor_slices(IMAGES)},
            "`images` cannot be sent.*Dataset",
        ),
        (lambda: {"path": "gs://bucket/targets"}, "object stores.*gs://"),
        (lambda: {"num_shares": 0}, "num_shares=0"),
        (lambda: {"shard_size": 0}, "shard_size=0"),
        (lambda: {"images": "pool"}, "Unknown source"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_starts(
    given, beam_module, changes, message
):
    with pytest.raises(ValueError, match=message):
        beam_module.teacher_targets(**{**given, **changes()}, runner="none")
    assert not given["path"].exists()


@pytest.mark.parametrize("keyword", ["shard", "number"])
def test_the_keywords_are_those_of_the_plain_call(given, beam_module, keyword):
    with pytest.raises(TypeError, match=keyword):
        beam_module.teacher_targets(**given, **{keyword: (0, 1)})


def test_a_worker_that_does_not_see_the_folder_says_so(given, beam_module):
    with pytest.raises(ValueError, match="does not see.*mount.*beam'"):
        beam_module.Opened(given)
    assert not given["path"].exists()


def test_without_beam_the_import_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "tfdcu.pool.beam", raising=False)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ModuleNotFoundError, match=r"install 'tfdcu\[beam\]'"):
        importlib.import_module("tfdcu.pool.beam")


def test_the_beam_module_is_documented(beam_module):
    assert undocumented(beam_module.teacher_targets) == []


@pytest.mark.slow
def test_worker_processes_write_the_files_of_the_plain_call(
    tmp_path, given, beam_module
):
    plain = tfdcu.teacher_targets(**{**given, "path": tmp_path / "plain"})
    flags = "--direct_running_mode=multi_processing", "--direct_num_workers=2"
    made = beam_module.teacher_targets(**given, **direct(*flags))
    assert files(made.path) == files(plain.path)
