// Every page of the operator, what the officer sees of it, and larger text, in one language: `look.mjs` says what each must be.
import { lang, look, seen, turns } from "./look.mjs";
import { assert, go, press, signIn, story } from "./page.mjs";

const operator = async () => {
  const page = await signIn("azaleanet", "operator", { lang });
  await look(page, "operator");
  await turns(page);
  await go(page, "/operator/map");
  await look(page, "operator-map");
  await go(page, "/operator/accounts");
  await look(page, "operator-accounts");
  await turns(page);
  for (const kind of ["clinician", "patient", "officer", "operator"]) {
    await go(page, `/operator/accounts/new/${kind}`);
    await look(page, `operator-new-${kind}`);
  }
  // Somebody is added, stopped and let in again; the password is told once.
  const name = `made-${lang}`;
  await page.locator("#name").fill(name);
  await page.locator("#shown").fill(name);
  await press(page, page.locator("main form > button"));
  assert.match(await page.locator("code.big").textContent(), /^[a-z2-9]{5}(-[a-z2-9]{5}){3}$/);
  await look(page, "operator-account-added");
  await go(page, `/operator/accounts?from=${name}`);
  const row = page.locator("tr", { hasText: name }).first();
  await press(page, row.locator("form[action$='/disable'] button"));
  await press(page, page.locator("tr", { hasText: name }).first().locator("form[action$='/enable'] button"));
  await press(page, page.locator("tr", { hasText: name }).first().locator("form[action$='/reset'] button"));
  await look(page, "operator-account-reset");
  await go(page, "/operator/accounts/changes");
  await look(page, "operator-changes");
  assert.ok(await page.locator("tr", { hasText: name }).count() >= 4, "added, disabled, enabled, reset");
};

const officer = async () => {
  const page = await signIn("azaleanet", "officer", { lang });
  await go(page, "/officer/accounts");
  await look(page, "officer-accounts");
  assert.ok(await page.locator("tr", { hasText: `made-${lang}` }).count() >= 4, "the officer sees what the operator did");
};

// Larger text is kept, fits, and goes back.
const larger = async () => {
  const page = await signIn("azaleanet", "patient", { lang });
  const size = () => page.evaluate(() => parseFloat(getComputedStyle(document.body).fontSize));
  const before = await size();
  await press(page, page.locator("header a[href^='/text/large']"));
  assert.ok(await size() > before * 1.3, "the text is larger");
  await look(page, "patient-large");
  await go(page, "/patient/consents");
  await look(page, "patient-consents-large");
  await press(page, page.locator("header a[href^='/text/normal']"));
  assert.equal(await size(), before);
};

await story(async () => {
  await operator();
  await officer();
  await larger();
  console.log(`${seen.length} pages: ${seen.join(", ")}`);
});
