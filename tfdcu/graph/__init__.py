"""Reads, runs, clones and counts functional and sequential models."""
