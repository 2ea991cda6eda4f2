// Fetch the open page anew every few seconds and put its live part in the place of the old one. Without this, nothing is missing but that.
"use strict";
(() => {
  const seconds = Number(document.body.dataset.liveSeconds);
  const status = document.getElementById("live");
  if (!seconds || !status) return;
  let paused = false;
  const button = document.createElement("button");
  const show = () => { button.textContent = paused ? "Paused: go on" : "Live: pause"; button.setAttribute("aria-pressed", String(paused)); };
  button.type = "button";
  button.addEventListener("click", () => { paused = !paused; show(); });
  status.append(button);
  show();
  const renew = async () => {
    const old = document.querySelector("[data-live]");
    // Nobody's reading is disturbed: not a hidden page, an open detail, a selection, or what has the focus.
    if (paused || document.hidden || !old || old.querySelector("details[open]") || old.contains(document.activeElement) || String(getSelection())) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    if (!fresh) return;
    old.replaceWith(fresh);
    document.querySelector("footer").replaceWith(page.querySelector("footer"));
    document.body.dataset.renewed = String(Number(document.body.dataset.renewed || 0) + 1);
  };
  const again = () => setTimeout(() => renew().catch(() => {}).finally(again), seconds * 1000);
  again();
})();
