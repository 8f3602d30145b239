"""Train the teacher of a config, unless its file exists.

python -m scripts.train_teacher --config=configs/digits.py
"""

from pathlib import Path

from absl import app
from absl import flags
from ml_collections import config_flags

import tfdcu
from scripts.config_flags import parsed

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment.")


def main(argv):
    del argv
    config = CONFIG.value.to_dict()
    if "train_teacher" not in config:
        raise SystemExit(
            "Stopped: this config trains no teacher. Expected: a section "
            "`train_teacher` with the keywords of tfdcu.train_teacher. "
            f"Received: sections {sorted(config)}"
        )
    exists = Path(config["teacher"]).exists()
    try:
        made = tfdcu.train_teacher(config["teacher"], **config["train_teacher"])
    except (ValueError, FloatingPointError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error
    accuracy = made["accuracy"]
    known = "" if accuracy is None else f", test accuracy {accuracy:.2%}"
    old = ", which existed and is not trained again" if exists else ""
    print(f"Teacher: {made['path']}{old}: {made['params']:,} parameters{known}")


if __name__ == "__main__":
    flags.mark_flags_as_required(["config"])
    app.run(main, flags_parser=parsed)
