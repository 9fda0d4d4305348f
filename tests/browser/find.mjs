// How a physician in Kurume finds a patient of Saga's who was never here: by a card a reader types, by what is known, and
// as an evacuee under a declaration, where a nurse confirms as second person. Every page is looked at on the way.
import { lang, look, turns } from "./look.mjs";
import { assert, bars, go, press, rows, settled, signIn, story, world } from "./page.mjs";

const { card, evacuee } = world.sought;
const consents = async (page) => {
  await page.locator("input[name=informed]").check();
  await press(page, page.locator("form:has(input[name=informed]) > button"));
};

// A reader types what is on the card, and Enter.
const byCard = async (page) => {
  await go(page, "/clinician");
  await look(page, "find-disaster");
  await page.keyboard.type(card);
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("Enter")]);
  await page.waitForLoadState();
  assert.equal(await page.locator("input[name=card]").inputValue(), card, "the number here is asked for");
  await look(page, "find-card");
  await Promise.all([page.waitForEvent("framenavigated"), page.keyboard.press("Enter")]);
  await page.waitForLoadState();
  assert.match(page.url(), /\/search$/);
  assert.ok(!page.url().includes("card:"), "nothing of it is in an address");
  assert.equal(await page.locator("form[action$='/link']").count(), 0, "before consent nobody is told of");
  await look(page, "search-consent");
  await press(page, page.locator(".warning a.button"));
  await look(page, "consent-new");
  await consents(page);
  assert.match(page.url(), /\/search$/, "looked for again");
  await look(page, "search-found");
  await turns(page);
  await press(page, page.locator("form[action$='/link'] button"));
  await settled(page);
  const saga = (await bars(page)).find(({ name }) => name === "ピカピカリンク");
  assert.equal(saga.how, "good", saga.text);
  assert.ok(await rows(page).count() > 0, "the documents are there");
  await look(page, "visit-by-card");
};

const fill = async (page, items) => {
  for (const [id, said] of Object.entries(items)) await page.locator(`#${id}`).fill(said);
};

const byWhatIsKnown = async (page) => {
  await go(page, "/clinician");
  await press(page, page.locator("a[href='/clinician/person']"));
  const nobody = evacuee.kana[0];
  await fill(page, { "kana-family": nobody, "kana-given": nobody, birth: "S25.8.12" });
  await press(page, page.locator("#look"));
  assert.equal(await page.locator("#birth").inputValue(), "S25.8.12", "what was typed stays");
  assert.equal(await page.locator("#new").count(), 1, "nobody, so begin as new");
  await look(page, "person-nobody");
  await press(page, page.locator("#new"));
  assert.match(page.url(), /\/search$/);
  assert.match(await page.locator(".patient").innerText(), /TEMP-/);
  await look(page, "search-nobody");
  await press(page, page.locator("main > p > a").first());
  await look(page, "visit-not-asked");
};

const evacuated = async (page) => {
  await go(page, "/clinician");
  await press(page, page.locator("a[href='/clinician/evacuee']"));
  await look(page, "evacuee");
  // As it was heard: kana, and the birth date.
  await fill(page, { "kana-family": evacuee.kana[0], "kana-given": evacuee.kana[1], birth: evacuee.birth_day.replaceAll("-", "") });
  await page.locator("#asked").selectOption("not-possible");
  await press(page, page.locator("main form > button"));
  assert.match(page.url(), /\/search$/);
  assert.ok(await page.locator(".patient .tag.warn").count() === 1, "marked as such");
  const search = page.url();
  await look(page, "search-evacuee");
  await press(page, page.locator("form[action$='/link'] button").first());
  assert.equal(await page.locator("#ask").count(), 0, "not by one person");
  await look(page, "search-second");
  await go(page, "/clinician");
  assert.equal(await page.locator("a[href^='/clinician/second/']").count(), 0, "nor by the same one again");

  const nurse = await signIn("azaleanet", "nurse", { lang });
  // The story in the other language may have one waiting too.
  const waiting = nurse.locator(".warning", { hasText: evacuee.kana.join(" ") }).locator("a[href^='/clinician/second/']");
  assert.equal(await waiting.count(), 1);
  await look(nurse, "find-second");
  const second = new URL(await waiting.getAttribute("href"), nurse.url()).pathname;
  await go(page, second, 404);
  // With the keyboard alone.
  await waiting.focus();
  await Promise.all([nurse.waitForEvent("framenavigated"), nurse.keyboard.press("Enter")]);
  await nurse.waitForLoadState();
  await look(nurse, "second");
  await nurse.locator("#same").focus();
  await Promise.all([nurse.waitForEvent("framenavigated"), nurse.keyboard.press("Enter")]);
  await nurse.waitForLoadState();
  assert.equal(await waiting.count(), 0);

  await page.goto(search);
  await look(page, "search-linked");
  await press(page, page.locator("#ask"));
  await settled(page);
  const saga = (await bars(page)).find(({ name }) => name === "ピカピカリンク");
  assert.equal(saga.how, "good", saga.text);
  assert.ok(await rows(page).count() > 0, "the evacuee's documents");
  await look(page, "visit-evacuee");
};

await story(async () => {
  const page = await signIn("azaleanet", "doctor", { lang });
  await byCard(page);
  await byWhatIsKnown(page);
  await evacuated(page);
});
