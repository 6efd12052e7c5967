"""What one can do to latents: pure functions on arrays, knowing nothing of models."""
