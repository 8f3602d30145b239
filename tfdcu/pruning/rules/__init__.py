"""Which channels belong together, a file for each family of layers."""
