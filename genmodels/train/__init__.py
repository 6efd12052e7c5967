"""Training: the loop, the run folder, and the worker process that interleaves runs."""
