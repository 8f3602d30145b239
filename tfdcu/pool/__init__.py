"""The unlabeled pool: diagnosis and stored teacher targets."""
