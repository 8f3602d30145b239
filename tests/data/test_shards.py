"""Shards: complete or missing, read from memory and from files."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfdcu.data import shards
from tfdcu.data.sources import source as source_lib

VIEWS, IMAGES, SIZE = 3, 11, 4
PARTS = {"logits": ("float16", (5,)), "rest": ("float16", ())}
ROWS = {
    name: np.random.default_rng(0)
    .normal(size=(VIEWS, IMAGES, *shape))
    .astype(dtype)
    for name, (dtype, shape) in PARTS.items()
}


def write(folder, number):
    here = slice(number * SIZE, (number + 1) * SIZE)
    parts = {name: rows[:, here] for name, rows in ROWS.items()}
    shards.write_shard(folder, number, "mine", parts)


@pytest.mark.parametrize("limit", [0, 2**20])
def test_rows_are_those_that_were_written(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(source_lib, "MEMORY_LIMIT", limit)
    for number in range(3):
        write(tmp_path, number)
    rows = shards.rows_of(tmp_path, PARTS, VIEWS, IMAGES, SIZE)
    ids, views = (
        np.random.default_rng(1).integers(0, (IMAGES, VIEWS), (20, 2)).T
    )
    pairs = tf.data.Dataset.from_tensor_slices((ids, views)).batch(5)
    spec = pairs.map(rows).element_spec
    assert {n: s.shape.as_list() for n, s in spec.items()} == {
        "logits": [None, 5],
        "rest": [None],
    }
    read = list(pairs.map(rows).as_numpy_iterator())
    for name, expected in ROWS.items():
        received = np.concatenate([one[name] for one in read])
        np.testing.assert_array_equal(received, expected[views, ids])


def test_a_shard_is_complete_with_its_record(tmp_path):
    assert not shards.is_whole(tmp_path, 1, "mine")
    write(tmp_path, 1)
    assert shards.is_whole(tmp_path, 1, "mine")
    assert not shards.is_whole(tmp_path, 1, "another's")
    assert not shards.is_whole(tmp_path, 0, "mine")


def test_a_failed_write_leaves_no_files(tmp_path):
    parts = {"logits": np.zeros(3), "rest": np.array([object()])}
    before = list(tmp_path.iterdir())
    with pytest.raises(ValueError):
        shards.write_shard(tmp_path, 0, {"no": object()}, parts)
    assert list(tmp_path.iterdir()) == before


def test_the_record_of_a_shard_is_deleted_first(tmp_path, monkeypatch):
    write(tmp_path, 1)
    gone = []
    unlink = Path.unlink

    def killed(file):
        gone.append(file.suffix)
        unlink(file)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        shards.remove_shards(tmp_path, 0, 1)
    assert gone == [".json"] and not shards.is_whole(tmp_path, 1, "mine")


def test_only_the_shards_of_one_process_are_removed(tmp_path):
    for number in range(4):
        write(tmp_path, number)
    (tmp_path / "targets.json").write_text("{}")
    shards.remove_shards(tmp_path, 1, 2)
    left = {file.name.split(".")[0] for file in tmp_path.iterdir()}
    assert left == {"shard-00000", "shard-00002", "targets"}


@pytest.mark.parametrize("suffix", ["logits.npy", "rest.npy", "json"])
@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_a_shard_that_was_changed_is_not_whole(tmp_path, suffix, content):
    write(tmp_path, 1)
    path = tmp_path / f"shard-00001.{suffix}"
    before = path.read_bytes()
    changed = before[:-3] + bytes([before[-3] ^ 1]) + before[-2:]
    path.write_bytes(changed if content is None else content)
    assert not shards.is_whole(tmp_path, 1, "mine")
