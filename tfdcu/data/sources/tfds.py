"""Sources from TensorFlow Datasets."""

import tensorflow as tf

from tfdcu.data.sources import pixels
from tfdcu.data.sources import source as source_lib
from tfdcu.data.sources.source import Source

# Read buffer per file, in bytes. TFDS' default of 8 MiB, for several files at
# once, would make memory grow with the number of files.
_READ_AHEAD = 2**20


def open_tfds(name, *, split, labeled, image_shape, value_range, data_dir):
    """Opens `tfds:<name>[/<config>][:<version>]`.

    A data set prepared in `data_dir` is read without a download, even if TFDS
    does not know its name; otherwise TFDS downloads and prepares it there.

    Args:
        name: The source string.
        split: A TFDS split such as `"train"` or `"train[:10%]"`. `None` means
            `"train"`, or the only split.
        labeled: Whether labels are read.
        image_shape: (height, width, channels); `None` keeps the shape, if it
            is the same for all images.
        value_range: (low, high) of the decoded pixels.
        data_dir: TFDS' directory; `None` for its default.

    Returns:
        A `Source` that streams from disk. Up to `source.MEMORY_LIMIT` bytes of
        encoded images it has random access and keeps them in memory.

    Raises:
        ValueError: If the data set, split or feature does not exist.
    """
    import tensorflow_datasets as tfds

    builder = _builder(name, data_dir)
    builder.download_and_prepare()
    info = builder.info
    split = split or _only_split(name, info)
    try:
        part = info.splits[split]
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"Unknown split of {name}. Expected: one of {sorted(info.splits)} "
            f"or a slice of it. Received: split={split!r}."
        ) from error
    if part.num_examples == 0:
        raise ValueError(
            f"{name} is empty. Expected: at least one image. Received: 0 in "
            f"split {split!r}."
        )
    image_key = _feature_key(name, info, tfds.features.Image, "image")
    label_key = (
        _feature_key(name, info, tfds.features.ClassLabel, "label")
        if labeled
        else None
    )
    feature = info.features[image_key]
    image_shape = image_shape or feature.shape
    if None in image_shape:
        raise ValueError(
            f"The images of {name} have no common size. Expected: an "
            f"`image_shape` to convert them to. Received: None."
        )
    encoded = builder.as_dataset(
        split=split,
        decoders=tfds.decode.PartialDecoding(
            {key: info.features[key] for key in (image_key, label_key) if key},
            decoders={image_key: tfds.decode.SkipDecoding()},
        ),
        # A fixed order: `training_batches` shuffles.
        shuffle_files=False,
        read_config=tfds.ReadConfig(
            interleave_cycle_length=1,
            try_autocache=False,
            override_buffer_size=_READ_AHEAD,
        ),
    )

    def record(example):
        if not labeled:
            return example[image_key]
        return example[image_key], tf.cast(example[label_key], tf.int32)

    def decode(encoded_image, image_shape):
        image = feature.decode_example(encoded_image)
        return pixels.convert(image, image_shape, value_range)

    source = Source(
        name=name,
        num_images=part.num_examples,
        image_shape=tuple(image_shape),
        value_range=tuple(value_range),
        labeled=labeled,
        records=encoded.map(record),
        decode=decode,
        classes=tuple(info.features[label_key].names) if labeled else None,
        record_bytes=_record_bytes(info),
        spans=_spans(builder, split),
    )
    if source.num_images * source.record_bytes > source_lib.MEMORY_LIMIT:
        return source
    return source.with_records_in_memory()


def _builder(name, data_dir):
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name.removeprefix("tfds:"), data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, ValueError) as error:
        raise ValueError(
            f"TensorFlow Datasets has no such data set. Expected: a name it "
            f"knows or one prepared in data_dir={data_dir!r}. Received: "
            f"{name!r} ({_first_line(error)})."
        ) from error


def _spans(builder, split):
    import tensorflow_datasets as tfds

    splits = builder.info.splits
    pieces = tfds.core.ReadInstruction.from_spec(split).to_absolute(splits)
    return tuple(
        (
            f"{builder.data_path}:{piece.splitname}",
            piece.from_ or 0,
            splits[piece.splitname].num_examples
            if piece.to is None
            else piece.to,
        )
        for piece in pieces
    )


def _first_line(error):
    return str(error).strip().split("\n")[0]


def _only_split(name, info):
    splits = sorted(info.splits)
    if "train" in splits:
        return "train"
    if len(splits) == 1:
        return splits[0]
    raise ValueError(
        f"{name} has no split 'train'. Expected: `split`, one of {splits}. "
        f"Received: None."
    )


def _feature_key(name, info, kind, default):
    features = info.features.items()
    keys = [key for key, feature in features if isinstance(feature, kind)]
    if default in keys:
        return default
    if len(keys) == 1:
        return keys[0]
    raise ValueError(
        f"{name} has no single {default} feature. Expected: one "
        f"{kind.__name__} feature, or one named {default!r}. Received: "
        f"features { {key: type(value).__name__ for key, value in features} }."
    )


def _record_bytes(info):
    num_bytes = sum(split.num_bytes for split in info.splits.values())
    num_images = sum(split.num_examples for split in info.splits.values())
    return max(64, num_bytes // max(1, num_images))
