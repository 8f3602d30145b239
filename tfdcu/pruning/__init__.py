"""Making a model smaller: channels removed, weights set to zero."""

from tfdcu.pruning.budget import BUDGETS
from tfdcu.pruning.budget import once_a_model
from tfdcu.pruning.channel_plan import ChannelPlan
from tfdcu.pruning.channels import check_channels
from tfdcu.pruning.channels import num_rounds
from tfdcu.pruning.channels import plan_channels
from tfdcu.pruning.channels import plan_round
from tfdcu.pruning.channels import prune_channels
from tfdcu.pruning.channels import student_of
from tfdcu.pruning.groups import ChannelGroup
from tfdcu.pruning.groups import channel_groups
from tfdcu.pruning.known import importance_of
from tfdcu.pruning.repair import repair
from tfdcu.pruning.rules import pass_through
from tfdcu.pruning.rules import per_channel
from tfdcu.pruning.rules import register_rule
from tfdcu.pruning.sensitivity import sensitivity
from tfdcu.pruning.statistics import reestimate_statistics

__all__ = [
    "BUDGETS",
    "ChannelGroup",
    "ChannelPlan",
    "channel_groups",
    "check_channels",
    "importance_of",
    "num_rounds",
    "once_a_model",
    "pass_through",
    "per_channel",
    "plan_channels",
    "plan_round",
    "prune_channels",
    "reestimate_statistics",
    "register_rule",
    "repair",
    "sensitivity",
    "student_of",
]
