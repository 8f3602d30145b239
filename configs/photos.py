"""Your own photos: folders of labeled ones and of any others.

Each class has a folder of its own in `photos/labeled` and `photos/test`, such
as `photos/labeled/cat`; `photos/pool` holds photos without labels. Copy this
file or change its fields from outside:

    python -m scripts.compress --config=configs/photos.py \\
        --config.teacher=my_model.keras --config.channels.macs=0.3 \\
        --workdir=runs/photos
"""

from configs import common


def get_config():
    config = common.get_config()
    config.teacher = "my_model.keras"
    config.labeled = "folder:photos/labeled"
    config.unlabeled = "folder:photos/pool"
    config.test = "folder:photos/test"

    # Not for letters or whatever else changes its meaning in a mirror.
    config.batches.augment = "flip_crop"

    config.channels.macs = 0.5

    config.training.epochs = 10
    return config
