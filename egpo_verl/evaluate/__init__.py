"""Benchmarks by their official scorers: `python -m egpo_verl.evaluate bfcl --model DIR_OR_NAME`."""
