"""Prune the channels of a model, without training.

    tfdcu prune --teacher=my_model.keras --pool=photos/pool --macs=0.5 \\
        --output=pruned.keras

The remaining weights are reconstructed by least squares, on labeled images
(their labels are not used) and images of the pool.
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag
from tfdcu_cli.keywords import keywords_of
from tfdcu_cli.keywords import open_config

CONFIG = "common"
FLAGS = (
    flag.TEACHER,
    flag.POOL,
    flag.LABELED,
    Flag("output", "The .keras file to write.", required=True),
    flag.MACS._replace(help=f"{flag.MACS.help} Default: 0.5."),
    flag.VALUE_RANGE,
    flag.PREPROCESS,
)


def run(values):
    config = keywords_of(values.config)
    from pathlib import Path

    import tfdcu
    from tfdcu.report.units import count
    from tfdcu.stages.prune import sample
    from tfdcu.workdir.workdir import save_model

    if Path(values.output).suffix != ".keras":
        raise ValueError(
            "A model is saved as one file. Expected: --output=FILE, which ends "
            f"in .keras. Received: --output={values.output}"
        )
    seed = config["seed"]
    teacher, splits = open_config(
        config, "labeled", "unlabeled", "validation", "test"
    )
    student = tfdcu.prune_channels(
        teacher, images=sample(splits, seed), seed=seed, **config["channels"]
    )
    save_model(student, values.output)
    for name, model in (("teacher", teacher), ("pruned", student)):
        cost = tfdcu.profile(model)
        print(
            f"{name:<8} {count(cost['params'])} params, "
            f"{count(cost['macs'])} macs"
        )
    print(f"Saved: {values.output}")
