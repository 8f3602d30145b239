"""Search for the students with the best tradeoff of quality and cost.

    tfdcu search --config=photos_search --teacher=my_model.keras \\
        --labeled=photos/labeled --pool=photos/pool --test=photos/test \\
        --workdir=runs/search

Run the same command again after a kill and it continues. On several machines
run it on each with the same --workdir on a shared disk and keras-tuner's
variables set: KERASTUNER_TUNER_ID (chief, worker0, worker1, ...),
KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT.
"""

from tfdcu_cli import flag
from tfdcu_cli.flag import Flag
from tfdcu_cli.keywords import keywords_of

CONFIG = "photos_search"
FLAGS = (
    flag.TEACHER,
    flag.LABELED,
    flag.POOL,
    flag.TEST,
    flag.WORKDIR,
    Flag(
        "max_trials",
        "Students to try; a finished search goes on with more.",
        field="search.max_trials",
    ),
    flag.AUGMENT,
    flag.EPOCHS,
    flag.CLASSES,
    flag.VALUE_RANGE,
    flag.PREPROCESS,
    flag.VERBOSE,
)


def run(values):
    if "search" not in values.config:
        raise SystemExit(
            "Stopped: this is not a config for a search. Expected: a section "
            "`search` with the keywords of tfdcu.search, as in "
            "--config=digits_search. Received: sections "
            f"{sorted(values.config)}"
        )
    keywords = keywords_of(values.config)
    keywords.pop("baseline")
    searching = keywords.pop("search")
    import tfdcu

    tfdcu.search(**keywords, **searching, workdir=values.workdir)
