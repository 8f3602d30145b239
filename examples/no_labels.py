"""Compress without any label: the teacher alone is followed.

    python examples/no_labels.py

About one minute on two CPU cores, a third of it for the teacher.
"""

import tfdcu

tfdcu.train_teacher(
    "example/teacher.keras",
    model="digits",
    labeled="digits",
    augment="shift",
    training={"epochs": 20},
)
report = tfdcu.compress(
    "example/teacher.keras",
    None,  # no labeled images
    "printed",
    test="digits",  # only to see how it went; leave it out if you have none
    data={"test_split": "test"},
    batches={"augment": "shift"},
    channels={"macs": 0.2},
    training={"epochs": 5},
    export={"formats": ("float32", "int8")},
    workdir="example/no_labels",
)
