// A patient in Yame: sees who looked, refuses a hospital, withdraws; the next question of the physician tells of it.
import { readFileSync } from "node:fs";
import { ask, assert, bars, consent, go, press, rows, settled, signIn, story, world } from "./page.mjs";

const OWN = "八女筑後医療情報ネットワーク";

await story(async () => {
  const doctor = await signIn("yamechikugo", "doctor");
  const visit = await ask(doctor, world.patients.hesitant.yamechikugo);
  await settled(doctor);
  await consent(doctor, visit);
  assert.ok(await rows(doctor).count() > 0);
  await press(doctor, doctor.locator("button[id^=open-]").first());
  const again = async () => {
    await ask(doctor, world.patients.hesitant.yamechikugo);
    await settled(doctor);
    return Object.fromEntries((await bars(doctor)).map(({ name, text }) => [name, text]));
  };

  const patient = await signIn("yamechikugo", "patient");
  const card = patient.locator(".looked .card").filter({ hasText: "八女見本病院" });
  const opening = card.filter({ hasText: "Wanted to open one document" }).first();
  // The list of accesses follows the ledger within moments.
  for (let n = 0; n < 50 && await opening.count() === 0; n += 1) await go(patient, "/patient");
  assert.match(await opening.innerText(), /Who: 八女見本病院 医師（デモ）/, "by name: one of this network's own");
  assert.ok(await card.filter({ hasText: "Looked for the list of my documents" }).count() > 0);

  // A question to the officer.
  await press(patient, opening.getByRole("link", { name: /ask a question/ }));
  await patient.locator("#question").fill("なぜ見たのですか。 <b>Why?</b>");
  await press(patient, "Send the question");
  assert.equal(await patient.locator("[role=status]").innerText(), "Your question was received. The compliance officer will answer.");

  // Refusing one hospital, and lifting it.
  await go(patient, "/patient/consents");
  await press(patient, patient.getByRole("link", { name: "Refuse somebody" }));
  await patient.locator("#viewer").selectOption({ label: "八女見本病院" });
  await press(patient, "Refuse");
  assert.equal(await patient.locator("[role=status]").innerText(), "It is refused from now on.");
  assert.ok(!(await again())[OWN].includes("answered"), "the refused hospital gets nothing");
  assert.equal(await rows(doctor).count(), 0);
  await go(patient, "/patient/consents");
  await press(patient, patient.getByRole("button", { name: "End this refusal 八女見本病院" }));
  assert.match((await again())[OWN], /answered with \d+ document/, "and again, once it is lifted");

  // Withdrawing: two steps.
  await go(patient, "/patient/consents");
  await press(patient, patient.locator("a[href$='/withdraw']").first());
  assert.match(await patient.locator("main").innerText(), /Every question after this is refused/);
  await press(patient, "Withdraw");
  assert.equal(await patient.locator("[role=status]").innerText(), "The consent is withdrawn.");
  assert.match((await again())[OWN], /withdr/, "the next question is refused");
  assert.equal(await rows(doctor).count(), 0);

  // A copy to take along.
  await go(patient, "/patient/download");
  const [file] = await Promise.all([patient.waitForEvent("download"), patient.getByRole("link", { name: "Save as data (JSON)" }).click()]);
  const copy = JSON.parse(readFileSync(await file.path(), "utf8"));
  assert.equal(copy.network, "yamechikugo");
  assert.ok(copy.accesses.length >= 4, `${copy.accesses.length} accesses`);
  assert.ok(copy.consents.some((one) => one.withdrawn), "the withdrawn consent");
  assert.ok(copy.reservations.some((one) => one.cleared), "the lifted refusal");

  // Signed out is signed out.
  await press(patient, "Sign out");
  await go(patient, "/patient");
  assert.match(patient.url(), /\/signin\?to=\/patient$/);
});
