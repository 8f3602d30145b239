"""What the teacher says of the pool of unlabeled images."""
