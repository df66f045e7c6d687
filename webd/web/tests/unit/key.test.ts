import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { authorization, sessionProtocols, setApiKey } from "../../src/api/key";

const requests: { url: string; init: RequestInit }[] = [];

function answer(status: number, body: unknown): void {
  vi.stubGlobal("fetch", (url: URL, init: RequestInit) => {
    requests.push({ url: url.href, init });
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
}

beforeEach(() => vi.stubGlobal("location", { origin: "http://page.example" }));
afterEach(() => {
  vi.unstubAllGlobals();
  requests.length = 0;
  setApiKey("");
});

const signal = new AbortController().signal;

test("without a key, nothing is sent", async () => {
  answer(200, {});
  expect(authorization()).toEqual({});
  expect(await sessionProtocols(signal)).toEqual([]);
  expect(requests).toEqual([]);
});

test("a session offers a token instead of the key, and no URL has the key", async () => {
  answer(200, { token: "abc", protocols: ["executor", "token.abc"], expires_in: 60 });
  setApiKey("exk_secret");
  expect(authorization()).toEqual({ authorization: "Bearer exk_secret" });
  expect(await sessionProtocols(signal)).toEqual(["executor", "token.abc"]);
  expect(requests.map(({ url }) => url)).toEqual(["http://page.example/api/token"]);
  expect(requests[0]?.init).toMatchObject({ method: "POST", headers: authorization() });
});

test("a server that does not accept the key answers to the execution", async () => {
  answer(401, { error: "a token needs an API key", code: "unauthorized" });
  setApiKey("exk_secret");
  expect(await sessionProtocols(signal)).toEqual([]);
  answer(503, {});
  await expect(sessionProtocols(signal)).rejects.toThrow("503");
});
