// node sdk_v2.js FUNCTION PAYLOAD TIMEOUT_MS: one synchronous call, with the SDK's own defaults but its timeout.
require("aws-sdk/lib/maintenance_mode_message").suppress = true;
const AWS = require("aws-sdk");

const [name, payload, timeout] = process.argv.slice(2);
const lambda = new AWS.Lambda({
  endpoint: process.env.AWS_ENDPOINT_URL,
  region: process.env.AWS_DEFAULT_REGION,
  httpOptions: { timeout: Number(timeout) },
});
lambda.invoke({ FunctionName: name, Payload: payload }, (error, data) => {
  if (error) {
    console.error(`${error.code}: ${error.message}`);
    process.exit(1);
  }
  console.log(data.Payload.toString());
});
