// A physician in Kurume, and a patient from Saga who withdrew: nothing is seen, until the patient consents at the desk.
import { ask, assert, bars, press, rows, settled, signIn, story, world } from "./page.mjs";

const outcomes = async (page) => Object.fromEntries((await bars(page)).map(({ name, how }) => [name, how]));
const BEFORE = {
  "おしどりネット": "bad", "まめネット": "bad", "アザレアネット": "bad", "ピカピカリンク": "bad", "八女筑後医療情報ネットワーク": "bad",
};
const AFTER = { ...BEFORE, "アザレアネット": "good", "ピカピカリンク": "good", "八女筑後医療情報ネットワーク": "good" };

await story(async () => {
  const page = await signIn("azaleanet", "doctor");
  const visit = await ask(page, world.patients.withdrew.azaleanet);
  await settled(page);
  assert.deepEqual(await outcomes(page), BEFORE, "who withdrew is seen by nobody");
  assert.equal(await rows(page).count(), 0);
  assert.match(await page.locator("[role=status]").innerText(), /^0 of 5 networks/);

  // At the desk: signed on the tablet.
  await press(page, page.locator(".bar ~ .warning a, .warning a.button").first());
  const canvas = await page.locator("canvas").boundingBox();
  await page.mouse.move(canvas.x + 30, canvas.y + 60);
  await page.mouse.down();
  for (let n = 0; n <= 20; n += 1) await page.mouse.move(canvas.x + 30 + n * 20, canvas.y + 60 + 40 * Math.sin(n));
  await page.mouse.up();
  assert.match(await page.locator("input[name=signature]").inputValue(), /^M\d+ \d+(L\d+ \d+){10,}$/, "the signature is a path");
  await page.getByRole("button", { name: "Draw again" }).click();
  assert.equal(await page.locator("input[name=signature]").inputValue(), "");
  await page.mouse.move(canvas.x + 30, canvas.y + 60);
  await page.mouse.down();
  await page.mouse.move(canvas.x + 300, canvas.y + 100, { steps: 8 });
  await page.mouse.up();
  await page.locator("input[name=informed]").check();
  await press(page, "Record consent");
  await settled(page);
  assert.deepEqual(await outcomes(page), AFTER, "the answer has changed");
  const all = await rows(page).count();
  assert.ok(all > 30, `${all} documents`);
  for (const facility of ["久留米見本病院", "佐賀見本病院", "八女見本病院"]) {
    assert.ok(await rows(page).filter({ hasText: facility }).count() > 0, `documents of ${facility}`);
  }

  // By kind, then by a cell of the calendar.
  await page.locator("#category").selectOption("prescription");
  await press(page, "Filter");
  const kinds = await page.locator("td[data-label=Kind]").allInnerTexts();
  assert.ok(kinds.length > 0 && kinds.length < all && kinds.every((kind) => kind.toLowerCase() === "prescription"), kinds.join());
  await press(page, page.getByRole("link", { name: "Show all" }));
  const cell = page.locator(".calendar td a").first();
  const [count, label] = [await cell.innerText(), await cell.getAttribute("aria-label")];
  await press(page, cell);
  assert.equal(await rows(page).count(), Number(count), `the cell ${label} shows its documents`);
  for (const facility of await page.locator("td[data-label=Facility]").allInnerTexts()) assert.ok(label.startsWith(facility));

  // Opening is an access of its own, once.
  await press(page, page.locator("button[id^=open-]").first());
  assert.match(await page.locator("main").innerText(), /That you opened this document is on the ledger at index \d+/);
  assert.ok(await page.locator("main table, main dl.facts").count() > 0, "it is shown");
  const document = new URL(page.url()).pathname;
  await press(page, page.getByRole("link", { name: "Back to the list" }));
  assert.ok(await page.locator(`a[href="${document}"]`).count() === 1, "looking again opens nothing anew");

  await press(page, page.locator("a[href$='/overview']"));
  await press(page, page.getByRole("button", { name: /^Open the latest \d+ documents/ }));
  assert.match(await page.locator("main").innerText(), /Made from the \d+ documents you opened/);
  assert.ok(await page.locator("section:has(#drugs) tbody tr").count() > 0, "prescriptions");
  assert.ok(await page.locator(".trend svg, .trend .curve").count() > 0, "results over time");

  // Recorded by mistake: taken back, and what was listed is gone.
  await page.goto(`${visit}/consent`);
  await press(page, "It was recorded by mistake: take it back");
  await settled(page);
  assert.deepEqual(await outcomes(page), BEFORE, "as before");
  assert.equal(await rows(page).count(), 0, "what was answered under the consent is no longer listed");
  page.expected.add(404);
  assert.equal((await page.goto(document)).status(), 404, "nor shown again");
});
