"""The stage that examines the pool before training."""

from tfdcu.pool import diagnose as pool_diagnosis
from tfdcu.pool.fitting_input import better_input
from tfdcu.report import format_diagnosis


def diagnose(run):
    """Run the teacher on a sample of the pool and print what stands out.

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
    advice = run.cached_json(
        "fitting_input.json",
        lambda: better_input(
            run.teacher,
            run.splits.labeled,
            run.config.get("preprocess"),
            run.seed,
        ),
    )
    run.say([advice] if advice else [])
