"""Rows as demonstrations: a thought that leads to the reference by rules, then the reference."""
