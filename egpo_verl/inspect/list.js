// The left-hand side: filters, the list, and the keyboard.

const byId = (id) => document.getElementById(id);
const CHUNK = 200; // rows of the list that are made at once
const answers = data.prompts.flatMap((prompt) =>
  prompt.answers.map((answer) => ({ prompt, answer, text: searchText(prompt, answer) })));
let rows = []; // what the list shows: entries of `answers`, or lists of them in the view of prompts
let chosen = -1;

function searchText(prompt, answer) {
  return [question(prompt), answer.response, answer.calls.wanted || ""].join("\n").toLowerCase();
}

function fillSelect(id, all, values) {
  const select = byId(id);
  select.append(make("option", { value: "" }, all));
  for (const [value, name] of values) select.append(make("option", { value }, name));
  select.parentElement.hidden = values.length < 2;
}

function fillFilters() {
  const distinct = (name) => [...new Set(data.prompts.map((prompt) => prompt[name]))]
    .filter((value) => value !== null).map((value) => [String(value), String(value)]);
  fillSelect("step", "all steps", distinct("step"));
  fillSelect("source", "all sources", distinct("source"));
  fillSelect("ability", "all abilities", distinct("ability"));
  const codes = Object.keys(data.reasons).map(Number);
  const some = [["right", "right"], ["wrong", "any failure"]];
  fillSelect("reason", "all answers", some.concat(
    codes.filter((code) => code !== 0).map((code) => [String(code), data.reasons[code].words])));
}

function passes(entry, ignoreReason = false) {
  const { prompt, answer, text } = entry;
  const reason = byId("reason").value;
  return (!byId("step").value || String(prompt.step) === byId("step").value)
    && (!byId("source").value || String(prompt.source) === byId("source").value)
    && (!byId("ability").value || String(prompt.ability) === byId("ability").value)
    && text.includes(byId("search").value.trim().toLowerCase())
    && (ignoreReason || hasReason(answer, reason));
}

function hasReason(answer, reason) {
  if (!reason) return true;
  if (reason === "right") return isRight(answer);
  return reason === "wrong" ? !isRight(answer) : String(answer.reason) === reason;
}

const ORDERS = {
  file: () => 0,
  entropy: (a, b) => (b.answer.egpo?.entropy ?? -1) - (a.answer.egpo?.entropy ?? -1),
  bonus: (a, b) => (b.answer.egpo?.bonus ?? -1) - (a.answer.egpo?.bonus ?? -1),
  length: (a, b) => b.answer.response.length - a.answer.response.length,
};
const inPrompts = () => document.querySelector("input[name=view]:checked").value === "prompts";

const promptOf = (row) => (Array.isArray(row) ? row[0] : row).prompt;

/** Filters anew and stays at the chosen row, or at its prompt, where that still passes. */
function refresh() {
  const before = rows[chosen];
  const shown = answers.filter((entry) => passes(entry)).sort(ORDERS[byId("order").value]);
  if (inPrompts()) {
    const groups = new Map();
    for (const entry of shown) {
      groups.set(entry.prompt, [...(groups.get(entry.prompt) || []), entry]);
    }
    rows = [...groups.values()];
  } else rows = shown;
  countReasons();
  const right = shown.filter((entry) => isRight(entry.answer)).length;
  const share = shown.length ? ` · ${Math.round((100 * right) / shown.length)} % right` : "";
  const prompts = plural(new Set(shown.map((entry) => entry.prompt)).size, "prompt");
  byId("count").textContent = `${plural(shown.length, "answer")} to ${prompts}${share}`;
  byId("list").replaceChildren();
  more();
  let again = rows.indexOf(before);
  if (before && again < 0) again = rows.findIndex((row) => promptOf(row) === promptOf(before));
  choose(Math.max(again, 0), false);
}

/** Each reason in the menu begins with how many answers the other filters leave it. */
function countReasons() {
  const left = answers.filter((entry) => passes(entry, true));
  for (const option of byId("reason").options) {
    const count = left.filter((entry) => hasReason(entry.answer, option.value)).length;
    option.dataset.name ??= option.textContent;
    option.textContent = `${count.toLocaleString("en")} · ${option.dataset.name}`;
  }
}

/** The next rows of the list, when its end comes into sight. */
function more() {
  const list = byId("list");
  const from = list.children.length;
  list.append(...rows.slice(from, from + CHUNK).map((row, place) => listRow(row, from + place)));
}

function listRow(row, place) {
  const entries = Array.isArray(row) ? row : [row];
  const { prompt, answer } = entries[0];
  const asked = make("span", { class: "question" }, excerpt(prompt));
  const step = `step ${prompt.step}`;
  const lines = Array.isArray(row)
    ? [make("span", { class: "small" }, `${step} · `, ...prompt.answers.map((each) =>
        make("span", { class: `verdict${isRight(each) ? " ok" : ""}` }, isRight(each) ? "✓" : "✗")),
        entries.length < prompt.answers.length ? ` · ${entries.length} pass the filter` : null)]
    : [make("span", { class: `verdict${isRight(answer) ? " ok" : ""}` }, verdictText(answer)),
       make("span", { class: "small" }, [step, ...(answer.egpo
         ? [`E ${digits(answer.egpo.entropy)}`, `A′ ${signed(answer.egpo.advantage)}`]
         : [`reward ${digits(answer.score, 2)}`])].join(" · "))];
  const button = make("button", { type: "button", onclick: () => choose(place, true) }, asked, ...lines);
  return make("li", null, button);
}

/** The begin of a question; of a prompt whose question is not known, its end. */
function excerpt(prompt) {
  const text = question(prompt).trim();
  const known = prompt.messages.some((message) => message.role === "user");
  return known || text.length <= 60 ? text.slice(0, 200) : `… ${text.slice(-50)}`;
}

function choose(place, open) {
  const list = byId("list");
  list.querySelector("[aria-current=true]")?.setAttribute("aria-current", "false");
  chosen = place;
  while (place >= list.children.length && list.children.length < rows.length) more();
  const detail = byId("detail");
  if (!rows.length) {
    chosen = -1;
    detail.replaceChildren(make("p", { class: "quiet" }, "No answer passes these filters."));
    return;
  }
  const button = list.children[place].firstElementChild;
  button.setAttribute("aria-current", "true");
  button.scrollIntoView({ block: "nearest" });
  if (open) document.body.classList.add("reading");
  const row = rows[place];
  if (Array.isArray(row)) showPrompt(row[0].prompt, new Set(row.map((entry) => entry.answer)));
  else showAnswer(row.prompt, row.answer);
}

function show(...children) {
  const back = make("button", { type: "button", class: "back", onclick: goBack }, "‹ all answers");
  byId("detail").replaceChildren(back, ...children);
  byId("detail").scrollTop = 0;
}

function showAnswer(prompt, answer) {
  const others = siblings(prompt, answer, (sibling) => showAnswer(prompt, sibling));
  const place = prompt.answers.indexOf(answer) + 1;
  show(promptCard(prompt), others, answerCard(answer, `Answer ${place}`), scale(prompt));
  history.replaceState(null, "", `#${prompt.step}/${encodeURIComponent(answer.key)}`);
}

/** All answers to a prompt; those that the filter leaves out are paler. */
function showPrompt(prompt, passing) {
  const right = prompt.answers.filter(isRight).length;
  show(promptCard(prompt),
    make("p", { class: "quiet" }, `${right} of ${plural(prompt.answers.length, "answer")} right`),
    make("div", { class: "group" },
      prompt.answers.map((answer, place) => {
        const card = answerCard(answer, `Answer ${place + 1}`);
        card.classList.toggle("aside", !passing.has(answer));
        return card;
      })),
    scale(prompt));
}

function goBack() {
  document.body.classList.remove("reading");
  byId("list").querySelector("[aria-current=true]")?.focus();
}

function clearFilters() {
  for (const id of ["search", "step", "source", "ability", "reason"]) byId(id).value = "";
  byId("order").value = "file";
  refresh();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    document.activeElement.blur();
    goBack();
    return;
  }
  if (event.target.matches("input[type=search], select")) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) choose(Math.min(Math.max(chosen + step, 0), rows.length - 1), false);
  else if (event.key === "/") byId("search").focus();
  else if (event.key === "g") {
    const other = inPrompts() ? "answers" : "prompts";
    document.querySelector(`input[name=view][value=${other}]`).checked = true;
    refresh();
  } else return;
  event.preventDefault();
}

function pointAt(event) {
  const token = event.target.closest?.(".token");
  const tip = byId("tip");
  tip.hidden = !token;
  if (!token) return;
  const entropy = token.dataset.entropy;
  const value = entropy === undefined ? "no entropy" : `${Number(entropy).toFixed(3)} nats`;
  tip.textContent = `${JSON.stringify(token.textContent)}  ${value}`;
  const box = token.getClientRects()[0];
  const left = Math.min(box.left, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = box.bottom + 34 < innerHeight ? `${box.bottom + 5}px` : `${box.top - 30}px`;
}

function about() {
  const shown = plural(answers.length, "answer");
  const all = data.found;
  byId("about").textContent = answers.length < all.answers
    ? `${data.title} · a sample: ${shown} to ${plural(data.prompts.length, "prompt")} out of `
      + `${plural(all.answers, "answer")} to ${plural(all.prompts, "prompt")}, whole prompts drawn with seed ${data.seed}`
    : `${data.title} · all ${shown} to ${plural(data.prompts.length, "prompt")}`;
}

about();
fillFilters();
for (const id of ["step", "source", "ability", "reason", "order"]) {
  byId(id).addEventListener("change", refresh);
}
for (const radio of document.querySelectorAll("input[name=view]")) {
  radio.addEventListener("change", refresh);
}
byId("search").addEventListener("input", refresh);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("clear").addEventListener("click", clearFilters);
byId("list").addEventListener("scroll", (event) => {
  const list = event.target;
  if (list.scrollTop + 2 * list.clientHeight > list.scrollHeight) more();
});
document.addEventListener("keydown", onKey);
document.addEventListener("pointerover", pointAt);
const named = answers.findIndex(({ prompt, answer }) =>
  location.hash === `#${prompt.step}/${encodeURIComponent(answer.key)}`);
refresh();
if (named > 0) choose(named, true);
