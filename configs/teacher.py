"""Train a teacher on labeled images of your own.

    tfdcu train-teacher --teacher=teacher.keras --model=MobileNetV2 \\
        --labeled=photos/labeled --test=photos/test
"""

from tfdcu_cli.configs import common


def get_config():
    config = common.get_config()
    config.train_teacher = common.teacher_fields()
    return config
