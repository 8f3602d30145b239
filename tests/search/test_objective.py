import numpy as np
import pytest

from tests.support import tiny
from tfdcu.data import open_source
from tfdcu.data.prepare import Splits
from tfdcu.export import file_sizes
from tfdcu.search.objective import Objective
from tfdcu.search.objective import litert


def splits(num=40):
    """Data with images held out, as `prepare` would hand it over."""
    return Splits(
        unlabeled=open_source(tiny.images(num), labeled=False),
        pool_validation=open_source(tiny.images(num, seed=1), labeled=False),
        validation=open_source((tiny.images(num, seed=2), tiny.labels(num))),
    )


def objective(teacher=None, **changes):
    options = {
        "quality": "agreement",
        "cost": "macs",
        "limits": None,
        "tradeoff": 0.01,
    }
    return Objective(teacher or tiny.plain_net(), **{**options, **changes})


def choices(model, seed):
    logits = model(tiny.images(40, seed=seed), training=False)
    return np.argmax(logits, axis=-1)


def test_agreement_is_the_share_of_the_teacher_s_choices():
    teacher, student = tiny.plain_net(), tiny.plain_net(seed=5)
    expected = np.mean(choices(teacher, 1) == choices(student, 1))
    data = splits()
    assert objective(teacher).quality_of(student, data) == expected
    assert objective(teacher).quality_of(teacher, data) == 1.0


def test_accuracy_is_on_the_validation_images():
    student = tiny.plain_net(seed=5)
    expected = np.mean(choices(student, 2) == tiny.labels(40))
    found = objective(quality="accuracy").quality_of(student, splits())
    assert found == expected


def test_files_are_made_only_if_a_cost_needs_them():
    student, data = tiny.plain_net(width=4), splits()
    plain = objective().before(student, data, {})
    assert plain == {}
    assert set(objective().arithmetic(student)) == {"params", "macs"}
    sized = objective(limits={"bytes": 9e9}).before(student, data, {})
    assert set(sized) == {"bytes"}
    timed = objective(cost="latency_ms").before(student, data, {})
    assert set(timed) == {"bytes", "latency_ms"}
    assert timed["latency_ms"] > 0


def test_the_size_known_before_is_the_size_of_the_first_format(tmp_path):
    student, data = tiny.plain_net(width=4), splits()
    one = objective(cost="bytes")
    sizes = {}
    for kind in ("float32", "int8"):
        export = {"formats": (kind, "float16")}
        sizes[kind] = one.before(student, data, export)["bytes"]
        file = litert(student, data, export, tmp_path)
        assert file.name == f"student_{kind}.tflite"
        assert file_sizes(file)["bytes"] == sizes[kind]
        assert one.after(student, data, export)["bytes"] == sizes[kind]
    assert sizes["float32"] != sizes["int8"]


def test_limits_refuse_what_is_over_them_and_nothing_else():
    one = objective(limits={"macs": 100, "bytes": 2000, "params": None})
    assert one.limits == {"macs": 100, "bytes": 2000}
    assert one.refusal({"macs": 100, "params": 9e9}) is None
    assert one.refusal({"macs": 101}) == "macs is 101, the limit 100"
    both = one.refusal({"macs": 101, "bytes": 2001})
    assert both == "macs is 101, the limit 100; bytes is 2,001, the limit 2,000"
    assert one.refusal({"bytes": 2001}, unknown=("bytes",)) is None


def test_each_halving_of_the_cost_is_worth_the_trade():
    one, data = objective(tradeoff=0.03), splits()
    macs = one.teacher_row(data)["macs"]
    assert one.score(0.9, macs, data) == pytest.approx(0.9)
    assert one.score(0.9, macs / 8, data) == pytest.approx(0.9 + 3 * 0.03)
