"""Laws of runs on inputs that are no images: signals, tables, token ids."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.support import not_images
from tfdcu.export import LiteRTModel
from tfdcu.graph.images import are_images

SHORT = {
    "channels": {"macs": 0.6, "rounds": 1},
    "training": {"epochs": 1},
}


def compressed(kind, folder, source=lambda x, y: (x, y), **options):
    """(teacher, data, report) of a short run."""
    teacher, data = not_images.trained(kind)
    pool, _ = data(200, seed=2)
    arguments = {
        "test": data(60, seed=3),
        "workdir": folder / "run",
        "verbose": 0,
        **SHORT,
        **options,
    }
    report = tfdcu.compress(
        teacher, source(*data(60, seed=1)), pool, **arguments
    )
    return teacher, data, report, arguments


@pytest.mark.parametrize(
    "kind",
    [
        "tokens",
        # As long again, each.
        pytest.param("table", marks=pytest.mark.slow),
        pytest.param("signals", marks=pytest.mark.slow),
        pytest.param("sounds", marks=pytest.mark.slow),
    ],
)
def test_a_run_ends_with_files_that_equal_the_student(kind, tmp_path):
    formats = ("float32", "int8")
    if kind == "sounds":
        formats = ("float32",)
    teacher, data, report, arguments = compressed(
        kind, tmp_path, export={"formats": formats}
    )
    folder = tmp_path / "run"
    assert not report["failed"]
    (row,) = [
        row
        for row in report["rows"]
        if (row["name"], row["format"]) == ("student", "keras")
    ]
    assert row["accuracy"] > 0.9
    student = keras.models.load_model(folder / "student.keras")
    assert student.count_params() < teacher.count_params()
    x, y = data(60, seed=4)
    expected = student.predict(x, verbose=0)
    file = LiteRTModel(folder / "student_float32.tflite")
    np.testing.assert_allclose(file(x), expected, rtol=1e-3, atol=1e-3)
    assert file.value_range is None
    wanted = "int32" if kind == "tokens" else "float32"
    for name in formats:
        path = folder / f"student_{name}.tflite"
        # Token ids stay ids, whatever is quantized.
        assert LiteRTModel(path).quantization["input"]["dtype"] == wanted
        found = tfdcu.evaluate(path, (x, y), against=student)
        assert found["accuracy"] > 0.9
        assert found["agreement"] > 0.9
    # What only images have is left out.
    assert not (folder / "USE.md").exists()
    assert not (folder / "logs" / "images").exists()
    assert not (folder / "figures" / "samples.png").exists()
    assert report["diagnosis"]["pixel_mean"] is None
    again = tfdcu.compress(
        teacher, data(60, seed=1), data(200, seed=2)[0], **arguments
    )
    assert again == report


def test_the_program_beside_a_file_runs(tmp_path):
    net, (x, _) = not_images.token_net(), not_images.tokens(100)
    path = tfdcu.export_litert(
        net,
        tmp_path / "ids.tflite",
        "int8",
        calibration=x,
        classes=["a", "b", "c"],
    )
    about = LiteRTModel(path).sidecar
    assert about["value_range"] is None
    names = {"given": x[0].astype("int32")}
    program = about["usage"].replace('"ids.', f'"{tmp_path}/ids.')
    exec(program, names)
    expected = int(np.argmax(LiteRTModel(path)(x[:1])))
    assert names["label"] == "abc"[expected]


def test_inputs_come_as_npz_and_as_datasets(tmp_path):
    """The same batches, whatever the values come in."""
    x, y = not_images.signals(12)
    np.savez(tmp_path / "few.npz", x=x, y=y)
    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    for source in (
        (x, y),
        f"npz:{tmp_path / 'few.npz'}",
        dataset,
        dataset.batch(5),
    ):
        opened = tfdcu.data.open_source(source, image_shape=(24, 2))
        assert (opened.value_range, opened.dtype) == (None, "float32")
        found = tfdcu.data.images_of(opened)
        np.testing.assert_array_equal(found, x)
        np.testing.assert_array_equal(opened.labels(), y)
        pool = tfdcu.data.open_source(
            source, labeled=False, image_shape=(24, 2)
        )
        batches = tfdcu.data.training_batches(opened, pool, batch_size=4)
        (few, labels), several = next(iter(batches))
        assert few.shape == (1, 24, 2) and several.shape == (4, 24, 2)
        assert few.numpy() in x and labels.numpy() in y


def test_ids_stay_integers():
    x, _ = not_images.tokens(6)
    for kind in ("int64", "uint8"):
        pool = tfdcu.data.open_source(
            x.astype(kind), labeled=False, image_shape=(8,)
        )
        (batch,) = next(iter(tfdcu.data.training_batches(None, pool)))
        assert batch.dtype == "int32"
        assert {*batch.numpy().ravel()} == {*x.ravel()}
    with pytest.raises(ValueError, match="too large.*32 bits"):
        tfdcu.data.open_source(
            x.astype("int64") + 2**40, labeled=False, image_shape=(8,)
        )


def test_copies_are_found_by_their_content():
    x, y = not_images.table(40)
    pool = np.concatenate([x[:5] + 1, x[30:33]])
    splits = tfdcu.data.prepare(
        (x[:30], y[:30]),
        pool,
        3,
        test=(x[30:].copy(), y[30:]),
        image_shape=(6,),
        pool_validation=0,
    )
    assert splits.unlabeled.num_images == 5
    assert splits.copies == (
        "3 images of the pool are test images, and are left out.",
    )


def test_a_dense_network_is_aligned_and_a_spectrogram_is_not():
    for build, expected in (
        (not_images.table_net, "Dense"),
        (not_images.signal_net, "ReLU"),
        (not_images.token_net, "Dense"),
        (not_images.sound_net, "Conv1D"),
    ):
        net = build()
        model = tfdcu.AlignedDistiller(net, net)
        (layer,) = map(net.get_layer, model.align_layers)
        assert type(layer).__name__ == expected


def test_what_only_images_have_is_refused(tmp_path):
    net, (x, y) = not_images.signal_net(), not_images.signals()

    def run(**options):
        return tfdcu.compress(
            net, (x, y), options.pop("pool", x), workdir=tmp_path, **options
        )

    for options in (
        {"preprocess": "tf"},
        {"batches": {"augment": "shift"}},
        {"channels": {"macs": 0.5, "image_size": 12}},
        {"data": {"match_colors": True}},
        {"targets": {"views": 1, "mirror": True}},
    ):
        found = str(error_of(run, **options))
        assert "does not take images" in found and "Received: " in found
    for pool in ("digits", f"folder:{tmp_path}"):
        assert "Images do not fit" in str(error_of(run, pool=pool))
    text = str(error_of(run, data={"value_range": (-20, 20)}))
    assert "Expected: no `value_range`" in text
    text = str(error_of(run, pool=x[:, :12]))
    assert "(num, 24, 2)" in text and "(90, 12, 2)" in text
    assert "different types" in str(error_of(run, pool=x.astype("int32")))
    bad = x.copy()
    bad[3, 2, 1] = np.nan
    assert "the first at index 3" in str(error_of(run, pool=bad))
    text = str(error_of(run, export={"targets": ("mediapipe",)}))
    assert "hands over photos" in text
    assert not list(tmp_path.iterdir())


def error_of(function, **options):
    with pytest.raises(ValueError) as caught:
        function(**options)
    return caught.value


def test_images_are_of_one_to_four_channels():
    assert are_images((None, None, 3)) and are_images((8, 8, 1))
    for shape in ((8,), (8, 3), (8, 8, 5), (8, 8, 8, 1), (8, 8, None)):
        assert not are_images(shape)
