"""Ways of keeping a model up to date, walked forward year by year."""
