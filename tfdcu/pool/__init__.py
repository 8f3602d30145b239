"""The unlabeled pool: diagnosis, selection and stored teacher targets."""
