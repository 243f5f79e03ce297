// The work of `bench/work` on Node, with version 3 of the AWS SDK. Written for a bundle of one file.
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { BatchGetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { Agent, request } from "node:http";

const environment = process.env;

// Fetches the secrets that the variables name, by one call.
async function secrets() {
    const variables = ["LIMITS_SECRET", "MONO_SECRET", "MTN_SECRET", "VTPASS_SECRET"];
    const SecretIdList = variables.map((name) => environment[name]).filter(Boolean);
    const answer = await new SecretsManagerClient().send(new BatchGetSecretValueCommand({ SecretIdList }));
    if (answer.SecretValues.length !== SecretIdList.length) throw new Error("a secret is missing");
    return answer.SecretValues.map((secret) => JSON.parse(secret.SecretString));
}

// What a start makes. This event needs neither SQS nor the secrets; a function of the gateway has them.
async function start() {
    return { secrets: await secrets(), dynamodb: new DynamoDBClient(), sqs: new SQSClient() };
}

async function answer(work) {
    const read = await work.dynamodb.send(new GetItemCommand({
        TableName: environment.TENANTS_TABLE,
        Key: { key_hash: { S: environment.WORK_KEY_HASH } },
        ConsistentRead: true,
    }));
    const tenant = read.Item.tenant.S;
    console.log(JSON.stringify({ level: "INFO", message: "answered", tenant }));
    return {
        statusCode: 200,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ tenant }),
        isBase64Encoded: false,
    };
}

// The Lambda Runtime API, over one connection.
const [host, port] = environment.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body) {
    return new Promise((resolve, reject) => {
        const options = { agent, host, port, method, path: `/2018-06-01/runtime/invocation/${path}` };
        const sent = request(options, async (response) => {
            const chunks = await response.toArray();
            resolve({ headers: response.headers, text: Buffer.concat(chunks).toString() });
        });
        sent.on("error", reject);
        sent.end(body);
    });
}

async function main() {
    const work = await start();
    for (;;) {
        const { headers, text } = await call("GET", "next");
        const reply = await answer(work, JSON.parse(text));
        await call("POST", `${headers["lambda-runtime-aws-request-id"]}/response`, JSON.stringify(reply));
    }
}

main();
