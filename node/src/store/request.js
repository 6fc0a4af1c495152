/** A move as DynamoDB's request: the same one, letter for letter, that the Python library sends. */
import data from "../life/moves.data.js";

const TYPES = data.attributes;

export function typed(name, value) {
  const type = TYPES[name];
  if (type === undefined) throw new Error(`no attribute ${name}`);
  return { [type]: type === "N" ? String(value) : value };
}

export function untyped(item) {
  const found = {};
  for (const [name, raw] of Object.entries(item ?? {})) {
    if (name in TYPES) found[name] = "N" in raw ? Number(raw.N) : "B" in raw ? Buffer.from(raw.B) : (raw.S ?? raw.BOOL);
  }
  return found;
}

export const itemOf = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value != null).map(([name, value]) => [name, typed(name, value)]));

/** The input of `PutItemCommand` or `UpdateItemCommand`. */
export function requestOf(table, move) {
  const terms = new Terms();
  const guard = joined("AND", move.guard.map((arm) => compiled(arm.condition, terms)));
  const guarded = guard && { ConditionExpression: guard, ReturnValuesOnConditionCheckFailure: "ALL_OLD" };
  if (move.replace) return { TableName: table, Item: itemOf(move.set), ...guarded, ...terms.attributes() };
  const update = updated(move, terms);
  return {
    TableName: table,
    Key: itemOf({ run_id: move.run_id, part: move.part }),
    UpdateExpression: update,
    ...(move.known === undefined && { ReturnValues: "ALL_NEW" }),
    ...guarded,
    ...terms.attributes(),
  };
}

function updated(move, terms) {
  const clauses = [
    ["SET", [
      ...Object.entries(move.set).map(([name, value]) => `${terms.name(name)} = ${terms.value(name, value)}`),
      ...Object.entries(move.set_once).map(([name, value]) => `${terms.name(name)} = if_not_exists (${terms.name(name)}, ${terms.value(name, value)})`),
    ]],
    ["REMOVE", move.remove.map((name) => terms.name(name))],
    ["ADD", Object.entries(move.add).map(([name, value]) => `${terms.name(name)} ${terms.value(name, value)}`)],
  ];
  return clauses.filter(([, parts]) => parts.length).map(([word, parts]) => `${word} ${parts.join(", ")}`).join(" ");
}

function compiled([op, first, ...rest], terms) {
  if (op === "AND" || op === "OR") return joined(op, [first, ...rest].map((part) => compiled(part, terms)));
  const name = terms.name(first);
  if (op === "missing") return `attribute_not_exists (${name})`;
  if (op === "in") return `${name} IN (${rest[0].map((value) => terms.value(first, value)).join(", ")})`;
  return op === "< field" ? `${name} < ${terms.name(rest[0])}` : `${name} ${op} ${terms.value(first, rest[0])}`;
}

const joined = (word, parts) => (parts.length ? parts.reduce((left, right) => `(${left} ${word} ${right})`) : undefined);

/** The placeholders of one request. */
class Terms {
  #names = new Map();
  #values = {};

  name(name) {
    if (!this.#names.has(name)) this.#names.set(name, `#${this.#names.size}`);
    return this.#names.get(name);
  }

  value(name, value) {
    const placeholder = `:${Object.keys(this.#values).length}`;
    this.#values[placeholder] = typed(name, value);
    return placeholder;
  }

  attributes() {
    return {
      ...(this.#names.size && { ExpressionAttributeNames: Object.fromEntries([...this.#names].map(([name, placeholder]) => [placeholder, name])) }),
      ...(Object.keys(this.#values).length && { ExpressionAttributeValues: this.#values }),
    };
  }
}
