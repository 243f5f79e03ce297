//! What all worlds have in common: the template's stack, and the requests that create its tables.

use std::collections::BTreeMap;

use sandbox::TEMPLATE;
use sandbox::aws::lambda::Registry;
use sandbox::functions::registry;
use sandbox::template::stack::Stack;
use sandbox::template::{REGION, SandboxDeployment, Template, TemplateError};
use serde_json::Value;

use super::dynamodb::create_request;

/// The parameters of the template in a simulation.
const PARAMETERS: [(&str, &str); 12] = [
    ("PublicBaseUrl", super::API),
    ("DeploymentKind", "test"),
    ("MonoBaseUrl", "https://mono.sim"),
    ("MonoSecretName", "mono"),
    ("VtpassBaseUrl", "https://vtpass.sim/api"),
    ("VtpassSecretName", "vtpass"),
    ("MtnBaseUrl", "https://mtn.sim"),
    ("MtnSecretName", "mtn"),
    ("MtnChannelName", "simulation"),
    ("LimitPurchases", "40/60,200000/86400"),
    ("OtpLimitNumber", ""),
    ("AlarmEmail", ""),
];

/// What all worlds have in common.
pub struct Blueprint {
    pub(super) stack: Stack,
    pub(super) tables: Vec<Value>,
    pub(super) registry: Registry,
    pub(super) lambda: BTreeMap<String, String>,
}

impl Blueprint {
    /// Reads the repository's template.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new() -> Result<Self, TemplateError> {
        Self::with(&[])
    }

    /// The same with other values of some parameters.
    ///
    /// # Errors
    /// When the template cannot be read, or has no such parameter.
    pub fn with(others: &[(&str, String)]) -> Result<Self, TemplateError> {
        let usual = PARAMETERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let others = others.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let parameters = usual.into_iter().chain(others).collect();
        let template = Template::load(TEMPLATE, &parameters)?;
        let deployment = SandboxDeployment { sqs_url: "http://sqs.sim".to_owned() };
        let stack = Stack::read(&template, &deployment)?;
        let tables = stack.tables.iter().map(create_request).collect();
        let lambda = [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "simulation"),
            ("AWS_SECRET_ACCESS_KEY", "simulation"),
            ("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.sim"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets.sim"),
            ("AWS_ENDPOINT_URL_SQS", "http://sqs.sim"),
        ];
        let lambda = lambda.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Ok(Self { stack, tables, registry: registry(), lambda })
    }
}
