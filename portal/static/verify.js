// Verifies a proof bundle here, in the browser: the verifier is loaded once, the files never leave the machine.
"use strict";
(() => {
  const box = document.querySelector(".verify");
  if (!box) return;
  const one = (name) => document.querySelector(name);
  const show = (good, text) => {
    one("[data-good]").hidden = !good;
    one("[data-bad]").hidden = good;
    one("[data-text]").hidden = false;
    one("[data-text]").textContent = text;
  };
  const loading = fetch("/static/verify.wasm").then((answer) => answer.arrayBuffer()).then((bytes) => WebAssembly.instantiate(bytes, {}));
  const bytesOf = async (id) => {
    const file = one(id).files[0];
    return file ? new Uint8Array(await file.arrayBuffer()) : null;
  };
  const fetched = async () => {
    const own = one("#own");
    if (!own || !own.checked) return null;
    const answer = await fetch(own.dataset.bundle);
    return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
  };
  one("#go").addEventListener("click", async () => {
    try {
      const { exports } = (await loading).instance;
      const give = (which, bytes) => { exports.begin(which); for (const byte of bytes) exports.put(byte); };
      give(0, (await bytesOf("#bundle")) ?? (await fetched()) ?? new Uint8Array());
      give(1, (await bytesOf("#genesis")) ?? new Uint8Array());
      const length = exports.verify(box.dataset.language === "ja" ? 0 : 1);
      const answer = new Uint8Array(length);
      for (let n = 0; n < length; n++) answer[n] = exports.get(n);
      const { verified, text } = JSON.parse(new TextDecoder().decode(answer));
      show(verified, text);
    } catch (error) {
      show(false, `${box.dataset.failed} ${error}`);
    }
  });
})();
