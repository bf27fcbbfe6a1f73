// A live episode: its messages in order, the verdict on each user turn, and the world at its end.

/** The messages of the policy: those of an episode, or the response itself. */
function messagesOf(response) {
  if (!response.episode) return [response];
  return response.episode.parts.map((part) => part.response).filter(Boolean);
}

function episodeCard(response, heading) {
  const { parts, state, world, unseen } = response.episode;
  const messages = messagesOf(response);
  const apart = new Set(messages.map((message) => message.egpo?.entropy)).size > 1;
  let number = 0;
  return make("section", { class: "card response episode", "aria-label": "episode" },
    verdictLine(response, `${heading} · ${plural(messages.length, "message")}`),
    make("ol", { class: "messages" }, parts.map((part) => {
      if (part.role === "verdict") return verdictPart(part);
      if (part.response) return policyPart(part, number += 1, apart);
      return otherPart(part);
    })),
    unseen.length ? unseenBlock(unseen) : null,
    state ? stateBlock(state) : worldBlock(world),
    response.egpo ? numbersBlock(response.egpo) : null,
    response.egpo && apart ? make("p", { class: "quiet" },
      "Each message has an E and a bonus of its own; these are their means over all thought tokens.") : null);
}

function policyPart({ response }, number, apart) {
  const counted = (response.entropies || []).filter((entropy, place) =>
    entropy !== null && isCounted(response, place));
  const mean = counted.reduce((sum, entropy) => sum + entropy, 0) / counted.length;
  const about = counted.length
    ? ` · thought of ${plural(counted.length, "token")}, mean entropy ${digits(mean)} nats` : "";
  const bonus = apart && response.egpo ? ` · bonus ${signed(response.egpo.bonus)}` : "";
  return message("policy", `message ${number}${about}${bonus}`,
    response.tokens ? tokensText(response) : make("p", { class: "text mono" }, response.text),
    patternsLine(shownOf(response.patterns)));
}

/** What a thought does, without what it does not: an episode has many thoughts. */
function shownOf(patterns) {
  return Object.fromEntries(Object.entries(patterns || {}).filter(([, answer]) => answer === true));
}

function otherPart(part) {
  const isUser = part.role === "user";
  const tools = part.tools?.length ? ` · from here on also: ${part.tools.join(", ")}` : "";
  const failed = part.role === "tool" && part.text.startsWith('{"error":');
  const label = isUser ? `user, turn ${part.turn}${tools}` : failed ? "tool: error" : part.role;
  const text = make("p", { class: isUser ? "text" : "text mono" }, part.text);
  const long = !isUser && part.text.length > LONG;
  return message(`${part.role}${failed ? " failed" : ""}`, label, long
    ? make("details", null, make("summary", null, plural(part.text.length, "character")), text)
    : text);
}

function message(kind, label, ...children) {
  return make("li", { class: `message ${kind}` }, make("h2", null, label), ...children);
}

function verdictPart({ turn, reason, right, reference }) {
  const words = right ? "right" : data.reasons[reason] || "failed";
  return make("li", { class: "message check" },
    make("p", { class: `verdict${right ? " ok" : ""}` }, `${right ? "✓" : "✗"} turn ${turn}: ${words}`),
    make("p", { class: "text mono quiet" }, "reference: ", reference || "no call"));
}

function unseenBlock(texts) {
  return make("div", { class: "unseen" },
    make("h2", null, "The reference saw these results in that turn, the policy did not"),
    texts.map((text) => make("p", { class: "text mono" }, make("mark", null, text))));
}

/** The world's state beside the reference's: what differs, and the rest behind a click. */
function stateBlock({ differing, same, same_count: count }) {
  const rows = (values) => values.map((value) =>
    row("argument", value.value, value.expected, value.state, value.name));
  const table = (values) => make("div", { class: "table" }, make("table", null,
    make("thead", null, make("tr", null,
      ["", "world", "reference", ""].map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", null, rows(values))));
  const title = differing.length
    ? `The world at the end: ${plural(differing.length, "value")} ${differing.length === 1 ? "differs" : "differ"} from the reference's`
    : "The world at the end is as the reference leaves it";
  const rest = `${plural(count, "value")} alike${same.length < count ? `, the first ${same.length}` : ""}`;
  return make("div", { class: "state" }, make("h2", null, title),
    differing.length ? table(differing) : null,
    count ? make("details", null, make("summary", null, rest), table(same)) : null);
}

function worldBlock(world) {
  return world === null ? null : make("div", { class: "state" },
    make("h2", null, "The world at the end"), make("p", { class: "text mono" }, world));
}
