// Loaded before serverless (node --require): its aws-sdk v2 talks to AWS_ENDPOINT_URL. Nothing else is changed.
require("aws-sdk/lib/maintenance_mode_message").suppress = true;
require("aws-sdk").config.update({ endpoint: process.env.AWS_ENDPOINT_URL });
