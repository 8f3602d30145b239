"""Teacher targets computed on Apache Beam, for very large pools."""

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

# Keyword arguments that are passed to `open_source`.
_SOURCE_OPTIONS = ("image_shape", "value_range", "data_dir", "seed")


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
    """Store a teacher's logits with an Apache Beam pipeline.

    Writes the same folder as `tfdcu.teacher_targets`, but with all workers of
    a runner: Beam's local DirectRunner, Dataflow, Flink or Spark. On identical
    hardware the files are bit-identical if `batch_size` divides `shard_size`,
    otherwise equal up to rounding. Called again with the same arguments, it
    resumes: finished shards, of either function, are verified against the
    images and not recomputed. A folder with other targets is an error before
    the pipeline starts. Each worker process opens teacher and images once and
    computes one share at a time, as TensorFlow already uses all cores.

    Workers must have tfdcu installed and see the teacher, the images and
    `path` at the same paths as this program, on a shared disk. Object store
    URLs (`gs://...`) are not supported: mount the bucket.

    Args:
        teacher: As in `tfdcu.teacher_targets`, but it must be picklable: the
            path of a teacher, or a function. Save a `keras.Model` and pass
            its path.
        images: A source string, such as `"folder:/mnt/pool"`.
        path: Folder of the targets.
        runner: A Beam runner or its name. Defaults to `None`: as set in
            `pipeline_options`, or the DirectRunner.
        pipeline_options: Beam's `PipelineOptions`. Defaults to `None`.
        num_shares: Int, number of work items. Each reads only its own images,
            except for a `tfds:` dataset too large for memory, which each
            reads completely without decoding; use about four per worker then.
            Defaults to `None`: one per shard.
        **options: The other keyword arguments of `tfdcu.teacher_targets`
            except `shard`.

    Returns:
        `tfdcu.data.Targets` of the folder; incomplete if the runner does not
        wait for the pipeline.

    Raises:
        ModuleNotFoundError: On import, if Apache Beam is not installed.
        ValueError: As in `tfdcu.teacher_targets`, or if an argument cannot be
            sent to workers.
        RuntimeError: From Beam, if a function cannot be pickled or a share
            failed repeatedly; the message contains the worker's error.

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
    arguments = bound.arguments
    check_sendable(arguments)
    check_num_shares(num_shares)
    stored = targets.teacher_targets(**arguments)
    count = min(num_shares or stored.num_shards, stored.num_shards)
    changes = {"path": stored.path, "shared": False, "renew": False}
    share = ComputeShare(arguments | changes, count)
    with apache_beam.Pipeline(runner, pipeline_options) as pipeline:
        numbers = pipeline | "Shares" >> apache_beam.Create(range(count))
        numbers | "Targets" >> apache_beam.ParDo(share)
    return stored


class ComputeShare(apache_beam.DoFn):
    """Compute the shards of a share, given its index, and yield the index.

    Args:
        arguments: Dict of all arguments of `tfdcu.teacher_targets`.
        count: Number of shares.
    """

    def __init__(self, arguments, count):
        self.arguments = arguments
        self.count = count
        self.shared = Shared()

    def setup(self):
        self.opened = self.shared.acquire(lambda: Opened(self.arguments))

    def process(self, index):
        self.opened.compute((index, self.count))
        yield index


class Opened:
    """Teacher and images of a worker process, shared by its threads.

    Args:
        arguments: Dict of all arguments of `tfdcu.teacher_targets`.

    Raises:
        ValueError: If the folder of the targets does not exist.
    """

    def __init__(self, arguments):
        check_folder(arguments["path"])
        images = open_source(
            arguments["images"],
            labeled=False,
            **{name: arguments[name] for name in _SOURCE_OPTIONS},
        )
        size = min(arguments["batch_size"], images.num_images)
        teacher = open_teacher(
            arguments["teacher"], next(iter(images.batches(size)))
        )
        self.arguments = {**arguments, "teacher": teacher, "images": images}
        self.lock = threading.Lock()

    def compute(self, shard):
        """Compute the missing targets of `shard`, (index, count)."""
        with self.lock:
            targets.teacher_targets(**{**self.arguments, "shard": shard})


def check_sendable(arguments):
    """Raise if an argument cannot be sent to workers."""
    for name, value in arguments.items():
        if not _is_sendable(value):
            raise ValueError(
                f"`{name}` cannot be sent to the workers of a pipeline. "
                f"Expected: a path or a source string that is valid on each "
                f"worker, such as '/mnt/teacher.keras' or 'folder:/mnt/pool'; "
                f"`tfdcu.teacher_targets` accepts objects in memory. "
                f"Received: {type(value).__name__}"
            )
    if "://" in str(arguments["path"]):
        raise ValueError(
            "Targets cannot be written to object stores. Expected: a folder "
            "that this program and all workers mount at the same path. "
            f"Received: path='{arguments['path']}'"
        )


def check_num_shares(num_shares):
    """Validate `num_shares`."""
    if num_shares is not None and num_shares < 1:
        raise ValueError(
            "Invalid value for `num_shares`. Expected: at least 1, or None. "
            f"Received: num_shares={num_shares}"
        )


def check_folder(path):
    """Raise if a worker does not see the folder of the targets."""
    if not (Path(path) / "targets.json").exists():
        raise ValueError(
            "This worker does not see the folder of the targets. Expected: a "
            "folder that the main program and all workers mount at the same "
            f"path. Received: '{path}'"
        )


def _is_sendable(value):
    if isinstance(value, (tuple, list)):
        return all(map(_is_sendable, value))
    if value is None or isinstance(value, (str, os.PathLike, Number)):
        return True
    return callable(value) and not isinstance(value, keras.Model)
