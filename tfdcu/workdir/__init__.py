"""The folder of a run: whole files, resuming, and what tells runs apart."""
