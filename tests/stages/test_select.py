"""Laws of a run's pool: the whole, or what its section chooses."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import tfdcu
from tests.pool.test_diagnose import smooth
from tests.support import tiny
from tests.support.runs import run_of
from tfdcu.data import images_of
from tfdcu.data import open_source
from tfdcu.data import prepare
from tfdcu.stages.select import check_select
from tfdcu.stages.select import choose_pool
from tfdcu.stages.select import select


def splits(pool=None, labeled=None):
    pool = smooth(50) if pool is None else pool
    options = {"num_classes": 4, "image_shape": (8, 8, 1)}
    return prepare(labeled, pool, **options, pool_validation=0)


def test_without_by_the_whole_pool_is_kept_and_no_teacher_runs():
    run = run_of(None, splits(), select={"keep": 0.5})
    before = run.splits
    select(run)
    assert run.splits is before and run.selection == {}


def test_a_choice_survives_json_and_is_that_of_select_pool():
    one, teacher = splits(), tiny.linear_net()
    chosen = choose_pool(teacher, one, 3, by="balance", keep=0.4)
    assert json.loads(json.dumps(chosen)) == chosen
    keep, found = tfdcu.select_pool(
        teacher, None, smooth(50), by="balance", keep=0.4, seed=3
    )
    assert chosen == {"keep": keep.tolist(), "found": found}
    run = run_of(teacher, one, seed=3, select={"by": "balance", "keep": 0.4})
    select(run)
    np.testing.assert_array_equal(
        images_of(run.splits.unlabeled), smooth(50)[keep]
    )
    assert run.splits.labeled is one.labeled
    assert run.selection == found


def test_invalid_options_are_found_before_the_teacher_runs():
    one = splits()
    check_select(one, keep="all")
    check_select(one, by="balance", keep=3)
    few = open_source((smooth(4), np.arange(4)))
    with_labels = dataclasses.replace(one, labeled=few)
    stream = tf.data.Dataset.from_tensor_slices(smooth(9)).shuffle(9)
    for of, options, message in (
        (one, {"by": "balance", "keep": -1}, "keep=-1"),
        (one, {"by": "nnpu"}, "labeled=None"),
        (with_labels, {"by": "nnpu"}, "at least 10 labeled.*Received: 4"),
        (splits(stream), {"by": "balance"}, "another order"),
    ):
        with pytest.raises(ValueError, match=message):
            check_select(of, **options)
