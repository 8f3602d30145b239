"""The steps of the ablation, as changes of one config."""

from benchmarks.accuracy.pools import in_haze
from benchmarks.accuracy.pools import with_junk

# Steps 1 to 4 are the method without what this project adds to it.
PLAIN = {
    "channels": {"reconstruct": False},
    "transfer": {
        "freeze_batchnorm": False,
        "align_weight": 0.0,
        "feature_weight": 0.0,
        "label_weight": 1.0,
        "mimic": "kl",
    },
    "training": {
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "clipnorm": None,
    },
    "batches": {"batch_size": 64, "labeled_batch_size": 16},
}
# Labeled images only: they are their own pool, and that is all there is, in
# batches of which a few of them make an epoch of several steps.
LABELS = {
    "batches": {"batch_size": 16, "labeled_batch_size": 16},
    "data": {"pool_validation": 0, "labels_per_class": None},
    "training": {"learning_rate": 0.02},
}
# All images that the teacher was trained on, labeled, in place of both pools.
ORACLE = {"data": {"labels_per_class": None, "unlabeled_split": None}}
NO_ALIGNMENT = {"transfer": {"align_weight": 0.0}}
NO_LABELS = {"labeled": None, "data": {"labels_per_class": None}}
# Not low-level features are aligned, but what the classes are told by.
LAST = {"transfer": {"align_layers": "last"}}
# CIFAR-10's recipe before its epochs were more and its views fewer.
SHORTER = {"targets": {"views": 4}, "training": {"epochs": 8}}
# Views and mimic loss before it compared all logits.
KL = SHORTER | {
    "batches": {"augment": "flip_crop"},
    "transfer": {"mimic": "kl"},
}
# Before that it cut at once and did not ask about mirror images.
FORMER = KL | {
    "channels": {"rounds": 1},
    "targets": {"views": 8, "labeled_views": 20, "mirror": False},
}
STEPS = {
    "1 labels": [PLAIN, LABELS, {"transfer": {"mimic_weight": 0.0}}],
    "2 + mimic on them": [PLAIN, LABELS],
    "3 + mimic on the pool": [PLAIN],
    "4 + alignment": [PLAIN, {"transfer": {"align_weight": 0.1}}],
    "5 everything": [],
    "6 oracle": [ORACLE],
}
# Step 5 with one thing taken away, or another one in its place.
ABLATIONS = {
    "no reconstruction": {"channels": {"reconstruct": False}},
    "channels by l2": {"channels": {"importance": "l2"}},
    "cut at once": {"channels": {"rounds": 1}},
    "BatchNorm joint": {
        "transfer": {"freeze_batchnorm": False},
        "training": PLAIN["training"],
        "batches": PLAIN["batches"],
    },
    "BatchNorm frozen": {
        "transfer": {"freeze_batchnorm": True},
        "training": {
            "optimizer": "adam",
            "learning_rate": 5e-4,
            "clipnorm": 1.0,
        },
    },
    "no alignment": NO_ALIGNMENT,
    "align adversarial": {
        "transfer": {"align_weight": 0.1, "align": "adversarial"}
    },
    "align adversarial x10": {
        "transfer": {"align_weight": 1.0, "align": "adversarial"}
    },
    "align the last features": LAST,
    "align the last features x10": [LAST, {"transfer": {"align_weight": 1.0}}],
    "no features": {"transfer": {"feature_weight": 0.0}},
    "no augmentation": {"batches": {"augment": None}},
    "adam": {"training": {"optimizer": "adam", "learning_rate": 2e-3}},
    "fresh views": {
        "targets": {"views": 0, "labeled_views": None, "mirror": False}
    },
    "no mirror images, 4 views": {"targets": {"views": 4, "mirror": False}},
    "KL at T=4": {"transfer": {"mimic": "kl"}},
    "mse": {"transfer": {"mimic": "mse"}},
    "8 epochs of 4 views": SHORTER,
    "8 epochs of 4 views, KL at T=4, no zoom": KL,
    "formerly": FORMER,
    "formerly, 0 labels a class": [FORMER, NO_LABELS],
    "formerly, the oracle": [FORMER, ORACLE],
    "formerly, 2 views": [FORMER, {"targets": {"views": 2}}],
    "formerly, 2 views in 4 epochs of large batches": [
        FORMER,
        {
            "batches": {"batch_size": 128, "labeled_batch_size": 32},
            "targets": {"views": 2, "labeled_views": None},
            "transfer": {"label_weight": 1.0},
            "training": {"learning_rate": 5e-4, "epochs": 4},
        },
    ],
}
# Rows of options that did not earn their place and are gone; the tables keep
# them.
REMOVED = (
    "trained between rounds",
    "align coral x10",
    "align mmd x10",
    "align at full strength throughout",
    "align against a linear classifier",
    "ema 0.99",
    "select diversity",
    "select confidence",
    "select balance",
    "select nnpu",
    "far half",
    "far half, no alignment",
    "near half",
    "quarter",
    "quarter by confidence",
    "quarter by nnpu",
    "features mse under the teacher's head",
    "BatchNorm split",
    "haze, BatchNorm split",
    "haze, BatchNorm of labeled",
    "statistics of labeled",
    "features mse",
    "features attention",
    "features relation",
    "balanced mimic",
    "mixup",
    "cutmix",
)
# Pools that are farther from the labeled images.
JUNK = {"unlabeled": with_junk}
HAZE = {"unlabeled": in_haze}
MATCHED = {"data": {"match_colors": True}}
# Step 5 in other places. What a function makes of the pool takes its place; of
# a smaller pool so many images are trained on. A pool of a known share has as
# many steps and views.
PLACES = {
    "0 labels a class": NO_LABELS,
    "20 labels a class": {"data": {"labels_per_class": 20}},
    "0.39 of the macs": {"channels": {"macs": 0.39}},
    "0.39 of the macs, 16 epochs": {
        "channels": {"macs": 0.39},
        "training": {"epochs": 16},
    },
    # It starts from scratch, with no statistics to keep.
    "ResNet-20": {
        "student": "resnet20",
        "channels": None,
        "transfer": {"freeze_batchnorm": False},
        "training": PLAIN["training"],
        "batches": PLAIN["batches"],
    },
    "pool of 250": {"unlabeled": 250},
    "pool of 1k": {"unlabeled": 1000},
    "pool of 2k": {"unlabeled": 2000},
    "pool of 10k": {"unlabeled": 10_000},
    "30 % junk": JUNK,
    "30 % junk, no alignment": [JUNK, NO_ALIGNMENT],
    "haze": HAZE,
    "haze, no alignment": [HAZE, NO_ALIGNMENT],
    "haze, align x10": [HAZE, {"transfer": {"align_weight": 1.0}}],
    "haze, colors matched": [HAZE, MATCHED],
    "haze, colors matched, no alignment": [HAZE, MATCHED, NO_ALIGNMENT],
    "colors matched": MATCHED,
}


def changes(step):
    """The changes of a step, in order.

    Args:
        step: A name in `STEPS`, `ABLATIONS` or `PLACES`.

    Returns:
        List of dicts.
    """
    found = {**STEPS, **ABLATIONS, **PLACES}[step]
    return found if isinstance(found, list) else [found]


def as_many_steps(config, times):
    """A config with epochs and views for a pool so many times smaller."""
    times = max(1, round(times))
    training, targets = config["training"], config["targets"]
    return changed(
        config,
        {
            "training": {"epochs": times * training["epochs"]},
            "targets": {"views": times * targets["views"]},
        },
    )


def changed(config, change):
    """A config with a change, sections merged."""
    merged = dict(config)
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(config.get(name), dict)
        merged[name] = changed(config[name], value) if both else value
    return merged
