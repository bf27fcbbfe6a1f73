"""Datasets of the field as one `Sample` type, and from there to verl parquet."""
