"""What the open chat costs a slow phone: Chromium with its processor slowed to a quarter, a script of the page's own at the other end
of the socket, so that the page alone is measured."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.bench.client import CannotMeasure
from tests.bench.product import product
from tests.bench.report import Report

ROUNDS = 5
SLOWER = 4
MESSAGES = 1_000
TOKENS = 2_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]

SOCKET = """(() => {
const CONV = '00000000-0000-4000-8000-000000000001';
const rows = Array.from({ length: MESSAGES }, (_, i) => ({ id: 'm' + i, seq: i + 1, rev: i + 1, author: i % 2 ? 'ai' : 'customer',
  cid: i % 2 ? undefined : ('c' + i).padEnd(32, '0'), text: `message ${i + 1} with **some** words and a [link](https://example.com/${i})`, at: 1790000000 + i,
  sources: i % 2 ? [{ n: 1, title: 'An article', url: 'https://example.com/a', heading: '', updated: '2026-01-01', passage: 'p' }] : [], choices: [] }));
class Fake extends EventTarget {
  constructor() { super(); window.fake = this; setTimeout(() => this.onopen({}), 5); }
  send(data) {
    const { t, cursor, n } = JSON.parse(data);
    if (t == 'hello') this.push({ t: 'welcome', epoch: 'e', token: 'x'.repeat(43), site: {}, conv: CONV, limits: { text: 4000 } });
    if (t == 'ping') this.push({ t: 'pong', n });
    if (!/hello|pull|open/.test(t)) return;
    const msgs = rows.filter(({ rev }) => rev > (t == 'hello' ? 0 : cursor)).slice(0, 200);
    const last = msgs.at(-1)?.rev ?? cursor;
    this.push({ t: 'msgs', conv: CONV, after: t == 'hello' ? 0 : cursor, cursor: last, more: last < MESSAGES, state: 'ai', msgs });
  }
  push(frame) {
    const data = JSON.stringify(frame);
    setTimeout(() => { if (frame.t == 'msgs') window.first ??= performance.now(); this.onmessage({ data }); });
  }
  close() {}
}
window.WebSocket = Fake;
window.long = 0;
new PerformanceObserver((list) => { for (const { duration } of list.getEntries()) window.long += duration; }).observe({ type: 'longtask' });
})()""".replace("MESSAGES", str(MESSAGES))

OPENED = """() => new Promise((done) => { const look = () => {
  const last = [...document.querySelector('deskhand-chat').shadowRoot.querySelectorAll('article')].at(-1);
  if (last?.textContent.includes('message MESSAGES')) requestAnimationFrame(() => setTimeout(() => done(performance.now() - window.first)));
  else requestAnimationFrame(look); }; look(); })""".replace("MESSAGES", str(MESSAGES))

STREAM = """() => new Promise((done) => {
  const words = 'The quick brown fern grows in the shade of the tent and needs water every week'.split(' ');
  const begin = performance.now(), before = window.long, frames = [];
  let text = '', n = 0, last = begin, going = true;
  const frame = () => { const now = performance.now(); frames.push(now - last); last = now; if (going) requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const push = (more) => window.fake.onmessage({ data: JSON.stringify({ conv: '00000000-0000-4000-8000-000000000001', turn: 'turn', attempt: 1, ...more }) });
  push({ t: 'turn', phase: 'thinking' });
  const tick = () => {
    const want = Math.min(TOKENS, Math.floor((performance.now() - begin) / 4.5));
    if (want > n) {
      let piece = '';
      for (; n < want; n++) piece += n % 97 == 96 ? '\\n\\n' : n % 41 == 40 ? '**bold** ' : words[n % words.length] + ' ';
      push({ t: 'delta', off: text.length, text: piece });
      text += piece;
    }
    if (n < TOKENS) return setTimeout(tick, 50);
    setTimeout(() => { going = false; frames.sort((a, b) => a - b); done([window.long - before, frames[Math.floor(frames.length * 0.95)]]); }, 300);
  };
  tick();
})""".replace("TOKENS", str(TOKENS))


def page(report: Report, _program: Path, room: Path) -> None:
    """A conversation of 1,000 messages opens; an answer of 2,000 tokens comes in windows of 50 ms."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise CannotMeasure("The page needs Chromium on the PATH: apt-get install chromium")
    with product(room / "page") as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        rounds = [_once(browser, running.base_url) for _ in range(ROUNDS)]
        browser.close()
    opened, long, frames = (statistics.median(column) for column in zip(*rounds, strict=True))
    how = f"Chromium, processor {SLOWER} times slower, median of {ROUNDS}"
    report.add(f"open {MESSAGES:,} messages", f"{opened:.0f} ms", "<= 150 ms", opened <= 150, how)
    report.add(f"answer of {TOKENS:,} tokens: long tasks", f"{long / 1000:.2f} s", "<= 0.5 s", long <= 500, how)
    report.add(f"answer of {TOKENS:,} tokens: p95 frame", f"{frames:.0f} ms", "<= 34 ms", frames <= 34, how)


def _once(browser: Browser, base_url: str) -> tuple[float, float, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    shown = context.new_page()
    shown.add_init_script(SOCKET)
    shown.goto(base_url)
    shown.locator("button.l").hover()
    shown.wait_for_timeout(800)  # the panel comes on the first sign of intent
    context.new_cdp_session(shown).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    shown.locator("button.l").click()
    opened: Any = shown.evaluate(OPENED)
    long, frame = shown.evaluate(STREAM)
    context.close()
    return float(opened), float(long), float(frame)
