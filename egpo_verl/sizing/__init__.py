"""What a run needs of its GPUs: memory by a stated calculation, hours by a rough estimate."""
