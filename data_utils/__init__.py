"""Images on disk to batches on a device; imports nothing else of this project."""
