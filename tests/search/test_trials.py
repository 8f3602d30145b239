import sys

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.data import images_of
from tfdcu.pruning import score_channels
from tfdcu.search.trials import Trials
from tfdcu.stages.prune import prune


def trials(**changes):
    return Trials(
        **{
            "teacher": tiny.plain_net(),
            "labeled": (tiny.images(8), tiny.labels(8)),
            "unlabeled": tiny.images(100, seed=1),
            "space": {"channels.macs": (0.2, 0.5)},
            "channels": {"round_to": 1, "params": 0.5},
            "training": {"epochs": 10},
            **changes,
        }
    )


def rows(images):
    return {image.tobytes() for image in images}


def test_without_any_held_out_images_a_tenth_of_the_pool_is_held_out():
    one = trials()
    splits = one.splits(one.config)
    assert one.objective.quality == "agreement"
    assert splits.pool_validation.num_images == 10
    assert splits.unlabeled.num_images == 90
    assert not rows(images_of(splits.unlabeled)) & rows(
        images_of(splits.pool_validation)
    )


def test_with_validation_images_quality_is_accuracy_on_them():
    one = trials(validation=(tiny.images(12, seed=3), tiny.labels(12)))
    splits = one.splits(one.config)
    assert one.objective.quality == "accuracy"
    logits = tiny.plain_net()(tiny.images(12, seed=3), training=False)
    right = np.argmax(logits, -1) == tiny.labels(12)
    expected = np.mean(right)
    assert one.objective.quality_of(one.teacher, splits) == expected


def test_agreement_needs_images_that_are_held_out():
    for changes in (
        {"unlabeled": tiny.images(9)},
        {"data": {"pool_validation": 0}},
    ):
        with pytest.raises(ValueError, match="No pool images are held out"):
            trials(**changes).check()


def test_no_labels_leave_none_to_validate_on():
    one = trials(labeled=None, data={"validation_per_class": 5})
    assert one.objective.quality == "agreement"


def test_a_trial_has_its_share_of_the_epochs_and_at_least_one():
    values = {"channels.macs": 0.3}
    one = trials(epochs_share=0.25)
    assert one.short(values)["training"]["epochs"] == 2
    assert one.full(values)["training"]["epochs"] == 10
    searched = {**values, "training.epochs": 40}
    assert one.short(searched)["training"]["epochs"] == 10
    assert trials(epochs_share=0.01).short({})["training"]["epochs"] == 1
    default = trials(training=None, epochs_share=0.5)
    assert default.short({})["training"]["epochs"] == 10


def test_a_trial_has_its_share_of_the_pool_and_others_the_same_one():
    one, other = trials(pool_share=0.2), trials(pool_share=0.2)
    pools = [images_of(s.splits(s.config).unlabeled) for s in (one, other)]
    assert len(pools[0]) == 18
    np.testing.assert_array_equal(*pools)
    whole = trials()
    assert rows(pools[0]) < rows(
        images_of(whole.splits(whole.config).unlabeled)
    )


def test_trials_train_on_their_share_of_the_pool():
    splits = trials().splits(trials().config)
    # A tenth of the hundred is held out, and not drawn from.
    assert splits.unlabeled.num_images == 90
    assert splits.pool_validation.num_images == 10
    half = trials(pool_share=0.5)
    part = images_of(half.splits(half.config).unlabeled)
    assert len(part) == 45
    assert rows(part) < rows(images_of(splits.unlabeled))


def test_data_is_opened_once_unless_it_is_searched():
    one = trials()
    splits = one.splits(one.short({"channels.macs": 0.3}))
    assert one.splits(one.short({"channels.macs": 0.4})) is splits
    other = one.short({"data.pool_validation": 20})
    assert one.splits(other).pool_validation.num_images == 20


def test_a_searched_budget_replaces_that_of_the_config():
    one = trials()
    run = one.run(one.short({"channels.macs": 0.3}))
    prune(run)
    cost = one.objective.arithmetic(run.models["pruned"])
    assert cost["macs"] <= 0.3 * one.objective.arithmetic(one.teacher)["macs"]


def test_trials_share_the_targets_of_the_same_views(tmp_path):
    options = {"batches": {"augment": "shift"}, "targets": {"views": 2}}
    one = trials(folder=tmp_path, **options)
    first = one.targets(one.short({"channels.macs": 0.3}))
    assert one.targets(one.short({"channels.macs": 0.4})) is first
    other = one.targets(one.short({"targets.views": 1}))
    assert [pool.views for _, pool in (first, other)] == [2, 1]
    assert len(list((tmp_path / "targets").iterdir())) == 4
    assert trials().targets(trials().config) is None


def test_the_teachers_channels_are_scored_once(monkeypatch):
    one = trials(channels={"macs": 0.5, "round_to": 1})
    asked = []

    def counted(*arguments, **options):
        asked.append(options["importance"])
        return score_channels(*arguments, **options)

    module = sys.modules["tfdcu.search.trials"]
    monkeypatch.setattr(module, "score_channels", counted)
    shares = [one.short({"channels.macs": share}) for share in (0.3, 0.5)]
    small, large = (one.run(config) for config in shares)
    prune(small), prune(large)
    sizes = [run.models["pruned"].count_params() for run in (small, large)]
    assert sizes[0] < sizes[1]
    one.run(one.short({"channels.importance": "l1"}))
    assert asked == [None, "l1"]
