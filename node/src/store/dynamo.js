/** The runs table in DynamoDB. One move is one conditional write; AWS's errors become ours here. */
import { StoreUnavailable } from "../errors.js";
import { changed } from "../life/move.js";
import { itemOf, requestOf, untyped } from "./request.js";
import { dynamoClient } from "./sdk.js";

export class DynamoTable {
  #name;
  #made;

  /** `made`: `{ sdk, client }`, for tests. */
  constructor(name, made) {
    this.#name = name;
    this.#made = made;
  }

  /** Load and make the client now: the dearest thing that a first request needs. */
  async warm() {
    return (this.#made ??= dynamoClient());
  }

  /** `{ item }` as it is after the write, or `{ found }`, refused: the item that was in the way (empty: none). */
  async write(move) {
    const operation = move.replace ? "PutItem" : "UpdateItem";
    const request = requestOf(this.#name, move);
    try {
      const answer = await this.#send(operation, request);
      if (move.known) return { item: changed(move, move.known) };
      return { item: move.replace ? move.set : untyped(answer.Attributes) };
    } catch (error) {
      if (error?.name === "ConditionalCheckFailedException") return { found: untyped(error.Item) };
      throw unavailable("DynamoDB", operation, error);
    }
  }

  async get(runId, part, { consistent = true } = {}) {
    const request = { TableName: this.#name, Key: itemOf({ run_id: runId, part }), ConsistentRead: consistent };
    try {
      const { Item } = await this.#send("GetItem", request);
      return Item ? untyped(Item) : null;
    } catch (error) {
      throw unavailable("DynamoDB", "GetItem", error);
    }
  }

  async #send(operation, request) {
    const { sdk, client } = await this.warm();
    return client.send(new sdk[`${operation}Command`](request));
  }
}

/** What the SDK threw, as ours: AWS refused (it answered with a code), or did not answer. */
export function unavailable(service, operation, error) {
  const code = String(error?.name ?? "unknown");
  const answered = error?.$response !== undefined || (error?.$metadata?.httpStatusCode ?? 0) > 0;
  return new StoreUnavailable(`${service} ${answered ? "refused" : "did not answer"} ${operation}: ${code}`, code);
}
