"""Your own photos: folders of labeled ones and of any others.

Each class has a folder of its own in `photos/labeled` and `photos/test`, such
as `photos/labeled/cat`; `photos/pool` holds photos without labels. Copy this
file or change its fields from outside:

    tfdcu compress --config=photos --teacher=my_model.keras --macs=0.3 \\
        --workdir=runs/photos
"""

from tfdcu_cli.configs import common


def get_config():
    config = common.get_config()
    config.teacher = "my_model.keras"
    config.labeled = "photos/labeled"
    config.unlabeled = "photos/pool"
    config.test = "photos/test"

    # Not for letters or whatever else changes its meaning in a mirror.
    config.batches.augment = "flip_crop"
    # As good as 32 and takes less memory (docs/accuracy.md).
    config.batches.batch_size = 8

    config.channels.macs = 0.5
    # Smaller photos first, fewer channels for the rest (docs/accuracy.md).
    config.channels.image_size = "auto"

    config.training.epochs = 10
    return config
