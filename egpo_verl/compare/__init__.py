"""Readers of training logs: curves, tables, and progress."""
