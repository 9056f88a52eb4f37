// One deployment, live: status and outcome from the server's own page, resources and log from the stream.
import { adopt, remember } from "./adopt.js";
import { LogView } from "./log_view.js";

const AGAIN_MS = 2000;
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

function connect() {
  const address = element.dataset.stream + (lastId ? `?after=${lastId}` : "");
  source = new EventSource(address);
  source.onopen = () => say("live", "live");
  source.addEventListener("status", refresh);
  source.addEventListener("resource", (event) => showResources(JSON.parse(event.data).changes));
  source.addEventListener("log", (event) => {
    lastId = event.lastEventId;
    view.add(JSON.parse(event.data).lines);
  });
  source.addEventListener("end", () => {
    ended = true;
    source.close();
    say("complete", "complete");
    refresh();
  });
  source.onerror = () => {
    if (ended) return;
    say("lost", "connection lost, trying again…");
    // A browser tries again by itself after a cut, but not after an answer that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN_MS);
  };
}

// Browsers allow six connections to a server: a page that nobody sees gives its own up.
document.addEventListener("visibilitychange", () => {
  if (ended) return;
  if (document.hidden) {
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
