"""Structured channel pruning."""

from tfdcu.pruning.batchnorm import reestimate_statistics
from tfdcu.pruning.budget import BUDGETS
from tfdcu.pruning.budget import once_a_model
from tfdcu.pruning.groups import ChannelGroup
from tfdcu.pruning.groups import channel_groups
from tfdcu.pruning.image_size import chosen_size
from tfdcu.pruning.image_size import start_at
from tfdcu.pruning.image_size import with_size
from tfdcu.pruning.importance.scores import score_channels
from tfdcu.pruning.plan import ChannelPlan
from tfdcu.pruning.prune import check_channels
from tfdcu.pruning.prune import num_rounds
from tfdcu.pruning.prune import plan_channels
from tfdcu.pruning.prune import plan_round
from tfdcu.pruning.prune import prune_channels
from tfdcu.pruning.prune import student_of
from tfdcu.pruning.reconstruct import reconstruct
from tfdcu.pruning.rules.registry import pass_through
from tfdcu.pruning.rules.registry import per_channel
from tfdcu.pruning.rules.registry import register_rule
from tfdcu.pruning.sensitivity import sensitivity

__all__ = [
    "BUDGETS",
    "ChannelGroup",
    "ChannelPlan",
    "channel_groups",
    "check_channels",
    "chosen_size",
    "score_channels",
    "num_rounds",
    "once_a_model",
    "pass_through",
    "per_channel",
    "plan_channels",
    "plan_round",
    "prune_channels",
    "reestimate_statistics",
    "register_rule",
    "reconstruct",
    "sensitivity",
    "student_of",
]
