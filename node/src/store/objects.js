/** Large payloads in S3. The client is made at the first one: small runs never pay for it. */
import { ConfigurationError, PayloadCorrupt } from "../errors.js";
import { unavailable } from "./dynamo.js";
import { s3Client } from "./sdk.js";

export class S3Objects {
  #bucket;
  #made;

  constructor(bucket, made) {
    this.#bucket = bucket;
    this.#made = made;
  }

  async put(key, data) {
    await this.#send("PutObject", { Key: key, Body: data, ContentType: "application/json" });
  }

  async get(key) {
    const { Body } = await this.#send("GetObject", { Key: key });
    return Buffer.from(await Body.transformToByteArray());
  }

  async #send(operation, request) {
    if (!this.#bucket) throw unavailable("S3", operation, Object.assign(new ConfigurationError("ONCE_BUCKET is not set"), { name: "InvalidBucketName", $response: {} }));
    try {
      const { sdk, client } = await (this.#made ??= s3Client());
      return await client.send(new sdk[`${operation}Command`]({ Bucket: this.#bucket, ...request }));
    } catch (error) {
      if (error?.name === "NoSuchKey") throw new PayloadCorrupt("the stored payload is missing");
      throw unavailable("S3", operation, error);
    }
  }
}
