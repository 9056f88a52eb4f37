// One deployment, live: status and outcome from the server's own page, resources and log from the stream.
import { adopt, remember } from "./adopt.js";
import { LogView } from "./log_view.js";

const AGAIN_MS = 2000;
const SILENCE_MS = 40000; // two missed pings and some patience
const PARTS = ["standing", "actions", "outcome"];

const element = document.getElementById("log");
const link = document.getElementById("link");
const followButton = document.getElementById("follow");
const view = new LogView(element, (following) => followButton.setAttribute("aria-pressed", String(following)));
followButton.hidden = false;
followButton.addEventListener("click", () => view.follow(!view.following));

let lastId = "";
let source = null;
let ended = false;
let silence = 0;
let refreshing = Promise.resolve();

function say(state, words) {
  link.textContent = words;
  link.dataset.state = state;
}

function refresh() {
  refreshing = refreshing
    .then(() => adopt(location.pathname, ...PARTS))
    .then(() => {
      document.getElementById("announce").textContent = document.getElementById("word").textContent;
    })
    .catch(() => setTimeout(refresh, AGAIN_MS));
}

function cell(text, className = "") {
  const made = document.createElement("td");
  const words = document.createElement("span");
  words.textContent = text;
  words.className = className;
  made.append(words);
  return made;
}

const rows = new Map([...document.querySelectorAll("#resources tbody tr")].map((row) => [row.dataset.address, row]));

function showResources(changes) {
  const body = document.querySelector("#resources tbody");
  for (const one of changes) {
    const row = document.createElement("tr");
    row.dataset.address = one.address;
    row.append(cell(one.status, `badge ${one.status}`), cell(one.action), cell(one.address, "id"), cell(one.elapsed_seconds ? `${Math.round(one.elapsed_seconds)} s` : ""));
    // Terraform says every ten seconds how long it has taken; in between the page counts by itself.
    if (one.status === "running") row.dataset.since = String(Date.parse(one.started_at) || Date.now());
    const known = rows.get(one.address);
    if (known) known.replaceWith(row);
    else body.append(row);
    rows.set(one.address, row);
  }
  document.getElementById("resources").hidden = rows.size === 0;
  const done = [...rows.values()].filter((row) => row.querySelector(".badge.done")).length;
  document.getElementById("tally").textContent = rows.size ? `${done} of ${rows.size}` : "";
}

function count() {
  for (const row of document.querySelectorAll("#resources tr[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Number(row.dataset.since)) / 1000));
    row.lastElementChild.firstElementChild.textContent = `${seconds} s`;
  }
}

function complete() {
  ended = true;
  clearTimeout(silence);
  source.close();
  say("complete", "complete");
  refresh();
}

function address() {
  return element.dataset.stream + (lastId ? `?after=${lastId}` : "");
}

// A machine that slept holds a connection that the server gave up long ago: nothing tells.
function alive() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    say("lost", "connection lost, trying again…");
    connect();
  }, SILENCE_MS);
}

// The browser does not say why it gave up. 204 means that all was seen before the connection broke.
async function again() {
  const stop = new AbortController();
  const answer = await fetch(address(), { signal: stop.signal }).catch(() => null);
  stop.abort();
  if (answer !== null && answer.status === 204) complete();
  else if (!document.hidden) connect();
}

function connect() {
  if (source !== null) source.close();
  source = new EventSource(address());
  const on = (name, take) =>
    source.addEventListener(name, (event) => {
      alive();
      take(event);
    });
  alive();
  source.onopen = () => say("live", "live");
  on("ping", () => {});
  on("status", refresh);
  on("resource", (event) => showResources(JSON.parse(event.data).changes));
  on("source", (event) => say("live", `live, ${JSON.parse(event.data).words}`));
  on("log", (event) => {
    lastId = event.lastEventId;
    view.add(JSON.parse(event.data).lines);
  });
  on("end", complete);
  source.onerror = () => {
    if (ended) return;
    say("lost", "connection lost, trying again…");
    // A browser tries again by itself after a cut, but not after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN_MS);
  };
}

// Browsers allow six connections to a server: a page that nobody sees gives its own up.
document.addEventListener("visibilitychange", () => {
  if (ended) return;
  if (document.hidden) {
    clearTimeout(silence);
    source.close();
    say("paused", "paused while hidden");
  } else if (source.readyState === EventSource.CLOSED) {
    connect();
  }
});

remember(...PARTS);
showResources([]);
setInterval(count, 1000);
connect();
