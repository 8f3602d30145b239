"""Look at a pool before training: does it suit the teacher?

    tfdcu diagnose --teacher=my_model.keras --labeled=photos/labeled \\
        --pool=photos/pool
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag
from tfdcu_cli.keywords import keywords_of

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
    from tfdcu.stages.start import open_all

    sources = {
        "labeled": config["labeled"],
        "unlabeled": config["unlabeled"],
        "validation": None,
        "test": None,
    }
    seed = config["seed"]
    teacher, _, splits = open_all(
        config["teacher"],
        config["preprocess"],
        None,
        sources,
        config,
        seed,
    )
    found = tfdcu.diagnose(
        teacher,
        splits.labeled,
        splits.unlabeled,
        num_images=values.num_images,
        seed=seed,
    )
    print(*tfdcu.format_diagnosis(found), sep="\n")
