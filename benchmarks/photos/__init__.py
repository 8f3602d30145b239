"""Real photos, with a network as phones have them."""
