"""`ChannelPlan`: the channels to keep in each layer."""

import numpy as np

from tfdcu.pruning.cost import macs_cost
from tfdcu.pruning.cost import params_cost
from tfdcu.pruning.rebuild import rebuild
from tfdcu.pruning.unprunable import describe
from tfdcu.pruning.unprunable import unprunable_parts


class ChannelPlan:
    """The channels to keep in each layer, before the smaller model is built.

    Attributes:
        original: The original model, not changed.
        model: The same with its custom layers opened, which shares its
            weights; the original itself if there is nothing to open.
        groups: List of `ChannelGroup`.
        before: Dict with `params` and `macs` of the model; `macs` is `None`
            if a layer cannot be counted, or images are of any size.
        after: Dict with `params` and `macs` of the smaller model.
        keep: Dict from layer path to the sorted indices of the output
            channels to keep, for every layer with channels in its output
            (the last axis with channels of its first output).
    """

    def __init__(self, groups, kept, reasons=()):
        self._groups = groups
        self._kept = kept
        self._reasons = dict(reasons)
        self.model = groups.trace.graph.model
        self.original = groups.original
        self.groups = groups.all
        everything = np.ones(groups.num_units, bool)
        self.before, self.after = {}, {}
        for name, cost_of in (("params", params_cost), ("macs", macs_cost)):
            try:
                cost = cost_of(groups)
            except ValueError:
                # They are not known, under another budget.
                self.before[name] = self.after[name] = None
                continue
            self.before[name] = round(cost(everything))
            self.after[name] = round(cost(kept))

    @property
    def has_custom_layers(self):
        """Whether layers were opened, or stayed closed."""
        return self.model is not self.original or bool(self._groups.closed)

    @property
    def keeps_all(self):
        """Whether no channel is removed."""
        return bool(self._kept.all())

    @property
    def keep(self):
        trace, label_kept = self._groups.trace, self._kept[self._groups.unit]
        keep = {}
        for node in trace.graph.nodes:
            if not node.outputs:
                continue
            axes = trace.axes.get(id(node.outputs[0]), ())
            labeled = [labels for labels in axes if labels is not None]
            if labeled and node.path not in keep:
                keep[node.path] = np.flatnonzero(label_kept[labeled[-1]])
        return keep

    def kept_channels(self):
        """Output channels that are kept, for layers that lose some.

        Use it to compare a layer of the smaller model with the original's,
        channel by channel. Layers that pass channels through, such as
        BatchNormalization, activations, `Add`, `Concatenate` and pooling, are
        included.

        Returns:
            JSON-ready dict from layer path to the sorted indices kept along
            the last axis of its first output; layers that keep all their
            channels are left out.
        """
        trace, label_kept = self._groups.trace, self._kept[self._groups.unit]
        kept = {}
        for node in trace.graph.nodes:
            axes = trace.axes.get(id(node.outputs[0])) if node.outputs else None
            labels = axes[-1] if axes else None
            if labels is not None and not label_kept[labels].all():
                kept[node.path] = np.flatnonzero(label_kept[labels]).tolist()
        return kept

    def apply(self):
        """Builds the smaller model.

        Returns:
            A new `keras.Model`.
        """
        return rebuild(self._groups, self._kept)

    def masked(self):
        """The original model with the removed channels masked.

        Returns:
            A function of the model's inputs that returns the list of outputs
            of the original, with removed channels set to zero where they are
            consumed; the smaller model computes the same.
        """
        from tfdcu.pruning.masked import masked

        return masked(self._groups, self._kept)

    def rows(self):
        """One flat JSON-ready dict per group.

        Returns:
            List of dicts with `group`, `layers` (their number), `before` and
            `after` (channels of its first layer) and `why` (the reason that
            channels must be kept, or "").
        """
        rows = []
        for group in self.groups:
            num_kept = int(self._kept[group.units].sum())
            why = "; ".join(group.reasons) if group.kept.any() else ""
            why = self._reasons.get(group.name, why)
            if group.size == 1 and not why:
                why = "one unit only"
            rows.append(
                {
                    "group": group.name,
                    "layers": len(group.layers),
                    "before": group.size * group.width,
                    "after": num_kept * group.width,
                    "why": why,
                }
            )
        return rows

    def unprunable(self):
        """The layers that cannot be pruned, also where no group touches them.

        Returns:
            Dict from the reason, which names the layer and its share of the
            macs, to the number of channels that must be kept for it.
        """
        return {
            describe(part): part["channels"]
            for part in unprunable_parts(self._groups)
        }

    def table(self):
        """The rows as a text table, with totals of parameters and macs.

        Returns:
            A string.
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
            if before is None:
                lines.append(f"{key}: not known")
                continue
            share = after / before if before else 1.0
            lines.append(f"{key}: {before:,} -> {after:,} ({share:.3f})")
        return "\n".join(lines)
