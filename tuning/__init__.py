"""Sweeps: settings, search, stop rules, the driver on Ray Tune, results and the command line."""
