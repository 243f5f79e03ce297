//! The indexes of the purchases table, which an update of a stack adds one by one.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::template::{SandboxDeployment, Template};
use serde_json::Value;

fn names(parts: &Value, name: &str) -> Vec<String> {
    let parts = parts.as_array().unwrap().iter();
    parts.map(|part| part[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_step_adds_one_index_and_defines_the_attributes_of_its_keys_only() {
    let all = ["by_tenant", "to_reconcile", "by_state", "by_phone", "by_late"];
    for count in [Some(2), Some(3), Some(4), Some(5), None] {
        let given = count.map(|count: usize| ("PurchasesIndexes".to_owned(), count.to_string()));
        let given: BTreeMap<String, String> = given.into_iter().collect();
        let template = Template::load(sandbox::TEMPLATE, &given).unwrap();
        let here = SandboxDeployment { sqs_url: String::new() };
        let get = |part| template.property("PurchasesTable", part, &here).unwrap();
        let indexes = get("GlobalSecondaryIndexes");
        assert_eq!(names(&indexes, "IndexName"), all[..count.unwrap_or(all.len())]);
        let mut keys: BTreeSet<String> =
            names(&get("KeySchema"), "AttributeName").into_iter().collect();
        for index in indexes.as_array().unwrap() {
            keys.extend(names(&index["KeySchema"], "AttributeName"));
        }
        let defined = names(&get("AttributeDefinitions"), "AttributeName");
        assert_eq!(defined.into_iter().collect::<BTreeSet<_>>(), keys, "{count:?}");
    }
}
