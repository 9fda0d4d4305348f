// Follows a part of a page that is still coming: asks for it again and puts what changed in place of the old.
// Without scripts the page asks for itself again (meta refresh in noscript).
"use strict";
(() => {
  // After an answer that did not come, milliseconds.
  const PAUSE_AFTER_FAULT = 2000;
  // Somebody chooses or writes in it: it is not taken out of their hands.
  const writing = (piece) => piece.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");
  // How the focused element is found again among what takes its place.
  const focused = (piece) => {
    const at = document.activeElement;
    if (!piece.contains(at)) return "";
    if (at.id) return `#${CSS.escape(at.id)}`;
    return ["href", "aria-labelledby", "class"].filter((name) => at.hasAttribute(name)).slice(0, 1)
      .map((name) => `${at.tagName}[${name}="${CSS.escape(at.getAttribute(name))}"]`).join("") || at.tagName;
  };
  // Returns whether all of it could be put in place.
  const put = (part, fresh) => {
    const pieces = part.querySelectorAll("[data-piece]");
    let whole = true;
    for (const old of pieces.length ? pieces : [part]) {
      const now = old === part ? fresh : fresh.querySelector(`[data-piece="${old.dataset.piece}"]`);
      // What did not change stays: a screen reader says it once.
      if (!now || old.dataset.touched || old.innerHTML === now.innerHTML) continue;
      if (writing(old)) { whole = false; continue; }
      const at = focused(old);
      old.replaceChildren(...now.childNodes);
      if (at) old.querySelector(at)?.focus();
    }
    part.dataset.complete = fresh.dataset.complete;
    return whole;
  };
  const later = (part, pause) => setTimeout(() => ask(part).catch(() => later(part, PAUSE_AFTER_FAULT)), pause);
  const ask = async (part) => {
    const answer = await fetch(part.dataset.follow, { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-follow]");
    if (!fresh) return;
    const whole = put(part, fresh);
    if (part.dataset.complete === "false") later(part, Number(part.dataset.pause || 500));
    else if (!whole) part.addEventListener("focusout", () => later(part, 0), { once: true });
  };
  for (const part of document.querySelectorAll("[data-follow][data-complete=false]")) {
    // What somebody chose and did not send yet stays chosen.
    part.addEventListener("input", (event) => {
      const piece = event.target.closest("[data-piece]");
      if (piece) piece.dataset.touched = "true";
    });
    later(part, Number(part.dataset.pause || 500));
  }
})();
