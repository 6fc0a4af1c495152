// The same body, tracked, in Node.js: no option but attach, no change in who calls it.
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { tracked } from "invoke-once";

const dynamo = new DynamoDBClient({});

export const handler = tracked(async (event) => {
  await dynamo.send(new UpdateItemCommand({
    TableName: process.env.MARKS_TABLE, Key: { order: { S: event.order } }, UpdateExpression: "ADD marks :mark",
    ExpressionAttributeValues: { ":mark": { SS: [crypto.randomUUID()] } },
  }));
  await new Promise((resume) => setTimeout(resume, 1_000 * (event.seconds ?? 0)));
  return { order: event.order };
}, { attach: true });
