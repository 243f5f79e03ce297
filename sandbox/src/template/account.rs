//! The AWS account and region that the sandbox claims to be, and the names of resources in it.

/// The region.
pub const REGION: &str = "us-east-1";
/// The account's id.
pub const ACCOUNT: &str = "000000000000";

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";
pub(super) const SECRET: &str = "AWS::SecretsManager::Secret";
pub(super) const TOPIC: &str = "AWS::SNS::Topic";
pub(super) const SCHEDULE: &str = "AWS::Scheduler::Schedule";
pub(super) const ROLE: &str = "AWS::IAM::Role";
pub(super) const API: &str = "AWS::Serverless::HttpApi";

/// The simulated deployment of a template: it gives `!Ref` and `!GetAtt` their values.
pub struct SandboxDeployment {
    /// The base URL of SQS.
    pub sqs_url: String,
}

impl SandboxDeployment {
    /// What `!Ref` of a resource gives.
    pub(super) fn reference(&self, name: &str, kind: &str) -> Option<String> {
        match kind {
            TABLE | FUNCTION | API | SECRET | TOPIC => Some(name.to_owned()),
            QUEUE => Some(format!("{}/{ACCOUNT}/{name}", self.sqs_url)),
            _ => None,
        }
    }

    /// What `!GetAtt` of a resource gives.
    pub(super) fn attribute(&self, name: &str, kind: &str, attribute: &str) -> Option<String> {
        match (kind, attribute) {
            (TABLE, "Arn") => Some(format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")),
            (QUEUE, "Arn") => Some(queue_arn(name)),
            (QUEUE, "QueueName") => Some(name.to_owned()),
            (ROLE, "Arn") => Some(format!("arn:aws:iam::{ACCOUNT}:role/{name}")),
            (FUNCTION, "Arn") => Some(format!("{FUNCTION_ARN}{name}")),
            _ => None,
        }
    }
}

/// The beginning of a function's ARN.
pub(super) const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:";

/// The ARN of a queue.
pub fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}
