//! What is deployed: an operator may change a parameter. Then what an instance does is finished, and every
//! later invocation meets a new instance.

use std::collections::BTreeMap;

use shared::platform::config::Vars;

/// The variable that a deployment changes.
const LOOK_BACK: &str = "RECONCILE_AFTER_SECONDS";

/// One deployment of all functions.
#[derive(Debug, Default, Clone, Copy)]
pub struct Deployment {
    /// How many came before it.
    pub number: u32,
    look_back_s: Option<u32>,
}

impl Deployment {
    /// The next one, with another time of the look back.
    pub fn next(self, look_back_s: u32) -> Self {
        Self { number: self.number + 1, look_back_s: Some(look_back_s) }
    }

    /// The variables of a function.
    pub fn vars(self, first: &BTreeMap<String, String>) -> Vars {
        let mut vars = first.clone();
        if let (Some(seconds), Some(value)) = (self.look_back_s, vars.get_mut(LOOK_BACK)) {
            *value = seconds.to_string();
        }
        vars.into_iter().collect()
    }
}
