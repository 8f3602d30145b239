"""Export a Keras model to checked LiteRT files, without training.

    tfdcu export --model=my_model.keras --images=photos/pool \\
        --targets=mediapipe,web --folder=phone

The student of a run, such as `runs/mine/student.keras`, has the class names and
pixel values of its run; of other models give them.
"""

from pathlib import Path

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag

CONFIG = None
FLAGS = (
    Flag("model", "A .keras or .h5 file.", "model", required=True),
    Flag(
        "images",
        "Real images, to calibrate and check with.",
        "source",
        required=True,
    ),
    Flag("folder", "Folder for the files.", required=True),
    Flag(
        "targets",
        "Where they are to run: mediapipe, web, android, microcontroller, "
        "ethos-u.",
        "names",
        default=[],
    ),
    Flag(
        "formats",
        "Any of float32, float16, dynamic, int8, weight8; without --targets "
        "the first four.",
        "names",
    ),
    flag.CLASSES._replace(field=None),
    flag.VALUE_RANGE._replace(field=None, kind="names"),
    Flag(
        "image_shape",
        "For a model that takes any size, such as 224,224,3.",
        "names",
    ),
    Flag("io", "What int8 takes and gives.", default="float32"),
    Flag("output", "logits, or probabilities.", default="logits"),
    Flag(
        "sparse", "Store zeros in a sparse encoding.", "switch", default=False
    ),
    Flag("num_images", "Images to use.", "number", default=256),
    flag.SPLIT,
    flag.DATA_DIR,
)


def run(values):
    import tfdcu

    classes, value_range = stated(values)
    model = tfdcu.models.load(values.model)
    shape = tuple(map(int, values.image_shape or ()))
    if shape:
        model = tfdcu.models.at_size(model, shape)
    elif None in model.input_shape[1:]:
        raise ValueError(
            "The model takes images of any size. Expected: --image_shape, the "
            "height, width and channels that the files are for. Received: a "
            f"model with the input shape {model.input_shape}"
        )
    source = tfdcu.data.open_source(
        values.images,
        split=values.split,
        data_dir=values.data_dir,
        labeled=False,
        image_shape=model.input_shape[1:],
        value_range=value_range,
    )
    images = tfdcu.data.images_of(source, values.num_images)
    files = tfdcu.export.export_all(
        model,
        values.folder,
        formats=values.formats
        or (() if values.targets else tfdcu.export.FORMATS),
        targets=values.targets,
        io=values.io,
        output=values.output,
        calibration=images,
        images=images,
        classes=classes,
        value_range=source.value_range,
        sparse=values.sparse,
        name=Path(values.model).stem,
    )
    tfdcu.export.write_app_files(files, images)
    for path in files.values():
        size = tfdcu.export.file_sizes(path)["bytes"]
        print(f"{path}  {size / 1000:,.1f} kB")
        for target, why in tfdcu.export.client_misfits(path).items():
            print(f"  {target}: {', '.join(why) or 'yes'}")


def stated(values):
    """Class names and pixel values: the flags, else those of the model's run.

    Returns:
        (list of names or `None`, (low, high)).
    """
    from tfdcu.workdir.json_file import read_json
    from tfdcu.workdir.own_files import read_list

    classes, value_range = values.classes, values.value_range
    model = Path(values.model)
    if model.name in read_list(model.parent):
        data = read_json(model.with_name("config.json"))["data"]
        value_range = value_range or data.get("value_range")
        labels = model.with_name("labels.txt")
        if not classes and labels.is_file():
            classes = labels.read_text("utf-8").splitlines()
    return classes or None, value_range or (0.0, 1.0)
