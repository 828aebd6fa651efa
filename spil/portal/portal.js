// The portal: the tile map, a region's contact, and a question per role that runs on the page.
// Laws: text from an answer enters the page as text, never as markup; a token stays in this tab's sessionStorage.
import { forget, settings, tokenOf } from "./tokens.js";

const $ = (selector, within = document) => within.querySelector(selector);

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

async function ask(query, variables, token) {
  const headers = { "content-type": "application/json", accept: "application/graphql-response+json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const began = performance.now();
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const text = await response.text();
  return { response, text, json: JSON.parse(text), ms: performance.now() - began };
}

// ---- is the hub ready?

async function tellState() {
  const state = $("#state");
  try {
    const ready = (await fetch("/health/ready")).ok;
    state.textContent = ready ? "Ready" : "Running, but its database is away";
    state.classList.add(ready ? "good" : "bad");
  } catch {
    state.textContent = "The hub does not answer";
    state.classList.add("bad");
  }
}

// ---- the country

const REGIONS = "{ regions { code name tileColumn tileRow post { filled } } }";
const CONTACT = `query Contact($region: ID!) {
  contact(topic: PUPILS_TO_WORK, at: { region: $region }) {
    contact { name desk phone mail hours verified }
    path { kind why }
  }
}`;
const STEPS = {
  COORDINATOR: "coordinator pro-vso", SCHOOL_DESK: "school", SERVICE_POINT: "service point",
  CENTRE_MUNICIPALITY: "centre municipality", MUNICIPALITY: "municipality", REGION_DESK: "region's desk",
  DOORSTROOMPUNT: "Doorstroompunt", NATIONAL_DESK: "national desk", UNKNOWN_PLACE: "this place",
};
const REASONS = {
  FOUND: "answers", DEPUTY: "a deputy answers", ABSENT: "is away", NOT_VERIFIED: "was not confirmed in the past year",
  NO_CONTACT: "has no contact", POST_NOT_FILLED: "the post is open", UNKNOWN_PLACE: "is not known",
};

async function drawCountry() {
  const map = $("#map");
  try {
    const { json } = await ask(REGIONS);
    const regions = [...json.data.regions].sort((a, b) => a.tileRow - b.tileRow || a.tileColumn - b.tileColumn);
    map.replaceChildren(...regions.map(tile));
    const filled = regions.filter((region) => region.post.filled).length;
    $("#count-filled").textContent = filled;
    $("#count-open").textContent = regions.length - filled;
    $("#legend").hidden = false;
    const first = regions.find((region) => region.code === "AM27") ?? regions[0];
    await choose(first, $(`[data-code="${first.code}"]`, map));
  } catch {
    map.replaceChildren(make("p", { class: "hint" }, "The regions cannot be read now."));
  }
}

function tile(region) {
  const state = region.post.filled ? "filled" : "open";
  const button = make("button", {
    type: "button", class: `tile ${state}`, "data-code": region.code, "aria-pressed": "false", lang: "nl",
    "aria-label": `${region.name}, post ${state}`, title: region.name,
  }, make("span", {}, breakable(region.name)), make("small", {}, region.code));
  button.style.gridColumn = region.tileColumn + 1;
  button.style.gridRow = region.tileRow + 1;
  button.addEventListener("click", () => choose(region, button));
  return button;
}

// Browsers without Dutch hyphenation would cut a long name anywhere.
function breakable(name) {
  const softened = (word) => word.replace(/(?<=[a-z])(land|steden|driehoek|streek)/, "\u00ad$1");
  return name.replace(/\p{L}{10,}/gu, softened).replace("/", "/\u200b");
}

async function choose(region, button) {
  for (const one of document.querySelectorAll(".tile")) one.setAttribute("aria-pressed", String(one === button));
  const panel = $("#contact");
  try {
    const { json } = await ask(CONTACT, { region: region.code });
    panel.replaceChildren(...contactOf(region, json.data.contact));
  } catch {
    panel.replaceChildren(make("p", { class: "hint" }, "This contact cannot be read now."));
  }
}

function contactOf(region, { contact, path }) {
  const rows = [["Phone", contact.phone], ["Mail", contact.mail], ["Hours", contact.hours], ["Confirmed", contact.verified]];
  const list = make("dl");
  for (const [name, value] of rows) if (value) list.append(make("dt", {}, name), make("dd", {}, value));
  const steps = make("ol");
  for (const { kind, why } of path) {
    const found = why === "FOUND" || why === "DEPUTY";
    steps.append(make("li", { class: found ? "found" : "" }, `${STEPS[kind] ?? kind}: ${REASONS[why] ?? why}`));
  }
  const desk = [contact.name, contact.desk].filter(Boolean).join(", ");
  return [make("h3", {}, region.name), make("p", { class: "desk" }, desk), list,
    make("p", { class: "how" }, "How this contact was found"), steps];
}

// ---- the roles

function prepare(card) {
  const role = card.dataset.role;
  const said = $(".said", card);
  const tell = (text, bad = false) => { said.textContent = text; said.classList.toggle("bad", bad); };
  const guarded = (work) => async () => {
    try { await work(); } catch (problem) { tell(problem.message, true); }
  };
  const query = $(".query", card);
  $(".run", card).addEventListener("click", guarded(() => run(card, role, query.value, tell)));
  $(".copy", card).addEventListener("click", guarded(async () => {
    await navigator.clipboard.writeText(query.value);
    tell("Copied.");
  }));
  $(".take", card).addEventListener("click", guarded(async () => {
    $(".token input", card).value = await tokenOf(role);
    $(".token", card).hidden = false;
    tell(`A token for ${settings.demo.actors[role].join(", ")}.`);
  }));
  $(".copy-token", card).addEventListener("click", guarded(async () => {
    await navigator.clipboard.writeText($(".token input", card).value);
    tell("Token copied.");
  }));
  $(".explore", card).addEventListener("click", () => {
    sessionStorage.setItem("spil.role", role);
    sessionStorage.setItem("spil.query", query.value);
  });
  query.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $(".run", card).click();
  });
}

async function run(card, role, query, tell) {
  tell("Asking\u2026");
  let found = await ask(query, undefined, await tokenOf(role));
  if (found.response.status === 401) { // a token of an earlier demo
    forget(role);
    found = await ask(query, undefined, await tokenOf(role));
  }
  const { response, text, json, ms } = found;
  const answer = $(".answer", card);
  answer.textContent = JSON.stringify(json, null, 2);
  answer.hidden = false;
  const size = new TextEncoder().encode(text).length.toLocaleString("en");
  tell(`${response.status}, ${size} bytes in ${ms.toFixed(0)} ms, request ${response.headers.get("x-request-id")}`,
    Boolean(json.errors));
}

tellState();
drawCountry();
document.querySelectorAll(".card").forEach(prepare);
