"""Compress a classifier with few labels and a pool into checked LiteRT files.

    tfdcu compress --teacher=my_model.keras --labeled=photos/labeled \\
        --pool=photos/pool --test=photos/test --augment=flip_crop \\
        --macs=0.5 --workdir=runs/mine

Run the same command again after a kill and it continues.
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag
from tfdcu_cli.keywords import keywords_of

CONFIG = "common"
FLAGS = (
    flag.TEACHER,
    flag.LABELED,
    flag.POOL,
    flag.TEST,
    flag.WORKDIR,
    flag.MACS._replace(help=f"{flag.MACS.help} Default: 0.5."),
    Flag(
        "labels_per_class",
        "Labeled images of each class to use; all by default.",
        field="data.labels_per_class",
    ),
    flag.AUGMENT,
    flag.EPOCHS,
    Flag(
        "targets",
        "Where files are to run, a file more for each: mediapipe, web, "
        "android, microcontroller, ethos-u.",
        "names",
        "export.targets",
    ),
    flag.CLASSES,
    flag.VALUE_RANGE,
    flag.PREPROCESS,
    flag.VERBOSE,
)


def run(values):
    if "search" in values.config:
        raise SystemExit(
            "Stopped: this is a config of a search. Expected: a config without "
            "the section `search`, or tfdcu search. Received: "
            f"search={values.config.search.to_dict()}"
        )
    keywords = keywords_of(values.config)
    import tfdcu

    record = tfdcu.compress(**keywords, workdir=values.workdir)
    if record["failed"]:
        raise SystemExit(f"Left out: {', '.join(record['failed'])}")
