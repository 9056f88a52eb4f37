// Live view of a deployment: status and outcome from the server-rendered page, resources and log
// from the event stream.
import { refreshParts, registerParts } from "./page_parts.js";
import { LogView } from "./log_view.js";

const RETRY_MS = 2000;
const SILENCE_MS = 40000; // two pings (every 15 s) and a margin
const PARTS = ["status", "actions", "outcome"];

const logElement = document.getElementById("log");
const connection = document.getElementById("connection");
const followButton = document.getElementById("follow");
const logView = new LogView(logElement, (following) => followButton.setAttribute("aria-pressed", String(following)));
followButton.hidden = false;
followButton.addEventListener("click", () => logView.follow(!logView.following));

let lastId = "";
let source = null;
let ended = false;
let silenceTimer = 0;
let refreshing = Promise.resolve();

function showConnection(state, text) {
  connection.textContent = text;
  connection.dataset.state = state;
}

function refresh() {
  refreshing = refreshing
    .then(() => refreshParts(location.pathname, ...PARTS))
    .then(() => {
      document.getElementById("announce").textContent = document.getElementById("label").textContent;
    })
    .catch(() => setTimeout(refresh, RETRY_MS));
}

function cell(text, className = "") {
  const data = document.createElement("td");
  const span = document.createElement("span");
  span.textContent = text;
  span.className = className;
  data.append(span);
  return data;
}

const rows = new Map([...document.querySelectorAll("#resources tbody tr")].map((row) => [row.dataset.address, row]));

function showResources(changes) {
  const body = document.querySelector("#resources tbody");
  for (const resource of changes) {
    const row = document.createElement("tr");
    row.dataset.address = resource.address;
    row.append(
      cell(resource.status, `badge ${resource.status}`),
      cell(resource.action),
      cell(resource.address, "id"),
      cell(resource.elapsed_seconds ? `${Math.round(resource.elapsed_seconds)} s` : ""),
    );
    // Terraform reports the elapsed time every 10 s; the page counts the seconds in between, by this
    // clock alone: the host may have another time.
    if (resource.status === "running") row.dataset.since = String(Date.now() - 1000 * resource.elapsed_seconds);
    const previous = rows.get(resource.address);
    if (previous) previous.replaceWith(row);
    else body.append(row);
    rows.set(resource.address, row);
  }
  document.getElementById("resources").hidden = rows.size === 0;
  const done = [...rows.values()].filter((row) => row.querySelector(".badge.done, .badge.unchanged")).length;
  document.getElementById("tally").textContent = rows.size ? `${done} of ${rows.size}` : "";
}

function showElapsedSeconds() {
  for (const row of document.querySelectorAll("#resources tr[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Number(row.dataset.since)) / 1000));
    row.lastElementChild.firstElementChild.textContent = `${seconds} s`;
  }
}

function complete() {
  ended = true;
  clearTimeout(silenceTimer);
  source.close();
  showConnection("complete", "complete");
  refresh();
}

function streamAddress() {
  return logElement.dataset.stream + (lastId ? `?after=${lastId}` : "");
}

// After a suspend the machine may hold a connection that the server has closed: no event reports it.
function restartSilenceTimer() {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => {
    showConnection("lost", "connection lost, trying again…");
    connect();
  }, SILENCE_MS);
}

// EventSource hides the status of a refused connection. 204: the deployment has ended, and this
// page has all its events.
async function reconnect() {
  const controller = new AbortController();
  const response = await fetch(streamAddress(), { signal: controller.signal }).catch(() => null);
  controller.abort();
  if (response !== null && response.status === 204) complete();
  else if (!document.hidden) connect();
}

function connect() {
  if (source !== null) source.close();
  source = new EventSource(streamAddress());
  const on = (name, handler) =>
    source.addEventListener(name, (event) => {
      restartSilenceTimer();
      handler(event);
    });
  restartSilenceTimer();
  source.onopen = () => showConnection("live", "live");
  on("ping", () => {});
  on("status", refresh);
  on("resource", (event) => showResources(JSON.parse(event.data).changes));
  on("source", (event) => showConnection("live", `live, ${JSON.parse(event.data).label}`));
  on("log", (event) => {
    lastId = event.lastEventId;
    logView.add(JSON.parse(event.data).lines);
  });
  on("end", complete);
  source.onerror = () => {
    if (ended) return;
    showConnection("lost", "connection lost, trying again…");
    // The browser reconnects after a broken connection, but not after a response without a stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(reconnect, RETRY_MS);
  };
}

// Browsers allow six connections per server, so a hidden page closes its connection.
document.addEventListener("visibilitychange", () => {
  if (ended) return;
  if (document.hidden) {
    clearTimeout(silenceTimer);
    source.close();
    showConnection("paused", "paused while hidden");
  } else if (source.readyState === EventSource.CLOSED) {
    connect();
  }
});

registerParts(...PARTS);
showResources([]);
setInterval(showElapsedSeconds, 1000);
connect();
