// Refreshes the list of deployments while the page is visible.
import { refreshParts, registerParts } from "./page_parts.js";

const INTERVAL_MS = 5000;

registerParts("rows");
setInterval(() => {
  if (!document.hidden && !document.getElementById("rows").contains(document.activeElement)) {
    refreshParts(location.href, "rows").catch(() => {}); // the next interval tries again
  }
}, INTERVAL_MS);
