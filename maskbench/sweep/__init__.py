"""Sweeps: `plan` decides what to run, `execute` how, `progress` shows it, `conduct` does it all in order."""
