import pytest

from tfdcu.search.space import check_names


def test_known_names_pass():
    check_names("cost", ["macs", "bytes"], ("bytes", "macs"))


def test_the_error_names_the_nearest():
    with pytest.raises(ValueError, match="Unknown cost.*nearest is 'macs'"):
        check_names("cost", ["mac"], ("bytes", "macs"))


def test_without_a_near_name_all_are_listed():
    with pytest.raises(ValueError, match=r"one of \['bytes', 'macs'\]\. "):
        check_names("cost", ["joule"], ("bytes", "macs"))
