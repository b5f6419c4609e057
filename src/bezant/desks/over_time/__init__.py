"""Default by age, the level of late, and both under paths of the economy."""
