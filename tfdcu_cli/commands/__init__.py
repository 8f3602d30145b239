"""The commands, one file each: `FLAGS`, `CONFIG` and `run`."""
