/**
 * The part of JMESPath that keys need: names (`detail.orderId`, `detail."order id"`), list elements (`Records[0]`, `[-1]`)
 * and lists of paths (`[detail.id, detail.version]`). Anything else is refused when the handler is wrapped.
 */
import { ConfigurationError } from "../../errors.js";

const TOKEN = /\s*(?:([A-Za-z_]\w*)|("(?:[^"\\]|\\.)*")|(\[\s*-?\d+\s*\])|([[\],.]))/y;

/** A function that finds what `text` names in an event; undefined or null where there is nothing. */
export function compile(text) {
  const tokens = tokensOf(text);
  let at = 0;
  const wrong = () => new ConfigurationError(`the key ${JSON.stringify(text)} is not a path of names, [n] and [path, path]: use a function of the event`);
  const next = () => tokens[at++] ?? {};
  const peek = (sign) => tokens[at]?.sign === sign;

  function list() {
    const paths = [path()];
    while (peek(",")) { at++; paths.push(path()); }
    if (next().sign !== "]") throw wrong();
    return (found) => (found === null || found === undefined ? null : paths.map((one) => one(found) ?? null));
  }

  function path() {
    const steps = [];
    for (let first = true; ; first = false) {
      if (!first && tokens[at]?.index === undefined) {
        if (!peek(".")) break;
        at++;
      }
      const { name, index, sign } = next();
      if (name !== undefined) steps.push((found) => (found !== null && typeof found === "object" && !Array.isArray(found) && Object.hasOwn(found, name) ? found[name] : null));
      else if (index !== undefined) steps.push((found) => (Array.isArray(found) ? found.at(index) ?? null : null));
      else if (sign === "[") steps.push(list());
      else throw wrong();
    }
    return (found) => steps.reduce((inner, step) => step(inner), found);
  }

  function tokensOf(source) {
    const found = [];
    for (TOKEN.lastIndex = 0; TOKEN.lastIndex < source.trimEnd().length; ) {
      const match = TOKEN.exec(source);
      if (!match) throw new ConfigurationError(`the key ${JSON.stringify(source)} is not a path of names, [n] and [path, path]: use a function of the event`);
      const [, name, quoted, index, sign] = match;
      found.push(name ? { name } : quoted ? { name: JSON.parse(quoted) } : index ? { index: Number.parseInt(index.slice(1), 10) } : { sign });
    }
    return found;
  }

  const found = path();
  if (at < tokens.length) throw wrong();
  return found;
}
