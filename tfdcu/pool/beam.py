"""Teacher targets on Apache Beam: for pools that outgrow one machine."""

import inspect
import os
import threading
from numbers import Number
from pathlib import Path

import keras

from tfdcu.data import open_source
from tfdcu.pool import targets
from tfdcu.pool.teacher import open_teacher

try:
    import apache_beam
    from apache_beam.utils.shared import Shared
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "`tfdcu.pool.beam` cannot be imported. Expected: Apache Beam, which "
        f"`pip install 'tfdcu[beam]'` brings. Received: {error}"
    ) from error

# What `open_source` is told of the images.
_OF_IMAGES = ("image_shape", "value_range", "data_dir", "seed")


def teacher_targets(
    teacher,
    images,
    path,
    *,
    runner=None,
    pipeline_options=None,
    num_shares=None,
    **options,
):
    """Store a teacher's logits by an Apache Beam pipeline.

    The same call and the same folder as by `tfdcu.teacher_targets`, from as
    many workers as the runner has: Beam's DirectRunner on this machine, or
    Dataflow, Flink, Spark. On machines of one kind the files are the same bit
    for bit where `batch_size` divides `shard_size`; else up to rounding, for
    a network rounds by an image's place in its batch. Called again with the
    same arguments it goes on: finished shards are compared with the images
    and not computed again, whichever of the two doors made them. A folder of
    something else is refused before the pipeline starts. A worker process
    opens teacher and images once and then computes one share at a time,
    however many threads it has, for TensorFlow uses all its cores as it is.

    Workers must have tfdcu installed, and see the same files at the same
    paths as this program: the teacher's, the images' and `path`, on a disk
    that all of them mount. Addresses of object stores (`gs://...`) are not
    paths: mount the bucket.

    Args:
        teacher: As in `tfdcu.teacher_targets`, but what travels to workers:
            the path of a teacher, or a function that can be pickled. Save a
            live `keras.Model` and give its path.
        images: A source string, such as `"folder:/mnt/pool"`; live images do
            not travel.
        path: Folder of the targets.
        runner: Name of a Beam runner, or a runner. Defaults to `None`, what
            `pipeline_options` say, or else the DirectRunner.
        pipeline_options: Beam's `PipelineOptions`. Defaults to `None`.
        num_shares: How many pieces the work is cut into. Each reads its own
            images only; but a `tfds:` set too large for memory is read
            through, undecoded, by each: there, some four for each worker are
            enough. Defaults to `None`, a shard each.
        **options: The other keywords of `tfdcu.teacher_targets`, but `shard`;
            `partners` must be a source string too.

    Returns:
        `tfdcu.data.Targets` on the folder; not finished if the runner does
        not wait for its pipeline.

    Raises:
        ModuleNotFoundError: On import, if there is no Apache Beam.
        ValueError: As in `tfdcu.teacher_targets`, or if something does not
            travel.
        RuntimeError: Beam's, if a function cannot be pickled, or if a share
            failed time and again: the message holds the worker's error.

    Example:

    >>> import tfdcu.pool.beam
    >>> from apache_beam.options.pipeline_options import PipelineOptions
    >>> pool = tfdcu.pool.beam.teacher_targets(
    ...     "/mnt/teacher.keras",
    ...     "folder:/mnt/pool",
    ...     "/mnt/targets",
    ...     runner="FlinkRunner",
    ...     pipeline_options=PipelineOptions(["--parallelism=16"]),
    ... )
    """
    bound = inspect.signature(targets.teacher_targets).bind(
        teacher, images, path, shard=None, **options
    )
    bound.apply_defaults()
    given = bound.arguments
    check_travels(given)
    check_num_shares(num_shares)
    begun = targets.teacher_targets(**given)
    count = min(num_shares or begun.num_shards, begun.num_shards)
    own = {"path": begun.path, "shared": False, "renew": False}
    share = ComputeShare(given | own, count)
    with apache_beam.Pipeline(runner, pipeline_options) as pipeline:
        numbers = pipeline | "Shares" >> apache_beam.Create(range(count))
        numbers | "Targets" >> apache_beam.ParDo(share)
    return begun


class ComputeShare(apache_beam.DoFn):
    """From the number of a share to that number, once its shards are there.

    Args:
        given: Every keyword of `tfdcu.teacher_targets`.
        count: How many shares there are.
    """

    def __init__(self, given, count):
        self.given = given
        self.count = count
        self.shared = Shared()

    def setup(self):
        self.opened = self.shared.acquire(lambda: Opened(self.given))

    def process(self, index):
        self.opened.compute((index, self.count))
        yield index


class Opened:
    """Teacher and images of a worker process, for all of its threads.

    Args:
        given: Every keyword of `tfdcu.teacher_targets`.

    Raises:
        ValueError: If the folder of the targets is not there.
    """

    def __init__(self, given):
        check_shared(given["path"])
        images = open_source(
            given["images"],
            labeled=False,
            **{name: given[name] for name in _OF_IMAGES},
        )
        size = min(given["batch_size"], images.num_images)
        teacher = open_teacher(
            given["teacher"], next(iter(images.batches(size)))
        )
        self.given = {**given, "teacher": teacher, "images": images}
        self.lock = threading.Lock()

    def compute(self, shard):
        """Computes what is missing of `shard`, (index, count)."""
        with self.lock:
            targets.teacher_targets(**{**self.given, "shard": shard})


def check_travels(given):
    """Raise the error of the first argument that workers cannot be sent."""
    for name, value in given.items():
        if not _travels(value):
            raise ValueError(
                f"`{name}` does not travel to the workers of a pipeline. "
                f"Expected: a path or a source string that means the same on "
                f"each of them, such as '/mnt/teacher.keras' or "
                f"'folder:/mnt/pool'; `tfdcu.teacher_targets` takes live "
                f"objects. Received: {type(value).__name__}"
            )
    if "://" in str(given["path"]):
        raise ValueError(
            "Targets are not written to object stores. Expected: a folder "
            "that this program and all workers mount at the same path. "
            f"Received: path='{given['path']}'"
        )


def check_num_shares(num_shares):
    """Raise if the work cannot be cut into that many shares."""
    if num_shares is not None and num_shares < 1:
        raise ValueError(
            "The work cannot be cut so. Expected: num_shares of at least 1, "
            f"or None. Received: num_shares={num_shares}"
        )


def check_shared(path):
    """Raise if a worker does not see the folder that was begun."""
    if not (Path(path) / "targets.json").exists():
        raise ValueError(
            "This worker does not see the folder of the targets. Expected: a "
            "folder that the program that starts the pipeline and all workers "
            f"mount at the same path. Received: '{path}'"
        )


def _travels(value):
    if isinstance(value, (tuple, list)):
        return all(map(_travels, value))
    if value is None or isinstance(value, (str, os.PathLike, Number)):
        return True
    return callable(value) and not isinstance(value, keras.Model)
