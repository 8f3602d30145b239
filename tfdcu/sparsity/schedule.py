"""Sparsity schedules: when masks are updated, and to what sparsity."""

import math

from tfdcu.workdir.arguments import check_arguments

SCHEDULES = ("constant", "polynomial")
STEPS = ("begin_step", "end_step", "frequency")
SHARE_OF_STEPS = 0.75
MOVES = 50


class SparsitySchedule:
    """A TFMOT schedule for one training run.

    TFMOT evaluates its schedule at every step; here the step of the next mask
    update is known in advance, so other steps cost one comparison. TFMOT
    stops at the last multiple of the frequency, just below the final
    sparsity; here the masks are also updated at the end step.

    Args:
        schedules: TFMOT's module of schedules.
        schedule: `"polynomial"`, `"constant"` or a TFMOT schedule object.
        final_sparsity: share of zeros at the end, in [0, 1).
        begin_step: step of the first mask update.
        end_step: step of the last mask update, or `None`.
        frequency: steps between mask updates, or `None`.
        params: `params` of a Keras callback: `epochs` and `steps` (per
            epoch).
        once: whether masks are updated at `begin_step` only.

    Raises:
        ValueError: `end_step` is needed and the number of steps unknown.
    """

    def __init__(
        self,
        schedules,
        schedule,
        final_sparsity,
        begin_step,
        end_step,
        frequency,
        params,
        once=False,
    ):
        self.once = once
        if not isinstance(schedule, str):
            self.schedule = schedule
        elif schedule == "constant" or once:
            self.schedule = schedules.ConstantSparsity(
                final_sparsity,
                begin_step,
                -1 if end_step is None else end_step,
                frequency or 100,
            )
        else:
            if end_step is None:
                end_step = _default_end(begin_step, params)
            span = end_step - begin_step
            self.schedule = schedules.PolynomialDecay(
                0.0,
                final_sparsity,
                begin_step,
                end_step,
                frequency=frequency or max(1, min(100, span // MOVES)),
            )
        self.begin, self.end, self.frequency = (
            getattr(self.schedule, name) for name in STEPS
        )

    @property
    def reached_at(self):
        """The step at which the final sparsity is reached."""
        constant = hasattr(self.schedule, "target_sparsity")
        if self.once or constant or self.end < 0:
            return self.begin
        return self.end

    def due_after(self, step):
        """Step of the next mask update after `step`; `inf` if none is left."""
        if step < self.begin:
            return self.begin
        if self.once or 0 <= self.end <= step:
            return math.inf
        moves = (step - self.begin) // self.frequency + 1
        due = self.begin + moves * self.frequency
        return due if self.end < 0 else min(due, self.end)


def check_schedule(
    final_sparsity,
    schedule="polynomial",
    begin_step=0,
    end_step=None,
    frequency=None,
):
    """Raises for invalid schedule arguments of `Sparsify`."""
    check_arguments(
        ("end_step", "frequency"),
        final_sparsity=final_sparsity,
        begin_step=begin_step,
        end_step=end_step,
        frequency=frequency,
    )
    if not isinstance(schedule, str):
        options = (begin_step, end_step, frequency)
        _check_object(schedule, final_sparsity, options)
        return
    if schedule not in SCHEDULES:
        raise ValueError(
            "Unknown sparsity schedule. Expected: one of "
            f"{', '.join(SCHEDULES)}, or a TFMOT schedule object. "
            f"Received: schedule={schedule!r}."
        )
    if end_step is not None and end_step <= begin_step:
        raise ValueError(
            "`end_step` must be greater than `begin_step`. Expected: more "
            f"than {begin_step}. Received: end_step={end_step!r}."
        )


def _check_object(schedule, final_sparsity, options):
    if not callable(schedule) or not all(hasattr(schedule, s) for s in STEPS):
        raise ValueError(
            "Invalid value for `schedule`. Expected: "
            f"{', '.join(map(repr, SCHEDULES))}, or an object like TFMOT's: "
            f"callable, with {', '.join(STEPS)}. Received: {schedule!r}."
        )
    if options != (0, None, None):
        raise ValueError(
            "A schedule object has its own steps. Expected: no "
            f"{', '.join(STEPS)} with it. Received: "
            "begin_step={}, end_step={}, frequency={}.".format(*options)
        )
    own = getattr(schedule, "target_sparsity", None)
    own = getattr(schedule, "final_sparsity", own)
    if own is not None and own != final_sparsity:
        raise ValueError(
            "`final_sparsity` differs from that of the schedule object. "
            f"Expected: final_sparsity={own!r}. "
            f"Received: final_sparsity={final_sparsity!r}."
        )


def _default_end(begin_step, params):
    steps = params.get("steps")
    if not steps:
        raise ValueError(
            "The sparsity schedule needs an end step, but the number of steps "
            "in an epoch is unknown. Expected: Sparsify(end_step=...) or "
            f"fit(steps_per_epoch=...). Received: end_step=None, steps={steps}."
        )
    left = params["epochs"] * steps - begin_step
    return begin_step + max(1, int(SHARE_OF_STEPS * left))
