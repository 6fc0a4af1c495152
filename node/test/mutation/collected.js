/** In place of `node:test`: tests are noted, and those asked for are run, one after the other. */
const noted = new Map();

export default function test(name, work) { noted.set(name, work); }
export const describe = (_, body) => body();

/** The names of those that fail. */
export async function failing(names) {
  const failed = [];
  for (const name of new Set(names)) {
    if (!noted.has(name)) throw new Error(`there is no test ${name}`);
    try {
      await noted.get(name)();
    } catch {
      failed.push(name);
    }
  }
  return failed;
}
