"""The file of a training step's responses: what its columns mean.

`egpo_verl.integration.record` writes it and `egpo_verl.inspect` reads it; this is all that both
need to know.
"""

from __future__ import annotations

import pyarrow as pa

OPTIONS = b"egpo_options"
"""Key of the file's metadata under which the options stand, a JSON object."""

EPISODE = "episode"
"""Column of what a live episode has beside its responses, each a row of the rollout: on the last of
them a JSON object, and in files of earlier versions not there. Its keys:

    messages: all, `{role, content}` each, in order, without thoughts
    turns: of each user turn that was checked, `end`, the number of messages by then, and `reason`
    ended_by: the `Reason` by which it ended
    state, expected: the world's state at the end and the reference's after that user turn; not
        there where no reference judges, `state` not either where the world did not answer
    unseen: what the reference saw in that user turn and the policy did not
"""

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
        EPISODE: pa.string(),  # JSON object on the last row of a live episode, see above
    }
)
TRACED = ("tokens", "token_entropy", "thought", "generated")
"""The columns with a value for each token, by far the largest."""
