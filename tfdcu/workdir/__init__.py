"""The folder of a run: atomic files, resuming and fingerprints."""
