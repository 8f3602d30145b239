"""Look at a pool before training: does it suit the teacher?

    tfdcu diagnose --teacher=my_model.keras --labeled=photos/labeled \\
        --pool=photos/pool
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag
from tfdcu_cli.keywords import keywords_of
from tfdcu_cli.keywords import open_config

CONFIG = "common"
FLAGS = (
    flag.TEACHER,
    flag.LABELED,
    flag.POOL,
    Flag("num_images", "Images to look at, of each.", "number", default=2000),
    flag.CLASSES,
    flag.VALUE_RANGE,
    flag.PREPROCESS,
)


def run(values):
    config = keywords_of(values.config)
    import tfdcu

    teacher, splits = open_config(config, "labeled", "unlabeled")
    found = tfdcu.diagnose(
        teacher,
        splits.labeled,
        splits.unlabeled,
        num_images=values.num_images,
        seed=config["seed"],
    )
    print(*tfdcu.format_diagnosis(found), sep="\n")
