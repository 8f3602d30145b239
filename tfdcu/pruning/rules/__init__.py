"""Pruning rules by layer type, one file per family of layers."""
