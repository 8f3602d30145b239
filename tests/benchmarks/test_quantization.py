"""The table of bits, from real runs of a tiny student."""

import json

import pytest

from benchmarks import options
from benchmarks.quantization.compare import compare
from tests.support import tiny


@pytest.fixture
def seeds():
    flag = options.flags.FLAGS
    flag.mark_as_parsed()
    before, flag.seeds = flag.seeds, 1
    yield
    flag.seeds = before
    flag.unparse_flags()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_each_row_is_quantized_from_one_float_student(tmp_path, seeds):
    teacher = tmp_path / "teacher.keras"
    tiny.plain_net(width=32).save(teacher)
    few = tiny.images(12), tiny.labels(12)
    test = tiny.images(16, seed=5), tiny.labels(16)

    def config_of(labels, seed):
        return {
            "teacher": str(teacher),
            "student": str(teacher),
            "labeled": few if labels else None,
            "unlabeled": "printed:120",
            "test": test,
            "seed": seed,
            "data": {"pool_validation": 20},
            "training": {"epochs": 1},
            "export": {"formats": ("float32",), "num_images": 32},
            "workdir": tmp_path / "run",
        }

    compare(tmp_path / "tiny", ("8 bits", "4 bits"), config_of)
    rows = json.loads((tmp_path / "tiny.json").read_text("utf-8"))
    assert [row["row"] for row in rows] == ["8 bits", "4 bits"]
    eight, four = rows
    assert eight["float"] == four["float"]
    assert four["bytes"] < eight["bytes"]
    assert eight["largest difference"] <= 1.01
    assert 0 < four["seconds"] < 10
    table = (tmp_path / "tiny.md").read_text("utf-8")
    assert "| 4 bits | 1 |" in table
    # What is measured is not measured again.
    (tmp_path / "run").rename(tmp_path / "away")
    compare(tmp_path / "tiny", ("8 bits",), config_of)
