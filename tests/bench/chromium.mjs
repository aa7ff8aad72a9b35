// Prints HTML to PDF by headless Chromium on one reused page, a request a line: {"html": "..."} in, {"ms", "bytes", "mb"}
// out. Started by tests/bench/documents.py, beside an installed playwright-core.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { readFileSync, readdirSync } from "node:fs";

const { chromium } = createRequire(process.argv[2] + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: process.argv[3], args: ["--no-sandbox"] });
const page = await browser.newPage();

// Proportional memory of the browser and all it started, in MB: what two processes share counts half in each.
function memory() {
  const parents = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      parents.set(pid, readFileSync(`/proc/${pid}/stat`, "utf8").replace(/.*\)/s, "").trim().split(" ")[1]);
    } catch {}
  }
  let total = 0;
  for (const pid of parents.keys()) {
    for (let up = pid; up; up = parents.get(up)) {
      if (parents.get(up) === String(process.pid)) {
        try {
          total += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]);
        } catch {}
        break;
      }
    }
  }
  return total / 1024;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { html } = JSON.parse(line);
  const started = performance.now();
  await page.setContent(html, { waitUntil: "load" });
  const pdf = await page.pdf({ preferCSSPageSize: true, tagged: true });
  const ms = performance.now() - started;
  console.log(JSON.stringify({ ms, bytes: pdf.length, mb: memory() }));
}
await browser.close();
