"use strict";
// The right-hand side: one response, or all responses to one prompt. Whatever a model or a data set
// wrote is set as textContent, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const STATES = {
  "same": "same",
  "different": "differs",
  "missing": "missing",
  "extra": "not expected",
  "left out": "optional",
};

const LONG = 600; // characters of a turn that is not the question, before it is folded

/** An element with attributes and children; strings become text nodes, null is skipped. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const digits = (value, places = 3) => (value === null ? "–" : value.toFixed(places));
const signed = (value) => (value === null ? "–"
  : (value > 0 ? "+" : "") + value.toFixed(3).replace("-", "−"));
const isRight = (response) =>
  (response.reason === null ? response.score > 0 : response.reason === 0);

function verdictText(response) {
  const right = isRight(response);
  const words = data.reasons[response.reason] || unexplained(response, right);
  return `${right ? "✓" : "✗"} ${words}`;
}

/** Where no reason is known, as of a world that scores itself. */
function unexplained(response, right) {
  if (response.episode) return right ? "earned a reward" : "earned nothing";
  return right ? "right" : "reason not recorded";
}

/** The end of the entropy scale: 99 of 100 tokens of the page lie below it. */
const HOTTEST = (() => {
  const all = [];
  for (const prompt of data.prompts)
    for (const response of prompt.responses.flatMap(messagesOf))
      (response.entropies || []).forEach((entropy, place) => {
        if (isCounted(response, place) && entropy !== null) all.push(entropy);
      });
  all.sort((a, b) => a - b);
  const high = all.length ? all[Math.floor(all.length * 0.99)] : 1;
  return [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8].find((nice) => nice >= high) || 12;
})();

/** Whether a token's entropy counts in E: `t` marks the thought, `a` the answer after it. */
function isCounted(response, place) {
  const whole = data.options && data.options.cot_scope === "response";
  return response.marks[place] === "t" || (whole && response.marks[place] === "a");
}

function question(prompt) {
  const last = prompt.messages.filter((message) => message.role === "user").pop();
  return last ? last.text : prompt.messages.map((message) => message.text).join("\n");
}

function promptCard(prompt) {
  const last = prompt.messages.map((message) => message.role).lastIndexOf("user");
  const before = prompt.messages.slice(0, Math.max(last, 0));
  const after = last < 0 ? [] : prompt.messages.slice(last + 1);
  const origin = [`step ${prompt.step}`, prompt.source, prompt.ability].filter(Boolean).join(" · ");
  const only = last < 0 ? prompt.messages[0] : null;
  return make("section", { class: "card", "aria-label": "prompt" },
    make("h2", null, `Prompt · ${origin}`),
    before.length ? folded(before, prompt.tools) : null,
    only ? endOf(only.text) : make("p", { class: "text ask" }, question(prompt)),
    ...after.map((message) => (message.text.length > LONG ? folded([message], []) : turn(message))));
}

function turn(message) {
  return make("p", { class: "text mono" },
    make("span", { class: "role" }, `${message.role}: `), message.text);
}

/** System message, tools and other turns, closed at first. */
function folded(messages, tools) {
  const parts = [];
  if (messages.some((message) => message.role === "system")) parts.push("system message");
  const turns = messages.filter((message) => message.role !== "system");
  if (turns.length) {
    const roles = [...new Set(turns.map((message) => message.role))].join(", ");
    parts.push(`${plural(turns.length, "turn")} (${roles})`);
  }
  const offered = tools.length ? ` · tools: ${tools.join(", ")}` : "";
  return make("details", null, make("summary", null, parts.join(" and ") + offered),
    messages.map(turn));
}

/** A prompt that is one text: its end, where the question stands, and the whole behind a click. */
function endOf(text) {
  if (text.length <= LONG) return make("p", { class: "text" }, text);
  return make("div", null,
    make("details", null, make("summary", null, `whole prompt (${plural(text.length, "character")})`),
      make("p", { class: "text mono" }, text)),
    make("p", { class: "text" }, `… ${text.slice(-LONG)}`));
}

function verdictLine(response, heading) {
  return make("p", { class: `verdict${isRight(response) ? " ok" : ""}` },
    `${heading} · `, verdictText(response),
    make("span", { class: "quiet" }, ` · reward ${digits(response.score, 2)}`));
}

function responseCard(response, heading) {
  if (response.episode) return episodeCard(response, heading);
  return make("section", { class: "card response", "aria-label": "response" },
    verdictLine(response, heading),
    patternsLine(response.patterns),
    textBlock(response),
    callsBlock(response),
    response.egpo ? numbersBlock(response.egpo) : null);
}

/** What the thought does and what it does not; patterns that cannot be there are left out. */
function patternsLine(patterns) {
  const answered = Object.entries(data.patterns).filter(([name]) =>
    typeof patterns?.[name] === "boolean");
  if (!answered.length) return null;
  return make("p", { class: "patterns" }, "The thought", answered.map(([name, words]) =>
    make("span", { class: patterns[name] ? "pattern" : "pattern absent", "data-pattern": name },
      `${patterns[name] ? "✓" : "not:"} ${words}`)));
}

function textBlock(response) {
  if (!response.tokens) {
    return make("div", null, make("h2", null, "Response"),
      make("p", { class: "text mono" }, response.text));
  }
  const { entropy, cot_tokens: length } = response.egpo;
  return make("div", null,
    make("h2", null, `Response · thought of ${plural(length, "token")}, mean entropy E = ${digits(entropy)} nats`),
    tokensText(response));
}

function tokensText(response) {
  const text = make("p", { class: "text mono" });
  let part = null;
  response.tokens.forEach((token, place) => {
    const mark = { t: "thought", a: "answer", c: "context" }[response.marks[place]];
    if (part === null || part.className !== mark) {
      part = make("span", { class: mark });
      text.append(part);
    }
    if (token) part.append(tokenSpan(response, token, place));
  });
  return text;
}

function tokenSpan(response, token, place) {
  const entropy = response.entropies[place];
  const span = make("span", { class: "token", "data-entropy": entropy, "data-place": place }, token);
  const heat = isCounted(response, place) && entropy !== null ? Math.min(1, entropy / HOTTEST) : 0;
  span.style.setProperty("--hot", heat.toFixed(3));
  return span;
}

/** What the shades mean, once for all responses shown. */
function scale(prompt) {
  if (!prompt.responses.flatMap(messagesOf).some((response) => response.tokens)) {
    return make("p", { class: "quiet" }, "Token entropies were not recorded: verl's own files have " +
      "none. With adv_estimator=egpo, algorithm.egpo.record_dir=FOLDER records them.");
  }
  return make("div", { class: "scale" }, "token entropy 0", make("i", { "aria-hidden": "true" }),
    `${HOTTEST} nats or more · only shaded tokens count in E · hover to read a value`);
}

function callsBlock(response) {
  const calls = response.calls;
  if (calls.expected === null) {
    return make("p", { class: "quiet" }, "No readable reference was recorded.");
  }
  if (calls.pairs !== null) return callsTable(calls.pairs);
  if (calls.pieces === null) {
    return make("div", { class: "sides calls" },
      side("Answer", [[calls.answer, isRight(response)]]), side("Expected", [["no call", true]]));
  }
  return make("div", { class: "sides calls" },
    side("Answer (cannot be read as calls)", calls.pieces[0]), side("Expected", calls.pieces[1]));
}

function side(title, pieces) {
  const text = make("p", { class: "text mono" },
    pieces.map(([piece, same]) => (same ? piece : make("mark", null, piece))));
  return make("div", null, make("h2", null, title), text);
}

function callsTable(pairs) {
  const rows = pairs.flatMap((pair) => [
    row("call", pair.made, pair.expected === null ? [] : [pair.expected], callState(pair), ""),
    ...pair.arguments.map((argument) =>
      row("argument", argument.value, argument.expected, argument.state, argument.name)),
  ]);
  return make("div", { class: "table calls" }, make("table", null,
    make("thead", null, make("tr", null,
      ["", "response", "expected", ""].map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", null, rows)));
}

function callState(pair) {
  if (pair.made === null) return "missing";
  if (pair.expected === null) return "extra";
  return pair.made === pair.expected ? "same" : "different";
}

function row(kind, value, expected, state, name) {
  const look = state === "same" ? "" : state === "left out" ? " optional" : " differs";
  return make("tr", { class: kind + look, "data-state": state },
    make("td", null, kind === "call" ? "call" : name),
    make("td", null, value === null ? "–" : value),
    make("td", null, expected.length ? expected.join(" or ") : "–"),
    make("td", { class: "state" }, state === "same" ? "✓" : `${look === " differs" ? "≠ " : ""}${STATES[state]}`));
}

function numbersBlock(egpo) {
  const options = data.options || { lam: "λ", alpha: "α" };
  const scaled = `${options.lam}·E`;
  const rule = options.clip === false ? scaled : `min(${scaled}, |A|/${options.alpha})`;
  const bonus = options.granularity === "token" ? "mean bonus of its tokens" : `bonus ${rule}`;
  const clipped = options.granularity === "token" ? digits(egpo.clipped) : egpo.clipped > 0 ? "yes" : "no";
  const shown = [
    ["A, group-relative", signed(egpo.base)],
    ["E, nats", digits(egpo.entropy)],
    [bonus, signed(egpo.bonus)],
    ["A′ = A + bonus", signed(egpo.advantage)],
    ["bonus clipped at |A|/α", clipped],
  ];
  const list = make("dl", { class: "numbers" },
    shown.map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))));
  if (egpo.base !== 0) return list;
  return make("div", null, list, make("p", { class: "quiet" },
    "A is 0: all responses to this prompt earned the same reward (a zero-variance group), so they " +
    "teach nothing."));
}

/** The responses to one prompt as buttons, the shown one marked. */
function siblings(prompt, shown, choose) {
  const right = prompt.responses.filter(isRight).length;
  return make("div", { class: "siblings", role: "group", "aria-label": `${NOUN}s to this prompt` },
    make("span", { class: "quiet" }, `${right} of ${plural(prompt.responses.length, NOUN)} right`),
    prompt.responses.map((response, place) => make("button", {
      type: "button",
      class: isRight(response) ? "ok" : "",
      "aria-current": response === shown ? "true" : "false",
      onclick: () => choose(response),
    }, `${isRight(response) ? "✓" : "✗"} ${place + 1}`)));
}
