//! What the sandbox prints once it is ready.

use sandbox::Sandbox;
use serde_json::json;

/// For a person: the page first.
pub(crate) fn text(sandbox: &Sandbox) -> String {
    let Sandbox { base_url, keys, dynamodb_url, sqs_url, .. } = sandbox;
    let keys = keys.join(", ");
    format!(
        "\nThe telco gateway is ready. Open {base_url}/_sandbox\n\
         \n\
         \x20 API        {base_url}   mono-sec-key: {keys}\n\
         \x20 contract   {base_url}/_sandbox/docs\n\
         \x20 DynamoDB   {dynamodb_url}   SQS {sqs_url}\n\
         \n\
         Ctrl-C stops it. Below are the messages of the simulated phones; the log is on standard error.\n"
    )
}

/// For a program: one line.
pub(crate) fn json(sandbox: &Sandbox) -> String {
    let Sandbox { base_url, keys, dynamodb_url, sqs_url, .. } = sandbox;
    let ready = json!({ "ready": true, "url": base_url, "keys": keys,
                        "page": format!("{base_url}/_sandbox"),
                        "contract": format!("{base_url}/_sandbox/openapi.yaml"),
                        "dynamodb_url": dynamodb_url, "sqs_url": sqs_url });
    ready.to_string()
}
