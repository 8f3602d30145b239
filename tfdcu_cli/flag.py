"""What a flag is, and those that several commands take."""

from typing import NamedTuple


class Flag(NamedTuple):
    """One flag of a command.

    Attributes:
        name: As it is typed, without the dashes.
        help: One sentence.
        kind: "text", "number", "switch", "names" (separated by commas),
            "model" (a file that exists) or "source" (images that exist).
        field: The dotted field of the config that it sets, or `None`.
        default: Its value if it is not given; of a field, the config's.
        required: Whether the command needs a value, be it the config's.
    """

    name: str
    help: str
    kind: str = "text"
    field: str | None = None
    default: object = None
    required: bool = False


TEACHER = Flag(
    "teacher",
    "The trained classifier, a .keras or .h5 file.",
    "model",
    "teacher",
)._replace(required=True)
LABELED = Flag(
    "labeled",
    "Few labeled images: a folder with a subfolder for each class.",
    "source",
    "labeled",
)
POOL = Flag(
    "pool", "Unlabeled images: any folder.", "source", "unlabeled"
)._replace(required=True)
TEST = Flag("test", "Labeled images to test with, read once.", "source", "test")
MACS = Flag(
    "macs",
    "Largest share of the multiply-accumulates to keep, such as 0.5.",
    field="channels.macs",
)
EPOCHS = Flag(
    "epochs", "Passes over the pool in training.", field="training.epochs"
)
AUGMENT = Flag(
    "augment",
    "flip_crop for photos, shift for letters; also zoom, color.",
    "names",
    "batches.augment",
)
CLASSES = Flag(
    "classes", "Class names in the model's order.", "names", "data.classes"
)
VALUE_RANGE = Flag(
    "value_range",
    "Pixels that the model takes: 0,1 (default), -1,1 or 0,255.",
    field="data.value_range",
)
PREPROCESS = Flag(
    "preprocess",
    "What the teacher was trained with outside of it: caffe, tf or torch.",
    field="preprocess",
)
VERBOSE = Flag(
    "verbose",
    "0 prints nothing, 1 bars, 2 a line for each epoch.",
    field="verbose",
)
WORKDIR = Flag("workdir", "Folder of the run.", required=True)
SPLIT = Flag("split", "Split of a source that has some.")
DATA_DIR = Flag("data_dir", "Folder of prepared TFDS data sets.")
