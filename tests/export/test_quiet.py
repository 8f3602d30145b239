"""Output is suppressed, and written after an error."""

import logging
import os
import warnings

import pytest

from tfdcu.export.quiet import quiet


def chatter():
    os.write(2, b"from C++\n")
    warnings.warn("a warning", stacklevel=1)
    logging.getLogger("absl").warning("a log line")
    logging.getLogger("tensorflow").warning("a log line")


def test_nothing_reaches_the_terminal(capfd):
    with quiet():
        chatter()
    assert capfd.readouterr() == ("", "")


def test_stderr_works_again_afterwards(capfd):
    level = logging.getLogger("absl").level
    with quiet():
        chatter()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
    assert logging.getLogger("absl").level == level


def test_stdout_is_left_alone(capfd):
    with quiet():
        print("a result")
    assert capfd.readouterr().out == "a result\n"


def test_suppressed_output_is_written_after_an_error(capfd):
    with pytest.raises(RuntimeError):
        with quiet():
            chatter()
            raise RuntimeError
    assert "from C++\n" in capfd.readouterr().err


def test_loggers_made_inside_work_afterwards(capfd):
    with quiet():
        handler = logging.StreamHandler()
    handler.emit(logging.makeLogRecord({"msg": "after"}))
    assert capfd.readouterr().err == "after\n"
