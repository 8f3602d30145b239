"""Laws of the pause of the garbage collector."""

import gc
import weakref

import pytest

from tfdcu.pruning.rebuild import without_collection
from tfdcu.search.search import without_what_stays


@pytest.fixture
def nothing_passed_over():
    """Unlike in the other tests, see `conftest.py`."""
    gc.unfreeze()
    yield
    gc.freeze()


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


@pytest.mark.usefixtures("nothing_passed_over")
def test_what_was_there_is_passed_over_and_what_is_new_is_collected():
    class Knot:
        pass

    with without_what_stays():
        assert gc.get_freeze_count() > 0
        knot = Knot()
        knot.itself = knot
        seen = weakref.ref(knot)
        del knot
        gc.collect()
        assert seen() is None
    assert gc.get_freeze_count() == 0


@pytest.mark.usefixtures("nothing_passed_over")
def test_the_outermost_block_ends_it():
    with pytest.raises(KeyError), without_what_stays():
        with without_what_stays():
            pass
        assert gc.get_freeze_count() > 0
        raise KeyError
    assert gc.get_freeze_count() == 0
