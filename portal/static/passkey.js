// Forms marked data-passkey="get" or "create": asks the server for a challenge, the browser for a passkey, and sends the
// form with what the browser gave. Without this script, or in a browser without passkeys, the forms stay hidden and the
// explanation beside them is shown.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const able = window.isSecureContext && window.PublicKeyCredential && navigator.credentials;

  const decoded = (key) => {
    key.challenge = bytes(key.challenge);
    if (key.user) key.user.id = bytes(key.user.id);
    for (const list of ["excludeCredentials", "allowCredentials"])
      for (const one of key[list] || []) one.id = bytes(one.id);
    return key;
  };
  const encoded = (credential) => {
    const response = { clientDataJSON: text(credential.response.clientDataJSON) };
    if (credential.response.attestationObject) {
      response.attestationObject = text(credential.response.attestationObject);
    } else {
      response.authenticatorData = text(credential.response.authenticatorData);
      response.signature = text(credential.response.signature);
      response.userHandle = credential.response.userHandle ? text(credential.response.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      extensions: credential.getClientExtensionResults(),
    });
  };
  const run = async (form) => {
    const said = form.querySelector("[role=alert]");
    said.hidden = true;
    try {
      const body = new URLSearchParams({ form_token: form.elements.form_token.value });
      const answer = await fetch(form.dataset.begin, { method: "POST", body, credentials: "same-origin" });
      if (!answer.ok) {
        if (answer.status === 403 && form.dataset.again) location.assign(form.dataset.again);
        else said.hidden = false;
        return;
      }
      const challenge = await answer.json();
      form.elements.form_token.value = challenge.form_token;
      const publicKey = decoded(challenge.publicKey);
      const credential =
        form.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey })
          : await navigator.credentials.get({ publicKey });
      form.elements.credential.value = encoded(credential);
      form.submit();
    } catch {
      said.hidden = false;
    }
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!able) continue;
    form.hidden = false;
    for (const absent of document.querySelectorAll("[data-passkey-absent]")) absent.hidden = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(form);
    });
  }
})();
