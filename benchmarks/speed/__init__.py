"""Training, targets and start against what a user would pick instead."""
