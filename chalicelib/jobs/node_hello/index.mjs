/**
 * Greets: {"name": string, "fail": boolean} -> {"hello": name}, or an Error where fail is true.
 *
 * It knows nothing of invoke-once: the service adds one member to its input, `invoke_once`, which it never
 * looks at, and Lambda's destinations bring its outcome home.
 */
export const handler = async (event) => {
  const { name = "world", fail = false } = event ?? {};
  if (typeof name !== "string") throw new TypeError(`\`name\` must be a string, not ${JSON.stringify(name)}`);
  if (typeof fail !== "boolean") throw new TypeError(`\`fail\` must be true or false, not ${JSON.stringify(fail)}`);
  console.log(`greeting ${JSON.stringify(name)}`);
  if (fail) throw new Error(`asked to fail for ${name}`);
  return { hello: name };
};
