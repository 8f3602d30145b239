"""The stage that looks at the pool before anything is trained on it."""

from tfdcu.pool import diagnose as pool_diagnosis
from tfdcu.report import format_diagnosis


def diagnose(run):
    """Ask the teacher about a sample of the pool, and say what stands out.

    Args:
        run: A `Run`; its `diagnosis` is set.
    """
    run.diagnosis = run.cached_json(
        "diagnosis.json",
        lambda: pool_diagnosis.diagnose(
            run.teacher, run.splits.labeled, run.splits.unlabeled, seed=run.seed
        ),
    )
    run.say(format_diagnosis(run.diagnosis))
