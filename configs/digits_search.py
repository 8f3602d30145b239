"""A search on the embedded example: how much to prune and how to train.

    python -m scripts.train_teacher --config=configs/digits.py
    python -m scripts.search --config=configs/digits_search.py \\
        --workdir=runs/digits_search
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from configs import digits


def get_config():
    config = digits.get_config()

    # tfdcu.search
    config.search = ConfigDict()
    config.search.max_trials = 20
    config.search.tuner = "BayesianOptimization"
    # macs, params, bytes or latency_ms.
    config.search.cost = "macs"
    # Agreement with the teacher on the 500 held-out printed characters.
    config.search.quality = "agreement"
    # Maximum costs; larger students are not trained.
    config.search.limits = ConfigDict()
    config.search.limits.macs = 120_000
    config.search.limits.bytes = placeholder(int)
    config.search.limits.latency_ms = placeholder(float)
    # Trials are as long as the run: here they take seconds, and short ones
    # mislead.
    config.search.pool_share = 1.0
    config.search.epochs_share = 1.0
    config.search.max_winners = 4
    config.search.tradeoff = 0.01

    # A tuple is a range, a list a choice.
    config.search.space = {
        "channels": {"params": (1 / 64, 1 / 4, "log"), "round_to": [4, 8]},
        "transfer": {
            "temperature": [1.0, 2.0, 4.0, 8.0],
            "align_weight": [0.0, 0.03, 0.1],
        },
        "training": {"learning_rate": (0.01, 0.2, "log")},
    }
    return config
