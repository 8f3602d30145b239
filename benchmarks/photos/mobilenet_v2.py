"""A second teacher of real photos: MobileNetV2 at 192 px on clothes.

    npm pack nsfwjs@4.4.0 && tar xzf nsfwjs-4.4.0.tgz
    python -m benchmarks.photos.mobilenet_v2 --package=package \\
        --photos=../shared/photos --teacher=runs/clothes_mobilenet_v2_192.keras

The weights of keras.applications cannot be loaded where nothing can be
downloaded; this package of the npm registry (MIT) carries a MobileNetV2 in 8
bits that was trained on photos. Here it learns the ten classes from the
training photos, with its BatchNormalization as it was. Prints the accuracy on
validation and test photos; the file is a teacher for
`python -m benchmarks.photos.clothes`.
"""

import base64
import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from tfdcu.workdir.workdir import save_model

_PACKAGE = flags.DEFINE_string("package", None, "The unpacked npm package.")
SIZE, EPOCHS, BATCH = 192, 8, 32


def main(argv):
    del argv
    keras.utils.set_random_seed(0)
    net = keras.applications.MobileNetV2(
        (SIZE, SIZE, 3), include_top=False, weights=None, pooling="avg"
    )
    give_weights(net, weights_of(Path(_PACKAGE.value)))
    logits = keras.layers.Dense(10, name="logits")(net.output)
    model = keras.Model(net.inputs, logits, name="clothes_mobilenet_v2_192")
    clothes = Path(options.PHOTOS.value) / "clothes"
    train(model, *photos_of(clothes / "train"))
    for name in ("validation", "test"):
        images, labels = photos_of(clothes / name)
        guessed = model.predict(images, batch_size=50, verbose=0).argmax(1)
        print(f"{name}: {100 * (guessed == labels).mean():.1f} %")
    path = Path(options.TEACHER.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_model(model, path)


def weights_of(package):
    """The weights by name, as float32, from the JavaScript of the package."""
    folder = package / "dist" / "models" / "mobilenet_v2"
    text = (folder / "group1-shard1of1.min.js").read_text()
    data = base64.b64decode(re.search(r'"([\w+/]{999,}=*)"', text)[1])
    weights, start = {}, 0
    for name, shape, low, step in re.findall(
        r'name:"([^"]+)",shape:\[([\d,]+)\],dtype:"float32",'
        r"quantization:{min:([^,]+),scale:([^,]+),",
        (folder / "model.min.js").read_text(),
    ):
        shape = [int(size) for size in shape.split(",")]
        steps = np.frombuffer(data, "uint8", int(np.prod(shape)), start)
        start += steps.size
        values = float(low) + float(step) * steps.astype("float32")
        weights[name] = values.reshape(shape)
    return weights


def give_weights(backbone, weights):
    """Gives the network its weights; raises if one is missing."""
    for variable in backbone.weights:
        layer, name = variable.path.split("/")[-2:]
        depthwise = f"{layer}/depthwise_{name}"
        path = depthwise if depthwise in weights else f"{layer}/{name}"
        variable.assign(weights[path])


def photos_of(folder):
    """(photos of [0, 1], numbers of their classes)."""
    batches = tfdcu.data.evaluation_batches(
        f"folder:{folder}", image_shape=(SIZE, SIZE, 3)
    )
    parts = zip(*batches.as_numpy_iterator())
    images, labels = (np.concatenate(part) for part in parts)
    return images, labels


def train(model, images, labels):
    """Trains the network on flipped and cropped photos."""

    def view(image, label):
        small = tf.random.uniform((), 3 * SIZE // 4, SIZE + 1, "int32")
        image = tf.image.random_crop(image, (small, small, 3))
        image = tf.image.resize(image, (SIZE, SIZE))
        return tf.image.random_flip_left_right(image), label

    data = tf.data.Dataset.from_tensor_slices((images, labels))
    data = data.shuffle(len(labels), seed=0).map(view).batch(BATCH).prefetch(2)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    steps = EPOCHS * len(data)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps * 9 // 10, warmup_target=4e-4, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(data, epochs=EPOCHS, verbose=2)
    for layer in model.layers:
        layer.trainable = True


if __name__ == "__main__":
    flags.mark_flags_as_required(["package", "photos", "teacher"])
    app.run(main)
