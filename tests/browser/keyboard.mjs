// The main stories of a physician and of a patient in Saga, with the keyboard alone: what is focused is always seen, and
// stays focused when what is around it changes.
import { assert, bars, go, open, PASSWORD, rows, settled, story, world } from "./page.mjs";

// What is focused now; it must be on the screen, with a line around it.
const at = async (page) => {
  const seen = await page.evaluate(() => {
    const element = document.activeElement;
    const box = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    return {
      what: `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""} ${element.textContent.trim().slice(0, 40)}`,
      nowhere: element === document.body,
      lined: element.id === "main" || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
      inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  });
  if (!seen.nowhere) {
    assert.ok(seen.lined, `${page.url()}: the focus is seen on ${seen.what}`);
    assert.ok(seen.inside, `${page.url()}: ${seen.what} is on the screen while it is focused`);
  }
  return seen;
};

// Tab until this is focused.
const tabTo = async (page, selector) => {
  for (let n = 0; n < 120; n += 1) {
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return;
    await page.keyboard.press("Tab");
    await at(page);
  }
  assert.fail(`${page.url()}: ${selector} is not reached with Tab`);
};

const leads = async (page, key) => {
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press(key)]);
  await page.waitForLoadState();
};

const enter = async (account) => {
  const page = await open("pikapikalink", { label: account });
  await go(page, "/signin");
  await tabTo(page, "#name");
  await page.keyboard.type(account);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await leads(page, "Enter");
  return page;
};

const outcome = async (page, name) => (await bars(page)).find((bar) => bar.name === name).how;

await story(async () => {
  const page = await enter("doctor");
  await tabTo(page, "#patient");
  await page.keyboard.type(world.patients.hesitant.pikapikalink);
  // The page as it is while networks are waited for, which is over too soon to be sure of here.
  await page.route(/\/clinician\/visit\/[^/?]+$/, async (route) => {
    const answer = await route.fetch({ maxRedirects: 0 });
    const body = (await answer.text()).replace('data-complete="true"', 'data-complete="false"');
    await route.fulfill({ response: answer, body });
  }, { times: 1 });
  await leads(page, "Enter");
  const visit = page.url();
  await tabTo(page, "#category");
  await settled(page);
  assert.equal(await page.evaluate(() => document.activeElement.id), "category", "the focus stays");

  // The skip link is the first, and leads past the navigation.
  await page.reload();
  await page.keyboard.press("Tab");
  assert.match((await at(page)).what, /^a To the content/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await at(page);
  assert.ok(await page.evaluate(() => document.querySelector("main").contains(document.activeElement)), "in the content");

  await tabTo(page, "main .actions a[href$='/consent']");
  await leads(page, "Enter");
  await tabTo(page, "input[name=informed]");
  await page.keyboard.press("Space");
  await tabTo(page, "form:has(input[name=informed]) > button");
  await leads(page, "Enter");
  await settled(page);
  assert.equal(await outcome(page, "ピカピカリンク"), "good");

  // The filter: an arrow chooses, Enter sends.
  await tabTo(page, "#category");
  await page.keyboard.press("ArrowDown");
  await tabTo(page, "form.row button");
  await leads(page, "Enter");
  assert.ok(await page.locator("#category").inputValue() !== "");
  await tabTo(page, "button[id^=open-]");
  await leads(page, "Space");
  assert.match(page.url(), /\/document\/\d+$/);
  await tabTo(page, "main a[href*='/clinician/visit/']");
  await leads(page, "Enter");
  assert.equal(page.url(), visit);

  const patient = await enter("patient");
  for (let n = 0; n < 50 && await patient.locator(".looked .card").count() === 0; n += 1) await go(patient, "/patient");
  await tabTo(patient, ".looked .card a");
  await leads(patient, "Enter");
  await tabTo(patient, "#question");
  await patient.keyboard.type("Who was it?");
  await tabTo(patient, "form:has(#question) > button");
  await leads(patient, "Enter");
  assert.equal(await patient.locator("[role=status]").count(), 1, "the question is sent");
  await tabTo(patient, "nav a[href='/patient/consents']");
  await leads(patient, "Enter");
  await tabTo(patient, "a[href$='/withdraw']");
  await leads(patient, "Enter");
  await tabTo(patient, "button.danger");
  await leads(patient, "Enter");
  assert.equal(await patient.locator("[role=status]").innerText(), "The consent is withdrawn.");

  await tabTo(page, "nav a[href='/clinician']");
  await leads(page, "Enter");
  await tabTo(page, "#patient");
  await page.keyboard.type(world.patients.hesitant.pikapikalink);
  await leads(page, "Enter");
  await settled(page);
  assert.equal(await outcome(page, "ピカピカリンク"), "bad");
  assert.equal(await rows(page).count(), 0);
});
