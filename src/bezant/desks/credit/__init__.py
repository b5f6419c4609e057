"""The probability that a borrower defaults: fitted, judged, moved to the latest outcomes, exported."""
