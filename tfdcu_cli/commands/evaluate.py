"""Measure a model or a LiteRT file on labeled images.

    tfdcu evaluate --model=runs/mine/student_int8.tflite \\
        --source=photos/test --against=runs/mine/student.keras
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag

CONFIG = None
FLAGS = (
    Flag("model", "A .keras, .h5 or .tflite file.", "model", required=True),
    Flag(
        "source",
        "Images: a folder with a subfolder for each class.",
        "source",
        required=True,
    ),
    Flag("against", "A second model to agree with.", "model"),
    flag.SPLIT,
    flag.DATA_DIR,
    flag.CLASSES._replace(field=None),
    flag.VALUE_RANGE._replace(field=None, kind="names"),
    Flag(
        "image_shape",
        "For a model that takes any size, such as 96,96,3.",
        "names",
    ),
    Flag("labeled", "Whether the source has labels.", "switch", default=True),
)


def run(values):
    import tfdcu
    from tfdcu.workdir.percent import percent

    stated = {
        name: values[name].value
        for name in ("classes", "value_range", "image_shape")
        if values[name].value
    }
    scores = tfdcu.evaluate(
        values.model,
        values.source,
        against=values.against,
        split=values.split,
        data_dir=values.data_dir,
        labeled=values.labeled,
        **stated,
    )
    print(f"{values.model}: {scores['num_images']:,} images")
    each = {"": scores, **scores.pop("outputs", {})}
    for output, found in each.items():
        for name, value in found.items():
            if name != "num_images" and value is not None:
                words = " ".join([output, name.replace("_", " ")]).strip()
                print(f"  {words} {percent(value, 2)}")
