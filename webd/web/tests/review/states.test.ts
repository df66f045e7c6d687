/**
 * Screenshots of all states in every language, on each screen and in two themes, for people to look at:
 * `cd webd/web && sudo npm run review` after `make debug web` creates target/screenshots/review.
 * EXECUTOR_REVIEW selects some of them, such as `de-320|hi`.
 */
import { expect, test } from "vitest";
import { LOCALES, type Locale } from "../../src/i18n/text";
import { screenshot } from "../browser/browser";
import { testEnvironment } from "../browser/environment";
import { misfits } from "../browser/fit";
import { SCREENS, messagesOf, walk } from "../browser/states";

const env = testEnvironment({ slots: 4, queue: 8 });
const wanted = new RegExp(process.env["EXECUTOR_REVIEW"] ?? "");

const all = (Object.keys(LOCALES) as Locale[]).flatMap((locale) =>
  ([320, 390, 768, 1400] as const).flatMap((width) =>
    (["light", "dark"] as const).map((theme) => ({
      name: `${locale}-${width}-${theme}`,
      locale,
      width,
      theme,
    })),
  ),
);

test.each(all.filter(({ name }) => wanted.test(name)))(
  "$name",
  async ({ name, locale, width, theme }) => {
    const page = await env.openPage("/?lang=python", {
      ...SCREENS[width],
      locale,
      colorScheme: theme,
    });
    expect(await page.evaluate(() => document.documentElement.lang)).toBe(locale);
    const problems: string[] = [];
    await walk(page, await messagesOf(locale), async (state) => {
      await screenshot(page, `review/${name}-${state}`);
      problems.push(...(await misfits(page)).map((problem) => `${state}: ${problem}`));
    });
    expect(problems).toEqual([]);
  },
);
