r"""Where the thought is: the tokens between `<think>` and `</think>`, from token ids alone.

The mean of Eq. 4 (arXiv:2508.05118) runs over the thought's tokens. `cot_mask` finds them by the
tags' text, however a tokenizer cuts it: one id (Qwen3), several, or merged with its neighbours.

A token is thought if all of its text lies between the tags. A token that holds a piece of a tag
(`>\n`, `.</`) is not, whatever else it holds: the tags are no part of the thought, what the policy
decides at such a token is mostly the tag, and each token then belongs to one side only.

| response                                  | thought                                           |
|-------------------------------------------|---------------------------------------------------|
| `<think>a</think>b`                       | `a`                                               |
| `a</think>b`, nothing opened              | nothing: a stray `</think>` is text               |
| `a</think>b`, prompt ends in `<think>`    | `a`; blanks may follow the tag in the prompt      |
| `<think>a`, cut off by the length limit   | `a`                                               |
| `<think>a<eos>`, any control token        | `a`: a control token is no thought, and ends one  |
| `<think>a<think>b</think>c`               | `a<think>b`: only `</think>` closes               |
| `<think>a</think>b<think>c</think>`       | `a` and `c`: a turn may hold several thoughts     |
| `<think>a` [tool] `b</think>c`            | `a`: a thought ends with its turn                 |
| `<thi` [tool] `nk>a`                      | nothing: no tag reaches across a gap              |
| [tool says `<think>b`] `a`                | nothing: a tool's text is not read                |
| [template ends in `<think>\n`] `a`        | `a`: any turn's prompt counts, not only the first |

A turn is a run of tokens with `response_mask` 1. A control token is one that the tokenizer marks
as special (end of turn, padding, ...), unless its text is a tag or it stands for unknown text.
"""

from __future__ import annotations

from egpo_verl.cot.mask import cot_mask

__all__ = ["cot_mask"]
