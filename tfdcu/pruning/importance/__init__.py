"""Importance criteria: scores of channels."""
