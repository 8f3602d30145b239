"""How much each channel matters."""
