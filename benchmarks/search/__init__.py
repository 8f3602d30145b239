"""The search compared with the config it starts from."""
