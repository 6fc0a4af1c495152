/** Conditions on one stored item, as data; a comparison with a missing attribute is false, as in DynamoDB. */

const COMPARE = { "=": (a, b) => a === b, "<=": (a, b) => a <= b, "<": (a, b) => a < b };

export function holds(condition, item) {
  const [op, first, second] = condition;
  if (op === "AND") return condition.slice(1).every((part) => holds(part, item));
  if (op === "OR") return condition.slice(1).some((part) => holds(part, item));
  const found = item[first];
  if (op === "missing") return isMissing(found);
  if (op === "in") return second.includes(found);
  const other = op === "< field" ? item[second] : second;
  return !isMissing(found) && !isMissing(other) && COMPARE[op === "< field" ? "<" : op](found, other);
}

const isMissing = (value) => value === undefined || value === null;
