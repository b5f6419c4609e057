"""The model of histories that other desks start from."""
