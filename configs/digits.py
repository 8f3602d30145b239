"""The embedded example: handwritten digits, a pool of printed characters.

tfdcu train-teacher --config=digits
tfdcu compress --config=digits --workdir=runs/digits
"""

from tfdcu_cli.configs import common


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

    config.batches.batch_size = 64
    config.batches.augment = "shift"

    # A sixteenth of the teacher's weights.
    config.channels.params = 1 / 16

    config.training.epochs = 30

    # tfdcu.train_teacher
    config.train_teacher = common.teacher_fields()
    config.train_teacher.model = "digits"
    config.train_teacher.labeled = "digits"
    config.train_teacher.test = "digits"
    config.train_teacher.test_split = "test"
    config.train_teacher.augment = "shift"
    config.train_teacher.training.epochs = 30
    return config
