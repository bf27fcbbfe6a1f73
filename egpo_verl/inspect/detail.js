"use strict";
// The right-hand side: one answer, or all answers to one prompt. Whatever a model or a data set
// said is set as textContent, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const STATES = {
  "same": "same",
  "different": "differs",
  "missing": "missing",
  "extra": "not wanted",
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
const isRight = (answer) => (answer.reason === null ? answer.score > 0 : answer.reason === 0);

function verdictText(answer, form = "words") {
  const reason = data.reasons[answer.reason];
  const said = reason ? reason[form] : isRight(answer) ? "right" : "reason not recorded";
  return `${isRight(answer) ? "✓" : "✗"} ${said}`;
}

/** The end of the entropy scale: 99 of 100 tokens of the page lie below it. */
const HOTTEST = (() => {
  const all = [];
  for (const prompt of data.prompts)
    for (const answer of prompt.answers)
      (answer.entropies || []).forEach((entropy, place) => {
        if (isCounted(answer, place) && entropy !== null) all.push(entropy);
      });
  all.sort((a, b) => a - b);
  const high = all.length ? all[Math.floor(all.length * 0.99)] : 1;
  return [0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8].find((nice) => nice >= high) || 12;
})();

function isCounted(answer, place) {
  const whole = data.options && data.options.cot_scope === "response";
  return answer.marks[place] === "t" || (whole && answer.marks[place] === "s");
}

function question(prompt) {
  const asked = prompt.messages.filter((message) => message.role === "user").pop();
  return asked ? asked.text : prompt.messages.map((message) => message.text).join("\n");
}

function promptCard(prompt) {
  const asked = prompt.messages.map((message) => message.role).lastIndexOf("user");
  const before = prompt.messages.slice(0, Math.max(asked, 0));
  const after = asked < 0 ? [] : prompt.messages.slice(asked + 1);
  const facts = [`step ${prompt.step}`, prompt.source, prompt.ability].filter(Boolean).join(" · ");
  const rest = asked < 0 ? prompt.messages[0] : null;
  return make("section", { class: "card", "aria-label": "prompt" },
    make("h2", null, `Prompt · ${facts}`),
    before.length ? folded(before, prompt.tools) : null,
    rest ? endOf(rest.text) : make("p", { class: "text ask" }, question(prompt)),
    ...after.map((message) => (message.text.length > LONG ? folded([message], []) : turn(message))));
}

function turn(message) {
  return make("p", { class: "text mono" },
    make("span", { class: "role" }, `${message.role}: `), message.text);
}

/** System message, functions and other turns, closed until asked for. */
function folded(messages, tools) {
  const parts = [];
  if (messages.some((message) => message.role === "system")) parts.push("system message");
  const turns = messages.filter((message) => message.role !== "system");
  if (turns.length) {
    const roles = [...new Set(turns.map((message) => message.role))].join(", ");
    parts.push(`${plural(turns.length, "turn")} (${roles})`);
  }
  const offered = tools.length ? ` · offered: ${tools.join(", ")}` : "";
  return make("details", null, make("summary", null, parts.join(" and ") + offered),
    messages.map(turn));
}

/** A prompt that is one text: its end, where the question stands, and the whole on demand. */
function endOf(text) {
  if (text.length <= LONG) return make("p", { class: "text" }, text);
  return make("div", null,
    make("details", null, make("summary", null, `whole prompt (${plural(text.length, "character")})`),
      make("p", { class: "text mono" }, text)),
    make("p", { class: "text" }, `… ${text.slice(-LONG)}`));
}

function answerCard(answer, heading) {
  return make("section", { class: "card answer", "aria-label": "answer" },
    make("p", { class: `verdict${isRight(answer) ? " ok" : ""}` },
      heading ? `${heading} · ` : null, verdictText(answer),
      make("span", { class: "quiet" }, ` · reward ${digits(answer.score, 2)}`)),
    responseBlock(answer),
    callsBlock(answer),
    answer.egpo ? numbersBlock(answer.egpo) : null);
}

function responseBlock(answer) {
  if (!answer.tokens) {
    return make("div", null, make("h2", null, "Response"),
      make("p", { class: "text mono" }, answer.response));
  }
  const text = make("p", { class: "text mono" });
  let part = null;
  answer.tokens.forEach((token, place) => {
    const mark = { t: "thought", s: "said", h: "heard" }[answer.marks[place]];
    if (part === null || part.className !== mark) {
      part = make("span", { class: mark });
      text.append(part);
    }
    if (token) part.append(tokenSpan(answer, token, place));
  });
  const { entropy, cot_tokens: length } = answer.egpo;
  return make("div", null,
    make("h2", null, `Response · thought of ${plural(length, "token")}, mean entropy E = ${digits(entropy)} nats`),
    text);
}

function tokenSpan(answer, token, place) {
  const entropy = answer.entropies[place];
  const span = make("span", { class: "token", "data-entropy": entropy, "data-place": place }, token);
  const heat = isCounted(answer, place) && entropy !== null ? Math.min(1, entropy / HOTTEST) : 0;
  span.style.setProperty("--hot", heat.toFixed(3));
  return span;
}

/** What the shades mean, once for all answers shown. */
function scale(prompt) {
  if (!prompt.answers.some((answer) => answer.tokens)) {
    return make("p", { class: "quiet" }, "Token entropies were not recorded: verl's own files have " +
      "none. With adv_estimator=egpo, algorithm.egpo.record_dir=FOLDER records them.");
  }
  return make("div", { class: "scale" }, "token entropy 0", make("i", { "aria-hidden": "true" }),
    `${HOTTEST} nats or more · only shaded tokens count in E · point at a token for its value`);
}

function callsBlock(answer) {
  const calls = answer.calls;
  if (calls.wanted === null) {
    return make("p", { class: "quiet" }, "No reference was recorded that could be read.");
  }
  if (calls.pairs !== null) return callsTable(calls.pairs);
  if (calls.pieces === null) {
    return make("div", { class: "sides calls" },
      side("Answered", [[calls.answer, isRight(answer)]]), side("Wanted", [["no call", true]]));
  }
  return make("div", { class: "sides calls" },
    side("Answered (cannot be read as calls)", calls.pieces[0]), side("Wanted", calls.pieces[1]));
}

function side(title, pieces) {
  const text = make("p", { class: "text mono" },
    pieces.map(([piece, same]) => (same ? piece : make("mark", null, piece))));
  return make("div", null, make("h2", null, title), text);
}

function callsTable(pairs) {
  const rows = pairs.flatMap((pair) => [
    row("call", pair.given, pair.wanted === null ? [] : [pair.wanted], callState(pair), ""),
    ...pair.arguments.map((argument) =>
      row("argument", argument.given, argument.wanted, argument.state, argument.name)),
  ]);
  return make("div", { class: "table calls" }, make("table", null,
    make("thead", null, make("tr", null,
      ["", "answered", "wanted", ""].map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", null, rows)));
}

function callState(pair) {
  if (pair.given === null) return "missing";
  if (pair.wanted === null) return "extra";
  return pair.given === pair.wanted ? "same" : "different";
}

function row(kind, given, wanted, state, name) {
  const look = state === "same" ? "" : state === "left out" ? " optional" : " differs";
  return make("tr", { class: kind + look, "data-state": state },
    make("td", null, kind === "call" ? "call" : name),
    make("td", null, given === null ? "–" : given),
    make("td", null, wanted.length ? wanted.join(" or ") : "–"),
    make("td", { class: "state" }, state === "same" ? "✓" : `${look === " differs" ? "≠ " : ""}${STATES[state]}`));
}

function numbersBlock(egpo) {
  const options = data.options || { lam: "λ", alpha: "α" };
  const wanted = `${options.lam}·E`;
  const rule = options.clip === false ? wanted : `min(${wanted}, |A|/${options.alpha})`;
  const bonus = options.granularity === "token" ? "mean bonus of its tokens" : `bonus ${rule}`;
  const cut = options.granularity === "token" ? digits(egpo.clipped) : egpo.clipped > 0 ? "yes" : "no";
  const shown = [
    ["A, beside its group", signed(egpo.base)],
    ["E, nats", digits(egpo.entropy)],
    [bonus, signed(egpo.bonus)],
    ["A′ = A + bonus", signed(egpo.advantage)],
    ["bonus cut at |A|/α", cut],
  ];
  const list = make("dl", { class: "numbers" },
    shown.map(([name, value]) => make("div", null, make("dt", null, name), make("dd", null, value))));
  if (egpo.base !== 0) return list;
  return make("div", null, list, make("p", { class: "quiet" },
    "A is 0: all answers to this prompt earned the same, so they teach nothing."));
}

/** The answers to one prompt as buttons, the shown one marked. */
function siblings(prompt, shown, choose) {
  const right = prompt.answers.filter(isRight).length;
  return make("div", { class: "siblings", role: "group", "aria-label": "answers to this prompt" },
    make("span", { class: "quiet" }, `${right} of ${plural(prompt.answers.length, "answer")} right`),
    prompt.answers.map((answer, place) => make("button", {
      type: "button",
      class: isRight(answer) ? "ok" : "",
      "aria-current": answer === shown ? "true" : "false",
      onclick: () => choose(answer),
    }, `${isRight(answer) ? "✓" : "✗"} ${place + 1}`)));
}
