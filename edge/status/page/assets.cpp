#include "edge/status/page/assets.hpp"

namespace alarmwire::page {

std::string_view css() {
  return R"(
:root { color-scheme: light dark; --line: #8886; --go: #1a7f37; --wait: #b35900; --stop: #c62828; }
@media (prefers-color-scheme: dark) {
  :root { --go: #57d07c; --wait: #ffb04a; --stop: #ff7b72; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 40rem; font: 1rem/1.5 system-ui, sans-serif; }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
ol.steps { list-style: none; margin: 1rem 0; padding: 0; }
ol.steps li {
  position: relative; margin-left: .7rem; padding: .4rem 0 .4rem 2rem;
  border-left: 2px solid var(--line);
}
ol.steps li::before {
  position: absolute; left: -.75rem; width: 1.4rem; height: 1.4rem; line-height: 1.2rem;
  text-align: center; border-radius: 50%; background: Canvas; border: 2px solid var(--line);
  content: "";
}
ol.steps li.done::before { content: "\2713"; color: var(--go); border-color: var(--go); }
ol.steps li.now::before { content: "\2026"; color: var(--wait); border-color: var(--wait); }
ol.steps li.stopped::before { content: "\00d7"; color: var(--stop); border-color: var(--stop); }
li.todo { opacity: .65; }
.why, .what { margin: .2rem 0; overflow-wrap: anywhere; }
.why { font-weight: 600; }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0; }
.card.green { border-color: var(--go); }
.card.amber { border-color: var(--wait); }
.card.red, [role=alert] { border-color: var(--stop); }
.words { font: 600 1.15rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: auto minmax(6rem, 1fr); gap: .2rem 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
textarea { width: 100%; min-height: 7rem; font: 1rem/1.4 ui-monospace, monospace; }
button, input[type=file] { font: inherit; min-height: 2.75rem; width: 100%; }
button { margin-top: .5rem; border-radius: .5rem; border: 1px solid; cursor: pointer; }
label { display: block; margin-bottom: .25rem; }
[hidden] { display: none; }
)";
}

std::string_view script() {
  return R"(
"use strict";
// The states as they come. The form is left alone while somebody types in it.
const every_ms = 500;
const part = document.getElementById("state");
const lost = document.getElementById("lost");
const standing = part.dataset.standing;
let shown = part.innerHTML;
async function look() {
  try {
    const answer = await fetch("/state", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    lost.hidden = true;
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("state");
    if (fresh.dataset.standing !== standing) return location.assign("/");
    if (fresh.innerHTML !== shown) part.innerHTML = shown = fresh.innerHTML;
  } catch {
    lost.hidden = false;
  }
  setTimeout(look, every_ms);
}
look();
for (const form of document.forms)
  form.addEventListener("submit", () => { form.querySelector("button").disabled = true; });
)";
}

}  // namespace alarmwire::page
