"""From a source to a folder of parquet files: passes, processes, counts, report."""
