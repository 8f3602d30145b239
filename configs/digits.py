"""The embedded example: handwritten digits, a pool of printed characters.

python -m scripts.train_teacher --config=configs/digits.py
python -m scripts.compress --config=configs/digits.py --workdir=runs/digits
"""

from configs import common


def get_config():
    config = common.get_config()
    config.teacher = "runs/digits/teacher.keras"
    config.labeled = "digits"
    config.unlabeled = "printed"
    config.test = "digits"
    config.baseline = True

    config.data.test_split = "test"
    config.data.labels_per_class = 5
    config.data.pool_validation = 500

    config.batches.labeled_batch_size = 16
    config.batches.augment = "shift"

    # A sixteenth of the teacher's weights.
    config.channels.params = 1 / 16

    config.training.epochs = 30

    # tfdcu.train_teacher
    config.train_teacher = {
        "model": "digits",
        "labeled": "digits",
        "test": "digits",
        "test_split": "test",
        "augment": "shift",
        "training": {"epochs": 30},
    }
    return config
