// Without scripts: a physician in Matsue asks, the page asks for itself again until all have answered; the patient
// withdraws, and consents anew at the desk.
import { ask, assert, bars, consent, go, press, rows, settled, signIn, story, world } from "./page.mjs";

const plain = { js: false };
const outcome = async (page, name) => (await bars(page)).find((bar) => bar.name === name).how;

await story(async () => {
  const doctor = await signIn("mamenet", "doctor", plain);
  const visit = await ask(doctor, world.patients.border.mamenet);
  await settled(doctor);
  assert.equal(await outcome(doctor, "まめネット"), "good");
  assert.equal(await outcome(doctor, "おしどりネット"), "good", "Shimane reads Tottori");
  await doctor.locator("#category").selectOption({ index: 1 });
  await press(doctor, "Filter");
  assert.ok(await rows(doctor).count() > 0);
  await press(doctor, doctor.locator("button[id^=open-]").first());
  assert.ok(await doctor.locator("main table, main dl.facts").count() > 0);
  await go(doctor, `${visit}/overview`);
  await press(doctor, doctor.getByRole("button", { name: /^Open the latest/ }));
  assert.match(await doctor.locator("main").innerText(), /Made from the \d+ documents you opened/);

  const patient = await signIn("mamenet", "patient", plain);
  const card = patient.locator(".looked .card").filter({ hasText: "Wanted to open one document" }).first();
  for (let n = 0; n < 50 && await card.count() === 0; n += 1) await go(patient, "/patient");
  await press(patient, card.getByRole("link", { name: /ask a question/ }));
  await patient.locator("#question").fill("Who was it?");
  await press(patient, "Send the question");
  assert.equal(await patient.locator("[role=status]").count(), 1);
  const withdrawn = [];
  for (;;) {
    await go(patient, "/patient/consents");
    const one = patient.locator(".card", { hasText: "松江見本病院" }).locator("a[href$='/withdraw']");
    if (await one.count() === 0) break;
    withdrawn.push(await one.first().getAttribute("href"));
    await press(patient, one.first());
    await press(patient, "Withdraw");
    assert.equal(await patient.locator("[role=status]").innerText(), "The consent is withdrawn.");
  }
  assert.ok(withdrawn.length > 0);

  const anew = await ask(doctor, world.patients.border.mamenet);
  await settled(doctor);
  assert.equal(await outcome(doctor, "おしどりネット"), "bad", "the next question is refused");
  await consent(doctor, anew);
  assert.equal(await outcome(doctor, "おしどりネット"), "good", "until the patient consents anew");
});
