"""Search for students with the best tradeoff of quality and cost.

    python -m scripts.search --config=configs/digits_search.py \\
        --workdir=runs/digits_search

Any field may be changed: `--config.search.max_trials=40`. Run the same
command again after a kill and it continues. On several machines run it on each
with the same `--workdir` on a shared disk and keras-tuner's variables set:
KERASTUNER_TUNER_ID (`chief`, `worker0`, `worker1`, ...),
KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT.
"""

from absl import app
from absl import flags
from ml_collections import config_flags

from scripts.config_flags import keywords_of
from scripts.config_flags import parsed
from tfdcu.search import search

CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment.")
WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the search.")


def main(argv):
    del argv
    if "search" not in CONFIG.value:
        raise SystemExit(
            "Stopped: this is not a config for a search. Expected: a section "
            "`search` with the keywords of tfdcu.search, as in "
            "configs/digits_search.py. "
            f"Received: sections {sorted(CONFIG.value)}"
        )
    config = keywords_of(CONFIG.value)
    config.pop("baseline")
    searching = config.pop("search")
    try:
        search(**config, **searching, workdir=WORKDIR.value)
    except (ValueError, OSError) as error:
        raise SystemExit(f"Stopped: {error}") from error


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=parsed)
