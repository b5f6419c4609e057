"""The part of an exposure that is lost, and the expected loss of loans and portfolios."""
