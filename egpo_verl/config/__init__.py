"""Hydra groups for `main_ppo`: `+egpo=...` chooses the algorithm, `+machine=...` the hardware."""
