// What the stories share: a browser, signing in, and what every page must be.
//
// A story is told `world` by tests/browser/main.rs: where the portals are, who the patients are, where to keep what was
// seen. It ends with code 0, or 1 and a sentence of what was not so.
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";

export { assert };
export const world = JSON.parse(process.env.SEKISHO_BROWSER);
const require = createRequire(join(world.modules, "package.json"));
const { chromium } = require("playwright-core");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PASSWORD = "sekisho-demo-2026";
export const SIZES = { phone: [390, 844], tablet: [820, 1180], desktop: [1280, 900] };
// Waiting for something that comes within milliseconds on an idle machine.
const PATIENCE_MS = 30_000;

let browser;
const opened = [];

// Tells a story; pages it left open are kept as they were where something is not so.
export const story = async (tell) => {
  const name = basename(process.argv[1], ".mjs");
  const began = Date.now();
  let code = 0;
  try {
    // Root, as in containers, has no sandbox to be in.
    const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
    browser = await chromium.launch({ executablePath: world.chromium, args: [...args, "--disable-dev-shm-usage"] });
    await tell();
    for (const page of opened) assert.deepEqual(page.seen, [], `${page.label}: errors a browser shows`);
  } catch (fault) {
    code = 1;
    console.error(fault.stack ?? String(fault));
    for (const page of opened.filter((page) => !page.isClosed())) {
      console.error(`${page.label} is at ${page.url()}, seen: ${JSON.stringify(page.seen)}`);
      await page.screenshot({ path: artifact(`fault-${name}-${page.label}.png`) }).catch(() => {});
    }
  }
  await browser?.close();
  console.log(`${name}: ${Date.now() - began} ms`);
  process.exit(code);
};

export const artifact = (name) => {
  mkdirSync(world.out, { recursive: true });
  return join(world.out, name);
};

// Something measured, printed and kept.
export const measured = (what, ms) => {
  console.log(`measured: ${what}: ${Math.round(ms)} ms`);
  appendFileSync(artifact("measured.txt"), `${what}: ${Math.round(ms)} ms\n`);
};

// A page in a browser of its own, which notes whatever goes wrong in it.
export const open = async (portal, { lang = "en", size = "desktop", js = true, label = "somebody" } = {}) => {
  const [width, height] = SIZES[size];
  const context = await browser.newContext({
    baseURL: world.portals[portal], locale: lang, javaScriptEnabled: js, viewport: { width, height },
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  Object.assign(page, { seen: [], label, lang, portal, expected: new Set() });
  page.on("console", (said) => {
    const status = /status of (\d+)/.exec(said.text())?.[1];
    if (said.type() === "error" && !page.expected.has(Number(status))) page.seen.push(said.text());
  });
  page.on("pageerror", (fault) => page.seen.push(String(fault)));
  page.on("dialog", (dialog) => { page.seen.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(world.portals[portal]) && !url.startsWith("data:")) page.seen.push(`asked elsewhere: ${url}`);
  });
  opened.push(page);
  return page;
};

// Goes to a page that must answer with this status.
export const go = async (page, path, status = 200) => {
  if (status !== 200) page.expected.add(status);
  const answer = await page.goto(path);
  assert.equal(answer.status(), status, `${page.label}: ${path}`);
  return answer;
};

// Presses something that leads to another page.
export const press = async (page, what) => {
  const target = typeof what === "string" ? page.getByRole("button", { name: what, exact: true }) : what;
  await Promise.all([page.waitForEvent("framenavigated"), target.click()]);
  await page.waitForLoadState();
};

export const signIn = async (portal, account, options = {}) => {
  const page = await open(portal, { label: account, ...options });
  await go(page, "/signin");
  await page.locator("#name").fill(account);
  await page.locator("#password").fill(PASSWORD);
  await press(page, page.locator("form.narrow > button"));
  assert.ok(!page.url().includes("/signin"), `${account} is signed in, and is at ${page.url()}`);
  return page;
};

// A clinician asks about a patient; returns the address of the visit.
export const ask = async (page, patient) => {
  await go(page, "/clinician");
  await page.locator("#patient").fill(patient);
  await press(page, page.locator("form.narrow > button"));
  return new URL(page.url()).pathname;
};

// Until every network has answered or is not waited for any more. Without scripts the page asks for itself again.
export const settled = (page) => page.locator("[data-follow][data-complete=true]").waitFor({ state: "attached" });

// Records at the desk that the patient of a visit consents.
export const consent = async (page, visit) => {
  await go(page, `${visit}/consent`);
  await page.locator("input[name=informed]").check();
  await press(page, page.locator("form:has(input[name=informed]) > button"));
  await settled(page);
};

export const bars = (page) => page.locator(".bar").evaluateAll((all) =>
  all.map((bar) => ({ name: bar.querySelector("strong").textContent, how: bar.className.replace("bar", "").trim(), text: bar.textContent })));

export const rows = (page) => page.locator("table.stack tbody tr");

// No fault of WCAG that a machine finds. Run beside the page's own policy, not instead of it.
export const accessible = async (page, label) => {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 160)} ${nodes[0].failureSummary}`);
  assert.deepEqual(told, [], `${label} is accessible`);
};

// Fits at every width, and is kept as it looks.
export const fits = async (page, label) => {
  const before = page.viewportSize();
  for (const [size, [width, height]] of Object.entries(SIZES)) {
    await page.setViewportSize({ width, height });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await page.screenshot({ path: artifact(`${page.lang}-${label}-${size}.jpg`), type: "jpeg", quality: 80, fullPage: true });
    assert.ok(over <= 0, `${label} is ${over} pixels wider than ${size} (${width})`);
  }
  await page.setViewportSize(before);
};
