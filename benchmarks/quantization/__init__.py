"""What quantization-aware transfer gives, beside quantization after it."""
