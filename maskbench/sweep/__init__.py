"""Sweeps: `plan` decides what to run, `overview` shows it, `execute` runs it, `conduct` does all in order."""
