// Replaces the parts of the page that the server sends, and says whether it is still connected.
const state = document.getElementById("connection");
const source = new EventSource("/dashboard/events");
source.addEventListener("open", () => { state.textContent = "live"; state.dataset.live = "yes"; });
source.addEventListener("error", () => {
  state.textContent = "not connected; trying again"; state.dataset.live = "no";
});
source.addEventListener("parts", (event) => {
  for (const [id, html] of Object.entries(JSON.parse(event.data))) {
    const part = document.getElementById(id);
    if (part === null || part.dataset.html === html) continue;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.innerHTML = html;
    part.dataset.html = html;
    if (focused) document.getElementById(focused)?.focus();
  }
});
