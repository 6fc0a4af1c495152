"""The gateway: what completes Chalice's API, and its own errors in the shape of the service's (RFC 9457).

They are in the API's definition, not resources beside it, so that a change of them is deployed with it. The
emulator answers with AWS's default shapes all the same: this is checked on the template.
A path that nobody knows goes to the service too: by itself the gateway would take a Bearer header for a broken AWS
signature there, and answer 403.
"""

from __future__ import annotations

import json
from typing import Any

from infra.stages import Stage
from infra.template.cfn import STACK, Resources, ref, resource, sub

API_STAGE = "api"
_INVOKE = "lambda:path/2015-03-31/functions/${APIHandler.Arn}/invocations"

#: Where a caller of `iam_callers` fetches its token: the one path that asks for an AWS signature.
SIGNED_PATH = "/iam-tokens"
SIGV4 = {
    "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4",
}  # fmt: skip
#: Who may call at all. Roles of other accounts need it beside a right of their own (API Gateway Developer Guide,
#: "Policy evaluation outcome tables"); which of them get a token, the service decides.
_ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": ["execute-api:Invoke"], "Resource": ["execute-api:/*"]}

# response type: (status, problem's name, title)
PROBLEMS = {
    "DEFAULT_4XX": (None, "request-refused", "The gateway refused the request"),
    "DEFAULT_5XX": (None, "gateway-error", "The gateway could not reach the service"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "There is nothing here"),
    "RESOURCE_NOT_FOUND": (404, "not-found", "There is nothing here"),
    "REQUEST_TOO_LARGE": (413, "too-large", "The request is too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported-media-type", "The request's media type is not supported"),
    "THROTTLED": (429, "too-many-requests", "Too many requests"),
    "QUOTA_EXCEEDED": (429, "too-many-requests", "Too many requests"),
    "INTEGRATION_FAILURE": (503, "unavailable", "The service did not answer"),
    "INTEGRATION_TIMEOUT": (503, "unavailable", "The service did not answer in time"),
}

#: of a stage with `iam_callers`, in place of the above
SIGNED_PROBLEMS = {
    "MISSING_AUTHENTICATION_TOKEN": (401, "unauthenticated", "An AWS signature is needed"),
    "INVALID_SIGNATURE": (401, "unauthenticated", "The AWS signature is not valid"),
    "EXPIRED_TOKEN": (401, "unauthenticated", "The AWS credentials have expired"),
    "ACCESS_DENIED": (403, "forbidden", "AWS does not allow this"),
}


def resources(stage: Stage) -> Resources:
    """Chalice's API completed, and what a stage puts before it."""
    definition: dict[str, Any] = {
        "x-amazon-apigateway-gateway-responses": responses(signed=bool(stage.iam_callers)),
        "paths": {"/{proxy+}": {"x-amazon-apigateway-any-method": _unknown_path()}},
    }
    if stage.iam_callers:
        definition["securityDefinitions"] = {"sigv4": SIGV4}
        definition["paths"][SIGNED_PATH] = {"post": {"security": [{"sigv4": []}]}}
        definition["x-amazon-apigateway-policy"] = _policy(_ANYBODY)
    properties: dict[str, Any] = {"Name": sub(STACK), "DefinitionBody": definition, "TracingEnabled": stage.xray}
    if stage.gateway_calls_per_second:
        limit = {"ThrottlingRateLimit": stage.gateway_calls_per_second, "ThrottlingBurstLimit": stage.gateway_burst}
        properties["MethodSettings"] = [{"ResourcePath": "/*", "HttpMethod": "*", **limit}]
    if stage.vpc_endpoints:
        endpoints = list(stage.vpc_endpoints)
        properties["EndpointConfiguration"] = {"Type": "PRIVATE", "VPCEndpointIds": endpoints}
        definition["x-amazon-apigateway-policy"] = _policy(_ANYBODY, _not_from_elsewhere(endpoints))
    return {"RestAPI": {"Properties": properties}, **_domain(stage), **_firewall(stage)}


def outputs(stage: Stage) -> dict[str, Any]:
    """Where a name of the operator's own has to point at."""
    if not stage.domain:
        return {}
    return {"DomainTarget": {"Value": {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}}}


def _unknown_path() -> dict[str, Any]:
    integration = {
        "type": "aws_proxy", "httpMethod": "POST", "passthroughBehavior": "when_no_match",
        "uri": sub(f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:{_INVOKE}"),
    }  # fmt: skip
    return {"responses": {}, "x-amazon-apigateway-integration": integration}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [*statements]}


def _not_from_elsewhere(endpoints: list[str]) -> dict[str, Any]:
    """Of a private API (API Gateway Developer Guide, "Private REST APIs")."""
    return {**_ANYBODY, "Effect": "Deny", "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoints}}}


def _domain(stage: Stage) -> Resources:
    if not stage.domain:
        return {}
    name = {
        "DomainName": stage.domain, "RegionalCertificateArn": stage.certificate_arn, "SecurityPolicy": "TLS_1_2",
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
    }  # fmt: skip
    mapping = {"DomainName": ref("Domain"), "RestApiId": ref("RestAPI"), "Stage": API_STAGE}
    return {
        "Domain": resource("AWS::ApiGateway::DomainName", name),
        "DomainMapping": resource("AWS::ApiGateway::BasePathMapping", mapping, DependsOn="RestAPIapiStage"),
    }


def _firewall(stage: Stage) -> Resources:
    if not stage.waf_acl_arn:
        return {}
    on = sub(f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/restapis/${{RestAPI}}/stages/{API_STAGE}")
    association = {"ResourceArn": on, "WebACLArn": stage.waf_acl_arn}
    return {"Firewall": resource("AWS::WAFv2::WebACLAssociation", association, DependsOn="RestAPIapiStage")}


def responses(*, signed: bool) -> dict[str, Any]:
    """`x-amazon-apigateway-gateway-responses` of the API's definition."""
    found = PROBLEMS | (SIGNED_PROBLEMS if signed else {})
    return {kind: _response(*problem) for kind, problem in found.items()}


def _response(status: int | None, name: str, title: str) -> dict[str, Any]:
    body: dict[str, Any] = {"type": f"urn:invoke-once:{name}", "title": title}
    headers = {"gatewayresponse.header.Content-Type": "'application/problem+json'"}
    if status is not None:
        body |= {"status": status, "detail": title + "."}
    if status in (429, 503):
        headers["gatewayresponse.header.Retry-After"] = "'2'"
    response: dict[str, Any] = {
        "responseTemplates": {"application/json": json.dumps(body)},
        "responseParameters": headers,
    }
    return response | ({"statusCode": status} if status is not None else {})
