"""What is done to inputs before training; everything is fitted on the train part only."""
