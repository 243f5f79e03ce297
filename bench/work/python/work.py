"""The work of bench/work in Python, with boto3."""

import json
import os
from http.client import HTTPConnection

import boto3


def secrets():
    """Fetches the secrets that the variables name, by one call."""
    variables = ["LIMITS_SECRET", "MONO_SECRET", "MTN_SECRET", "VTPASS_SECRET"]
    named = [os.environ[name] for name in variables if os.environ.get(name)]
    answer = boto3.client("secretsmanager").batch_get_secret_value(SecretIdList=named)
    if len(answer["SecretValues"]) != len(named):
        raise RuntimeError("a secret is missing")
    return [json.loads(secret["SecretString"]) for secret in answer["SecretValues"]]


# What a start makes. This event needs neither SQS nor the secrets; a function of the gateway has them.
SECRETS = secrets()
DYNAMODB = boto3.client("dynamodb")
SQS = boto3.client("sqs")


def answer(_event):
    read = DYNAMODB.get_item(
        TableName=os.environ["TENANTS_TABLE"],
        Key={"key_hash": {"S": os.environ["WORK_KEY_HASH"]}},
        ConsistentRead=True,
    )
    tenant = read["Item"]["tenant"]["S"]
    print(json.dumps({"level": "INFO", "message": "answered", "tenant": tenant}), flush=True)
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"tenant": tenant}),
        "isBase64Encoded": False,
    }


def main():
    """The Lambda Runtime API, over one connection."""
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation"
    while True:
        connection.request("GET", f"{path}/next")
        response = connection.getresponse()
        event = json.loads(response.read())
        invocation = response.headers["lambda-runtime-aws-request-id"]
        connection.request("POST", f"{path}/{invocation}/response", json.dumps(answer(event)))
        connection.getresponse().read()


main()
