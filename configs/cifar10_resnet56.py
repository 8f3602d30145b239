"""ResNet-56 for CIFAR-10 at half its macs, with 50 labels per class.

The pool is Tiny ImageNet at 32 px. Both data sets are read from the TFDS folder
`--config.data.data_dir`, where they must be prepared:

    tfdcu compress --config=cifar10_resnet56 \\
        --config.teacher=resnet56_cifar10.keras \\
        --config.data.data_dir=tensorflow_datasets --workdir=runs/cifar10
"""

from tfdcu_cli.configs import common


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

    config.batches.augment = ("flip_crop", "zoom")

    config.channels.macs = 0.5

    # Targets are the mean over a view and its mirror image. More epochs help
    # more than more views for the same time.
    config.targets.views = 2
    config.targets.labeled_views = 60
    config.targets.mirror = True

    # All logits matter, not only those of likely classes.
    config.transfer.mimic = "mse"
    # The teacher was trained on these labels.
    config.transfer.label_weight = 0.1
    config.training.learning_rate = 3e-4
    config.training.clipnorm = 1.0
    config.training.epochs = 12
    return config
