"""Train a teacher, for those who have none; one that exists is kept.

    tfdcu train-teacher --teacher=teacher.keras --model=MobileNetV2 \\
        --labeled=photos/labeled --test=photos/test --augment=flip_crop

Run the same command again after a kill and it continues.
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag

CONFIG = "teacher"
FLAGS = (
    Flag(
        "teacher", "The .keras file to write.", field="teacher", required=True
    ),
    Flag(
        "model",
        "digits, resnet20, 32, 56 or 110, vgg16_bn, or a name of "
        "keras.applications.",
        field="train_teacher.model",
        required=True,
    ),
    flag.LABELED._replace(field="train_teacher.labeled", required=True),
    flag.TEST._replace(field="train_teacher.test"),
    Flag(
        "image_shape",
        "Height, width and channels, such as 96,96,3.",
        field="train_teacher.image_shape",
    ),
    flag.AUGMENT._replace(field="train_teacher.augment"),
    flag.EPOCHS._replace(
        field="train_teacher.training.epochs",
        help="Passes over the labeled images.",
    ),
    flag.VERBOSE._replace(field="train_teacher.verbose"),
)


def run(values):
    from pathlib import Path

    import tfdcu
    from tfdcu.workdir.percent import percent

    config = values.config.to_dict()
    exists = Path(config["teacher"]).exists()
    made = tfdcu.train_teacher(config["teacher"], **config["train_teacher"])
    accuracy = made["accuracy"]
    known = (
        "" if accuracy is None else f", test accuracy {percent(accuracy, 2)}"
    )
    old = ", which existed and is not trained again" if exists else ""
    print(f"Teacher: {made['path']}{old}: {made['params']:,} parameters{known}")
