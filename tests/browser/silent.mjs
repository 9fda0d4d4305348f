// A network's process stands still: its neighbour's page shows all others' documents meanwhile, and says so honestly.
import { accessible, ask, assert, bars, fits, measured, press, rows, settled, signIn, story, world } from "./page.mjs";

await story(async () => {
  const page = await signIn("mamenet", "doctor");
  const began = Date.now();
  await ask(page, world.patients.border.mamenet);
  await rows(page).first().waitFor();
  const first = Date.now() - began;
  measured("with a network that never answers, from looking up the patient to the others' documents", first);
  assert.ok(first < 3_000, `others' documents after ${first} ms`);
  const of = async (name) => (await bars(page)).find((bar) => bar.name === name);
  assert.equal((await of("まめネット")).how, "good");
  assert.equal((await of("おしどりネット")).how, "wait", "waited for, and said so");
  assert.match(await page.locator("[role=status]").innerText(), /waited for; what comes is shown at once/);

  // The page is usable meanwhile: a filter somebody is choosing is not taken out of their hands.
  await page.locator("#category").selectOption({ index: 1 });
  const chosen = await page.locator("#category").inputValue();
  await page.locator(".actions a").first().focus();
  await page.waitForResponse((answer) => answer.request().resourceType() === "fetch");
  await page.waitForResponse((answer) => answer.request().resourceType() === "fetch");
  assert.equal(await page.locator("#category").inputValue(), chosen);
  assert.equal(await page.evaluate(() => document.activeElement.matches(".actions a")), true, "the focus stays");
  await press(page, page.locator("button[id^=open-]").first());
  assert.match(page.url(), /\/document\/\d+$/, "a document is opened meanwhile");
  await press(page, page.getByRole("link", { name: "Back to the list" }));
  await accessible(page, "visit-waiting");
  await fits(page, "visit-waiting");

  await settled(page);
  const late = await of("おしどりネット");
  assert.equal(late.how, "warn", late.text);
  assert.match(late.text, /could not be reached|in time/, "said as it is");
  await accessible(page, "visit-timed-out");
  await fits(page, "visit-timed-out");

  process.kill(world.stopped, "SIGCONT");
  await press(page, "Ask the network that did not answer again");
  await settled(page);
  assert.equal((await of("おしどりネット")).how, "good", "asked again, it answers");
  assert.equal((await of("まめネット")).how, "good", "and the other's answer stands");
});
