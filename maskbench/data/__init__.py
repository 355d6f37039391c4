"""Data sets as plain arrays with a description, their splits, and what is fitted on the train part."""
