"""The networks, images and sizes of all speed benchmarks."""

import dataclasses
from functools import cached_property
from pathlib import Path

import keras
import tensorflow as tf

import tfdcu
from tfdcu.data import images_of

# Data sets in the data folder.
LABELED, POOL = "cifar10", "tiny_imagenet32"


@dataclasses.dataclass
class Workload:
    """Networks, data and sizes of the measurements.

    Attributes:
        teacher: Path of the teacher.
        labeled: `Source` of few labeled images.
        pool: `Source` of unlabeled images.
        folder: Where the student and targets are kept from row to row.
        batch_size: Images of each half of a batch.
        steps: Steps of one measurement.
        warmup: Steps of a `fit` that do not count.
        turns: How often each variant is measured.
        target_pools: Sizes of pools whose targets are timed.
        memory_pools: Sizes of pools, or slices, that memory is measured
            on.
        data_dir: The TFDS folder.
        torch: The Python of PyTorch's environment, or `None`.
        overrides: More arguments of `tfdcu compress`.
        augment: As in `training_batches`.
    """

    teacher: str
    labeled: object
    pool: object
    folder: Path
    batch_size: int = 64
    steps: int = 24
    warmup: int = 4
    turns: int = 5
    target_pools: tuple = (1024, 2048, 4096, 8192)
    memory_pools: tuple = (5_000, 50_000, 500_000)
    data_dir: str | None = None
    torch: str | None = None
    overrides: tuple = ()
    augment: str = "flip_crop"

    @cached_property
    def student(self):
        """Path of the student: half the teacher's macs, made once."""
        path = self.folder / "student.keras"
        if not path.exists():
            teacher = tfdcu.models.load(self.teacher)
            images = images_of(self.pool, 512, seed=0)
            self.folder.mkdir(parents=True, exist_ok=True)
            tfdcu.prune_channels(teacher, macs=0.5, images=images).save(path)
        return path

    def new_teacher(self):
        """A new copy of the teacher, for code that changes it."""
        return tfdcu.models.load(self.teacher)

    def new_student(self):
        """A new copy of the student, to be trained."""
        return tfdcu.models.load(self.student)

    def batches(self, targets=None, labeled=True):
        """Batches as `fit` takes them, fresh views or those of `targets`."""
        if targets and not labeled:
            targets = targets[1]
        return tfdcu.data.training_batches(
            self.labeled if labeled else None,
            self.pool,
            batch_size=self.batch_size,
            labeled_batch_size=self.batch_size,
            augment=self.augment,
            views=1 if targets else 0,
            targets=targets,
        )

    def fresh(self, **options):
        """Batches of both pools without targets, other views of them."""
        return tfdcu.data.training_batches(
            self.labeled,
            self.pool,
            batch_size=self.batch_size,
            labeled_batch_size=self.batch_size,
            **options,
        )

    @cached_property
    def targets(self):
        """Stored targets of both pools.

        They are those of `linear`, not of the teacher: their values do not
        change how long a step takes, and running it would take minutes.
        """
        sources = {"labeled": self.labeled, "pool": self.pool}
        return tuple(
            tfdcu.teacher_targets(
                linear(source.image_shape, self.num_classes),
                source.without_labels(),
                self.folder / "targets" / name,
                augment=self.augment,
            )
            for name, source in sources.items()
        )

    @cached_property
    def num_classes(self):
        return self.new_student().output_shape[-1]


def open_workload(teacher, data_dir, folder, **options):
    """The workload of the committed table.

    Args:
        teacher: Path of the teacher.
        data_dir: TFDS folder with `cifar10` and `tiny_imagenet32`.
        folder: Where the student and targets are kept.
        **options: Other attributes of `Workload`.

    Returns:
        A `Workload`.

    Raises:
        SystemExit: If the teacher or a data set is not there.
    """
    wanted = [Path(teacher), *(Path(data_dir) / n for n in (LABELED, POOL))]
    missing = [str(path) for path in wanted if not path.exists()]
    if missing:
        raise SystemExit(
            "Stopped: the networks or the images are not there. Expected: a "
            f"teacher, and a TFDS folder with {LABELED} and {POOL}; name "
            "them with --teacher and --data_dir. Received: nothing at "
            f"{', '.join(missing)}"
        )
    labeled = tfdcu.data.open_source(
        f"tfds:{LABELED}", split="train", data_dir=data_dir
    )
    few, _ = tfdcu.data.few_labels(labeled, per_class=50)
    pool = tfdcu.data.open_source(
        f"tfds:{POOL}", labeled=False, data_dir=data_dir
    )
    return Workload(
        teacher, few, pool, Path(folder), data_dir=data_dir, **options
    )


def linear(image_shape, classes):
    """A teacher that costs nothing: logits that are linear in the pixels."""
    num_pixels = image_shape[0] * image_shape[1] * image_shape[2]
    matrix = tf.random.stateless_normal((num_pixels, classes), (0, 0))

    @tf.function(autograph=False)
    def teacher(images):
        return tf.reshape(images, (-1, num_pixels)) @ matrix / 50.0

    return teacher


def sgd():
    """The optimizer of all sides: `tfdcu`'s default, at a constant rate."""
    return keras.optimizers.SGD(
        1e-3, momentum=0.9, nesterov=True, weight_decay=1e-4
    )
