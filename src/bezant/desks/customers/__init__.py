"""What customers need next, how often they buy and for how much."""
