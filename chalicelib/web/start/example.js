// An example of an input from its JSON Schema: what its author gave, else what the parts' own examples make.

/** A value, or undefined where the schema says nothing that could be shown. */
export function exampleOf(schema) {
  if (!schema) return undefined;
  const given = schema.examples?.[0] ?? schema.default ?? schema.const ?? schema.enum?.[0];
  if (given !== undefined) return given;
  if (schema.type !== "object" || !schema.properties) return undefined;
  const parts = Object.entries(schema.properties).map(([name, part]) => [name, exampleOf(part)]).filter(([, value]) => value !== undefined);
  const needed = new Set(schema.required ?? []);
  const covered = [...needed].every((name) => parts.some(([each]) => each === name));
  return parts.length && covered ? Object.fromEntries(parts) : undefined;
}
