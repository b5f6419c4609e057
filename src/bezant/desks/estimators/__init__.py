"""What the estimators of every desk share: rows in, labels, settings, rivals, what is remembered."""
