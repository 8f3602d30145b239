"""Laws of sections: every key is a keyword, or the nearest is named."""

import pytest

from tfdcu.stages.config import check_options
from tfdcu.stages.config import option_names


def pruned(model, seed=0, *, macs=None, params=None, **options):
    return model


class Callback:
    def __init__(self, model=None, *, final_sparsity, schedule="constant"):
        self.final_sparsity = final_sparsity


def test_options_are_the_keyword_only_arguments():
    assert option_names(pruned) == ["macs", "params"]
    assert option_names(Callback) == ["final_sparsity", "schedule"]


def test_a_section_is_a_new_dict_with_the_same_content():
    section = {"macs": 0.5}
    checked = check_options("channels", section, pruned)
    assert checked == section and checked is not section
    assert check_options("channels", None, pruned) == {}


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(ValueError) as error:
        check_options("channels", {"mac": 0.5}, pruned)
    assert str(error.value) == (
        "Unknown field in the section 'channels'. Expected: one of ['macs', "
        "'params']; the nearest is 'macs'. Received: channels.mac=0.5"
    )


def test_a_key_like_nothing_names_no_nearest():
    with pytest.raises(ValueError, match="Unknown field") as error:
        check_options("channels", {"zzz": 1}, pruned)
    assert "nearest" not in str(error.value)


@pytest.mark.parametrize("key", ["model", "options"])
def test_reserved_and_gathering_names_are_no_keys(key):
    with pytest.raises(ValueError, match=f"channels.{key}=1"):
        check_options("channels", {key: 1}, pruned)


def test_a_section_that_is_no_dict_is_refused():
    with pytest.raises(ValueError, match="not a dict.*`pruned`.*: 0.5"):
        check_options("channels", 0.5, pruned)
