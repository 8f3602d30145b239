"""Laws of the pause of the garbage collector."""

import gc

import pytest

from tfdcu.collection import without_collection


def test_it_is_off_inside_and_as_before_afterwards():
    assert gc.isenabled()
    with without_collection():
        assert not gc.isenabled()
        with without_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_brings_it_back():
    with pytest.raises(KeyError), without_collection():
        raise KeyError
    assert gc.isenabled()
