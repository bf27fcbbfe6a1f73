"""The warm start's training: next-token loss on the response, stopped before mastery."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from egpo_verl.cli import write_file_aside
from egpo_verl.toolworld import live
from egpo_verl.toolworld.encode import IGNORED, Batch, Lessons, batches, drills, training_texts
from egpo_verl.toolworld.generate import generate
from egpo_verl.toolworld.levels import DEFAULT_LEVELS
from egpo_verl.toolworld.live.batches import batches as live_batches
from egpo_verl.toolworld.live.measure import measure as live_measure
from egpo_verl.toolworld.live.measure import solved
from egpo_verl.toolworld.measure import Sampling, means, measure
from egpo_verl.toolworld.teachers import CAREFUL, TEACHERS
from egpo_verl.toolworld.tokenizer import train_tokenizer

HEAD_WIDTH = 32


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what comes out.

    Attributes:
        seed: of the weights, the data and the sampling.
        levels: difficulties of the tasks.
        live: kinds of toolworld live's dialogues, which take the place of the levels.
        start: folder of a model to go on from, with its tokenizer; "" starts from nothing.
        slips: share of noise in the demonstrations of plain levels (`noise.careless`); of each
            bad habit in those of dialogues (`live.teacher`).
        teachers: weight of each teacher of the derived levels (`teachers`).
        drill: first steps, on derivations alone (`encode.drills`).
        school: next steps, in which prompts are brief (`encode.brief_text`), so that a step takes
            a third of the time, and the careful teacher alone demonstrates the derived levels:
            ways of thinking that are rare in the end are known well all the same.
        vocabulary: tokens of the BPE.
        hidden, layers: shape of the Llama; heads are `HEAD_WIDTH` wide, the feed-forward part is
            three times as wide as `hidden`.
        context: longest prompt and response, in tokens.
        rows: demonstrations a step, all of them new; of dialogues, trees of `context` tokens.
        steps: most steps.
        warmup: steps until the learning rate is full.
        hold: step from which the learning rate falls, in a line, to a tenth at `steps`.
        lr: full learning rate of AdamW.
        target: mean sampled reward at which training stops. A model that knows the form but often
            errs leaves reinforcement learning room to improve it, and groups that disagree.
        temperature: of the sampling that measures the reward.
        check_from: first step that is measured; a model that knows nothing rambles to the limit.
        check_every: steps between measurements, and between saved states.
        check_tasks: tasks a measurement, drawn from `train` with another seed.
        bfloat16: compute in bfloat16 where that is safe (weights stay float32): faster on CPUs
            with AVX512-BF16, slower on others.
    """

    seed: int = 0
    levels: tuple[int, ...] = DEFAULT_LEVELS
    live: tuple[str, ...] = ()
    start: str = ""
    slips: float = 0.35
    teachers: Mapping[str, float] = field(default_factory=lambda: dict(CAREFUL))
    drill: int = 0
    school: int = 0
    vocabulary: int = 1536
    hidden: int = 128
    layers: int = 4
    context: int = 1024
    rows: int = 32
    steps: int = 2400
    warmup: int = 100
    hold: int = 1200
    lr: float = 3e-3
    target: float = 0.4
    temperature: float = 0.7
    check_from: int = 1200
    check_every: int = 100
    check_tasks: int = 256
    bfloat16: bool = False


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


def learning_rate(recipe: Recipe, step: int) -> float:
    """Of the step after `step` steps: up to `lr`, held, then down to a tenth of it."""
    rise = (step + 1) / recipe.warmup
    left = (recipe.steps - step) / max(recipe.steps - recipe.hold, 1)
    return recipe.lr * min(1.0, rise, max(0.1, left))


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
        dialogues = live.generate(recipe.check_tasks, seed, "train", recipe.live)
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
            tokenizer, seed, recipe.rows, recipe.context, recipe.live, recipe.slips
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
