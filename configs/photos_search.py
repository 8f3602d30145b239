"""A search on your own photos: how much of the network is needed.

    tfdcu search --config=photos_search --teacher=my_model.keras \\
        --workdir=runs/search
"""

from tfdcu_cli.configs import common
from tfdcu_cli.configs import photos


def get_config():
    config = photos.get_config()
    # tfdcu.search
    config.search = common.search_fields()
    config.search.quality = "agreement"
    # Trials see a quarter of the pool for half of the epochs.
    config.search.max_trials = 10
    config.search.pool_share = 0.25
    config.search.epochs_share = 0.5
    config.search.max_winners = 3
    # A tuple is a range, a list a choice.
    config.search.space = {"channels": {"macs": (0.2, 0.8)}}
    return config
