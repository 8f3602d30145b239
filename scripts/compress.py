"""Compress a teacher with few labels and a pool into checked LiteRT files.

    python -m scripts.compress --config=configs/digits.py --workdir=runs/digits

Any field may be changed: `--config.channels.macs=0.3`. Run the same command
again after a kill and it continues.
"""

from absl import app
from absl import flags
from ml_collections import config_flags

import tfdcu
from scripts.config_flags import keywords_of
from scripts.config_flags import parsed

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment.")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run.")


def main(argv):
    del argv
    if "search" in CONFIG.value:
        raise SystemExit(
            "Stopped: this is a config of a search. Expected: a config without "
            "the section `search`, or python -m scripts.search. "
            f"Received: search={CONFIG.value.search.to_dict()}"
        )
    config = keywords_of(CONFIG.value)
    try:
        record = tfdcu.compress(**config, workdir=WORKDIR.value)
    except (ValueError, FloatingPointError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error
    if record["failed"]:
        raise SystemExit(f"Left out: {', '.join(record['failed'])}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=parsed)
