"""Passes over images: how many of them are decoded at once."""

import pytest

from tests.support import small_run
from tfdcu.data.sources import source
from tfdcu.data.sources.source import Source


@pytest.mark.usefixtures("no_pictures")
def test_no_pass_of_a_run_decodes_more_at_once_than_the_limit(
    tmp_path, monkeypatch
):
    """TensorFlow keeps the memory of the largest batch that there ever was."""
    asked, batches = [], Source.batches

    def counted(self, size):
        asked.append(size * self.image_bytes)
        return batches(self, size)

    monkeypatch.setattr(Source, "batches", counted)
    monkeypatch.setattr(source, "AT_ONCE", 2048)
    small_run.run(
        tmp_path,
        channels={"macs": 0.5, "rounds": 1},
        targets={"views": 1},
        data={"pool_validation": 20, "validation_per_class": 1},
    )
    assert 1024 < max(asked) <= 2048
