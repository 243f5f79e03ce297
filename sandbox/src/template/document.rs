//! A template with values for its parameters.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account::SandboxDeployment;
use super::error::TemplateError;
use super::intrinsics::{Evaluator, is_no_value};
use super::yaml;

/// A template with values for its parameters.
pub struct Template {
    document: Value,
    parameters: BTreeMap<String, Value>,
}

impl Template {
    /// Reads a template; `given` overrides the defaults of the parameters it declares.
    ///
    /// # Errors
    /// [`TemplateError`] when the text is not YAML or a parameter has no value.
    pub fn load(text: &str, given: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let document = yaml::load(text)?;
        let declared = document["Parameters"].as_object().cloned().unwrap_or_default();
        let mut parameters = BTreeMap::new();
        for (name, declaration) in declared {
            let value = match (given.get(&name), declaration.get("Default")) {
                (Some(value), _) => json!(value),
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    return Err(TemplateError(format!("parameter {name} has no value")));
                }
            };
            parameters.insert(name, value);
        }
        Ok(Self { document, parameters })
    }

    /// The names of the resources of one type, without those whose condition is false.
    ///
    /// # Errors
    /// [`TemplateError`] when a condition cannot be evaluated.
    pub fn resources(&self, kind: &str) -> Result<Vec<&str>, TemplateError> {
        let mut names = Vec::new();
        for (name, resource) in self.document["Resources"].as_object().into_iter().flatten() {
            if resource["Type"] == kind && self.exists(resource)? {
                names.push(name.as_str());
            }
        }
        Ok(names)
    }

    /// A resource's property, evaluated and merged over the section of `Globals` for its type.
    ///
    /// # Errors
    /// [`TemplateError`] when it holds an intrinsic function that the sandbox does not have.
    pub fn property(
        &self,
        name: &str,
        property: &str,
        deployment: &SandboxDeployment,
    ) -> Result<Value, TemplateError> {
        let resource = &self.document["Resources"][name];
        let section = match resource["Type"].as_str() {
            Some("AWS::Serverless::Function") => "Function",
            Some("AWS::Serverless::HttpApi") => "HttpApi",
            _ => "",
        };
        let evaluator = self.evaluator(Some(deployment));
        let global = evaluator.evaluate(&self.document["Globals"][section][property])?;
        let own = evaluator.evaluate(&resource["Properties"][property])?;
        let own = if is_no_value(&own) { Value::Null } else { own };
        Ok(merge(global, own))
    }

    fn exists(&self, resource: &Value) -> Result<bool, TemplateError> {
        match resource["Condition"].as_str() {
            Some(condition) => self.evaluator(None).condition(condition),
            None => Ok(true),
        }
    }

    fn evaluator<'a>(&'a self, deployment: Option<&'a SandboxDeployment>) -> Evaluator<'a> {
        Evaluator { document: &self.document, parameters: &self.parameters, deployment }
    }
}

/// Merges as SAM does: maps are joined, everything else is replaced.
fn merge(global: Value, own: Value) -> Value {
    match (global, own) {
        (global, Value::Null) => global,
        (Value::Object(mut global), Value::Object(own)) => {
            for (key, value) in own {
                let base = global.remove(&key).unwrap_or(Value::Null);
                global.insert(key, merge(base, value));
            }
            Value::Object(global)
        }
        (_, own) => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/T";
    const TEMPLATE: &str = r#"
Parameters:
  Size: { Type: Number, Default: 3 }
  Secret: { Type: String, Default: "" }
Conditions:
  HasSecret: !Not [!Equals [!Ref Secret, ""]]
  IsLarge: !And [!Not [!Equals [!Ref Size, 1]], !Not [!Equals [!Ref Size, 2]]]
Globals:
  Function: { Timeout: 29, Environment: { Variables: { A: global, B: global } } }
Resources:
  T: { Type: "AWS::DynamoDB::Table" }
  Gone: { Type: "AWS::DynamoDB::Table", Condition: HasSecret }
  F:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: !Ref Size
      Environment:
        Variables:
          B: !Sub "${T}-${T.Arn}-${AWS::Region}"
          C: !If [HasSecret, !Ref Secret, off]
          D: !GetAtt T.Arn
          E: !If [HasSecret, yes, !Ref AWS::NoValue]
          F: !If [IsLarge, large, small]
      Odd: !Cidr [a, 1, 2]
"#;

    fn deployment() -> SandboxDeployment {
        SandboxDeployment { sqs_url: String::new() }
    }

    fn variables(given: &[(&str, &str)]) -> Value {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let template = Template::load(TEMPLATE, &given).unwrap();
        template.property("F", "Environment", &deployment()).unwrap()["Variables"].clone()
    }

    #[test]
    fn intrinsics_are_evaluated_and_merged_over_the_globals() {
        let variables = variables(&[]);
        assert_eq!(variables["A"], "global");
        assert_eq!(variables["B"], format!("T-{ARN}-us-east-1"));
        assert_eq!(variables["C"], "off");
        assert_eq!(variables["D"], ARN);
        assert_eq!(variables.get("E"), None, "AWS::NoValue removes the property");
    }

    #[test]
    fn conditions_follow_the_parameters() {
        let variables = variables(&[("Secret", "s")]);
        assert_eq!(variables["C"], "s");
        assert_eq!(variables["E"], "yes");
        for (size, expected) in [("1", "small"), ("2", "small"), ("3", "large")] {
            assert_eq!(self::variables(&[("Size", size)])["F"], expected);
        }
        let template = Template::load(TEMPLATE, &BTreeMap::new()).unwrap();
        assert_eq!(template.resources("AWS::DynamoDB::Table").unwrap(), ["T"]);
    }

    #[test]
    fn an_unknown_intrinsic_and_a_parameter_without_a_value_are_refused() {
        let template = Template::load(TEMPLATE, &BTreeMap::new()).unwrap();
        let error = template.property("F", "Odd", &deployment()).unwrap_err();
        assert!(error.to_string().contains("Fn::Cidr"), "{error}");
        assert!(Template::load("Parameters: { P: { Type: String } }", &BTreeMap::new()).is_err());
    }
}
