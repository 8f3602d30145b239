"""CIFAR-10's ResNet-56, searched for students of 0.3 to 0.7 of its macs.

    tfdcu search --config=cifar10_search \\
        --config.teacher=resnet56_cifar10.keras \\
        --config.data.data_dir=tensorflow_datasets \\
        --workdir=runs/cifar10_search
"""

from tfdcu_cli.configs import cifar10_resnet56
from tfdcu_cli.configs import common


def get_config():
    config = cifar10_resnet56.get_config()
    # A small search: a fifth of the pool, three epochs.
    config.data.unlabeled_split = "unlabeled[:10000]"
    config.training.epochs = 3
    # All trials take the teacher's answers from one store.
    config.targets.views = 2
    config.export.formats = ("float32", "int8")

    # tfdcu.search
    config.search = common.search_fields()
    config.search.max_trials = 10
    config.search.tuner = "RandomSearch"
    config.search.quality = "agreement"
    # Trials see a quarter of the pool for one epoch.
    config.search.pool_share = 0.25
    config.search.epochs_share = 1 / 3
    config.search.max_winners = 2

    # A tuple is a range, a list a choice.
    config.search.space = {
        "channels": {
            "macs": (0.3, 0.7),
            "importance": ["taylor", "reconstruction", "l2"],
        },
        "training": {"learning_rate": (2e-4, 2e-3, "log")},
    }
    return config
