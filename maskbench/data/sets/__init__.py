"""Known data sets, read from files that scikit-learn ships and from fetched archives."""
