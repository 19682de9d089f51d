// A technician's browser at the box's page: test_setup_page.py gives the wish as JSON and reads the
// report. Everything the browser asks for is noted: nothing may come from elsewhere.
"use strict";
const { chromium } = require("playwright-core");
const wish = JSON.parse(process.argv[2]);
const report = { steps: [], words: "", requests: [], errors: [] };

// What stands there now; a page that is just left answers nothing.
async function look(page) {
  try {
    return await page.evaluate(() => {
      const text = (selector) => document.querySelector(selector)?.innerText ?? "";
      const at = document.querySelector("#state li.now, #state li.stopped");
      return {
        step: at ? `${at.id} ${at.className}` : "",
        text: at?.innerText ?? "",
        words: text("#words"),
        outcome: text("#outcome"),
        forms: document.querySelectorAll("form").length,
        status: text("#status"),
        alert: text("section[role=alert]"),
        language: document.documentElement.lang,
        wide: document.documentElement.scrollWidth > window.innerWidth,
        page: text("main"),
      };
    });
  } catch {
    return null;
  }
}

async function watch(page, is_over) {
  const end = Date.now() + wish.within_ms;
  while (Date.now() < end) {
    const seen = await look(page);
    if (seen && seen.step && seen.step !== report.steps.at(-1)) report.steps.push(seen.step);
    if (seen && seen.words) report.words = seen.words;
    if (seen && is_over(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`not over: ${JSON.stringify(await look(page))}, ${JSON.stringify(report)}`);
}

async function run(browser) {
  const context = await browser.newContext({
    viewport: wish.viewport, locale: wish.locale, javaScriptEnabled: wish.script,
    isMobile: wish.is_phone, hasTouch: wish.is_phone });
  const page = await context.newPage();
  page.on("request", (request) => report.requests.push(request.url()));
  page.on("pageerror", (error) => report.errors.push(String(error)));
  page.on("console", (message) => {
    // A ticket that is refused by the form is a 400: the browser notes that as well.
    if (message.type() === "error" && !message.text().includes("status of 400"))
      report.errors.push(message.text());
  });
  await page.goto(wish.url);
  report.first = await look(page);
  if (wish.wrong_ticket) {
    await page.fill("#ticket", wish.wrong_ticket);
    await page.click("form[action='/ticket'] button");
    report.wrong = await look(page);
  }
  if (wish.photo) {
    await page.setInputFiles("#photo", wish.photo);
    await page.click("form[action='/photo'] button");
  } else {
    await page.fill("#ticket", wish.ticket);
    await page.click("form[action='/ticket'] button");
  }
  report.last = await watch(page, (seen) =>
    seen.outcome !== "" && seen.status !== "" || seen.step.endsWith(" stopped"));
  await page.click("nav a");
  report.other_language = await look(page);
}

(async () => {
  const browser = await chromium.launch({
    executablePath: wish.browser, args: ["--no-sandbox", "--disable-gpu"], timeout: 60000 });
  try {
    await run(browser);
  } finally {
    await browser.close();
  }
  console.log(JSON.stringify(report));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
