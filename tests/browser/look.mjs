// What every page of the portal must be, in one language: accessible, fitting at every width, said in that language alone,
// and said in the other at the press of a link. Kept as pictures.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { accessible, assert, fits, press, world } from "./page.mjs";

export const lang = process.argv[2];
const other = { ja: "en", en: "ja" }[lang];

// What is data, in its own language on every page: names of people, facilities, networks.
const DATA = [
  ...world.data, "八女筑後医療情報ネットワーク", "アザレアネット", "ピカピカリンク", "まめネット", "おしどりネット",
  ...["久留米", "筑後川", "佐賀", "八女", "筑後", "松江", "出雲", "米子", "鳥取"].map((place) => `${place}見本病院`), "唐津見本医療センター",
  "医師（デモ）", "看護師（デモ）", "監査担当（デモ）", "運用担当（デモ）", "の患者（デモ）", "日本語",
].sort((a, b) => b.length - a.length);

// Every word of the other language's messages that is longer than a few characters.
const foreign = readdirSync(join(world.messages, "ja")).flatMap((file) =>
  readFileSync(join(world.messages, "ja", file), "utf8").split(/\n/).flatMap((line) =>
    (line.split(" = ")[1] ?? "").split(/\{[^}]*\}/).map((part) => part.trim()).filter((part) => /[ぁ-ん]/.test(part) && part.length > 3)));

const texts = (page) => page.evaluate(() => {
  const all = [];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const of = node.parentElement;
    if (of.closest("script, style, noscript, [lang]:not(html)")) continue;
    // What a document or a proof says is data, wherever it stands in it.
    const content = location.pathname.match(/\/(document|overview|verify)/) && of.closest("td, th[scope=row], dd, figcaption, pre");
    if (node.data.trim()) all.push({ text: node.data, content: Boolean(content) });
  }
  for (const element of document.querySelectorAll("[aria-label], [placeholder], [title]")) {
    for (const name of ["aria-label", "placeholder", "title"]) {
      if (element.hasAttribute(name)) all.push({ text: element.getAttribute(name), content: false });
    }
  }
  return all;
});

const spoken = async (page, label) => {
  assert.equal(await page.getAttribute("html", "lang"), lang, `${label}: the language it says it is in`);
  for (const { text, content } of await texts(page)) {
    assert.ok(!/\{\s*\$|\[(common|clinician|patient|officer|operator|signin)-/.test(text), `${label}: a message is missing in ${text}`);
    if (lang === "ja" || content) continue;
    const word = foreign.find((word) => text.includes(word));
    assert.ok(!word, `${label} says in Japanese: ${word}`);
    const rest = DATA.reduce((rest, known) => rest.replaceAll(known, ""), text);
    assert.ok(!/[ぁ-んァ-ヶ一-龠、。「」（）]/.test(rest), `${label} says in Japanese: ${rest.trim()}`);
  }
};

export const seen = [];
export const look = async (page, label) => {
  seen.push(label);
  assert.deepEqual(page.seen, [], `${label}: errors a browser shows`);
  await spoken(page, label);
  await accessible(page, label);
  await fits(page, label);
};

// To the other language and back, by the link on the page; it is the same page. Tried once, by the story in English.
export const turns = async (page) => {
  if (lang !== "en") return;
  const before = page.url();
  await press(page, page.locator(`a[hreflang=${other}]`));
  assert.equal(await page.getAttribute("html", "lang"), other);
  assert.equal(page.url(), before, "the same page in the other language");
  await press(page, page.locator(`a[hreflang=${lang}]`));
  assert.equal(await page.getAttribute("html", "lang"), lang);
  assert.equal(page.url(), before, "and back");
};
