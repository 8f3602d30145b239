"""Selection of the images of a pool to train on."""

import math
import numbers

import numpy as np

from tfdcu.data import count_junk
from tfdcu.data import junk_kinds
from tfdcu.graph.logits import as_logits
from tfdcu.models import load
from tfdcu.pool.criteria import check_enough
from tfdcu.pool.criteria import resolve_selection
from tfdcu.pool.diagnose import confidence
from tfdcu.pool.diagnose import coverage
from tfdcu.pool.outputs import collect_outputs
from tfdcu.pool.outputs import mean_over_places
from tfdcu.pool.outputs import opened
from tfdcu.pool.outputs import output_function
from tfdcu.pool.outputs import penultimate
from tfdcu.pool.outputs import rounded
from tfdcu.renamed import explain_renamed
from tfdcu.report import ProgressBar
from tfdcu.workdir.arguments import check_arguments
from tfdcu.workdir.arguments import naming

# Minimum share of the images that is kept by default.
FEWEST = 0.1


@explain_renamed("select")
def select_pool(
    teacher,
    labeled,
    unlabeled,
    *,
    by="confidence",
    keep=None,
    drop_junk=True,
    image_shape=None,
    value_range=(0.0, 1.0),
    data_dir=None,
    seed=0,
):
    """Select the images of a pool to train on.

    For a pool with many images that are irrelevant to the task. Takes one
    pass of the teacher over the pool, uses no labels of it and changes
    nothing; logits and features of the whole pool are held in memory.
    `compress` calls it if its option `select` has a `by`.

    Criteria:
    `"confidence"`: highest confidence of the teacher, lowest -log max p (Chen
    et al. 2021, DFND, CVPR);
    `"balance"`: the most confident images of each predicted class, equally
    many of each class as far as available;
    `"nnpu"`: most similar to the labeled images, by a small network on the
    teacher's features trained with non-negative positive-unlabeled risk
    (Kiryo et al. 2017, arXiv:1703.00593; Xu et al. 2019, arXiv:1909.09757).

    By default the number of images is chosen without labels: for
    `"confidence"` and functions, the upper group of the scores (Otsu 1979);
    for `"balance"`, each class capped at the median size; for `"nnpu"`, the
    estimated share of images that are like the labeled ones (Garg et al.
    2021, arXiv:2111.00980). At least a tenth of the images that are not junk
    is kept.

    Args:
        teacher: A functional `keras.Model`, or the path of one.
        labeled: Anything `tfdcu.data.open_source` takes, or `None`. Used only
            by `"nnpu"` and functions; its labels are ignored.
        unlabeled: The pool, anything `open_source` takes.
        by: A name from above, or a function from the teacher's outputs to
            float scores (num,), the highest of which are kept. The outputs
            are a dict of arrays with one row per image: `logits`
            (num, classes), `features` (num, channels), `spread`,
            `correlation` and `checksum` (num,) as in `tfdcu.data.junk`; and
            `labeled`, the same for the labeled images, or `None`. Defaults to
            `"confidence"`.
        keep: Share of the pool, a float in (0, 1]; number of images, an int
            or an integral float above 1; or `None` or `"auto"`, chosen as
            above. At most the images that are not junk. Defaults to `None`.
        drop_junk: Whether to drop flat images, noise and duplicates first.
            Defaults to `True`.
        image_shape: (height, width, channels) at which images are read.
            Defaults to `None`: the teacher's input shape.
        value_range: (low, high) of the pixels. Defaults to (0, 1).
        data_dir: Directory of prepared TFDS datasets. Defaults to `None`.
        seed: Int, for everything random. Defaults to 0.

    Returns:
        (keep, summary). `keep`: sorted int64 array, indices of the kept images
        in the pool, for `images[keep]` or
        `tfdcu.data.open_source(...).subset(keep)`. `summary`: flat dict,
        JSON-serializable, floats rounded to four digits:
        `by`; `num_images`, `num_kept` and `share_kept`, of the whole pool;
        `auto_share`: the share that `keep=None` would keep;
        `flat`, `noise`, `duplicates`: counts; `junk_share`; `num_dropped`:
        number of dropped junk images;
        `confidence_mean`, `_q1`, `_median`, `_q3`, `entropy_mean`, `shares`,
        `effective_classes`, `scarce_classes`, `enough_images` of the pool, as
        in `diagnose`; and the same of the kept images with the prefix
        `kept_`.

    Raises:
        ValueError: If an argument is invalid, the whole pool is junk, or the
            order of the pool is not fixed.

    Example:

    >>> keep, summary = tfdcu.select_pool(
    ...     "teacher.keras", "digits", "printed", by="nnpu"
    ... )
    >>> pool = tfdcu.data.open_source("printed", labeled=False).subset(keep)
    """
    check_arguments(drop_junk=drop_junk, seed=seed)
    check_selection(by, keep, labeled)
    method = resolve_selection(by)
    with naming("teacher"):
        teacher = as_logits(load(teacher))
    options = {
        "image_shape": image_shape,
        "value_range": value_range,
        "data_dir": data_dir,
        "seed": seed,
    }
    with naming("unlabeled"):
        pool = opened(unlabeled, teacher, labeled=False, **options)
    pool.check_order("no images can be selected from it")
    if labeled is not None:
        with naming("labeled"):
            labeled = opened(labeled, teacher, labeled=False, **options)
        check_enough(by, labeled.num_images, pool.num_images)
    outputs = outputs_of(teacher, labeled, pool, by)
    labeled_outputs = outputs.pop("labeled")
    junk = np.any(list(junk_kinds(outputs).values()), axis=0)
    usable = np.flatnonzero(~junk if drop_junk else np.full(len(junk), True))
    if not len(usable):
        raise ValueError(
            "No image of the pool would be kept. Expected: images that are not "
            "flat, noise or duplicates, or drop_junk=False. Received: "
            f"{len(junk)} images of {pool.name}, all of them junk"
        )
    rest = {name: rows[usable] for name, rows in outputs.items()}
    scores, auto = method({**rest, "labeled": labeled_outputs}, seed)
    auto = max(auto, math.ceil(FEWEST * len(usable)))
    num = min(number_to_keep(keep, auto, len(junk)), len(usable))
    kept_indices = np.sort(usable[np.argsort(-scores, kind="stable")[:num]])
    kept = outputs["logits"][kept_indices]
    return kept_indices, rounded(
        {
            "by": by if isinstance(by, str) else getattr(by, "__name__", "by"),
            "num_images": len(junk),
            "num_kept": num,
            "share_kept": num / len(junk),
            "auto_share": auto / len(junk),
            **count_junk(outputs),
            "num_dropped": len(junk) - len(usable),
            **summary(outputs["logits"]),
            **{f"kept_{key}": x for key, x in summary(kept).items()},
        }
    )


def outputs_of(teacher, labeled, pool, by):
    """Teacher outputs for the pool and, under `labeled`, the labeled images.

    Features and labeled images are evaluated only if `by` needs them.
    """
    taps = {}
    if callable(by) or by == "nnpu":
        taps["features"] = penultimate(teacher), mean_over_places
    function = output_function(teacher, **taps)
    if not callable(by) and by != "nnpu":
        labeled = None
    if labeled:
        labeled = collect_outputs(function, labeled.without_labels())
    with ProgressBar("selection", pool.num_images) as counter:
        outputs = collect_outputs(function, pool, counter)
    return {**outputs, "labeled": labeled}


def summary(logits):
    """Confidence and class distribution of the teacher's logits."""
    return {**confidence(logits), **coverage(logits)}


def check_selection(by, keep, labeled):
    """Validate the arguments of `select_pool` that need no images.

    Args:
        by, keep, labeled: As in `select_pool`.

    Raises:
        ValueError: If one is invalid, or `"nnpu"` has no labeled images.
    """
    resolve_selection(by)
    number_to_keep(keep, auto=1, num_images=1)
    if by == "nnpu" and labeled is None:
        raise ValueError(
            "Labeled images are missing. Expected: "
            "labeled images for by='nnpu', or another criterion. "
            "Received: labeled=None"
        )


def number_to_keep(keep, auto, num_images):
    """Number of images to keep.

    Args:
        keep: As in `select_pool`.
        auto: Int, the default number.
        num_images: Int, of the whole pool.

    Returns:
        Int, at least 1.
    """
    if keep is None or keep == "auto":
        return auto
    is_number = isinstance(keep, numbers.Real) and not isinstance(keep, bool)
    is_share = is_number and not isinstance(keep, numbers.Integral)
    if is_share and 0 < keep <= 1:
        return max(1, round(keep * num_images))
    if is_number and 1 <= keep < math.inf and keep == int(keep):
        return int(keep)
    raise ValueError(
        "Invalid value for `keep`. Expected: a share in (0, 1], a number of "
        "images, or None for the default. Received: "
        f"keep={keep!r}"
    )
