"""A classifier in a web page: makes the files that `index.html` loads.

    cd examples/browser
    python make_files.py
    npm install @litertjs/core@2.5.3
    python -m http.server

Then open http://localhost:8000. About one minute on two CPU cores. Pictures
stay in the browser.
"""

import tfdcu

tfdcu.train_teacher(
    "teacher.keras",
    model="digits",
    labeled="digits",
    augment="shift",
    training={"epochs": 20},
)
teacher = tfdcu.models.load("teacher.keras")
digits = tfdcu.data.images_of(tfdcu.data.open_source("digits"), 256)
student = tfdcu.prune_channels(teacher, macs=0.5, images=digits)
files = tfdcu.export.export_all(
    student,
    "files",
    formats=(),
    targets=("web",),
    calibration=digits,
    images=digits,
    classes=[str(digit) for digit in range(10)],
    value_range=(0.0, 1.0),
    name="student",
)
tfdcu.export.write_app_files(files, digits)
print(*files.values())
