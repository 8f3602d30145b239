"""Selects the units to keep from scores, rounding, bounds and a budget."""

from math import gcd

import numpy as np


class Selection:
    """Selects how many units each group keeps so that a budget is met.

    Args:
        num_units: Number of units in the model.
        groups: List of `ChannelGroup` that may be pruned.
        scores: List of float arrays, one score per unit; high ones are kept.
        lowest: int array, minimum units to keep in each group.
        highest: int array, maximum units to keep in each group.
        steps: int array, units are kept in multiples of these; see `step_of`.
    """

    def __init__(self, num_units, groups, scores, lowest, highest, steps):
        self.sizes = np.array([group.size for group in groups])
        self.lowest = np.minimum(lowest, self.sizes)
        self.highest = np.minimum(highest, self.sizes)
        self.steps = np.array(steps)
        self.num_units = num_units
        scores = [
            np.where(group.kept, np.inf, score)
            for group, score in zip(groups, scores)
        ]
        self._units = np.concatenate([group.units for group in groups])
        self._numbers = np.repeat(np.arange(len(groups)), self.sizes)
        self._values = np.concatenate(scores)
        self._rank()

    def kept(self, counts):
        """bool array over all units: the best `counts` of each group."""
        kept = np.ones(self.num_units, bool)
        kept[self._units] = self._ranks < counts[self._numbers]
        return kept

    def counts(self, threshold, steps):
        """Units of each group above the threshold, rounded and clipped."""
        above = self._values >= threshold
        counts = np.bincount(self._numbers[above], minlength=len(self.sizes))
        rounded = ((counts + steps // 2) // steps) * steps
        return np.clip(rounded, self.lowest, self.highest)

    def meet(self, cost, budget, tolerance):
        """Counts whose cost is at most the budget and close to it.

        A threshold on the scores of all groups is found by bisection. The
        rest of the budget is spent on the groups whose best removed unit
        scores highest: in full steps, then in half steps, and finally by
        exchanges between two groups.

        Args:
            cost: Function of a kept array.
            budget: Maximum cost.
            tolerance: How far below the budget is enough, as a share of it.

        Returns:
            (counts, cost).
        """
        counts = self._by_threshold(cost, budget)
        reached = cost(self.kept(counts))
        if reached > budget:
            return counts, reached
        steps = self.steps
        while True:
            counts, reached = self._fill(cost, budget, counts, steps)
            if reached >= (1 - tolerance) * budget:
                return counts, reached
            if (steps == 1).all():
                return self._exchange(cost, budget, tolerance, counts)
            steps = np.maximum(steps // 2, 1)

    def rescue(self, groups, kept):
        """Keeps the best unit of each axis that would become empty.

        After a split, an axis may hold only a part of a group, and must keep
        at least one channel. The scores of rescued units become infinite.

        Args:
            groups: The `Groups` of the model.
            kept: bool array, a selection.

        Returns:
            Whether any unit was rescued.
        """
        place = np.full(self.num_units, -1)
        place[self._units] = np.arange(len(self._units))
        rescued = False
        for labels in groups.every_axis():
            units = groups.unit[labels]
            if len(units) and not kept[units].any():
                rows = place[units]
                best = rows[np.argmax(self._values[rows])]
                self._values[best] = np.inf
                rescued = True
        if rescued:
            self._rank()
        return rescued

    def _rank(self):
        """Ranks the units of each group, 0 for the best."""
        order = np.lexsort((-self._values, self._numbers))
        starts = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        self._ranks = np.empty(len(order), int)
        numbers = self._numbers[order]
        self._ranks[order] = np.arange(len(order)) - starts[numbers]
        held = np.bincount(
            self._numbers, np.isinf(self._values), len(self.sizes)
        )
        self.lowest = np.maximum(self.lowest, held.astype(int))
        self.highest = np.maximum(self.highest, self.lowest)

    def _by_threshold(self, cost, budget):
        finite = self._values[np.isfinite(self._values)]
        levels = np.concatenate([[-np.inf], np.unique(finite), [np.inf]])
        low, high = 0, len(levels) - 1
        while low < high:
            middle = (low + high) // 2
            counts = self.counts(levels[middle], self.steps)
            if cost(self.kept(counts)) <= budget:
                high = middle
            else:
                low = middle + 1
        return self.counts(levels[low], self.steps)

    def _fill(self, cost, budget, counts, steps):
        counts = counts.copy()
        best = np.full((len(counts), self.sizes.max() + 1), -np.inf)
        best[self._numbers, self._ranks] = self._values
        closed = np.zeros(len(counts), bool)
        reached = cost(self.kept(counts))
        while True:
            waiting = best[np.arange(len(counts)), counts]
            waiting = np.where(
                closed | (counts >= self.highest), -np.inf, waiting
            )
            group = int(np.argmax(waiting))
            if waiting[group] == -np.inf:
                return counts, reached
            more = counts.copy()
            # Up to the next multiple of the step.
            step = steps[group]
            more[group] = min(
                (counts[group] // step + 1) * step, self.highest[group]
            )
            after = cost(self.kept(more))
            if after <= budget:
                counts, reached = more, after
            else:
                closed[group] = True

    def _exchange(self, cost, budget, tolerance, counts):
        reached = cost(self.kept(counts))
        moves = [
            (group, change)
            for group in range(min(len(counts), 32))
            for change in (-3, -2, -1, 1, 2, 3)
        ]
        best, highest = counts, reached
        for first, down in moves:
            for second, up in moves:
                if first == second or down > 0 or up < 0:
                    continue
                trial = counts.copy()
                trial[first] += down
                trial[second] += up
                fits = (trial >= self.lowest) & (trial <= self.highest)
                if not fits.all():
                    continue
                after = cost(self.kept(trial))
                if highest < after <= budget:
                    best, highest = trial, after
                if highest >= (1 - tolerance) * budget:
                    return best, highest
        return best, highest


def step_of(size, width, round_to):
    """Number of units that make a multiple of `round_to` channels.

    A group with fewer than four times `round_to` channels is rounded to the
    power of two at or below a quarter of its channels: with a step of 8, a
    group of 16 could only keep 8 or all.

    Args:
        size: Number of units in the group before pruning.
        width: Number of channels in a unit.
        round_to: As in `prune_channels`.

    Returns:
        Int, at least 1.
    """
    channels = size * width
    while round_to > 1 and round_to * 4 > channels:
        round_to //= 2
    round_to = max(round_to, 1)
    return round_to // gcd(round_to, width)
