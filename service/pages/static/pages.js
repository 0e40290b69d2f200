// Comfort on top of pages that work without it: "/" leads to the search, the board keeps itself fresh.

const EVERY = 5000;

const search = document.querySelector("[data-shortcut]");
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (search && !typing && event.key === search.dataset.shortcut && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});

function keepFresh(region) {
  let paused = false;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "live";
  button.textContent = region.dataset.live;
  const show = () => {
    button.setAttribute("aria-pressed", String(paused));
    button.title = paused ? region.dataset.resume : region.dataset.pause;
  };
  button.addEventListener("click", () => { paused = !paused; show(); });
  document.querySelector(".as-of")?.append(button);
  show();

  async function refresh() {
    const busy = region.contains(document.activeElement) || region.querySelector("details[open]");
    if (paused || busy || document.hidden) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.querySelector("[data-live]");
    if (!next) return;
    const known = new Set(Array.from(region.querySelectorAll(".card"), (card) => card.pathname));
    for (const card of next.querySelectorAll(".card")) {
      if (!known.has(card.pathname)) card.classList.add("arrived");
    }
    region.replaceChildren(...next.childNodes);
    const meta = fresh.querySelector(".head .quiet");
    if (meta) document.querySelector(".head .quiet").replaceChildren(...meta.childNodes);
  }

  (async () => {
    for (;;) {
      await new Promise((wake) => setTimeout(wake, EVERY));
      await refresh().catch(() => {});
    }
  })();
}

const live = document.querySelector("[data-live]");
if (live) keepFresh(live);
