/**
 * The AWS SDK's two clients, loaded when they are needed: DynamoDB's while Lambda initialises the function, S3's at the
 * first large payload. Lambda's Node.js runtimes bring both (Developer Guide, "Runtime-included SDK versions").
 */
import { createRequire } from "node:module";

/**
 * The SDK is CommonJS: `import` has to read it twice, for the names it exports, and takes half as long again as `require`.
 * Undefined where it cannot be required: a bundler has put it elsewhere, and `import` finds it.
 */
function required(name) {
  try {
    return createRequire(import.meta.url)(name);
  } catch {
    return undefined;
  }
}

/** Without these a request may hang for ever: SDK v3 has no time limit of its own, and only warns unless told to throw. */
const limits = (connectMs, requestMs) => ({ connectionTimeout: connectMs, requestTimeout: requestMs, socketTimeout: requestMs, throwOnRequestTimeout: true });

export async function dynamoClient() {
  const sdk = required("@aws-sdk/client-dynamodb") ?? await import("@aws-sdk/client-dynamodb");
  // it answers in milliseconds; a request that hangs is given up long before a caller would
  const client = new sdk.DynamoDBClient({ maxAttempts: 4, retryMode: "standard", requestHandler: limits(1_000, 3_000), customUserAgent: "invoke-once" });
  return { sdk, client };
}

export async function s3Client() {
  const sdk = required("@aws-sdk/client-s3") ?? await import("@aws-sdk/client-s3");
  const client = new sdk.S3Client({
    maxAttempts: 3, retryMode: "standard", requestHandler: limits(2_000, 20_000), customUserAgent: "invoke-once",
    requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED",
    forcePathStyle: Boolean(process.env.AWS_ENDPOINT_URL),
  });
  return { sdk, client };
}
