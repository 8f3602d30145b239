"""A trained ResNet-56 on real images, and a large net of keras.applications.

`./scripts/check.sh --slow` prints the measured table with `-s`.
"""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import check_litert
from tfdcu.export import export_all
from tfdcu.export import export_litert
from tfdcu.export import file_sizes
from tfdcu.export import inspect_litert
from tfdcu.export import latency_runs

pytestmark = pytest.mark.slow

SHARED = Path(__file__).parents[3] / "shared"
TEACHER = SHARED / "models" / "resnet56_cifar10.keras"
DATA = SHARED / "data"


def cifar10(split):
    """(float32 images in [0, 1], labels) of a split of CIFAR-10."""
    import tensorflow_datasets as tfds

    dataset = tfds.load(
        "cifar10",
        split=split,
        data_dir=str(DATA),
        download=False,
        as_supervised=True,
        batch_size=-1,
    )
    images, labels = tfds.as_numpy(dataset)
    return images.astype("float32") / 255, labels


def table(paths, images, labels=None):
    """Prints a row a format; returns the medians and the accuracies."""
    times = latency_runs(paths, runs=100)
    accuracies = {}
    for name, path in paths.items():
        low, middle, high = np.percentile(times[name], (25, 50, 75))
        sizes = file_sizes(path)
        row = f"{name:8} {sizes['bytes']:>9,} B {sizes['gzip_bytes']:>9,} gz"
        row += f" {middle:.3f} ms ({low:.3f} to {high:.3f})"
        if labels is not None:
            choices = LiteRTModel(path)(images).argmax(-1)
            accuracies[name] = np.mean(choices == labels)
            row += f" accuracy {accuracies[name]:.4f}"
        print(row)
    return {name: np.median(t) for name, t in times.items()}, accuracies


@pytest.mark.skipif(
    not (TEACHER.exists() and DATA.exists()),
    reason="needs ../shared/models/resnet56_cifar10.keras and ../shared/data",
)
def test_resnet56_on_cifar10(tmp_path):
    model = keras.saving.load_model(TEACHER)
    pool, _ = cifar10("train[:256]")
    images, labels = cifar10("test[:2000]")
    paths = export_all(model, tmp_path, calibration=pool, images=images)
    medians, accuracies = table(paths, images, labels)
    choices = model.predict(images, verbose=0).argmax(-1)
    accuracy = np.mean(choices == labels)
    for name, path in paths.items():
        checked = check_litert(path, model, images, num_images=2000)
        print(name, checked["agreement"], checked["relative_difference"])
        assert checked["agreement"] > 0.97
        assert abs(accuracies[name] - accuracy) < 0.01
    sizes = {name: file_sizes(path)["bytes"] for name, path in paths.items()}
    assert sizes["float32"] > 1.9 * sizes["float16"]
    assert sizes["float32"] > 3.5 * sizes["int8"]
    assert medians["int8"] < medians["float32"]


def test_mobilenet_v2(tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(
        input_shape=(96, 96, 3),
        weights=None,
        classes=10,
        classifier_activation=None,
    )
    tiny.shake(model)
    images = tiny.images(100, size=96, channels=3)
    paths = export_all(model, tmp_path, calibration=2 * images - 1,
                       value_range=(-1, 1))  # fmt: skip
    table(paths, images)
    for path in paths.values():
        facts = inspect_litert(path)
        assert facts["operators"]["DEPTHWISE_CONV_2D"] == 17
        assert facts["custom"] == []
    macs = inspect_litert(paths["float32"])["macs"]
    # 300 M multiply-accumulates at 224 pixels (arXiv:1801.04381, table 4).
    assert sum(macs.values()) == pytest.approx(300e6 * (96 / 224) ** 2, rel=0.1)


@pytest.mark.skipif(
    not (TEACHER.exists() and DATA.exists()),
    reason="needs ../shared/models/resnet56_cifar10.keras and ../shared/data",
)
def test_floats_at_the_ends_of_int8_cost_next_to_nothing(tmp_path):
    model = keras.saving.load_model(TEACHER)
    pool, _ = cifar10("train[:256]")
    images, labels = cifar10("test[:2000]")
    paths = {
        io: export_litert(model, tmp_path / f"{io}.tflite", "int8", pool, io=io)
        for io in ("int8", "float32", "uint8")
    }
    medians, _ = table(paths, images, labels)
    agreements = {
        io: check_litert(path, model, images, num_images=2000)["agreement"]
        for io, path in paths.items()
    }
    print(agreements)
    sizes = {io: path.stat().st_size for io, path in paths.items()}
    for io in ("float32", "uint8"):
        assert sizes[io] < 1.02 * sizes["int8"]
        assert medians[io] < 1.05 * medians["int8"]
        assert agreements[io] >= agreements["int8"]


@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_weight8_is_as_fast_as_float32(name, tmp_path):
    keras.utils.set_random_seed(0)
    more = {"include_preprocessing": False} if "V3" in name else {}
    model = getattr(keras.applications, name)(
        input_shape=(96, 96, 3),
        weights=None,
        classes=10,
        classifier_activation=None,
        **more,
    )
    tiny.shake(model)
    images = 2 * tiny.images(100, size=96, channels=3) - 1
    paths = export_all(
        model,
        tmp_path,
        calibration=images,
        value_range=(-1, 1),
        formats=("float32", "weight8", "dynamic", "int8"),
    )
    medians, _ = table(paths, images)
    for kind, path in paths.items():
        print(kind, check_litert(path, model, images, value_range=(-1, 1)))
    assert medians["weight8"] < 1.2 * medians["float32"]
