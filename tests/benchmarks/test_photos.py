"""The rows of the clothes are configs that compress takes; a table by hand."""

from absl import flags
from absl.testing import flagsaver

from benchmarks.photos import clothes
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config


def test_every_row_is_a_config_that_compress_takes(tmp_path):
    for name in ("pool", "imagenet1000"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(photos=str(tmp_path / "photos"), teacher="t"):
        for name, (macs, _, labels) in clothes.ROWS.items():
            config = clothes.config_of(name, 1, tmp_path / "runs")
            checked = check_config({key: config[key] for key in SECTIONS})
            assert checked["channels"]["macs"] == macs
            assert (config["labeled"] is None) == (labels is None)
    flags.FLAGS.unparse_flags()


def test_the_table_has_means_and_their_range():
    row = {"row": "0.5", "teacher": 0.876, "before training": 0.8}
    row |= {"int8": 0.84, "float32 time": 0.5, "int8 time": 0.2}
    rows = [
        {**row, "seed": 0, "student": 0.85, "seconds": 600},
        {**row, "seed": 1, "student": 0.87, "seconds": 720},
    ]
    assert clothes.as_table(rows).endswith(
        "| 0.5 | 2 | 87.6 | 80.0 | 86.0 (85.0 to 87.0) | 84.0 | 0.50 | 0.20 "
        "| 11 |"
    )
