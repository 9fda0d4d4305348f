// A real browser with a virtual authenticator makes, uses and loses passkeys, by keyboard alone.
// usage: node passkey.mjs <node_modules folder> <origin> <chromium> <name> <password>; says "done" if all is well.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [modules, origin, executablePath, name, password] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");
process.stdin.on("end", () => process.exit(1)).resume();

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const complaints = [];
const open = async (options = {}) => {
  const context = await browser.newContext({ locale: "en", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (said) => /Content Security Policy/.test(said.text()) && complaints.push(said.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page;
};
const signIn = async (page) => {
  await page.goto(`${origin}/signin`);
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/clinician");
};
const signOut = async (page) => {
  await page.click("form[action='/signout'] button");
  await page.waitForURL("**/signin");
};
/** Presses a button as somebody without a mouse does. */
const press = async (page, text) => {
  await page.getByRole("button", { name: text, exact: true }).focus();
  await page.keyboard.press("Enter");
};

try {
  const page = await open();
  await signIn(page);
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });

  // Made, and listed under its name.
  await page.goto(`${origin}/account`);
  assert.ok(await page.locator("[data-passkey-absent]").isHidden());
  await page.fill("#label", "consulting <b>room");
  await page.keyboard.press("Enter");
  await page.getByRole("cell", { name: "consulting <b>room", exact: true }).waitFor();
  const made = await cdp.send("WebAuthn.getCredentials", { authenticatorId });
  assert.equal(made.credentials.length, 1);
  assert.ok(made.credentials[0].isResidentCredential);

  // In with it: no name, no password, no code.
  await signOut(page);
  let sent;
  page.on("request", (request) => {
    if (request.url() === `${origin}/signin/passkey`) sent = request.postData();
  });
  await press(page, "Sign in with a passkey");
  await page.waitForURL("**/clinician");

  // Shown again, as before an emergency.
  await page.goto(`${origin}/signin/again?to=/account`);
  await press(page, "Sign in with a passkey");
  await page.waitForURL("**/account");

  // What was sent once is worth nothing again, to a new challenge or to none.
  for (const begins of [true, false]) {
    const thief = await open();
    await thief.goto(`${origin}/signin`);
    const status = await thief.evaluate(
      async ([body, begins]) => {
        const fields = new URLSearchParams(body);
        fields.set("form_token", "");
        if (begins) {
          const answer = await fetch("/signin/passkey/begin", { method: "POST", body: new URLSearchParams() });
          fields.set("form_token", (await answer.json()).form_token);
        }
        return (await fetch("/signin/passkey", { method: "POST", body: fields, redirect: "manual" })).status;
      },
      [sent, begins],
    );
    assert.equal(status, 401);
    await thief.context().close();
  }

  // A device that has not checked who holds it lets nobody in.
  await signOut(page);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
  await press(page, "Sign in with a passkey");
  await page.locator("form[data-passkey] [role=alert]").waitFor({ state: "visible" });
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });

  // Removed here, it is worth nothing, though the device has it still.
  await press(page, "Sign in with a passkey");
  await page.waitForURL("**/clinician");
  await page.goto(`${origin}/account`);
  await press(page, "Remove the passkey consulting <b>room");
  await page.getByRole("cell", { name: "consulting <b>room", exact: true }).waitFor({ state: "detached" });
  await signOut(page);
  await press(page, "Sign in with a passkey");
  await page.getByText("This passkey does not let you sign in").waitFor();

  // A browser that cannot says so, and a password does.
  const without = { javaScriptEnabled: false };
  for (const options of [without, {}]) {
    const other = await open(options);
    if (options !== without) await other.addInitScript(() => delete window.PublicKeyCredential);
    await other.goto(`${origin}/signin`);
    assert.ok(await other.locator("[data-passkey-absent]").isVisible());
    assert.ok(await other.locator("form[data-passkey]").isHidden());
    await signIn(other);
    await other.context().close();
  }
  assert.deepEqual(complaints, []);
  console.log("done");
} catch (error) {
  console.log(String(error.stack ?? error).replaceAll("\n", " | "));
} finally {
  await browser.close();
  process.exit(0);
}
