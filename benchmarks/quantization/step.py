"""A training step with fake quantization against one without.

    python -m benchmarks.quantization.step --model=runs/mine/student.keras

Both are steps of `AlignedDistiller.fit` with the default batch, 8 labeled and
32 unlabeled images of noise, and a teacher that costs nothing. Prints the
median of the ratio, measured in turns, with its lowest and highest.
"""

import keras
import numpy as np
import tensorflow as tf
from absl import app
from absl import flags

import tfdcu
from benchmarks.speed.turns import fitting
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio

MODEL = flags.DEFINE_string("model", None, "The float student.")
TURNS = flags.DEFINE_integer("pairs", 5, "How often both are measured.")
STEPS = flags.DEFINE_integer("timed", 20, "Steps of one measurement.")
LABELED, UNLABELED = 8, 32


def main(argv):
    del argv
    model = tfdcu.models.load(MODEL.value)
    size = (LABELED + UNLABELED, *model.input_shape[1:])
    images = np.random.default_rng(0).random(size, "float32")
    labels = np.zeros(LABELED, "int32")
    batch = (images[:LABELED], labels), images[LABELED:]
    batches = tf.data.Dataset.from_tensors(batch)
    students = {
        "float": model,
        **{
            f"{bits} bits": tfdcu.quantize_aware(
                model, images=images, weight_bits=bits
            )
            for bits in (8, 4)
        },
    }
    variants = {
        name: fitting(distiller(student), batches, warmup=3)
        for name, student in students.items()
    }
    seconds = in_turns(variants, TURNS.value, STEPS.value)
    for name in list(students)[1:]:
        found = ratio(seconds[name], seconds["float"])
        print(
            f"{name} / float: {found['median']:.2f} ({found['lowest']:.2f} to "
            f"{found['highest']:.2f})"
        )


def distiller(student):
    """The student with a teacher of equal scores, compiled."""
    classes = student.output_shape[-1]
    model = tfdcu.AlignedDistiller(
        student, lambda images: tf.zeros((tf.shape(images)[0], classes))
    )
    model.compile(keras.optimizers.Adam(1e-5))
    return model


if __name__ == "__main__":
    flags.mark_flags_as_required(["model"])
    app.run(main)
