// Fetch the open page anew every few seconds and put its live part in the place of the old one, saying how that goes.
// Without this, nothing is missing but that.
"use strict";
(() => {
  const WAIT_MS = 15_000;
  const seconds = Number(document.body.dataset.liveSeconds);
  const place = document.getElementById("live");
  const news = document.getElementById("news");
  if (!seconds || !place || !document.querySelector("[data-live]")) return;

  const button = document.createElement("button");
  button.type = "button";
  const state = document.createElement("span");
  place.append(state, " ", button);
  let isPaused = false;
  let trouble = "";

  const live = () => document.querySelector("[data-live]");
  // Nobody's reading is disturbed: not an open detail, a selection, or what has the focus.
  const isRead = (part) =>
    part.querySelector("details[open]") || part.contains(document.activeElement) || String(getSelection());
  const show = () => {
    state.textContent = isPaused ? "Paused" : trouble || (isRead(live()) ? "Held while you read" : "Live");
    place.classList.toggle("bad", Boolean(trouble) && !isPaused);
    button.textContent = isPaused ? "Go on" : "Pause";
  };
  const fail = (words) => {
    const since = document.querySelector("footer time").textContent.slice(11);
    if (!trouble) news.textContent = `${words} since ${since} UTC`;
    trouble = `${words} since ${since}`;
  };
  const alarm = (part) => part.querySelector(".alarm")?.innerText.trim() ?? "";

  const renew = async () => {
    const old = live();
    if (isPaused || document.hidden || !old || isRead(old)) return;
    const answer = await fetch(location.href, { redirect: "manual", signal: AbortSignal.timeout(WAIT_MS) });
    if (answer.type === "opaqueredirect" || answer.status === 403) return fail("Logged out");
    if (!answer.ok) return fail("No numbers");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    // Whoever has begun to read meanwhile, or asked for a pause, is not disturbed either.
    if (!fresh || isPaused || isRead(old)) return;
    const before = alarm(old);
    const scrolled = [...old.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((each, index) => { each.scrollLeft = scrolled[index] ?? 0; });
    document.querySelector("footer").replaceWith(page.querySelector("footer"));
    const after = alarm(fresh);
    if (after !== before) news.textContent = after || "No alert fires any more";
    trouble = "";
    document.body.dataset.renewed = String(Number(document.body.dataset.renewed || 0) + 1);
  };
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(tick, seconds * 1000);
  };
  const tick = () => renew().catch(() => fail("No answer")).finally(() => { show(); again(); });

  button.addEventListener("click", () => { isPaused = !isPaused; show(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { clearTimeout(timer); tick(); } });
  for (const event of ["focusin", "selectionchange", "toggle"]) document.addEventListener(event, show, true);
  show();
  again();
})();
