// Parts of the page that the server renders: fetched again, and exchanged where they differ.

const last = new Map();

// XMLHttpRequest parses a page into a document without running or displaying any of it; the other
// parsers are closed by the page's Trusted Types.
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

export function remember(...ids) {
  for (const id of ids) last.set(id, document.getElementById(id).innerHTML);
}

// What a person opened stays open as long as the server says the same of it.
export async function adopt(address, ...ids) {
  const fresh = await fetchPage(address);
  for (const id of ids) {
    const part = fresh.getElementById(id);
    if (part === null || part.innerHTML === last.get(id)) continue;
    last.set(id, part.innerHTML);
    document.getElementById(id).replaceWith(document.adoptNode(part));
  }
  document.title = fresh.title;
}
