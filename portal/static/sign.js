// Signs what is to be said of an agreement here, in the browser: the ledger's own code decodes it, says it in words, and signs
// with the key from a file. The key is sent nowhere and not kept; the page sends the signed envelope when asked to.
"use strict";
(() => {
  const box = document.querySelector(".signing");
  if (!box) return;
  const one = (name) => document.querySelector(name);
  const say = (which) => {
    for (const text of box.querySelectorAll("[data-say]")) text.hidden = text.dataset.say !== which;
  };
  const SECRET_BYTES = 32;
  const loading = fetch("/static/verify.wasm").then((answer) => answer.arrayBuffer()).then((bytes) => WebAssembly.compile(bytes));
  // A fresh one each time: nothing of a key stays in its memory.
  const made = async () => {
    const { exports } = await WebAssembly.instantiate(await loading, {});
    const give = (which, bytes) => { exports.begin(which); for (const byte of bytes) exports.put(byte); };
    give(2, new TextEncoder().encode(one("#unsigned").value));
    const answer = (length) => {
      const bytes = new Uint8Array(length);
      for (let n = 0; n < length; n++) bytes[n] = exports.get(n);
      return JSON.parse(new TextDecoder().decode(bytes));
    };
    return { exports, give, answer };
  };
  const once = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    new DataView(bytes.buffer).setBigUint64(16, BigInt(Date.now()), true);
    return bytes;
  };
  const read = async () => {
    const { exports, answer } = await made();
    const { text, fault } = answer(exports.read(box.dataset.language === "ja" ? 0 : 1));
    if (fault) throw new Error(fault);
    one("[data-read]").textContent = text;
  };
  const sign = async () => {
    const file = one("#key").files[0];
    if (!file || file.size !== SECRET_BYTES) { say("key"); return; }
    const key = new Uint8Array(await file.arrayBuffer());
    const { exports, give, answer } = await made();
    give(3, key);
    key.fill(0);
    give(4, once());
    const signed = answer(exports.sign());
    if (signed.fault) throw new Error(signed.fault);
    if (!box.dataset.keys.split(" ").includes(signed.key)) { say("other"); return; }
    one("#envelope").value = signed.envelope;
    one("#key").value = "";
    say("signed");
    one("#send").focus();
  };
  one("#sign").addEventListener("click", () => sign().catch(() => say("failed")));
  box.hidden = false;
  read().catch(() => say("failed"));
})();
