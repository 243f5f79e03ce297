//! DynamoDB and SQS: the sandbox's, but for what the sandbox does not tell of a table or queue.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};

use super::FakeAws;

impl FakeAws {
    /// Answers a call to DynamoDB or SQS.
    pub async fn store(
        &self,
        service: &str,
        action: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response {
        let asked: Value = serde_json::from_slice(&body).unwrap();
        let has = |table: &Value, feature: &'static str| {
            let lacks = (table.as_str().unwrap().to_owned(), feature);
            !self.deployment().tables_without.contains(&lacks)
        };
        let table = &asked["TableName"];
        let enabled = |is_on| if is_on { "ENABLED" } else { "DISABLED" };
        match action {
            "DescribeTable" => {
                let is_protected = has(table, "protection");
                Json(json!({ "Table": { "TableStatus": "ACTIVE", "TableName": table,
                                        "DeletionProtectionEnabled": is_protected } }))
                .into_response()
            }
            "DescribeTimeToLive" => {
                let status = enabled(has(table, "ttl"));
                let ttl = json!({ "TimeToLiveStatus": status, "AttributeName": "expires_at" });
                Json(json!({ "TimeToLiveDescription": ttl })).into_response()
            }
            "DescribeContinuousBackups" => {
                let recovery =
                    json!({ "PointInTimeRecoveryStatus": enabled(has(table, "recovery")) });
                let backups = json!({ "ContinuousBackupsStatus": "ENABLED",
                                      "PointInTimeRecoveryDescription": recovery });
                Json(json!({ "ContinuousBackupsDescription": backups })).into_response()
            }
            "StartMessageMoveTask" if !self.deployment().moves.is_empty() => {
                Json(json!({ "TaskHandle": "h" })).into_response()
            }
            "ListMessageMoveTasks" if !self.deployment().moves.is_empty() => {
                let seen = self.deployment().moves.pop_front().unwrap();
                Json(json!({ "Results": Vec::from_iter(seen) })).into_response()
            }
            _ => {
                let (status, mut answer) = self.forward(service, headers, body).await;
                let url = asked["QueueUrl"].as_str().unwrap_or_default();
                let queue = url.rsplit('/').next().unwrap();
                let without = self.deployment().queues_without_redrive.contains(queue);
                if let Some(attributes) = answer["Attributes"].as_object_mut().filter(|_| without) {
                    attributes.remove("RedrivePolicy");
                }
                (status, Json(answer)).into_response()
            }
        }
    }

    async fn forward(
        &self,
        service: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> (axum::http::StatusCode, Value) {
        let to = if service == "sqs" { &self.queues } else { &self.tables };
        let mut request = http::Request::post(to).body(body.to_vec()).unwrap();
        for name in ["authorization", "content-type", "x-amz-date", "x-amz-target"] {
            if let Some(value) = headers.get(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let request = reqwest::Request::try_from(request).unwrap();
        let answer = self.http.send(request, Duration::from_secs(10)).await.expect("an answer");
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}
