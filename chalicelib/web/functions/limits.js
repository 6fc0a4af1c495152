/** What a run of it may cost, in a line. */
export function limits(each) {
  const tries = each.retry?.max_attempts ?? 1;
  return [each.timeout_seconds ? `up to ${each.timeout_seconds} s` : "", tries > 1 ? `${tries} attempts` : "one attempt", each.max_running ? `at most ${each.max_running} at once` : "",
    each.on_timeout === "continue" ? `goes on in legs (at most ${each.max_legs ?? "?"})` : "", each.retention_days ? `kept ${each.retention_days} days` : ""].filter(Boolean).join(" · ");
}
