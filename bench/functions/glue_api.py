"""Hand-written glue: a Chalice route that puts a row and fires the Lambda. No token, no key, no answer to a repeat."""

import json
import os
import uuid

import boto3
from chalice.app import Chalice, Response

app = Chalice(app_name="glue")
dynamodb = boto3.client("dynamodb")
lambda_ = boto3.client("lambda")


@app.route("/jobs", methods=["POST"])
def start() -> Response:
    request = app.current_request
    assert request is not None
    body = request.json_body
    job_id = str(uuid.uuid4())
    dynamodb.put_item(
        TableName=os.environ["TABLE"],
        Item={"id": {"S": job_id}, "status": {"S": "queued"}, "input": {"S": json.dumps(body["input"])}},
        ConditionExpression="attribute_not_exists(id)",
    )
    event = {"id": job_id, "input": body["input"]}
    lambda_.invoke(FunctionName=os.environ["TARGET"], InvocationType="Event", Payload=json.dumps(event))
    print(json.dumps({"event": "accepted", "id": job_id}))
    return Response({"id": job_id, "status": "queued"}, status_code=202)
