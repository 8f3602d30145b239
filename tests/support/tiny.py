"""Small models and data that the tests share: quick, seeded, awkward."""

import keras
import numpy as np
from keras import layers


def images(num=16, size=8, channels=1, seed=0):
    """Random images: float32 (num, size, size, channels) in [0, 1]."""
    generator = np.random.default_rng(seed)
    return generator.random((num, size, size, channels), dtype="float32")


def labels(num=16, num_classes=4, seed=0):
    """Random labels, every class present: int32 (num,)."""
    values = np.arange(num) % num_classes
    return np.random.default_rng(seed).permutation(values).astype("int32")


def plain_net(size=8, channels=1, num_classes=4, width=16, norm=True, seed=0):
    """Conv, (BatchNorm), relu, twice; pooling; logits."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, channels), name="image")
    x = inputs
    for index, filters in enumerate((width, 2 * width), start=1):
        x = layers.Conv2D(
            filters, 3, padding="same", use_bias=not norm, name=f"conv{index}"
        )(x)
        if norm:
            x = layers.BatchNormalization(name=f"bn{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    return shake(keras.Model(inputs, logits, name="plain"), seed)


def residual_net(size=8, channels=3, num_classes=4, width=16, seed=0):
    """A stem and two residual blocks, the second with a strided shortcut."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Conv2D(width, 3, padding="same", name="stem")(inputs)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for index, (filters, stride) in enumerate(((width, 1), (2 * width, 2)), 1):
        name = f"block{index}"
        y = layers.Conv2D(filters, 3, stride, padding="same", name=f"{name}_1")(
            x
        )
        y = layers.BatchNormalization(name=f"{name}_bn1")(y)
        y = layers.ReLU(name=f"{name}_relu1")(y)
        y = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2")(y)
        y = layers.BatchNormalization(name=f"{name}_bn2")(y)
        if stride > 1:
            x = layers.Conv2D(filters, 1, stride, name=f"{name}_shortcut")(x)
        x = layers.Add(name=f"{name}_add")([x, y])
        x = layers.ReLU(name=f"{name}_out")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    return shake(keras.Model(inputs, logits, name="residual"), seed)


def depthwise_net(size=8, channels=3, num_classes=4, width=16, seed=0):
    """A convolution, a depthwise and a pointwise one, as in MobileNet."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Conv2D(width, 3, 2, padding="same", name="stem")(inputs)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.BatchNormalization(name="depthwise_bn")(x)
    x = layers.ReLU(6.0, name="depthwise_relu")(x)
    x = layers.Conv2D(2 * width, 1, name="pointwise")(x)
    x = layers.BatchNormalization(name="pointwise_bn")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    return shake(keras.Model(inputs, logits, name="depthwise"), seed)


def shake(model, seed=0):
    """Move biases and BatchNorm statistics off their initial 0 and 1."""
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        weights = [
            w + generator.uniform(0.05, 0.5, w.shape) if w.ndim == 1 else w
            for w in layer.get_weights()
        ]
        layer.set_weights(weights)
    return model


def weights(model):
    """A copy of every weight, by path, to compare before and after."""
    return {v.path: v.numpy().copy() for v in model.weights}


def assert_same_weights(before, after):
    """Bit for bit the same names and values."""
    assert before.keys() == after.keys()
    for path, value in before.items():
        np.testing.assert_array_equal(value, after[path], err_msg=path)


def assert_same_function(model, other, inputs, rtol=1e-5):
    """Two models map inputs to the same outputs, relative to the largest."""
    expected = np.asarray(model(inputs, training=False))
    received = np.asarray(other(inputs, training=False))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(received, expected, rtol=0, atol=rtol * scale)


def report_row(name="student", format="keras", **values):
    """One row of a report's record; what is not given does not apply."""
    keys = "accuracy agreement params macs bytes gzip_bytes latency_ms".split()
    keys += ["teacher_agreement", "mean_average_precision", "mean_iou"]
    return {"name": name, "format": format} | dict.fromkeys(keys) | values


def report_record():
    """The record of a small run, with ratios that are easy to say."""
    teacher = {"accuracy": 0.8, "params": 1000, "macs": 4_000_000}
    student = {"accuracy": 0.6, "params": 500, "macs": 1_000_000}
    rows = [
        report_row("teacher", "keras", **teacher),
        report_row(
            "teacher",
            "float32",
            **teacher,
            agreement=1.0,
            bytes=80_000,
            gzip_bytes=70_000,
            latency_ms=2.0,
        ),
        report_row("labels-only baseline", **{**student, "accuracy": 0.4}),
        report_row("student", "keras", **student),
        report_row(
            "student",
            "float32",
            **student,
            agreement=1.0,
            bytes=40_000,
            gzip_bytes=35_000,
            latency_ms=1.0,
        ),
        report_row(
            "student",
            "int8",
            **student,
            agreement=0.9999,
            bytes=10_000,
            gzip_bytes=9_000,
            latency_ms=3.0,
        ),
    ]
    history = {
        "student": {
            "loss": [3.0, 2.0],
            "label": [1.0, 0.5],
            "mimic": [1.5, 1.0],
            "align": [0.5, 0.5],
            "domain_accuracy": [0.9, 0.6],
            "val_accuracy": [0.3, 0.6],
        },
        "baseline": {"loss": [1.0, 0.5], "val_accuracy": [0.2, 0.4]},
    }
    return {
        "rows": rows,
        "config": {"seed": 0, "transfer": {"mimic": "kl"}},
        "versions": {"keras": "3.15.1"},
        "seconds": {"data": 1.0, "transfer": 90.0},
        "history": history,
        "diagnosis": {"noise": 4127},
        "notes": ["The int8 file is slower here."],
        "skipped": {},
        "classes": ["zero", "one"],
    }


def linear_net(size=8, channels=1, num_classes=4, seed=0):
    """Logits that are linear in the pixels: quick, and of varied choices."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((size, size, channels), name="image")
    x = layers.Rescaling(2.0, -1.0, name="center")(inputs)
    x = layers.Flatten(name="flatten")(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, logits, name="linear")


class Recorder:
    """A teacher that remembers each image it is asked about."""

    def __init__(self, stop_after=None):
        self.seen = []
        self.stop_after = stop_after

    def __call__(self, images):
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(np.asarray(images))
        # Of four pixels, never probabilities.
        return 3 * np.asarray(images)[:, 2:6, 3, 0] - 5

    def seen_images(self):
        """Distinct images, but for those of the first question: the probe."""
        return {image.tobytes() for part in self.seen[1:] for image in part}
