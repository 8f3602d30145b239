"""Processes as a user starts them."""

import resource
import subprocess


def timed(command, **options):
    """A finished process and its seconds of processor time.

    Those do not grow while other processes keep the machine busy.

    Args:
        command: List of strings.
        **options: Keywords of `subprocess.run`.
    """
    before = spent()
    process = subprocess.run(command, capture_output=True, text=True, **options)
    return process, spent() - before


def spent():
    """Seconds that all finished child processes took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
