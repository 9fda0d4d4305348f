// Every page of the physician, of the patient, of the officer and of anybody, in one language: `look.mjs` says what each must be.
import { dirname, join } from "node:path";
import { lang, look, seen, turns } from "./look.mjs";
import { ask, consent, go, open, press, settled, signIn, story, world } from "./page.mjs";

// Both languages run side by side with the same patient: each has a question and a refusal of its own.
const QUESTION = `${lang} …`;
const REFUSED = { ja: "おしどりネット", en: "まめネット" }[lang];

const clinician = async () => {
  const page = await signIn("azaleanet", "doctor", { lang });
  await look(page, "find");
  page.expected.add(404);
  await ask(page, "no-such-number");
  await look(page, "find-nobody");
  await turns(page);
  await go(page, "/clinician/person");
  await look(page, "person");
  const unasked = await ask(page, world.patients.unasked.azaleanet);
  await settled(page);
  await look(page, "visit-denied");
  await go(page, `${unasked}/overview`);
  await look(page, "overview-nothing");

  const visit = await ask(page, world.patients.hesitant.azaleanet);
  await settled(page);
  await consent(page, visit);
  await look(page, "visit");
  await go(page, `${visit}/consent`);
  await look(page, "consent-given");
  await go(page, `${visit}?category=lab-result&superseded=1`);
  await look(page, "visit-filtered");
  await turns(page);
  for (const kind of ["lab-result", "prescription", "demographics"]) {
    await go(page, `${visit}?category=${kind}`);
    await press(page, page.locator("button[id^=open-]").first());
    await look(page, `document-${kind}`);
  }
  await turns(page);
  await go(page, "/account");
  await look(page, "account");
  await turns(page);
  await go(page, `${visit}/overview`);
  await look(page, "overview-first");
  await press(page, page.locator("main form button"));
  await look(page, "overview");
  await go(page, `${visit}/consent/paper`);
  await look(page, "consent-paper");
  await go(page, `${visit}/search`);
  await look(page, "search");
  await press(page, page.locator("form.narrow > button"));
  await look(page, "search-answers");
  await go(page, "/clinician/nothing", 404);
  await look(page, "not-found");
  await go(page, "/patient", 403);
  await look(page, "forbidden");

  const yonago = await signIn("oshidorinet", "doctor", { lang, label: "yonago" });
  const there = await ask(yonago, world.patients.border.oshidorinet);
  await settled(yonago);
  await go(yonago, `${there}/consent`);
  await look(yonago, "consent-no-way");
};

const patient = async () => {
  const page = await signIn("azaleanet", "patient", { lang });
  for (let n = 0; n < 50 && await page.locator(".looked .card").count() === 0; n += 1) await go(page, "/patient");
  await look(page, "patient");
  await turns(page);
  await go(page, "/patient/accesses");
  await look(page, "patient-accesses");
  await press(page, page.locator(".looked .card a").first());
  await look(page, "patient-access");
  await page.locator("#question").fill(QUESTION);
  await press(page, page.locator("form:has(#question) > button"));
  await look(page, "patient-asked");
  await turns(page);
  await go(page, "/patient/refuse");
  await look(page, "patient-refuse");
  await page.locator("#viewer").selectOption({ label: REFUSED });
  await press(page, page.locator("main form button.danger"));
  await look(page, "patient-refused");
  await go(page, "/patient/consents");
  await look(page, "patient-consents");
  await press(page, page.locator("a[href$='/withdraw']").first());
  await look(page, "patient-withdraw");
  await go(page, "/patient/consents");
  await press(page, page.locator("form[action$='/lift']").getByRole("button", { name: REFUSED }));
  await go(page, "/patient/download");
  await look(page, "patient-download");
};

const officer = async () => {
  const page = await signIn("azaleanet", "officer", { lang });
  await look(page, "officer");
  await turns(page);
  for (const place of ["accesses", "questions", "reviews", "unmatched", "alerts", "agreements", "policies", "readings", "draft"]) {
    await go(page, `/officer/${place}`);
    await look(page, `officer-${place}`);
  }
  await turns(page);
  await go(page, "/officer/questions");
  await press(page, page.getByRole("link", { name: QUESTION, exact: true }));
  await look(page, "officer-question");
  await turns(page);
  await page.locator("#answer").fill("…");
  await press(page, page.locator("form:has(#answer) > button"));
  await look(page, "officer-answered");
  await press(page, page.locator("dl a").first());
  await look(page, "officer-access");
  await press(page, page.locator("a[href$='/why']"));
  await look(page, "officer-why");
  await go(page, "/officer/agreements");
  await press(page, page.locator("td a").first());
  await look(page, "officer-agreement");
  // A next version, never sent.
  await press(page, page.locator("a[href^='/officer/draft']"));
  await look(page, "officer-draft-next");
  await press(page, page.locator("button[value=check]"));
  await page.locator("[data-read]").filter({ hasText: "2" }).waitFor();
  await look(page, "officer-sign");
  await press(page, page.locator("form[action='/officer/draft/effect'] button"));
  await look(page, "officer-effect");
  page.expected.add(422);
  await go(page, "/officer/draft");
  await press(page, page.locator("button[value=check]"));
  await look(page, "officer-draft-faults");
};

// The verifier of proofs, as anybody may use it: the scene's proof holds, and the one with a bit flipped does not.
const verifier = async () => {
  const page = await open("azaleanet", { lang, label: "anybody" });
  await go(page, "/verify");
  await look(page, "verify");
  await page.locator("#genesis").setInputFiles(world.genesis);
  for (const [proof, shown] of [["access.sekisho-proof", "[data-good]"], ["forged-access.sekisho-proof", "[data-bad]"]]) {
    await page.locator("#bundle").setInputFiles(join(dirname(world.genesis), proof));
    await page.locator("#go").click();
    await page.locator(shown).waitFor();
    await look(page, `verify-${proof.split("-")[0].split(".")[0]}`);
  }
};

const entering = async () => {
  const page = await open("azaleanet", { lang, label: "nobody" });
  await go(page, "/signin?to=/patient/consents");
  await look(page, "signin");
  await turns(page);
  page.expected.add(401);
  await page.locator("#name").fill("nobody");
  await page.locator("#password").fill("not the password");
  await press(page, page.locator("form.narrow > button"));
  await look(page, "signin-wrong");
};

await story(async () => {
  await entering();
  await clinician();
  await patient();
  await officer();
  await verifier();
  console.log(`${seen.length} pages: ${seen.join(", ")}`);
});
