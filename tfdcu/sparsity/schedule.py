"""When sparsity masks move, and how far."""

import math

SCHEDULES = ("constant", "polynomial")
STEPS = ("begin_step", "end_step", "frequency")
SHARE_OF_STEPS = 0.75
MOVES = 50


class SparsitySchedule:
    """A TFMOT schedule, settled for one training, asked for its next move.

    TFMOT evaluates its schedule in every step; here the next step that
    matters is known ahead, so that the others cost one comparison. TFMOT
    stops at the last multiple of the frequency, a little short of the final
    sparsity; here the end itself is a move.

    Args:
        schedules: TFMOT's module of schedules.
        schedule: `"polynomial"`, `"constant"` or a TFMOT schedule object.
        final_sparsity: share of zeros at the end, in [0, 1).
        initial_sparsity: share of zeros at `begin_step`.
        begin_step: step of the first move.
        end_step: step of the last move, or `None`.
        frequency: steps between moves, or `None`.
        params: what Keras tells callbacks, `epochs` and `steps` (an epoch).
        once: whether masks move at `begin_step` only.

    Raises:
        ValueError: `end_step` is needed and the number of steps unknown.
    """

    def __init__(
        self,
        schedules,
        schedule,
        final_sparsity,
        initial_sparsity,
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
                initial_sparsity,
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
        """The step from which on the final sparsity holds."""
        constant = hasattr(self.schedule, "target_sparsity")
        if self.once or constant or self.end < 0:
            return self.begin
        return self.end

    def due_after(self, step):
        """The first move after a step: a step, or `inf` if none is left."""
        if step < self.begin:
            return self.begin
        if self.once or 0 <= self.end <= step:
            return math.inf
        moves = (step - self.begin) // self.frequency + 1
        due = self.begin + moves * self.frequency
        return due if self.end < 0 else min(due, self.end)


def check_plan(
    final_sparsity,
    schedule="polynomial",
    initial_sparsity=0.0,
    begin_step=0,
    end_step=None,
    frequency=None,
):
    """Refuses arguments of `Sparsify` that no schedule can follow."""
    for name, value in (
        ("final_sparsity", final_sparsity),
        ("initial_sparsity", initial_sparsity),
    ):
        if not 0 <= value < 1:
            raise ValueError(
                f"{name} must be a share of zeros. Expected a number in "
                f"[0, 1). Received: {name}={value!r}"
            )
    if not isinstance(schedule, str):
        given = (initial_sparsity, begin_step, end_step, frequency)
        _check_object(schedule, final_sparsity, given)
        return
    if schedule not in SCHEDULES:
        raise ValueError(
            "Unknown sparsity schedule. Expected one of "
            f"{', '.join(SCHEDULES)}, or a TFMOT schedule object. "
            f"Received: schedule={schedule!r}"
        )
    if begin_step < 0:
        raise ValueError(
            "begin_step must not be negative. Expected a step of this "
            f"training, from 0. Received: begin_step={begin_step!r}"
        )
    if end_step is not None and end_step <= begin_step:
        raise ValueError(
            "end_step must come after begin_step. Expected more than "
            f"{begin_step}. Received: end_step={end_step!r}"
        )
    if frequency is not None and frequency < 1:
        raise ValueError(
            "frequency must be a number of steps. Expected at least 1. "
            f"Received: frequency={frequency!r}"
        )


def _check_object(schedule, final_sparsity, given):
    if not callable(schedule) or not all(hasattr(schedule, s) for s in STEPS):
        raise ValueError(
            "This is not a sparsity schedule. Expected "
            f"{', '.join(map(repr, SCHEDULES))}, or an object like TFMOT's: "
            f"callable, with {', '.join(STEPS)}. Received: {schedule!r}"
        )
    if given != (0.0, 0, None, None):
        raise ValueError(
            "A schedule object holds its own steps. Expected no "
            f"initial_sparsity, {', '.join(STEPS)} beside it. Received: "
            "initial_sparsity={}, begin_step={}, end_step={}, "
            "frequency={}".format(*given)
        )
    own = getattr(schedule, "target_sparsity", None)
    own = getattr(schedule, "final_sparsity", own)
    if own is not None and own != final_sparsity:
        raise ValueError(
            "The schedule object ends elsewhere. Expected final_sparsity="
            f"{own!r}, its own. Received: final_sparsity={final_sparsity!r}"
        )


def _default_end(begin_step, params):
    steps = params.get("steps")
    if not steps:
        raise ValueError(
            "The sparsity schedule cannot be planned: the number of steps in "
            "an epoch is not known. Expected Sparsify(end_step=...) or "
            f"fit(steps_per_epoch=...). Received: end_step=None, steps={steps}"
        )
    left = params["epochs"] * steps - begin_step
    return begin_step + max(1, int(SHARE_OF_STEPS * left))
