// Comfort on top of pages that work without it: "/" leads to the search; boards and customers move
// as things happen. A stream says when to look again; without it a page looks every few seconds.

const TOLD = ["customer.created", "customer.stage.changed", "customer.stage.corrected", "customer.alert.raised", "customer.merged"];
const LOOKS_APART = 1000, UNTOLD = 5000, TOLD_OF_ALL = 30000;

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
  (document.querySelector(".as-of") ?? document.querySelector(".head"))?.append(button);
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
    for (const place of [".head .quiet", ".facts"]) {
      const [here, there] = [document.querySelector(place), fresh.querySelector(place)];
      if (here && there) here.replaceChildren(...there.childNodes);
    }
  }

  // News that comes while the page is being looked at anew is not forgotten.
  let isNews = false;
  let wake = () => {};
  const note = () => { isNews = true; wake(); };

  let source = null;
  let since = `&after=${region.dataset.place}`;
  function listen() {
    if (document.hidden || !region.dataset.stream || source?.readyState < EventSource.CLOSED) return;
    source = new EventSource(region.dataset.stream + since);
    if (!since) note();
    since = "";
    for (const type of TOLD) source.addEventListener(type, note);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : note()));
  addEventListener("pagehide", () => source?.close());

  (async () => {
    for (;;) {
      listen();
      const patience = source && source.readyState < EventSource.CLOSED ? TOLD_OF_ALL : UNTOLD;
      if (!isNews) await new Promise((done) => { wake = done; setTimeout(done, patience); });
      isNews = false;
      await refresh().catch(() => {});
      await new Promise((done) => setTimeout(done, LOOKS_APART));
    }
  })();
}

const live = document.querySelector("[data-live]");
if (live) keepFresh(live);
