"""The rows of the clothes are configs that compress takes; a table by hand."""

import base64
from pathlib import Path

import keras
import numpy as np
from absl import flags
from absl.testing import flagsaver

from benchmarks.photos import clothes
from benchmarks.photos import imagenet
from benchmarks.photos import mobilenet_v2
from tests.support import tiny
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config


def test_every_row_is_a_config_that_compress_takes(tmp_path):
    for name in ("pool", "imagenet1000"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    shirts = tmp_path / "photos" / "clothes" / "train" / "shirt"
    shirts.mkdir(parents=True)
    for number in range(45):
        (shirts / f"{number}.jpg").touch()
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(photos=str(tmp_path / "photos"), teacher="t"):
        for name, (macs, _, labels, own) in clothes.ROWS.items():
            config = clothes.config_of(name, 1, tmp_path / "runs")
            checked = check_config({key: config[key] for key in SECTIONS})
            assert checked["channels"]["macs"] == macs
            assert (config["labeled"] is None) == (labels is None)
            pool = Path(config["unlabeled"].removeprefix("folder:"))
            assert len(list(pool.glob("*.jpg"))) == own
    flags.FLAGS.unparse_flags()


def test_the_table_has_means_and_their_range():
    row = {"row": "0.5", "teacher": 0.876, "before training": 0.8}
    row |= {"int8": 0.84, "float32 time": 0.5, "int8 time": 0.2}
    rows = [
        {**row, "seed": 0, "student": 0.85, "seconds": 600},
        {**row, "seed": 1, "student": 0.87, "seconds": 720},
    ]
    assert clothes.as_table(rows, "net").endswith(
        "| 0.5 | 2 | 87.6 | 80.0 | 86.0 (85.0 to 87.0) | 84.0 | 0.50 | 0.20 "
        "| – | 11 |"
    )
    rows[0]["int8 size"] = 0.19
    assert "| 0.20 | 0.19 | 11 |" in clothes.as_table(rows, "net")


def test_a_row_of_imagenet_is_the_pruned_network_itself(tmp_path):
    classes, teacher = np.arange(4), tiny.plain_net(channels=3)
    for name in ("imagenet1000", "pool"):
        (tmp_path / name).mkdir()
    for label, pixels in enumerate(tiny.images(4, channels=3)):
        image = keras.utils.array_to_img(255 * pixels, scale=False)
        image.save(tmp_path / "imagenet1000" / f"{label:03}_thing.jpg")
        image.save(tmp_path / "pool" / f"{label}.jpg")
    labeled, pool = (
        imagenet.photos_of(tmp_path / name, (8, 8, 3))
        for name in ("imagenet1000", "pool")
    )
    np.testing.assert_array_equal(labeled, pool)
    teacher.save(tmp_path / "teacher.keras")
    path = tmp_path / "teacher.keras"
    row = imagenet.measured(path, tmp_path, "0.8 of the macs")
    assert row["macs"] <= 0.8 and 0 <= row["agreement"] <= 1
    guessed = teacher.predict(labeled, verbose=0).argmax(1)
    assert row["teacher"] == (guessed == classes).mean()
    text = imagenet.as_table([{"row": "a", **row}])
    assert text.splitlines()[-1].startswith(f"| a | {row['macs']:.3f} | ")


def test_the_second_teacher_has_the_weights_of_the_package(tmp_path):
    folder = tmp_path / "dist/models/mobilenet_v2"
    folder.mkdir(parents=True)
    steps = np.arange(1000, dtype="uint8")
    text = base64.b64encode(steps).decode()
    (folder / "group1-shard1of1.min.js").write_text(f'n.exports="{text}"')
    rows = "".join(
        f'{{name:"{name}",shape:[{shape}],dtype:"float32",'
        f'quantization:{{min:-1,scale:.5,dtype:"uint8"}}}},'
        for name, shape in (
            ("a/depthwise_kernel", "3,3,2,1"),
            ("b/kernel", "1,1,2,10"),
        )
    )
    (folder / "model.min.js").write_text(f"weights:[{rows}]")
    weights = mobilenet_v2.weights_of(tmp_path)
    values = -1 + 0.5 * np.arange(38)
    net = keras.Sequential(
        [
            keras.Input((192, 192, 2)),
            keras.layers.DepthwiseConv2D(3, use_bias=False, name="a"),
            keras.layers.Conv2D(10, 1, use_bias=False, name="b"),
        ]
    )
    mobilenet_v2.give_weights(net, weights)
    found = [weight.ravel() for weight in net.get_weights()]
    np.testing.assert_array_equal(np.concatenate(found), values)


def test_the_second_teacher_is_trained_with_its_norms_as_they_were():
    net = keras.Sequential(
        [
            keras.Input((192, 192, 3)),
            keras.layers.AveragePooling2D(64),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    before = net.get_weights()
    pixels = tiny.images(8, size=192, channels=3)
    mobilenet_v2.train(net, pixels, np.arange(8))
    for old, new in zip(before[:4], net.get_weights()[:4]):
        np.testing.assert_array_equal(old, new)
    assert (before[4] != net.get_weights()[4]).any()
    assert all(layer.trainable for layer in net.layers)
