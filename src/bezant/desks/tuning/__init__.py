"""Settings and optimizers chosen on a small budget."""
