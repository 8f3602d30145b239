"""A model as calls in order: parse, execute, clone, count, fuse."""
