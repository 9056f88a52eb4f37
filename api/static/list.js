// The list, brought up to date while somebody looks at it.
import { adopt, remember } from "./adopt.js";

const EVERY_MS = 5000;

remember("rows");
setInterval(() => {
  if (!document.hidden && !document.getElementById("rows").contains(document.activeElement)) {
    adopt(location.href, "rows").catch(() => {}); // shown as it was; the next time may work
  }
}, EVERY_MS);
