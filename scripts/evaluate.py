"""Accuracy of a `.keras`, `.h5` or `.tflite` file on labeled images.

    python -m scripts.evaluate --model=runs/digits/student_int8.tflite \\
        --source=digits --split=test --against=runs/digits/student.keras
"""

from absl import app
from absl import flags

import tfdcu
from scripts.config_flags import parsed

MODEL = flags.DEFINE_string("model", None, "A .keras, .h5 or .tflite file.")
SOURCE = flags.DEFINE_string("source", None, "Images, e.g. folder:photos.")
AGAINST = flags.DEFINE_string("against", None, "A second model to agree with.")
SPLIT = flags.DEFINE_string("split", None, "Split of the source.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Prepared TFDS data.")
CLASSES = flags.DEFINE_list("classes", None, "Names in the model's order.")
VALUE_RANGE = flags.DEFINE_list(
    "value_range", None, "Pixels that the model takes, e.g. 0,255."
)
IMAGE_SHAPE = flags.DEFINE_list(
    "image_shape", None, "For a model that takes any size, e.g. 32,32,3."
)
LABELED = flags.DEFINE_bool("labeled", True, "Whether the source has labels.")


def main(argv):
    del argv
    stated = {
        "classes": CLASSES.value,
        "value_range": VALUE_RANGE.value,
        "image_shape": IMAGE_SHAPE.value,
    }
    try:
        scores = tfdcu.evaluate(
            MODEL.value,
            SOURCE.value,
            against=AGAINST.value,
            split=SPLIT.value,
            data_dir=DATA_DIR.value,
            labeled=LABELED.value,
            **{name: value for name, value in stated.items() if value},
        )
    except (ValueError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error
    print(f"{MODEL.value}: {scores['num_images']:,} images")
    for name in ("accuracy", "agreement"):
        if scores[name] is not None:
            print(f"  {name} {scores[name]:.2%}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["model", "source"])
    app.run(main, flags_parser=parsed)
