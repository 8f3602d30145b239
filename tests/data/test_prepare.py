import numpy as np
import pytest
import tensorflow as tf

from tests.support import files
from tests.support import tiny
from tfdcu import data

DIGITS = {"num_classes": 10, "image_shape": (8, 8, 1)}
TINY = {"num_classes": 4, "image_shape": (8, 8, 1)}


def rows(source):
    return {image.tobytes() for image in data.images_of(source)}


def test_everything_in_one_call():
    splits = data.prepare(
        "digits",
        "printed:200",
        test="digits",
        test_split="test",
        labels_per_class=5,
        validation_per_class=3,
        pool_validation=0.1,
        **DIGITS,
    )
    sizes = {
        "labeled": 50,
        "validation": 30,
        "test": 500,
        "unlabeled": 180,
        "pool_validation": 20,
    }
    parts = {name: getattr(splits, name) for name in sizes}
    assert {name: part.num_images for name, part in parts.items()} == sizes
    seen = [rows(part) for part in parts.values()]
    assert len(set.union(*seen)) == sum(map(len, seen))
    assert splits.classes == tuple("0123456789")
    assert splits.skipped == ()


def test_no_labels_at_all():
    splits = data.prepare(None, tiny.images(), **TINY)
    assert splits.unlabeled.num_images == 15
    assert splits.pool_validation.num_images == 1
    assert splits.labeled is splits.validation is splits.test is None


def test_classes_of_the_test_set_follow_the_labeled_ones(tmp_path):
    few = files.class_folder(tmp_path / "few", ("ant", "bee"))
    test = files.class_folder(tmp_path / "test", ("ant", "bee"), darkest=5)
    files.write(few / "bad.png", b"")
    splits = data.prepare(
        f"folder:{few}",
        tiny.images(channels=3),
        test=f"folder:{test}",
        classes=("bee", "ant"),
        num_classes=2,
        image_shape=(8, 8, 3),
    )
    assert splits.classes == ("bee", "ant")
    assert splits.test.labels().tolist() == [1, 1, 1, 0, 0, 0]
    assert [(one["source"], one["file"]) for one in splits.skipped] == [
        ("labeled", "bad.png")
    ]
    files.class_folder(tmp_path / "test", ("cow",))
    with pytest.raises(ValueError, match=r"unknown \['cow'\]"):
        data.prepare(
            f"folder:{few}",
            tiny.images(channels=3),
            test=f"folder:{test}",
            num_classes=2,
            image_shape=(8, 8, 3),
        )


def test_sources_that_share_images():
    def prepared(labeled, pool="printed:20", **options):
        return data.prepare(labeled, pool, **{**DIGITS, **options})

    with pytest.raises(ValueError, match="`labeled` and `test` share"):
        prepared("digits", test="digits")
    with pytest.raises(ValueError, match="`labeled` and `test` share"):
        prepared(
            "digits", labeled_split="all", test="digits", test_split="test"
        )
    with pytest.raises(ValueError, match="`test` and `unlabeled` share"):
        prepared(None, "digits", test="digits")
    with pytest.raises(ValueError, match="`labeled` and `validation` share"):
        prepared("digits", validation="digits")
    parts = {"labeled_split": "train", "test_split": "test"}
    with pytest.raises(ValueError, match="`validation` and `test` share"):
        prepared(
            "digits",
            **parts,
            test="digits",
            validation="digits",
            validation_split="test",
        )
    with pytest.raises(ValueError, match="`validation` and `unlabeled` share"):
        prepared(None, "digits", validation="digits")
    images, labels = tiny.images(20), tiny.labels(20)
    with pytest.raises(ValueError, match="`labeled` and `test` share"):
        prepared((images, labels), test=(images[10:], labels[10:]))
    first, second = (images[:10], labels[:10]), (images[10:], labels[10:])
    data.prepare(first, images[:10], test=second, **TINY)
    # The labeled images may be in the pool, without their labels.
    prepared("digits", "digits", test="digits", test_split="test")


def test_reused_memory_is_not_shared():
    def opened(seed):
        # The array itself is gone at once, and the next one takes its place.
        return data.open_source((tiny.images(64, seed=seed), tiny.labels(64)))

    sources = [opened(seed) for seed in range(4)]
    places = {source.spans[0][0] for source in sources}
    assert len(places) == 4
    images = tiny.images(20)
    first, second = (
        data.open_source(part, labeled=False)
        for part in (images[:10], images[5:][2:])
    )
    assert first.spans[0][0] == second.spans[0][0]


def test_disjoint_parts_of_one_source_are_accepted():
    every = data.open_source("digits")
    half = every.subset(np.arange(0, 1297, 2))
    other = every.subset(np.arange(1, 1297, 2))
    data.prepare(half, "printed:20", test=other, **DIGITS)
    with pytest.raises(ValueError, match="share"):
        data.prepare(
            half,
            "printed:20",
            test=other.subset([5]),
            validation=every,
            **DIGITS,
        )
    few, rest = data.few_labels(every, per_class=2, validation_per_class=2)
    data.prepare(few, "printed:20", test=rest, **DIGITS)
    with pytest.raises(ValueError, match="share"):
        data.prepare(few, "printed:20", test="digits", **DIGITS)


def test_a_folder_within_a_folder(tmp_path):
    files.class_folder(tmp_path / "all" / "test")
    with pytest.raises(ValueError, match="`test` and `unlabeled` share"):
        data.prepare(
            None,
            f"folder:{tmp_path}/all",
            test=f"folder:{tmp_path}/all/test",
            num_classes=2,
            image_shape=(8, 8, 3),
        )


def test_errors():
    few = (tiny.images(), tiny.labels())
    with pytest.raises(ValueError, match="There is no pool"):
        data.prepare(few, None, **TINY)
    with pytest.raises(ValueError, match="is empty"):
        data.prepare(few, tiny.images(0), **TINY)
    with pytest.raises(ValueError, match="4 names.*Received: 2"):
        data.prepare(few, tiny.images(), classes=["a", "b"], **TINY)
    with pytest.raises(ValueError, match="4 classes.*Received: 10"):
        data.prepare("digits", tiny.images(), **TINY)
    with pytest.raises(ValueError, match="out of range.*0 to 2"):
        data.prepare(few, tiny.images(), num_classes=3, image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="out of range.*0 to 2"):
        data.prepare(
            None, tiny.images(), test=few, num_classes=3, image_shape=(8, 8, 1)
        )
    with pytest.raises(ValueError, match="Two ways to validate"):
        data.prepare(
            few,
            tiny.images(),
            validation=(tiny.images(seed=1), tiny.labels()),
            validation_per_class=1,
            **TINY,
        )
    with pytest.raises(ValueError, match="too few images"):
        data.prepare(few, tiny.images(), labels_per_class=9, **TINY)


def test_other_images_in_the_same_place_have_another_fingerprint():
    def described(pool):
        few = tiny.images(8), tiny.labels(8)
        found = data.prepare(few, pool, num_classes=4, image_shape=(8, 8, 1))
        return found.describe()

    pool = data.open_source(tiny.images(100, seed=1), labeled=False)
    one = described(pool.subset(range(50)))
    assert one == described(pool.subset(range(50)))
    assert set(one) == {"labeled", "unlabeled", "pool_validation"}
    assert one["pool_validation"]["num_images"] == 5
    other = described(pool.subset(range(50, 100)))
    assert other["labeled"] == one["labeled"]
    assert other["unlabeled"] != one["unlabeled"]
    assert other["unlabeled"]["num_images"] == 45


def reshuffling(num=16, **options):
    pairs = tf.data.Dataset.from_tensor_slices(
        (tiny.images(num, **options), tiny.labels(num))
    )
    return pairs.shuffle(num)


def test_a_test_set_that_reshuffles_is_kept_in_one_order():
    pool = tiny.images(8, seed=1)
    test = data.prepare(None, pool, test=reshuffling(), **TINY).test
    # Another process finds another order, and goes on nevertheless.
    again = data.prepare(None, pool, test=reshuffling(), **TINY)
    assert again.describe()["test"] == {"num_images": 16}
    first, second = (next(iter(test.batches(16))) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], test.labels())
    same = data.open_source(tiny.images(16), labeled=False)
    assert rows(test.without_labels()) == rows(same)


def test_a_reshuffling_test_set_that_does_not_fit_in_memory_is_refused(
    monkeypatch,
):
    monkeypatch.setattr(data.Source, "fits_in_memory", lambda self: False)
    with pytest.raises(ValueError, match="another order.*reshuffle_each_it"):
        data.prepare(None, tiny.images(8), test=reshuffling(seed=1), **TINY)


def test_sources_of_other_ranges_are_refused():
    pool = data.open_source("printed:50", labeled=False)
    with pytest.raises(ValueError, match=r"different ranges.*\(-1.0, 1.0\)"):
        data.prepare("digits", pool, value_range=(-1, 1), **DIGITS)
    few = data.open_source("digits", value_range=(-1, 1))
    with pytest.raises(ValueError, match=r"different ranges.*\(-1.0, 1.0\)"):
        data.training_batches(few, pool)


def test_corrected_labels_change_the_fingerprint():
    images, labels = tiny.images(16), tiny.labels(16)
    options = {"unlabeled": tiny.images(8, seed=1), **TINY}
    one, same, other = (
        data.prepare((images, some), **options).describe()["labeled"]
        for some in (labels, labels.copy(), labels[::-1].copy())
    )
    assert one == same
    assert one["digest"] == other["digest"] and one != other


def test_a_batched_dataset_given_twice_is_detected():
    pairs = tf.data.Dataset.from_tensor_slices(
        (tiny.images(16), tiny.labels(16))
    ).batch(4)
    with pytest.raises(ValueError, match="`labeled` and `test` share"):
        data.prepare(pairs, tiny.images(8, seed=1), test=pairs, **TINY)


@pytest.mark.parametrize("name", ["labeled", "validation", "pool_validation"])
def test_the_seed_determines_all_draws(name):
    few = tiny.images(40), tiny.labels(40)
    drawn = [
        rows(
            getattr(
                data.prepare(
                    few,
                    tiny.images(40, seed=1),
                    labels_per_class=2,
                    validation_per_class=2,
                    pool_validation=10,
                    seed=seed,
                    **TINY,
                ),
                name,
            )
        )
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
