"""The embedded example: handwritten digits, a pool of printed characters.

    tfdcu demo

trains a teacher, compresses it with five labels per class into LiteRT files
and ends with a table. Run it again and it continues where it stopped.
"""

import signal
import subprocess
import sys
from pathlib import Path

from tfdcu_cli.flag import Flag

CONFIG = None
FLAGS = (Flag("workdir", "Folder of the run.", default="runs/digits"),)


def run(values):
    given = [
        "--config=digits",
        f"--config.teacher={values.workdir}/teacher.keras",
    ]
    # In processes of their own: the threads of TensorFlow are set once in each.
    code = call("train-teacher", *given)
    if not code:
        code = call("compress", *given, f"--workdir={values.workdir}")
    if not code:
        own = sys.argv[0] if Path(sys.argv[0]).name == "tfdcu" else "tfdcu"
        print(
            "Draw a digit in your browser: "
            f"{own} try --workdir={values.workdir}"
        )
    return code


def call(*arguments):
    """The exit code of a command, which gets the signals of this process."""
    process = subprocess.Popen([sys.executable, "-m", "tfdcu_cli", *arguments])

    def forward(number, frame):
        process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)
    return process.wait()
