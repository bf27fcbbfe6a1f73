"""The warm start's training: next-token loss on the response, stopped before mastery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from egpo_verl.cli import write_file_aside
from egpo_verl.toolworld import live
from egpo_verl.toolworld.encode import IGNORED, Batch, Lessons, batches, drills, training_texts
from egpo_verl.toolworld.generate import generate
from egpo_verl.toolworld.live.batches import batches as live_batches
from egpo_verl.toolworld.live.measure import measure as live_measure
from egpo_verl.toolworld.live.measure import solved
from egpo_verl.toolworld.measure import means, measure
from egpo_verl.toolworld.recipe import HEAD_WIDTH, Recipe, learning_rate
from egpo_verl.toolworld.sampling import Sampling
from egpo_verl.toolworld.teachers import TEACHERS
from egpo_verl.toolworld.tokenizer import train_tokenizer


@dataclass
class Progress:
    """Where training stands: what `resume` needs beside the weights."""

    step: int = 0
    loss: float = float("nan")
    reward: float = 0.0


def lessons(recipe: Recipe) -> Lessons:
    """What the recipe draws demonstrations from."""
    return Lessons(recipe.levels, recipe.slips, recipe.teachers)


def new_tokenizer(recipe: Recipe, texts: int = 4000) -> PreTrainedTokenizerFast:
    """The tokenizer, trained on `texts` demonstrations of all teachers, whatever their weights.

    So models that differ in their teachers alone read the same tokens.
    """
    every = replace(lessons(recipe), teachers=dict.fromkeys(TEACHERS, 1.0))
    corpus = training_texts(texts, f"tokenizer-{recipe.seed}", every)
    return train_tokenizer(corpus, recipe.vocabulary, recipe.context)


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A tiny Llama with fresh weights."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=3 * recipe.hidden,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.hidden // HEAD_WIDTH,
        num_key_value_heads=recipe.hidden // HEAD_WIDTH,
        max_position_embeddings=recipe.context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def response_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean cross-entropy of the response's tokens; only they are projected to the vocabulary."""
    hidden = model.model(
        input_ids=batch.ids,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state
    counted = batch.targets != IGNORED
    with torch.autocast("cpu", enabled=False):
        logits = model.lm_head(hidden[counted].float())
        return cross_entropy(logits, batch.targets[counted])


def train(
    recipe: Recipe,
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    state: Path,
    report: Callable[[Progress], None],
) -> Progress:
    """Train `model` in place until its sampled reward reaches the target, or the steps end.

    Args:
        state: file that holds the state after every `check_every` steps. Where it exists, training
            goes on from there, as if it had never stopped.
        report: called after every step.
    """
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    progress = _load(state, model, optimizer) if state.exists() else Progress()
    for batch in _remaining(recipe, tokenizer, progress.step):
        if progress.reward >= recipe.target:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, progress.step)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
            loss = response_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress.step += 1
        progress.loss = loss.item()
        if progress.step % recipe.check_every == 0:
            if progress.step >= recipe.check_from:
                progress.reward = mean_reward(recipe, model, tokenizer)
            _save(state, model, optimizer, progress)
        report(progress)
    return progress


def mean_reward(
    recipe: Recipe, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast
) -> float:
    """Mean reward of one sampled response, or episode, to each of `check_tasks` tasks."""
    sampling, seed = Sampling(recipe.temperature, recipe.seed), f"check-{recipe.seed}"
    model.eval()
    if recipe.live:
        dialogues = live.generate(recipe.check_tasks, seed, "train", recipe.live, recipe.max_turns)
        reward = solved(live_measure(model, tokenizer, list(dialogues), sampling))
    else:
        tasks = list(generate(recipe.check_tasks, seed, "train", recipe.levels))
        reward = means(measure(model, tokenizer, tasks, sampling))["score"]
    model.train()
    return reward


def _remaining(recipe: Recipe, tokenizer: PreTrainedTokenizerFast, done: int) -> Iterator[Batch]:
    seed = f"warm-{recipe.seed}"
    if recipe.live:
        drawn = live_batches(
            tokenizer,
            seed,
            recipe.rows,
            recipe.context,
            recipe.live,
            recipe.slips,
            recipe.max_turns,
        )
        return islice(drawn, done, recipe.steps)
    careful = Lessons(recipe.levels, recipe.slips, brief=True)
    drill = islice(drills(tokenizer, seed, recipe.rows, recipe.levels), recipe.drill)
    school = islice(batches(tokenizer, seed, recipe.rows, careful), recipe.school)
    mixed = batches(tokenizer, f"{seed}-mixed", recipe.rows, lessons(recipe))
    return islice(chain(drill, school, mixed), done, recipe.steps)


def _save(
    state: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    values = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(progress),
    }
    with write_file_aside(state) as part:
        torch.save(values, part)


def _load(state: Path, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> Progress:
    values = torch.load(state, weights_only=True)
    model.load_state_dict(values["model"])
    optimizer.load_state_dict(values["optimizer"])
    return Progress(**values["progress"])
