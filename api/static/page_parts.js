// Parts of a server-rendered page: fetched again, and replaced where their HTML has changed.

const htmlById = new Map();

// XMLHttpRequest parses a page into a document without running scripts or loading images. The
// page's Trusted Types policy forbids the other parsers.
function fetchPage(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(new Error(String(request.status))));
    request.onerror = () => reject(new Error("unreachable"));
    request.send();
  });
}

export function registerParts(...ids) {
  for (const id of ids) htmlById.set(id, document.getElementById(id).innerHTML);
}

// An unchanged part is not replaced, so that an opened <details> stays open.
export async function refreshParts(address, ...ids) {
  const page = await fetchPage(address);
  for (const id of ids) {
    const part = page.getElementById(id);
    if (part === null || part.innerHTML === htmlById.get(id)) continue;
    htmlById.set(id, part.innerHTML);
    document.getElementById(id).replaceWith(document.importNode(part, true));
  }
  document.title = page.title;
}
