"""A plan: which channels of which layer stay, to look at and to apply."""

import numpy as np

from tfdcu.pruning.cost import macs_cost
from tfdcu.pruning.cost import params_cost
from tfdcu.pruning.rebuild import rebuild


class ChannelPlan:
    """What `prune_channels` is going to do, before it is done.

    Attributes:
        model: The model, not changed.
        groups: List of `ChannelGroup`.
        before: Dict with `params` and `macs` of the model.
        after: The same of the smaller one.
        keep: Dict from layer path to the sorted indices of its output
            channels that stay, for every layer that makes or passes channels
            (the last axis with channels of its first output).
    """

    def __init__(self, groups, kept, reasons=()):
        self._groups = groups
        self._kept = kept
        self._reasons = dict(reasons)
        self.model = groups.trace.graph.model
        self.groups = groups.all
        costs = {"params": params_cost(groups), "macs": macs_cost(groups)}
        everything = np.ones(groups.num_units, bool)
        self.before = {k: round(cost(everything)) for k, cost in costs.items()}
        self.after = {k: round(cost(kept)) for k, cost in costs.items()}

    @property
    def keep(self):
        trace, stays = self._groups.trace, self._kept[self._groups.unit]
        keep = {}
        for node in trace.graph.nodes:
            if not node.outputs:
                continue
            axes = trace.axes.get(id(node.outputs[0]), ())
            known = [labels for labels in axes if labels is not None]
            if known and node.path not in keep:
                keep[node.path] = np.flatnonzero(stays[known[-1]])
        return keep

    def kept_channels(self):
        """What layers of the smaller model still give, of what they gave.

        Use it to compare a layer of the smaller model with the original's,
        channel by channel. Layers that pass channels on, such as
        BatchNormalization, activations, `Add`, `Concatenate` and pooling, are
        in it like those that make them.

        Returns:
            JSON-ready dict from layer path to the sorted indices, along the
            last axis of its first output, that stay; only of layers that
            lose some.
        """
        trace, stays = self._groups.trace, self._kept[self._groups.unit]
        kept = {}
        for node in trace.graph.nodes:
            axes = trace.axes.get(id(node.outputs[0])) if node.outputs else None
            labels = axes[-1] if axes else None
            if labels is not None and not stays[labels].all():
                kept[node.path] = np.flatnonzero(stays[labels]).tolist()
        return kept

    def apply(self):
        """Builds the smaller model.

        Returns:
            A new `keras.Model`.
        """
        return rebuild(self._groups, self._kept)

    def masked(self):
        """The function that the smaller model equals: the original masked.

        Returns:
            A function of the model's inputs that gives the list of outputs of
            the original with the removed channels zero where they are
            consumed.
        """
        from tfdcu.pruning.masked import masked

        return masked(self._groups, self._kept)

    def rows(self):
        """What happens to each group, a list of flat JSON-ready dicts.

        Returns:
            Dicts with `group`, `layers` (how many), `before` and `after`
            (channels of its first layer) and `why` (why not less, or "").
        """
        rows = []
        for group in self.groups:
            stays = int(self._kept[group.units].sum())
            why = "; ".join(group.reasons) if group.kept.any() else ""
            why = self._reasons.get(group.name, why)
            if group.size == 1 and not why:
                why = "one unit only"
            rows.append(
                {
                    "group": group.name,
                    "layers": len(group.layers),
                    "before": group.size * group.width,
                    "after": stays * group.width,
                    "why": why,
                }
            )
        return rows

    def unprunable(self):
        """What layers without a rule cost, which cannot be pruned.

        Returns:
            Dict from the reason, which names the layer, to the number of
            channels that it keeps, those of groups it touches.
        """
        found = {}
        for group in self.groups:
            for why in group.reasons:
                if why.startswith("no rule") or "mixes channels" in why:
                    count = int(group.kept.sum()) * group.width
                    found[why] = found.get(why, 0) + count
        return found

    def table(self):
        """The rows as text, and totals below.

        Returns:
            A string of lines.
        """
        rows = self.rows()
        width = max([len(row["group"]) for row in rows] + [5])
        lines = [f"{'group':{width}}  layers  before  after  why kept"]
        for row in rows:
            lines.append(
                f"{row['group']:{width}}  {row['layers']:6}  "
                f"{row['before']:6}  {row['after']:5}  {row['why']}".rstrip()
            )
        for why, count in self.unprunable().items():
            lines.append(f"{why}: {count} channels kept")
        for key in ("params", "macs"):
            before, after = self.before[key], self.after[key]
            share = after / before if before else 1.0
            lines.append(f"{key}: {before:,} -> {after:,} ({share:.3f})")
        return "\n".join(lines)
