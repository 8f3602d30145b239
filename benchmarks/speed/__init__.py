"""The speed of training, stored targets and start-up."""
