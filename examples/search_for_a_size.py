"""Find out how small the student may be: the front of accuracy and size.

    python examples/search_for_a_size.py

Six short trials, then the best of them in full. About three minutes on two
CPU cores. The front is drawn in `example/search/front.png`.
"""

import tfdcu

tfdcu.train_teacher(
    "example/teacher.keras",
    model="digits",
    labeled="digits",
    augment="shift",
    training={"epochs": 20},
)
found = tfdcu.search(
    "example/teacher.keras",
    "digits",
    "printed",
    test="digits",
    data={"labels_per_class": 5, "test_split": "test"},
    batches={"augment": "shift"},
    space={"channels": {"macs": (0.03, 0.5, "log")}},
    cost="bytes",  # of the file in the first of the formats
    export={"formats": ("int8",)},
    training={"epochs": 6},
    epochs_share=0.5,
    max_trials=6,
    max_winners=3,
    workdir="example/search",
)
for one in found["students"]:
    print(f"{one['bytes']:,} bytes: {one['test_accuracy']:.1%}")
