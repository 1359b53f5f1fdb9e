"""Kills at random moments: a sweep that was killed and gone on with ends as one that was left alone."""
