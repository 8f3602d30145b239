"""Export a Keras model to checked LiteRT files, without training.

    python -m scripts.export --model=runs/digits/student.keras \\
        --folder=phone --images=printed --formats=float16,int8
"""

from pathlib import Path

from absl import app
from absl import flags

import tfdcu
from scripts.config_flags import parsed

MODEL = flags.DEFINE_string("model", None, "A .keras or .h5 file.")
FOLDER = flags.DEFINE_string("folder", None, "Folder for the files.")
IMAGES = flags.DEFINE_string(
    "images", None, "Source of real images, to calibrate and check with."
)
SPLIT = flags.DEFINE_string("split", None, "Split of the source.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Prepared TFDS data.")
CLASSES = flags.DEFINE_list("classes", None, "Names in the model's order.")
VALUE_RANGE = flags.DEFINE_list(
    "value_range", None, "Pixels that the model takes, e.g. 0,255."
)
FORMATS = flags.DEFINE_list(
    "formats",
    None,
    "Any of float32, float16, dynamic, int8, weight8; without --targets the "
    "first four.",
)
TARGETS = flags.DEFINE_list(
    "targets",
    [],
    "Where it is to run: mediapipe, web, android, microcontroller, ethos-u.",
)
IO = flags.DEFINE_string("io", "float32", "What int8 takes and gives.")
OUTPUT = flags.DEFINE_string("output", "logits", "Or probabilities.")
IMAGE_SHAPE = flags.DEFINE_list(
    "image_shape", None, "For a model of any size, e.g. 224,224,3."
)
SPARSE = flags.DEFINE_bool("sparse", False, "Store zeros in a sparse encoding.")
NUM_IMAGES = flags.DEFINE_integer("num_images", 256, "Images to use.")


def main(argv):
    del argv
    try:
        model = of_one_size(tfdcu.models.load(MODEL.value))
        source = tfdcu.data.open_source(
            IMAGES.value,
            split=SPLIT.value,
            data_dir=DATA_DIR.value,
            labeled=False,
            image_shape=model.input_shape[1:],
            value_range=VALUE_RANGE.value or (0.0, 1.0),
        )
        images = tfdcu.data.images_of(source, NUM_IMAGES.value)
        files = tfdcu.export.export_all(
            model,
            FOLDER.value,
            formats=FORMATS.value
            or (() if TARGETS.value else tfdcu.export.FORMATS),
            targets=TARGETS.value,
            io=IO.value,
            output=OUTPUT.value,
            calibration=images,
            images=images,
            classes=CLASSES.value,
            value_range=source.value_range,
            sparse=SPARSE.value,
            name=Path(MODEL.value).stem,
        )
        tfdcu.export.write_app_files(files, images)
    except (ValueError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error
    for path in files.values():
        size = tfdcu.export.file_sizes(path)["bytes"]
        print(f"{path}  {size / 1000:,.1f} kB")
        for target, why in tfdcu.export.client_misfits(path).items():
            print(f"  {target}: {', '.join(why) or 'yes'}")


def of_one_size(model):
    """The model at the size of --image_shape, if given."""
    shape = tuple(map(int, IMAGE_SHAPE.value or ()))
    if not shape and None in model.input_shape[1:]:
        raise ValueError(
            "The model takes images of any size. Expected: --image_shape, the "
            "height, width and channels that the files are for. Received: a "
            f"model with the input shape {model.input_shape}"
        )
    return tfdcu.models.at_size(model, shape) if shape else model


if __name__ == "__main__":
    flags.mark_flags_as_required(["model", "folder", "images"])
    app.run(main, flags_parser=parsed)
