"""The file of a training step's responses: what its columns mean.

`egpo_verl.integration.record` writes it and `egpo_verl.inspect` reads it; this is all that both
need to know.
"""

from __future__ import annotations

import pyarrow as pa

OPTIONS = b"egpo_options"
"""Key of the file's metadata under which the options stand, a JSON object."""

SCHEMA = pa.schema(
    {
        "step": pa.int32(),
        "key": pa.string(),  # verl's `{uid}_{session}_{output}`; one uid is one prompt
        "data_source": pa.string(),
        "ability": pa.string(),
        "prompt": pa.string(),  # JSON list of {role, content}
        "response": pa.string(),  # as the reward read it, without special tokens
        "ground_truth": pa.string(),
        "extra_info": pa.string(),  # JSON object
        "reward": pa.string(),  # JSON object, what the reward function returned
        "score": pa.float32(),
        "base": pa.float32(),  # A of Eq. 1
        "entropy": pa.float32(),  # E of Eq. 4, in nats
        "bonus": pa.float32(),  # of Eq. 5
        "clipped": pa.float32(),  # 1.0 where |A|/alpha clipped the bonus
        "cot_tokens": pa.int64(),  # W of Eq. 4
        "tokens": pa.list_(pa.string()),
        "token_entropy": pa.list_(pa.float32()),  # nats, rounded to thousandths
        "thought": pa.list_(pa.bool_()),
        "generated": pa.list_(pa.bool_()),  # False on what a tool or the template wrote
    }
)

TRACED = ("tokens", "token_entropy", "thought", "generated")
"""The columns with a value for each token, by far the largest."""
