"""Live multi-turn: worlds with state that the policy acts in, and what an episode in one earns."""
