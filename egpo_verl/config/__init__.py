"""Hydra groups for verl's `main_ppo`: `+egpo=...` for the algorithm, `+machine=...` for hardware."""
