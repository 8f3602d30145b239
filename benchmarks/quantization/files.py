"""Integer files of a CIFAR-10 network without training: what rounding costs.

    python -m benchmarks.quantization.files \\
        --teacher=../shared/models/resnet56_cifar10.keras \\
        --data_dir=../shared/data

Prints a line for each number of bits: accuracy on 500 test images (every
twentieth), bytes, and the largest difference of the file from the rounded
Keras model, in steps of its outputs, on 100 of them. Ranges are from 128
images of Tiny ImageNet.
"""

import tempfile
from pathlib import Path

import numpy as np
from absl import app
from absl import flags

import tfdcu
from benchmarks import options
from tfdcu.data import images_of
from tfdcu.data import open_source
from tfdcu.export.trained_ranges import FORMATS

BITS = flags.DEFINE_list("bits", ["8", "4"], "Bits of the weights.")


def main(argv):
    del argv
    model = tfdcu.models.load(options.TEACHER.value)
    folder = {"data_dir": options.DATA_DIR.value}
    test = open_source("tfds:cifar10", split="test", **folder)
    test = test.subset(np.arange(0, test.num_images, 20))
    pool = open_source(
        "tfds:tiny_imagenet32", split="unlabeled", labeled=False, **folder
    )
    images, labels = images_of(test, 500), test.labels()
    accuracy = np.mean(model.predict(images, verbose=0).argmax(-1) == labels)
    print(f"float: accuracy {accuracy:.1%}", flush=True)
    for bits in map(int, BITS.value):
        show(bits, model, images, labels, images_of(pool, 128))


def show(bits, model, images, labels, pool):
    """Prints the line of a number of bits."""
    rounded = tfdcu.quantize_aware(model, images=pool, weight_bits=bits)
    outputs = rounded.predict(images, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = tfdcu.export_litert(
            rounded,
            Path(folder) / "file.tflite",
            FORMATS[bits],
            images=pool,
            min_agreement=0,
        )
        file = tfdcu.LiteRTModel(path)
        difference = np.abs(file(images[:100]) - outputs[:100])
        print(
            f"{bits} bits: accuracy {np.mean(outputs.argmax(-1) == labels):.1%}"
            f", {path.stat().st_size:,} bytes, largest difference "
            f"{difference.max() / file.output_step:.1f} steps",
            flush=True,
        )


if __name__ == "__main__":
    flags.mark_flags_as_required(["teacher", "data_dir"])
    app.run(main)
