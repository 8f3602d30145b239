"""Which images of a pool a student learns from, chosen by its teacher."""

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
from tfdcu.report import ProgressBar

# No fewer than this share of the images are kept where nobody says how many.
FEWEST = 0.1


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
    """Choose the images of a pool that a student should learn from.

    For a pool that holds much of what the task is not about. Costs one pass
    of the teacher over the pool, needs no labels of it, and changes nothing;
    logits and features of the whole pool are held in memory. `compress`
    does it where its section `select` says by what.

    Ways to choose, of which the first images are kept:
    `"confidence"`: those of which the teacher is surest, lowest -log max p
    (Chen et al. 2021, DFND, CVPR);
    `"balance"`: as many of each class as there are, by the teacher's first
    choice, and of each class the surest;
    `"nnpu"`: those most like the labeled images, by a small network on the
    teacher's features, trained with the non-negative risk of learning from
    positive and unlabeled data (Kiryo et al. 2017, arXiv:1703.00593), after
    Xu et al. 2019 (arXiv:1909.09757).

    How many are kept without `keep` is found without labels, by rules of
    ours: by confidence, or a function, the surer of the two groups into which
    the scores fall (Otsu 1979); by `"balance"` all but what larger classes
    have beyond the median one; by `"nnpu"` the share of the pool that is like
    the labeled images, as estimated after Garg et al. 2021
    (arXiv:2111.00980). That is never fewer than a tenth of the images that
    are not dropped.

    Args:
        teacher: A functional `keras.Model`, or the path of one.
        labeled: Anything `tfdcu.data.open_source` takes, or `None`. Only
            `"nnpu"` and functions look at it, and nothing at its labels.
        unlabeled: The pool, likewise.
        by: A name from above, or a function from the teacher's answers to
            float scores (num,), the highest of which are kept. The answers
            are a dict of arrays with a row for each image: `logits`
            (num, classes), `features` (num, channels), `spread`,
            `correlation` and `checksum` (num,) as in `tfdcu.data.junk`; and
            `labeled`, the same of the labeled images, or `None`. Defaults to
            `"confidence"`.
        keep: A share of the pool, a float in (0, 1]; a number of images, an
            int or a whole number above 1; or `None` or `"auto"`, which find
            it. Where so many are not left, all that are left are kept.
            Defaults to `None`.
        drop_junk: Whether flat images, noise and all but the first of equal
            images are dropped first. Defaults to `True`.
        image_shape: (height, width, channels) at which images are read.
            Defaults to the teacher's own.
        value_range: (low, high) of the pixels.
        data_dir: Where TFDS finds prepared data sets.
        seed: Int, of all that is drawn. Defaults to 0.

    Returns:
        (keep, found). `keep`: sorted int64 array, the places of the kept
        images in the pool: `images[keep]`, or
        `tfdcu.data.open_source(...).subset(keep)`. `found`: flat dict, ready
        for JSON, floats to four digits:
        `by`; `num_images`, `num_kept` and `share_kept`, of the whole pool;
        `auto_share`: what would be kept if nobody said how many, likewise;
        `flat`, `noise`, `duplicates`: counts; `junk_share`, and `num_dropped`
        that were junk;
        `confidence_mean`, `_q1`, `_median`, `_q3`, `entropy_mean`, `shares`,
        `effective_classes`, `scarce_classes`, `enough_images` of the pool, as
        in `diagnose`; and the same with `kept_` before it of what is kept.

    Raises:
        ValueError: If `by`, `keep`, the teacher or the images cannot be used,
            all of the pool is junk, or the pool comes in another order each
            time.

    Example:

    >>> keep, found = tfdcu.select_pool(
    ...     "teacher.keras", "digits", "printed", by="nnpu"
    ... )
    >>> pool = tfdcu.data.open_source("printed", labeled=False).subset(keep)
    """
    check_selection(by, keep, labeled)
    method = resolve_selection(by)
    teacher = as_logits(load(teacher))
    options = {
        "image_shape": image_shape,
        "value_range": value_range,
        "data_dir": data_dir,
        "seed": seed,
    }
    pool = opened(unlabeled, teacher, labeled=False, **options)
    pool.check_order("nothing can be chosen of it")
    few = labeled
    if labeled is not None:
        few = opened(labeled, teacher, labeled=False, **options)
        check_enough(by, few.num_images, pool.num_images)
    answers = answers_of(teacher, few, pool, by)
    few = answers.pop("labeled")
    junk = np.any(list(junk_kinds(answers).values()), axis=0)
    usable = np.flatnonzero(~junk if drop_junk else np.full(len(junk), True))
    if not len(usable):
        raise ValueError(
            "Nothing of the pool would be kept. Expected: images that are not "
            "flat, noise or copies, or drop_junk=False. Received: "
            f"{len(junk)} images of {pool.name}, all of them junk"
        )
    rest = {name: rows[usable] for name, rows in answers.items()}
    scores, auto = method({**rest, "labeled": few}, seed)
    auto = max(auto, math.ceil(FEWEST * len(usable)))
    num = min(number_of(keep, auto, len(junk)), len(usable))
    chosen = np.sort(usable[np.argsort(-scores, kind="stable")[:num]])
    kept = answers["logits"][chosen]
    return chosen, rounded(
        {
            "by": by if isinstance(by, str) else getattr(by, "__name__", "by"),
            "num_images": len(junk),
            "num_kept": num,
            "share_kept": num / len(junk),
            "auto_share": auto / len(junk),
            **count_junk(answers),
            "num_dropped": len(junk) - len(usable),
            **described(answers["logits"]),
            **{f"kept_{key}": x for key, x in described(kept).items()},
        }
    )


def answers_of(teacher, few, pool, by):
    """What the teacher says of the pool, and of the labeled images.

    Those are asked about, and features taken, only where `by` needs it.
    """
    taps = {}
    if callable(by) or by == "nnpu":
        taps["features"] = penultimate(teacher), mean_over_places
    tap = output_function(teacher, **taps)
    if not callable(by) and by != "nnpu":
        few = None
    few = few and collect_outputs(tap, few.without_labels())
    with ProgressBar("selection", pool.num_images) as counter:
        return {**collect_outputs(tap, pool, counter), "labeled": few}


def described(logits):
    """How sure the teacher is of some images, and of which classes."""
    return {**confidence(logits), **coverage(logits)}


def check_selection(by, keep, labeled):
    """Raise the error of the first argument that does not fit.

    Args:
        by, keep, labeled: As in `select_pool`.

    Raises:
        ValueError: If one is out of range, or `"nnpu"` has no labeled images.
    """
    resolve_selection(by)
    number_of(keep, auto=1, num_images=1)
    if by == "nnpu" and labeled is None:
        raise ValueError(
            "What is like the labeled images is learned from them. Expected: "
            "labeled images for by='nnpu', or another way to choose. "
            "Received: labeled=None"
        )


def number_of(keep, auto, num_images):
    """How many images `keep` is of a pool.

    Args:
        keep: As in `select_pool`.
        auto: Int, the number where nobody says.
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
        "So much of a pool cannot be kept. Expected: keep, a share in (0, 1], "
        "a whole number of images, or None to have it found. Received: "
        f"keep={keep!r}"
    )
