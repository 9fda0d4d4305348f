// An officer, in one language: answers a patient's question, has a decision explained and its proof verified in the browser,
// drafts an agreement and signs it there; the other party's officer signs without scripts, on another machine.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ask, assert, go, press, settled, signIn, story, world } from "./page.mjs";

const lang = process.argv[2];
// Each language has networks of its own, so that the two run side by side; what is asked in Japanese is not where
// pages.mjs looks for words of the other language.
const [OWN, OTHER] = { en: ["pikapikalink", "mamenet"], ja: ["yamechikugo", "azaleanet"] }[lang];
const AGREEMENT = `trial-${lang}`;
const QUESTION = `${lang}: なぜ？ <b>Why?</b>`;

const messages = Object.fromEntries(["officer", "patient"].flatMap((file) =>
  readFileSync(join(world.messages, lang, `${file}.ftl`), "utf8").split("\n")
    .map((line) => line.split(" = ")).filter((parts) => parts.length === 2)));
const button = (page, id) => page.getByRole("button", { name: messages[id], exact: true });
const count = async (page, path) => Number(await page.locator(`.counts a[href="${path}"] strong`).innerText());

// The patient's access, and a question about it; returns the access's index.
const asked = async (patient) => {
  const doctor = await signIn(OWN, "doctor");
  await ask(doctor, world.patients.hesitant[OWN]);
  await settled(doctor);
  const link = patient.locator(".looked .card a").first();
  for (let n = 0; n < 50 && await link.count() === 0; n += 1) await go(patient, "/patient");
  await press(patient, link);
  await patient.locator("#question").fill(QUESTION);
  await press(patient, button(patient, "patient-question-send"));
  assert.equal(await patient.locator("[role=status]").innerText(), messages["patient-asked"]);
  return new URL(patient.url()).pathname.split("/").pop();
};

const answers = async (officer, patient, access) => {
  await go(officer, "/officer");
  assert.ok(await count(officer, "/officer/questions") > 0, "what waits stands first");
  await press(officer, officer.locator(".counts a[href='/officer/questions']"));
  await press(officer, officer.getByRole("link", { name: QUESTION, exact: true }));
  const question = officer.url();
  await press(officer, officer.locator(`dl a[href='/officer/access/${access}/why']`));
  assert.ok(await officer.locator("pre.words").count() > 0, "every check is explained");

  for (const [answer, send] of [["読み間違い", "officer-answer-send"], ["<i>診療のため</i>", "officer-answer-send-corrected"]]) {
    await officer.goto(question);
    await officer.locator("#answer").fill(answer);
    await press(officer, button(officer, send));
    assert.ok(await officer.getByText(messages["officer-answer-unseen"]).count() === 1);
    await go(patient, "/patient");
    const mine = patient.locator("li", { hasText: messages["patient-answer-new"] }).locator(`a[href='/patient/accesses/${access}']`);
    assert.equal(await mine.count(), 1, "that an answer has come is seen at once");
    await press(patient, mine);
    const card = patient.locator("main .card", { hasText: QUESTION });
    assert.ok((await card.innerText()).includes(answer), "as it was written");
    assert.equal(await card.getByText(messages["patient-answer-corrected"]).count(), send === "officer-answer-send" ? 0 : 1);
    await officer.reload();
    assert.ok(await officer.getByText(messages["officer-answer-seen"]).count() === 1);
  }
  assert.ok(await officer.getByText("読み間違い").count() === 1, "what was answered before stays");
  await go(patient, "/patient");
  assert.equal(await patient.getByText(messages["patient-answer-new"]).count(), 0, "seen, it is no news");
};

const proves = async (officer, access) => {
  await go(officer, `/officer/access/${access}`);
  await press(officer, officer.locator(`a[href='/verify?access=${access}']`));
  await officer.locator("#genesis").setInputFiles(world.genesis);
  await officer.locator("#go").click();
  await officer.locator("[data-good]").waitFor();
  await go(officer, "/officer/readings");
  assert.ok(await officer.locator("td", { hasText: "/officer/access/{index}/bundle" }).count() > 0, "who took it is known");
};

const drafts = async (officer) => {
  await go(officer, "/officer/agreements");
  await press(officer, officer.locator("a[href='/officer/draft']"));
  officer.expected.add(422);
  await press(officer, button(officer, "officer-draft-check"));
  assert.ok(await officer.locator("[role=alert] li").count() >= 9, "every fault at once");
  await officer.locator("#id").fill(AGREEMENT);
  await officer.locator(`input[name=party][value=${OWN}]`).check();
  await officer.locator(`input[name=party][value=${OTHER}]`).check();
  // Of years to come: it changes nothing for anybody else's story.
  await officer.locator("#from").fill("2040-04-01");
  await officer.locator("#text").fill("ab".repeat(32));
  await officer.locator("#g0-disclosing").selectOption(OWN);
  await officer.locator("#g0-viewing").selectOption(OTHER);
  for (const [name, code] of [["category", "prescription"], ["purpose", "TREAT"], ["kind", "hospital"], ["role", "physician"]]) {
    await officer.locator(`input[name=g0-${name}][value=${code}]`).check();
  }
  await officer.locator("#g0-rule").selectOption("viewing");
  await press(officer, button(officer, "officer-draft-check"));
  const said = await officer.locator("[data-read]");
  await said.filter({ hasText: AGREEMENT }).waitFor();
  assert.match(await said.innerText(), new RegExp(`${OTHER}[^]*${OWN}[^]*${"ab".repeat(32)}`), "what this browser decoded");
  await press(officer, button(officer, "officer-effect-try"));
  assert.ok(await officer.locator("[aria-label] table tbody tr").count() === 2, "both directions are counted");
};

const signs = async (officer) => {
  const signed = officer.locator("[data-say=signed]");
  const sign = officer.locator("#sign");
  await sign.click();
  await officer.locator("[data-say=key]").waitFor();
  await officer.locator("#key").setInputFiles(world.keys[OTHER]);
  await sign.click();
  await officer.locator("[data-say=other]").waitFor();
  const sent = [];
  officer.on("request", (request) => sent.push(request.url()));
  await officer.locator("#key").setInputFiles(world.keys[OWN]);
  await sign.click();
  await signed.waitFor();
  assert.deepEqual(sent, [], "nothing is sent while it is signed");
  await press(officer, officer.locator("#send"));
  assert.match(await officer.locator("[role=status]").innerText(), /\d/);
  await press(officer, officer.locator(`a[href='/officer/agreements/${AGREEMENT}']`).last());
  assert.equal(await officer.getByText(messages["officer-signed-by-all"]).count(), 0, "the other party has not signed");
};

const signsElsewhere = async () => {
  const officer = await signIn(OTHER, "officer", { lang, js: false, label: "other" });
  const sign = officer.locator(`a[href='/officer/agreements/${AGREEMENT}/sign']`);
  for (let n = 0; n < 50 && await sign.count() === 0; n += 1) {
    officer.expected.add(404);
    await officer.goto(`/officer/agreements/${AGREEMENT}`);
  }
  await press(officer, sign);
  assert.equal(await officer.locator("#sign").isVisible(), false, "without scripts nothing signs here");
  const [file] = await Promise.all([officer.waitForEvent("download"), button(officer, "officer-sign-file").click()]);
  const envelope = execFileSync(world.program, [
    "agreement", "sign", "--file", await file.path(), "--key", world.keys[OTHER], "--yes", "--lang", lang,
  ], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  officer.expected.add(422);
  await officer.locator("#envelope").fill(`${envelope.slice(0, 40)}x`);
  await press(officer, officer.locator("#send"));
  assert.equal(await officer.locator("[role=alert]").first().innerText(), messages["officer-envelope-none"]);
  await officer.locator("#envelope").fill(envelope);
  await press(officer, officer.locator("#send"));
  assert.ok(await officer.getByText(messages["officer-signed-by-all"]).count() === 1, await officer.locator("main").innerText());
};

await story(async () => {
  const patient = await signIn(OWN, "patient", { lang });
  const access = await asked(patient);
  const officer = await signIn(OWN, "officer", { lang });
  await answers(officer, patient, access);
  await proves(officer, access);
  await drafts(officer);
  await signs(officer);
  await signsElsewhere();
});
