/**
 * The page in a real browser: the one that CHROME_PATH names, or /usr/bin/chromium. On Debian and Ubuntu
 * `apt-get install chromium` brings it. Without a browser this suite is one skipped test, unless
 * LLAVA_EVAL_REQUIRE=browser demands it (`npm run test:all` does); report.test.ts tests what can be said about the
 * page without one.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import { chromium, type Browser, type Page } from 'playwright-core';
import { drawCharts } from '../../src/report/charts/charts.js';
import { packTasks } from '../../src/report/html/explorer-data.js';
import { readPageAssets } from '../../src/report/html/assets.js';
import { renderHtml } from '../../src/report/html/document.js';
import { taskFragment } from '../../src/report/page/task-link.js';
import { matches, type Filter } from '../../src/report/page/tasks.js';
import type { PackedTasks } from '../../src/report/page-data/packed-tasks.js';
import { summarizeRun } from '../../src/report/numbers/summarize-run.js';
import { reportView } from '../../src/report/view/view.js';
import { configurations } from '../../src/run/configurations.js';
import { some } from '../support/some.js';
import { suiteNeeding } from '../support/suite-needing.js';
import { syntheticRun } from '../support/synthetic-run.js';

const HOSTILE = '</script><img src=x onerror="alert(1)"><svg onload=alert(2)>\u2028${alert(3)}';
const browserPath = process.env.CHROME_PATH ?? '/usr/bin/chromium';
const problem = existsSync(browserPath) ? null : `no browser at ${browserPath}; set CHROME_PATH`;

suiteNeeding('browser', problem, 'report.html in a browser', () => {
  let folder = '';
  let browser: Browser;
  let page: Page;
  let data: PackedTasks;
  let chartCount = 0;
  /** What must never happen: requests, errors, dialogs. */
  const incidents: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'llava-eval-page-'));
    const { run, records, evidence } = syntheticRun({
      tasks: 40,
      failures: 2,
      pipelines: ['no-context', 'full-rag', 'budget-rag', 'compressed'],
      topK: [3, 10],
      hostile: HOSTILE,
    });
    const view = reportView(summarizeRun(run, records), run, records);
    const charts = await drawCharts(view.sections.flatMap((section) => section.charts));
    chartCount = charts.length;
    data = packTasks(
      configurations(run.spec),
      run.spec,
      records,
      new Map(evidence.map((task) => [task.taskId, task])),
      'fit',
    );
    const file = join(folder, 'report.html');
    await writeFile(file, renderHtml(view, charts, data, await readPageAssets()));
    browser = await chromium.launch({
      executablePath: browserPath,
      headless: true,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ],
    });
    page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') incidents.push(message.text());
    });
    page.on('pageerror', (error) => incidents.push(String(error)));
    page.on('dialog', (dialog) => {
      incidents.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      const [address] = request.url().split('#');
      if (address !== pathToFileURL(file).href && !['data:,', 'about:blank'].includes(request.url())) {
        incidents.push(`request ${request.url()}`);
      }
    });
    await page.goto(pathToFileURL(file).href);
  });
  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  const ask = <T>(expression: string): Promise<T> => page.evaluate<T>(expression);
  const count = (): Promise<string | null> => page.textContent('#task-count');
  const filter = (some: Partial<Filter>): number => {
    const all = { outcome: 'all', against: 'no-context', retriever: 'jaccard', topK: 10 } as const;
    const wanted = { ...all, repository: '', crossFileOnly: false, words: '', ...some };
    return data.tasks.filter((task) => matches(data, task, wanted)).length;
  };

  test('lists every task and shows the first one with its completions, prompt and chunks', async () => {
    assert.equal(await count(), '40 of 40 tasks');
    assert.equal(await page.locator('#task-list [role=option]').count(), 40);
    assert.equal(await page.locator('#task-detail .completion').count(), 4);
    assert.equal(await page.locator('#task-detail .slots li').count(), 10);
    assert.equal(await page.locator('#task-detail .chunk').count(), 10);
  });

  test('filters as its functions do', async () => {
    await page.selectOption('#filter-outcome', 'better');
    const wins = filter({ outcome: 'better' });
    assert.ok(wins > 0 && wins < 40);
    assert.equal(await count(), `${wins} of 40 tasks`);
    await page.selectOption('#filter-against', 'full-rag');
    assert.equal(await count(), `${filter({ outcome: 'better', against: 'full-rag' })} of 40 tasks`);
    await page.selectOption('#filter-top-k', '3');
    assert.equal(await count(), `${filter({ outcome: 'better', against: 'full-rag', topK: 3 })} of 40 tasks`);
    await page.selectOption('#filter-outcome', 'unscored');
    assert.equal(await count(), '2 of 40 tasks');
    assert.match((await page.textContent('#task-detail'))!, /out of memory/);
    await page.click('text=Clear');
    await page.check('#filter-cross-file');
    assert.equal(await count(), `${filter({ crossFileOnly: true })} of 40 tasks`);
    await page.click('text=Clear');
    await page.waitForFunction('document.getElementById("task-count").textContent === "40 of 40 tasks"');
  });

  test('is used by keyboard alone: / searches, Escape leaves, j, k and arrows move', async () => {
    await page.keyboard.press('/');
    assert.equal(await ask('document.activeElement.id'), 'filter-words');
    await page.keyboard.type('atlas/');
    assert.equal(await count(), '10 of 40 tasks');
    await page.keyboard.press('Escape');
    assert.equal(await ask('document.activeElement.id'), 'task-list');
    const chosen = (): Promise<string> =>
      ask(
        'document.querySelector("[aria-selected=true]").id + "/" + document.activeElement.getAttribute("aria-activedescendant")',
      );
    const first = await chosen();
    assert.equal(...(first.split('/') as [string, string]));
    await page.keyboard.press('j');
    const second = await chosen();
    assert.notEqual(second, first);
    await page.keyboard.press('k');
    assert.equal(await chosen(), first);
    await page.keyboard.press('ArrowDown');
    assert.equal(await chosen(), second);
    await page.keyboard.press('End');
    assert.match((await page.textContent('#task-detail'))!, /10 of 10/);
    await page.keyboard.press('j');
    assert.match((await page.textContent('#task-detail'))!, /10 of 10/);
    await page.fill('#filter-words', 'no-such-word');
    assert.equal(await page.textContent('#task-detail'), 'No task matches these filters.');
    await page.fill('#filter-words', '');
  });

  test('an address with a task opens it, and the address follows the task that is chosen', async () => {
    const wanted = data.tasks[17]!;
    const head = (): Promise<string | null> => page.textContent('.task-head p');
    const plain = page.url().split('#')[0]!;
    await page.fill('#filter-words', 'no such words');
    await page.goto(plain + taskFragment(wanted.id));
    await page.waitForFunction(
      `document.querySelector(".task-head p")?.textContent.includes(${JSON.stringify(wanted.id)})`,
    );
    assert.equal(await page.inputValue('#filter-words'), '', 'filters that hide the task are cleared');
    assert.equal(await page.getAttribute('.task-link', 'href'), taskFragment(wanted.id));
    await page.focus('#task-list');
    await page.keyboard.press('Home');
    const first = data.tasks.find(({ id }) => page.url().endsWith(taskFragment(id)));
    assert.ok(first !== undefined && (await head())!.includes(first.id), page.url());
    await page.click('.task-link');
    await page.waitForFunction('document.querySelector(".task-link").textContent !== "Copy link"');
    // An address in a page that is opened anew.
    await page.goto('about:blank');
    await page.goto(plain + taskFragment(wanted.id));
    assert.ok((await head())!.includes(wanted.id));
    await page.goto('about:blank');
    await page.goto(plain);
  });

  test('says where something goes on beyond an edge, and shows every section in the navigation', async () => {
    const regions = (): Promise<readonly { isCut: boolean; isSaid: boolean }[]> =>
      ask(
        '[...document.querySelectorAll("[data-scrolls]")].map((e) => ({ ' +
          'isCut: e.scrollWidth > e.clientWidth + 1, isSaid: e.classList.contains("more-right") }))',
      );
    for (const width of [1400, 900]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal((await regions())[0]!.isCut, false, `navigation at ${width} px`);
    }
    await page.setViewportSize({ width: 400, height: 900 });
    // The hint follows in the next frame.
    await page.waitForFunction('document.querySelector(".table .more-right") !== null');
    const narrow = await regions();
    assert.ok(narrow.some(({ isCut }) => isCut));
    for (const { isCut, isSaid } of some(narrow)) assert.equal(isSaid, isCut);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('every stop of the Tab key is seen and named, and none is a trap', async () => {
    await ask('document.querySelector(".skip").focus()');
    const names = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press('Tab');
      const stop = await ask<{ name: string; outline: string; tag: string } | null>(`(() => {
        const e = document.activeElement;
        if (e === null || e === document.body) return null;
        const by = (e.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('');
        const name = e.getAttribute('aria-label') ?? (by || [...(e.labels ?? [])].map((l) => l.textContent).join('') || e.textContent);
        return { name: name.trim(), outline: getComputedStyle(e).outlineStyle, tag: e.tagName };
      })()`);
      if (stop === null) break;
      assert.notEqual(stop.name, '', stop.tag);
      assert.equal(stop.outline, 'solid', stop.name);
      names.add(`${stop.tag} ${stop.name}`);
    }
    assert.ok(names.size > 25, `${names.size} stops`);
  });

  test('sorts a table by the column that is pressed, both ways, and says so', async () => {
    const cells = (): Promise<string[]> =>
      ask('[...document.querySelectorAll("#overview tbody tr")].map((row) => row.cells[6].dataset.sort)');
    const button = page.locator('#overview th').nth(6).locator('button');
    await button.click();
    const ascending = (await cells()).map(Number);
    assert.deepEqual(
      ascending,
      [...ascending].sort((a, b) => a - b),
    );
    assert.equal(await page.locator('#overview th').nth(6).getAttribute('aria-sort'), 'ascending');
    await button.click();
    assert.deepEqual((await cells()).map(Number), ascending.reverse());
  });

  test('follows the theme of the system until the reader chooses one', async () => {
    const ground = (): Promise<string> => ask('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.click('#theme');
    assert.equal(await ground(), light);
    await page.click('#theme');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await ground(), dark);
    await page.reload();
    assert.equal(await ground(), dark, 'the choice is kept');
    await page.click('#theme');
    assert.equal(await ground(), light);
  });

  test('keeps hostile text as text', async () => {
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.locator('[onerror], [onload]').count(), 0);
    assert.ok((await page.textContent('#task-detail .reference'))!.includes(HOSTILE));
    assert.ok((await page.textContent('#task-detail .chunk pre'))!.includes(HOSTILE));
  });

  test('has one h1, headings without gaps, unique ids and a name for every field and chart', async () => {
    const levels = await ask<number[]>(
      '[...document.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((h) => Number(h.tagName[1]))',
    );
    assert.equal(levels.filter((level) => level === 1).length, 1);
    for (const [i, level] of levels.entries())
      assert.ok(i === 0 || level <= levels[i - 1]! + 1, String(level));
    const twice = await ask<string[]>(
      '[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)',
    );
    assert.deepEqual(twice, []);
    const nameless = await ask<number>(
      '[...document.querySelectorAll("input,select")].filter((e) => e.labels.length === 0).length',
    );
    assert.equal(nameless, 0);
    const charts = await ask<string[]>(
      '[...document.querySelectorAll("figure svg")].map((e) => e.getAttribute("aria-label") ?? "")',
    );
    assert.ok(charts.length === 2 * chartCount && charts.every((name) => name !== ''));
  });

  test('draws no text of a chart outside of it, as this browser measures text', async () => {
    for (const size of ['wide', 'narrow']) {
      // A chart that is not shown has no measures.
      await page.setViewportSize(
        size === 'wide' ? { width: 1280, height: 900 } : { width: 390, height: 844 },
      );
      const { count, outside } = await ask<{ count: number; outside: string[] }>(`(() => {
        const texts = [...document.querySelectorAll('figure .${size} text')];
        const outside = texts.filter((text) => {
          const box = text.getBoundingClientRect();
          const chart = text.closest('svg').getBoundingClientRect();
          return box.left < chart.left || box.right > chart.right || box.top < chart.top || box.bottom > chart.bottom;
        });
        return { count: texts.length, outside: outside.map((text) => text.textContent) };
      })()`);
      assert.ok(count > 50, `${count} texts`);
      assert.deepEqual(outside, [], size);
    }
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('moves nothing about while it loads', async () => {
    // At its top: an address with a task would open the page there.
    const [address] = page.url().split('#');
    await page.goto('about:blank');
    await page.goto(address!);
    const shift = await ask<number>(`new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) sum += entry.value;
      }).observe({ type: 'layout-shift', buffered: true });
      setTimeout(() => resolve(sum), 100);
    })`);
    assert.ok(shift < 0.02, String(shift));
  });

  test('fits 390 pixels without scrolling sideways, with the narrow charts', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    assert.equal(await ask('document.documentElement.scrollWidth'), 390);
    assert.equal(await page.locator('figure .narrow').first().isVisible(), true);
    assert.equal(await page.locator('figure .wide').first().isVisible(), false);
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  test('is printed light and without the explorer', async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    assert.equal(await page.locator('#tasks').isVisible(), false);
    assert.equal(await ask('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)');
    await page.emulateMedia({ media: 'screen', colorScheme: 'light' });
  });

  test('has asked for nothing, and reported no error and no violation of its policy', () => {
    assert.deepEqual(incidents, []);
  });
});
