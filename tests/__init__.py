"""Tests: sentences about what the program does, on tiny real models."""
