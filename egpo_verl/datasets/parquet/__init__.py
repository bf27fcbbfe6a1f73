"""Samples as verl's rows, and rows as parquet files."""
