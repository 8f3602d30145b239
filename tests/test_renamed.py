"""Laws of options that are gone: whoever uses one learns what to write."""

import functools
import inspect

import pytest

import tfdcu
from tests.support import tiny
from tfdcu.renamed import RENAMED
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_options
from tfdcu_cli.commands import compress
from tfdcu_cli.parse import parse

FIELDS = [name for name in RENAMED if name.split(".")[0] in SECTIONS]
CALLS = {
    "few_labels": tfdcu.data.few_labels,
    "compress": tfdcu.compress,
    "channels": tfdcu.prune_channels,
    "data": tfdcu.data.prepare,
    "export": tfdcu.export_litert,
    "search": functools.partial(
        tfdcu.search, None, None, None, workdir="none", space={}
    ),
    "sparsity": tfdcu.Sparsify,
    "transfer": functools.partial(tfdcu.AlignedDistiller, None, None),
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_a_config_says_what_to_write_instead(field):
    section, name = field.split(".")
    with pytest.raises(ValueError) as error:
        check_options(section, {name: 1}, SECTIONS[section])
    assert f"{RENAMED[field]}. Received: {name}=1" in str(error.value)
    with pytest.raises(SystemExit) as told:
        parse(compress, [f"--config.{field}=1"])
    assert f"Expected: in place of {field}, {RENAMED[field]}. " in str(told)


def gone_from_calls():
    for field in RENAMED:
        section, name = field.split(".")
        if section in CALLS:
            if name not in inspect.signature(CALLS[section]).parameters:
                yield field


@pytest.mark.parametrize("field", [*gone_from_calls()])
def test_a_keyword_of_a_call_says_what_to_write_instead(field):
    section, name = field.split(".")
    with pytest.raises(ValueError) as error:
        CALLS[section](**{name: 1})
    assert f"{RENAMED[field]}. Received: {name}=1" in str(error.value)


def test_a_call_of_today_is_as_without_the_check():
    assert tfdcu.Sparsify(final_sparsity=0.5, frequency=3).frequency == 3
    assert "macs" in inspect.signature(tfdcu.prune_channels).parameters
    few, _ = tfdcu.data.few_labels(
        (tiny.images(8), tiny.labels(8)), per_class=1
    )
    assert few.num_images == 4
    with pytest.raises(TypeError, match="per_clas"):
        tfdcu.data.few_labels(few, per_clas=1)
