// The left-hand side: filters, the list, and the keyboard.

const byId = (id) => document.getElementById(id);
const CHUNK = 200; // rows of the list that are made at once
const responses = data.prompts.flatMap((prompt) =>
  prompt.responses.map((response) => ({ prompt, response, text: searchText(prompt, response) })));
const NOUN = responses.some(({ response }) => response.episode) ? "rollout" : "response";
let rows = []; // what the list shows: entries of `responses`, or lists of them in the view of prompts
let chosen = -1;

function searchText(prompt, response) {
  return [question(prompt), response.text, response.calls.expected || ""].join("\n").toLowerCase();
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
  fillSelect("reason", "all responses", some.concat(
    codes.filter((code) => code !== 0).map((code) => [String(code), data.reasons[code]])));
  const answered = Object.entries(data.patterns).filter(([name]) =>
    responses.some(({ response }) => typeof response.patterns?.[name] === "boolean"));
  fillSelect("pattern", "all thoughts", answered.flatMap(([name, words]) =>
    [[`${name} true`, words], [`${name} false`, `not: ${words}`]]));
}

/** `ignored` names a menu that does not count. */
function passes(entry, ignored = null) {
  const { prompt, response, text } = entry;
  return (!byId("step").value || String(prompt.step) === byId("step").value)
    && (!byId("source").value || String(prompt.source) === byId("source").value)
    && (!byId("ability").value || String(prompt.ability) === byId("ability").value)
    && text.includes(byId("search").value.trim().toLowerCase())
    && Object.entries(COUNTED).every(([id, has]) => id === ignored || has(response, byId(id).value));
}

function hasReason(response, reason) {
  if (!reason) return true;
  if (reason === "right") return isRight(response);
  return reason === "wrong" ? !isRight(response) : String(response.reason) === reason;
}

function hasPattern(response, pattern) {
  if (!pattern) return true;
  const [name, answer] = pattern.split(" ");
  return String(response.patterns?.[name]) === answer;
}

const COUNTED = { reason: hasReason, pattern: hasPattern }; // menus whose entries are counted

const ORDERS = {
  file: () => 0,
  entropy: (a, b) => (b.response.egpo?.entropy ?? -1) - (a.response.egpo?.entropy ?? -1),
  bonus: (a, b) => (b.response.egpo?.bonus ?? -1) - (a.response.egpo?.bonus ?? -1),
  length: (a, b) => b.response.text.length - a.response.text.length,
};
const inPrompts = () => document.querySelector("input[name=view]:checked").value === "prompts";

const promptOf = (row) => (Array.isArray(row) ? row[0] : row).prompt;

/** Filters anew and stays at the chosen row, or at its prompt, where that still passes. */
function refresh() {
  const before = rows[chosen];
  const shown = responses.filter((entry) => passes(entry)).sort(ORDERS[byId("order").value]);
  if (inPrompts()) {
    const groups = new Map();
    for (const entry of shown) {
      groups.set(entry.prompt, [...(groups.get(entry.prompt) || []), entry]);
    }
    rows = [...groups.values()];
  } else rows = shown;
  countEntries();
  const right = shown.filter((entry) => isRight(entry.response)).length;
  const share = shown.length ? ` · ${Math.round((100 * right) / shown.length)} % right` : "";
  const prompts = plural(new Set(shown.map((entry) => entry.prompt)).size, "prompt");
  byId("count").textContent = `${plural(shown.length, NOUN)} to ${prompts}${share}`;
  byId("list").replaceChildren();
  more();
  let again = rows.indexOf(before);
  if (before && again < 0) again = rows.findIndex((row) => promptOf(row) === promptOf(before));
  choose(Math.max(again, 0), false);
}

/** Each entry of these menus begins with how many responses the other filters leave it. */
function countEntries() {
  for (const [id, has] of Object.entries(COUNTED)) {
    const left = responses.filter((entry) => passes(entry, id));
    for (const option of byId(id).options) {
      const count = left.filter((entry) => has(entry.response, option.value)).length;
      option.dataset.name ??= option.textContent;
      option.textContent = `${count.toLocaleString("en")} · ${option.dataset.name}`;
    }
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
  const { prompt, response } = entries[0];
  const text = make("span", { class: "question" }, excerpt(prompt));
  const step = `step ${prompt.step}`;
  const lines = Array.isArray(row)
    ? [make("span", { class: "small" }, `${step} · `, ...prompt.responses.map((each) =>
        make("span", { class: `verdict${isRight(each) ? " ok" : ""}` }, isRight(each) ? "✓" : "✗")),
        entries.length < prompt.responses.length ? ` · ${entries.length} pass the filter` : null)]
    : [make("span", { class: `verdict${isRight(response) ? " ok" : ""}` }, verdictText(response)),
       make("span", { class: "small" }, [step, ...lengthOf(response), ...(response.egpo
         ? [`E ${digits(response.egpo.entropy)}`, `A′ ${signed(response.egpo.advantage)}`]
         : [`reward ${digits(response.score, 2)}`])].join(" · "))];
  const button = make("button", { type: "button", onclick: () => choose(place, true) }, text, ...lines);
  return make("li", null, button);
}

const headingOf = (response) => (response.episode ? "Rollout" : "Response");

function lengthOf(response) {
  return response.episode ? [plural(messagesOf(response).length, "message")] : [];
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
    detail.replaceChildren(make("p", { class: "quiet" }, "No response passes these filters."));
    return;
  }
  const button = list.children[place].firstElementChild;
  button.setAttribute("aria-current", "true");
  button.scrollIntoView({ block: "nearest" });
  if (open) document.body.classList.add("reading");
  const row = rows[place];
  if (Array.isArray(row)) showPrompt(row[0].prompt, new Set(row.map((entry) => entry.response)));
  else showResponse(row.prompt, row.response);
}

function show(...children) {
  const back = make("button", { type: "button", class: "back", onclick: goBack }, "‹ all responses");
  byId("detail").replaceChildren(back, ...children);
  byId("detail").scrollTop = 0;
}

function showResponse(prompt, response) {
  const others = siblings(prompt, response, (sibling) => showResponse(prompt, sibling));
  const place = prompt.responses.indexOf(response) + 1;
  show(promptCard(prompt), others, responseCard(response, `${headingOf(response)} ${place}`), scale(prompt));
  history.replaceState(null, "", `#${prompt.step}/${encodeURIComponent(response.key)}`);
}

/** All responses to a prompt; those that the filter leaves out are paler. */
function showPrompt(prompt, passing) {
  const right = prompt.responses.filter(isRight).length;
  show(promptCard(prompt),
    make("p", { class: "quiet" }, `${right} of ${plural(prompt.responses.length, NOUN)} right`),
    make("div", { class: "group" },
      prompt.responses.map((response, place) => {
        const card = responseCard(response, `${headingOf(response)} ${place + 1}`);
        card.classList.toggle("aside", !passing.has(response));
        return card;
      })),
    scale(prompt));
}

function goBack() {
  document.body.classList.remove("reading");
  byId("list").querySelector("[aria-current=true]")?.focus();
}

function clearFilters() {
  for (const id of ["search", "step", "source", "ability", "reason", "pattern"]) byId(id).value = "";
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
    const other = inPrompts() ? "responses" : "prompts";
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
  const of = NOUN === "rollout" ? ` of ${plural(responses.length, NOUN)}` : "";
  const shown = plural(data.shown, "response") + of;
  const total = data.total;
  byId("about").textContent = data.shown < total.responses
    ? `${data.title} · a sample: ${shown} to ${plural(data.prompts.length, "prompt")} out of `
      + `${plural(total.responses, "response")} to ${plural(total.prompts, "prompt")}, whole prompts drawn with seed ${data.seed}`
    : `${data.title} · all ${shown} to ${plural(data.prompts.length, "prompt")}`;
}

about();
fillFilters();
for (const id of ["step", "source", "ability", "reason", "pattern", "order"]) {
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
const named = responses.findIndex(({ prompt, response }) =>
  location.hash === `#${prompt.step}/${encodeURIComponent(response.key)}`);
refresh();
if (named > 0) choose(named, true);
