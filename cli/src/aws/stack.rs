//! A stack of CloudFormation: what its resources are called in the account.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::{Api, Refusal};
use crate::failure::Failure;

/// CloudFormation's name, variable and version.
pub const CLOUDFORMATION: (&str, &str, &str) =
    ("cloudformation", "AWS_ENDPOINT_URL_CLOUDFORMATION", "2010-05-15");

/// The resources of a stack, by their names in the template.
pub struct Stack {
    name: String,
    physical: BTreeMap<String, String>,
}

impl Stack {
    /// Reads all resources of a stack, by its name or its ARN (cloudformation:ListStackResources).
    ///
    /// # Errors
    /// [`Failure`], also when there is no such stack.
    pub async fn read(api: &Api<'_>, name: &str) -> Result<Self, Failure> {
        let (mut physical, mut next) = (BTreeMap::new(), None::<String>);
        loop {
            let mut fields = vec![("StackName", name)];
            fields.extend(next.as_deref().map(|token| ("NextToken", token)));
            let page = api.query(CLOUDFORMATION, "ListStackResources", &fields).await;
            let page = page.map_err(|refusal| failure(name, refusal))?;
            let listed = page["StackResourceSummaries"].as_array();
            physical.extend(listed.into_iter().flatten().filter_map(resource));
            next = page["NextToken"].as_str().map(str::to_owned);
            if next.is_none() {
                return Ok(Self { name: name_of(name).to_owned(), physical });
            }
        }
    }

    /// The name in the account of a resource, such as `PurchasesTable`: of a table its name, of a queue its URL.
    pub fn physical(&self, logical: &str) -> Option<&str> {
        self.physical.get(logical).map(String::as_str)
    }

    /// The name in the template of a resource, by its name in the account.
    pub fn logical(&self, physical: &str) -> Option<&str> {
        let found = self.physical.iter().find(|(_, name)| *name == physical);
        found.map(|(logical, _)| logical.as_str())
    }

    /// The table or queue that a variable of the functions names.
    pub fn variable(&self, variable: &str) -> Option<&str> {
        self.physical(&logical(variable)?)
    }

    /// The stack's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The name of a stack, also where its ARN is given: its alarms are called after the name.
fn name_of(stack: &str) -> &str {
    let after = stack.split_once(":stack/").map_or(stack, |(_, after)| after);
    after.split_once('/').map_or(after, |(name, _)| name)
}

/// The name in the template of what a variable names: `WEBHOOK_ENDPOINTS_TABLE` is `WebhookEndpointsTable`,
/// `FOLLOW_UP_QUEUE_URL` is `FollowUpQueue`.
pub fn logical(variable: &str) -> Option<String> {
    let name = variable.strip_suffix("_URL").filter(|name| name.ends_with("_QUEUE"));
    let name = name.or(variable.ends_with("_TABLE").then_some(variable))?;
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        format!("{first}{}", rest.to_ascii_lowercase())
    });
    Some(words.collect())
}

fn resource(resource: &Value) -> Option<(String, String)> {
    let text = |name: &str| resource[name].as_str().map(str::to_owned);
    let is_gone = resource["ResourceStatus"] == "DELETE_COMPLETE";
    Some((text("LogicalResourceId")?, text("PhysicalResourceId")?)).filter(|_| !is_gone)
}

fn failure(name: &str, refusal: Refusal) -> Failure {
    let is_absent = refusal.kind == "ValidationError" && refusal.reason.contains("does not exist");
    match is_absent {
        true => Failure::Configuration(format!(
            "there is no stack {name:?} in this account and region: see --stack, --profile and --region"
        )),
        false => {
            Failure::Unreachable(format!("the stack {name} cannot be read: {}", refusal.reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_the_same_name_by_its_arn() {
        let arn = "arn:aws:cloudformation:af-south-1:000000000000:stack/telco-two/1f2e-3d";
        assert_eq!((name_of(arn), name_of("telco-two")), ("telco-two", "telco-two"));
    }

    #[test]
    fn a_variable_names_a_resource_of_the_template() {
        for (variable, expected) in [
            ("PURCHASES_TABLE", Some("PurchasesTable")),
            ("WEBHOOK_ENDPOINTS_TABLE", Some("WebhookEndpointsTable")),
            ("FOLLOW_UP_QUEUE_URL", Some("FollowUpQueue")),
            ("PUBLIC_BASE_URL", None),
            ("LIMITS_HMAC_KEY", None),
        ] {
            assert_eq!(logical(variable).as_deref(), expected, "{variable}");
        }
    }
}
