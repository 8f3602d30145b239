"""CIFAR-10's ResNet-56 at half its macs, with 50 labels a class.

The pool is Tiny ImageNet at 32 px. Both data sets are read from a TFDS folder
where they are prepared, named in `--config.data.data_dir`:

    python -m scripts.compress --config=configs/cifar10_resnet56.py \\
        --config.teacher=resnet56_cifar10.keras \\
        --config.data.data_dir=tensorflow_datasets --workdir=runs/cifar10
"""

from configs import common


def get_config():
    config = common.get_config()
    config.labeled = "tfds:cifar10"
    config.unlabeled = "tfds:tiny_imagenet32"
    config.test = "tfds:cifar10"
    config.baseline = True

    config.data.labeled_split = "train"
    config.data.unlabeled_split = "unlabeled"
    config.data.test_split = "test"
    config.data.labels_per_class = 50
    config.data.pool_validation = 1000

    # Small batches: what limits the student is the number of its steps.
    config.batches.batch_size = 32
    config.batches.labeled_batch_size = 8
    config.batches.augment = ("flip_crop", "zoom")

    config.channels.macs = 0.5

    # The mean with the mirror image, a second question each, is an answer for
    # both. An epoch more brings more than a view more, for as long.
    config.targets.views = 2
    config.targets.labeled_views = 60
    config.targets.mirror = True

    # All logits count, not only those of likely classes.
    config.transfer.mimic = "mse"
    # The teacher knows these labels: it was trained on them.
    config.transfer.label_weight = 0.1
    # The reconstructed student has the statistics of the images that the
    # teacher was trained on; those of the foreign pool would take their place.
    config.transfer.batchnorm = "frozen"
    config.training.optimizer = "adam"
    config.training.learning_rate = 3e-4
    config.training.clipnorm = 1.0
    config.training.epochs = 12
    return config
