"""A search on the embedded example: how much to prune and how to train.

tfdcu train-teacher --config=digits
tfdcu search --config=digits_search --workdir=runs/digits_search
"""

from tfdcu_cli.configs import common
from tfdcu_cli.configs import digits


def get_config():
    config = digits.get_config()

    # tfdcu.search
    config.search = common.search_fields()
    # Agreement with the teacher on the 500 held-out printed characters.
    config.search.quality = "agreement"
    # Larger students are not trained.
    config.search.limits.macs = 120_000
    # Trials are as long as the run: here they take seconds, and short ones
    # mislead.
    config.search.max_winners = 4

    # A tuple is a range, a list a choice.
    config.search.space = {
        "channels": {"params": (1 / 64, 1 / 4, "log"), "round_to": [4, 8]},
        "transfer": {
            "temperature": [1.0, 2.0, 4.0, 8.0],
            "align_weight": [0.0, 0.03, 0.1],
        },
        "training": {"learning_rate": (1e-3, 1e-2, "log")},
    }
    return config
