"""Small depthwise networks on CIFAR-10 at 64 px: what integers cost them.

    python -m benchmarks.quantization.mobile --data_dir=../shared/data --seeds=1

MobileNetV3Small (hard-swish, squeeze-excite) and MobileNetV2 of width 0.35 of
keras.applications are trained from scratch on the 50,000 labeled images, at
twice their size. Each then is teacher and student of `tfdcu.compress`, with 50
labels a class and 10,000 images of Tiny ImageNet as the pool, so that all that
is lost is lost to integers. Accuracy is of the 10,000 test images. Writes
mobilenet_v3_small.json, mobilenet_v2_035.json and their tables after each run;
continues after a kill.
"""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags

from benchmarks import options
from benchmarks.quantization.compare import compare
from tfdcu.workdir.workdir import save_model

HERE = Path(__file__).parent
SIZE, POOL, EPOCHS, BATCH = 64, 10_000, 12, 128
NETS = {
    "mobilenet_v3_small": lambda: keras.applications.MobileNetV3Small(
        (SIZE, SIZE, 3), weights=None, classes=10
    ),
    "mobilenet_v2_035": lambda: with_rescaling(
        keras.applications.MobileNetV2(
            (SIZE, SIZE, 3), alpha=0.35, weights=None, classes=10
        )
    ),
}
ROWS = "8 bits", "4 bits"
EXPORT = {"formats": ("float32", "int8")}


def main(argv):
    del argv
    runs = Path(options.RUNS.value)
    labeled, test = images("cifar10", "train"), images("cifar10", "test")
    pool, _ = images("tiny_imagenet32", f"unlabeled[:{POOL}]")
    for name in options.ROWS.value or NETS:
        teacher = runs / f"{name}.keras"
        if not teacher.exists():
            runs.mkdir(parents=True, exist_ok=True)
            save_model(trained(NETS[name](), labeled), teacher)

        def config_of(labels, seed, name=name, teacher=teacher):
            return {
                "teacher": str(teacher),
                "student": str(teacher),
                "labeled": labeled if labels else None,
                "unlabeled": pool,
                "test": test,
                "data": {
                    "value_range": (0.0, 255.0),
                    "labels_per_class": 50 if labels else None,
                },
                "training": {"epochs": 2},
                "export": EXPORT,
                "seed": seed,
                "workdir": runs / f"{name}_{seed}",
            }

        compare(
            HERE / name,
            ROWS,
            config_of,
            "benchmarks.quantization.mobile",
        )


def images(name, split):
    """Images at twice their size, uint8, and labels or -1."""
    import tensorflow_datasets as tfds

    data = tfds.load(
        name, split=split, data_dir=options.DATA_DIR.value, download=False
    )
    rows = list(tfds.as_numpy(data))
    small = np.stack([row["image"] for row in rows])
    large = [
        tf.cast(tf.round(tf.image.resize(part, (SIZE, SIZE))), "uint8").numpy()
        for part in np.array_split(small, max(1, len(small) // 1000))
    ]
    labels = np.array([row.get("label", -1) for row in rows], "int32")
    return np.concatenate(large), labels


def with_rescaling(net):
    """The network with pixels of [0, 255] outside, [-1, 1] inside."""
    inputs = keras.Input(net.input_shape[1:])
    scaled = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    return keras.Model(inputs, net(scaled), name=net.name)


def trained(net, labeled):
    """The network, trained on labeled images; flips and shifts of 8 pixels."""
    keras.utils.set_random_seed(0)

    def augmented(image, label):
        image = tf.image.random_flip_left_right(tf.cast(image, "float32"))
        image = tf.image.pad_to_bounding_box(image, 8, 8, SIZE + 16, SIZE + 16)
        return tf.image.random_crop(image, (SIZE, SIZE, 3)), label

    data = tf.data.Dataset.from_tensor_slices(labeled)
    data = data.shuffle(len(labeled[1]), seed=0).map(
        augmented, num_parallel_calls=tf.data.AUTOTUNE
    )
    steps = len(labeled[1]) // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        EPOCHS * steps * 9 // 10,
        warmup_target=3e-3,
        warmup_steps=EPOCHS * steps // 10,
    )
    for layer in net._flatten_layers():
        # 0.999 is for runs of days.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.98
    net.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    net.fit(
        data.batch(BATCH, drop_remainder=True).prefetch(2),
        epochs=EPOCHS,
        verbose=2,
    )
    return net


if __name__ == "__main__":
    flags.mark_flags_as_required(["data_dir"])
    flags.set_default(options.RUNS, "runs/mobile")
    flags.set_default(options.SEEDS, 1)
    app.run(main)
