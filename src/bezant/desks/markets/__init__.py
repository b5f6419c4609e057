"""Distributions of market changes, and the risk of positions."""
