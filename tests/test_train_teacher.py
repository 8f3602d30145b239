"""Laws of the teacher: trained once, on labels, from a seed."""

import functools
import sys

import keras
import numpy as np
import pytest

import tfdcu
from tests.support import files
from tests.support import tiny
from tfdcu.train_teacher import train_teacher
from tfdcu.training.train import train
from tfdcu.workdir.own_files import lock_folder

OPTIONS = {
    "model": "digits",
    "labeled": (tiny.images(40), tiny.labels(40)),
    "width": 0.25,
    "batch_size": 20,
    "training": {"epochs": 2},
}


def weights(path):
    return keras.models.load_model(path).get_weights()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("teacher") / "deep" / "teacher.keras"
    test = tiny.images(12, seed=3), tiny.labels(12)
    return path, train_teacher(path, **OPTIONS, test=test), test


def test_it_is_saved_and_measured(made):
    path, result, test = made
    teacher = tfdcu.models.load(path)
    assert teacher.output_shape == (None, 4)
    assert result == {
        "path": str(path),
        "params": teacher.count_params(),
        "accuracy": tfdcu.evaluate(teacher, test)["accuracy"],
    }


def test_it_is_trained_once(made, monkeypatch):
    path, result, test = made

    @functools.wraps(train)
    def never(*args, **kwargs):
        raise AssertionError("it is there")

    # The name `tfdcu.train_teacher` is that of the function.
    monkeypatch.setattr(sys.modules["tfdcu.train_teacher"], "train", never)
    written = path.stat().st_mtime_ns
    assert train_teacher(path, **OPTIONS, test=test) == result
    assert path.stat().st_mtime_ns == written


def test_a_stopped_training_goes_on_bit_for_bit(made, tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        if epoch == 1:
            # The epoch is over, but not yet on disk.
            raise KeyboardInterrupt

    path = tmp_path / "teacher.keras"
    with monkeypatch.context() as patch:
        patch.setattr("tfdcu.report.Progress.on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train_teacher(path, **OPTIONS)
    assert not path.exists()
    assert train_teacher(path, **OPTIONS)["accuracy"] is None
    for one, two in zip(weights(made[0]), weights(path), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_class_without_images_is_refused(tmp_path):
    source = tfdcu.data.open_source(
        OPTIONS["labeled"], classes=("a", "b", "c", "d", "e")
    )
    with pytest.raises(
        ValueError, match=r"class without images.*none of \['e'\]"
    ):
        train_teacher(tmp_path / "x.keras", **{**OPTIONS, "labeled": source})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "teacher.h5"}, "ends in .keras.*teacher.h5"),
        ({"path": "file/teacher.keras"}, "cannot be written"),
        ({"model": "resnet57"}, "resnet56"),
        ({"training": {"epoch": 3}}, "nearest is 'epochs'"),
        ({"training": {"seed": 3}}, "Unknown field"),
        ({"training": {"optimizer": "lion9"}}, "lion9"),
        ({"labeled": tiny.images(4)}, "labeled images"),
        ({"test": OPTIONS["labeled"]}, "share images"),
        ({"labeled": "digits", "test": "digits"}, "share images"),
        ({"test": (tiny.images(4), tiny.labels(4) + 3)}, "out of range"),
    ],
)
def test_invalid_arguments_are_refused(tmp_path, options, message):
    (tmp_path / "file").touch()
    path = tmp_path / options.pop("path", "teacher.keras")
    with pytest.raises(ValueError, match=message):
        train_teacher(path, **{**OPTIONS, **options})
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_teacher_that_is_being_trained_is_not_trained_twice(tmp_path):
    lock = lock_folder(tmp_path / "teacher.training")
    with pytest.raises(ValueError, match="process"):
        train_teacher(tmp_path / "teacher.keras", **OPTIONS)
    lock.release()
    train_teacher(tmp_path / "teacher.keras", **OPTIONS)
    assert [file.name for file in tmp_path.iterdir()] == ["teacher.keras"]


def test_a_deleted_teacher_is_trained_again(tmp_path):
    path = tmp_path / "teacher.keras"
    train_teacher(path, **OPTIONS)
    assert [p.name for p in tmp_path.iterdir()] == ["teacher.keras"]
    first = weights(path)
    path.unlink()
    train_teacher(path, **{**OPTIONS, "seed": 1})
    assert not np.array_equal(first[0], weights(path)[0])


def test_the_checkpoint_of_other_arguments_is_refused(tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        raise KeyboardInterrupt

    path = tmp_path / "teacher.keras"
    monkeypatch.setattr("tfdcu.report.Progress.on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(path, **OPTIONS)
    with pytest.raises(ValueError, match="batch_size is 10, was 20"):
        train_teacher(path, **{**OPTIONS, "batch_size": 10})


def test_an_epoch_is_a_pass_in_whole_batches(tmp_path, monkeypatch):
    seen = []

    @functools.wraps(train)
    def look(model, batches, steps, *args, **kwargs):
        seen.append([len(x) for x, _ in batches(range(1))])
        return train(model, batches, steps, *args, **kwargs)

    monkeypatch.setattr(sys.modules["tfdcu.train_teacher"], "train", look)
    train_teacher(tmp_path / "teacher.keras", **OPTIONS)
    assert seen == [[20, 20]]


def test_what_is_left_out_is_said(tmp_path, capsys):
    photos = tiny.images(122, channels=3)
    for number, photo in enumerate(np.uint8(255 * photos)):
        name = f"{'ab'[number % 2]}/{number}.png"
        data = files.encoded(photo, "PNG")
        if number < 120:
            files.write(tmp_path / "photos" / name, data)
        if number in (0, 121):
            files.write(tmp_path / "test" / name, data)
    files.write(tmp_path / "photos/a/none.jpg", b"no image")
    made = train_teacher(
        tmp_path / "teacher.keras",
        model="digits",
        labeled=tmp_path / "photos",
        test=tmp_path / "test",
        image_shape=(8, 8, 3),
        width=0.25,
        training={"epochs": 1},
    )
    said = capsys.readouterr().out
    assert "Skipped files of `labeled`: 1, such as a/none.jpg" in said
    assert "1 labeled images are test images too, and are left out" in said
    assert made["accuracy"] in (0, 0.5, 1)
