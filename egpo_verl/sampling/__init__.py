"""Batched sampling by transformers' `generate`, for the rollout without vLLM and for benchmarks."""
