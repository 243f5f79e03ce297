//! What calls cost: requests to AWS and to providers, units of DynamoDB, bytes.

use serde_json::{Value, json};

/// What was spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Reads of DynamoDB.
    pub reads: usize,
    /// Items that DynamoDB was asked to write; each part of a transaction is one.
    pub writes: usize,
    /// Messages sent.
    pub sends: usize,
    /// Requests to providers.
    pub upstream: usize,
    /// Read units.
    pub read_units: f64,
    /// Write units, those of indexes too.
    pub write_units: f64,
    /// The bytes of all bodies to AWS and from it.
    pub bytes: usize,
}

impl Spent {
    /// Counts a call to AWS or to a provider.
    pub fn call(&mut self, of_aws: bool, operation: &str, request: &[u8], answer: &[u8]) {
        match of_aws {
            true => self.call_aws(operation, request, answer),
            false => self.upstream += 1,
        }
    }

    /// The secrets of a start are not counted.
    fn call_aws(&mut self, operation: &str, request: &[u8], answer: &[u8]) {
        let said: Value = serde_json::from_slice(answer).unwrap_or_default();
        let units = units(&said["ConsumedCapacity"]);
        match operation {
            "BatchGetSecretValue" => return,
            "SendMessage" => self.sends += 1,
            "GetItem" | "BatchGetItem" | "Query" | "Scan" => {
                self.reads += 1;
                self.read_units += units;
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => {
                self.writes += 1;
                self.write_units += units;
            }
            "TransactWriteItems" => {
                let asked: Value = serde_json::from_slice(request).unwrap();
                self.writes += asked["TransactItems"].as_array().unwrap().len();
                self.write_units += units;
            }
            other => panic!("{other} is not counted"),
        }
        self.bytes += request.len() + answer.len();
    }
}

/// The units of one table, or of several.
fn units(said: &Value) -> f64 {
    let one = |it: &Value| it["CapacityUnits"].as_f64().unwrap_or(0.0);
    said.as_array().map_or_else(|| one(said), |all| all.iter().map(one).sum())
}

/// A request to DynamoDB that also asks what it costs.
pub fn asking_for_units(operation: &str, request: &[u8]) -> Vec<u8> {
    let mut request: Value = serde_json::from_slice(request).unwrap();
    if operation != "SendMessage" && operation != "BatchGetSecretValue" {
        request["ReturnConsumedCapacity"] = json!("TOTAL");
    }
    request.to_string().into_bytes()
}
