//! The template as the sandbox reads it: parameters, conditions and intrinsic functions evaluated
//! as CloudFormation would, everything unknown refused.

pub mod yaml;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What is wrong with the template.
#[derive(Debug, thiserror::Error)]
#[error("template: {0}")]
pub struct TemplateError(pub String);

/// How the sandbox stands in for the account the template is deployed to.
pub trait Deployment {
    /// What `!Ref` of a resource gives.
    fn reference(&self, name: &str, kind: &str) -> Option<String>;
    /// What `!GetAtt` of a resource gives.
    fn attribute(&self, name: &str, kind: &str, attribute: &str) -> Option<String>;
}

/// A template with values for its parameters.
pub struct Template {
    document: Value,
    parameters: BTreeMap<String, Value>,
}

/// The region the sandbox claims to be in.
pub const REGION: &str = "us-east-1";
/// The account the sandbox claims to be.
pub const ACCOUNT: &str = "000000000000";

impl Template {
    /// Reads a template; `given` overrides the defaults of the parameters it declares.
    ///
    /// # Errors
    /// [`TemplateError`] when it is no YAML or a parameter has no value.
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

    /// The resources of one type that the template's conditions create, in the order of their
    /// names.
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

    /// A resource's property, evaluated, with the section of `Globals` for its type beneath it.
    ///
    /// # Errors
    /// [`TemplateError`] when it holds an intrinsic that is not known.
    pub fn property(
        &self,
        name: &str,
        property: &str,
        deployment: &dyn Deployment,
    ) -> Result<Value, TemplateError> {
        let resource = &self.document["Resources"][name];
        let section = match resource["Type"].as_str() {
            Some("AWS::Serverless::Function") => "Function",
            Some("AWS::Serverless::HttpApi") => "HttpApi",
            _ => "",
        };
        let context = Context { template: self, deployment };
        let global = context.evaluate(&self.document["Globals"][section][property])?;
        let own = context.evaluate(&resource["Properties"][property])?;
        Ok(merge(global, own))
    }

    fn exists(&self, resource: &Value) -> Result<bool, TemplateError> {
        match resource["Condition"].as_str() {
            Some(condition) => self.condition(condition),
            None => Ok(true),
        }
    }

    /// Conditions may use parameters and other conditions only, as in CloudFormation.
    fn condition(&self, name: &str) -> Result<bool, TemplateError> {
        let body = &self.document["Conditions"][name];
        match (Context { template: self, deployment: &Nowhere }).evaluate(body)? {
            Value::Bool(value) => Ok(value),
            _ => Err(TemplateError(format!("condition {name} is not a condition"))),
        }
    }

    fn kind(&self, name: &str) -> Option<&str> {
        self.document["Resources"][name]["Type"].as_str()
    }
}

/// SAM's merge of globals: maps are joined, everything else is replaced.
fn merge(global: Value, own: Value) -> Value {
    match (global, own) {
        (global, Value::Null) => global,
        (Value::Object(mut global), Value::Object(own)) => {
            for (key, value) in own {
                let beneath = global.remove(&key).unwrap_or(Value::Null);
                global.insert(key, merge(beneath, value));
            }
            Value::Object(global)
        }
        (_, own) => own,
    }
}

/// No resources: what conditions may refer to.
struct Nowhere;

impl Deployment for Nowhere {
    fn reference(&self, _: &str, _: &str) -> Option<String> {
        None
    }
    fn attribute(&self, _: &str, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// The pseudo parameter that takes its property away.
const NO_VALUE: &str = "AWS::NoValue";

struct Context<'a> {
    template: &'a Template,
    deployment: &'a dyn Deployment,
}

impl Context<'_> {
    /// Values that are `AWS::NoValue` vanish from their map or list.
    fn evaluate(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::Object(object) => match single(object) {
                Some((name, argument)) if name == "Ref" || name == "Condition" => {
                    self.named(name, argument)
                }
                Some((name, argument)) if name.starts_with("Fn::") => self.function(name, argument),
                _ => {
                    let mut evaluated = Map::new();
                    for (key, value) in object {
                        evaluated.insert(key.clone(), self.evaluate(value)?);
                    }
                    evaluated.retain(|_, value| !is_no_value(value));
                    Ok(Value::Object(evaluated))
                }
            },
            Value::Array(items) => {
                let evaluated = items.iter().map(|item| self.evaluate(item));
                let mut evaluated = evaluated.collect::<Result<Vec<_>, _>>()?;
                evaluated.retain(|item| !is_no_value(item));
                Ok(Value::Array(evaluated))
            }
            other => Ok(other.clone()),
        }
    }

    fn named(&self, kind: &str, argument: &Value) -> Result<Value, TemplateError> {
        let name = word(argument)?;
        match kind {
            "Condition" => self.template.condition(name).map(Value::Bool),
            _ => self.reference(name),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, TemplateError> {
        let pseudo = match name {
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some("sandbox"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(json!(value));
        }
        if name == NO_VALUE {
            return Ok(json!({ "Ref": NO_VALUE }));
        }
        if let Some(value) = self.template.parameters.get(name) {
            return Ok(value.clone());
        }
        let kind = self.template.kind(name);
        let value = kind.and_then(|kind| self.deployment.reference(name, kind));
        value.map(Value::String).ok_or_else(|| TemplateError(format!("!Ref {name} is not known")))
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, TemplateError> {
        let kind = self.template.kind(name);
        let value = kind.and_then(|kind| self.deployment.attribute(name, kind, attribute));
        value
            .map(Value::String)
            .ok_or_else(|| TemplateError(format!("!GetAtt {name}.{attribute} is not known")))
    }

    fn function(&self, name: &str, argument: &Value) -> Result<Value, TemplateError> {
        match (name, argument) {
            ("Fn::GetAtt", Value::Array(parts)) if parts.len() == 2 => {
                self.attribute(word(&parts[0])?, word(&parts[1])?)
            }
            ("Fn::Sub", Value::String(text)) => self.substituted(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) if parts.len() == 2 => {
                let own = parts[1].as_object().cloned().unwrap_or_default();
                self.substituted(word(&parts[0])?, &own)
            }
            ("Fn::Join", Value::Array(parts)) if parts.len() == 2 => {
                let items = self.evaluate(&parts[1])?;
                let items: Vec<String> =
                    items.as_array().into_iter().flatten().map(plain).collect();
                Ok(json!(items.join(word(&parts[0])?)))
            }
            ("Fn::If", Value::Array(parts)) if parts.len() == 3 => {
                let branch = if self.template.condition(word(&parts[0])?)? { 1 } else { 2 };
                self.evaluate(&parts[branch])
            }
            ("Fn::Equals", Value::Array(parts)) if parts.len() == 2 => {
                let (left, right) = (self.evaluate(&parts[0])?, self.evaluate(&parts[1])?);
                Ok(json!(plain(&left) == plain(&right)))
            }
            ("Fn::Not", Value::Array(parts)) if parts.len() == 1 => {
                Ok(json!(self.evaluate(&parts[0])? == Value::Bool(false)))
            }
            ("Fn::And", Value::Array(parts)) => self.all(parts, true),
            ("Fn::Or", Value::Array(parts)) => self.all(parts, false).map(|none| {
                // "Or" is "not all are false".
                json!(none == Value::Bool(false))
            }),
            _ => Err(TemplateError(format!("{name} is not known to the sandbox"))),
        }
    }

    fn all(&self, parts: &[Value], wanted: bool) -> Result<Value, TemplateError> {
        for part in parts {
            if self.evaluate(part)? != Value::Bool(wanted) {
                return Ok(json!(false));
            }
        }
        Ok(json!(true))
    }

    fn substituted(&self, text: &str, own: &Map<String, Value>) -> Result<Value, TemplateError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError(format!("!Sub {text} does not close")))?;
            out.push_str(before);
            match (name.strip_prefix('!'), own.get(name), name.split_once('.')) {
                (Some(literal), ..) => out.push_str(&format!("${{{literal}}}")),
                (_, Some(value), _) => out.push_str(&plain(&self.evaluate(value)?)),
                (.., Some((resource, attribute))) => {
                    out.push_str(&plain(&self.attribute(resource, attribute)?));
                }
                _ => out.push_str(&plain(&self.reference(name)?)),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }
}

fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    match object.len() {
        1 => object.iter().next().map(|(key, value)| (key.as_str(), value)),
        _ => None,
    }
}

fn is_no_value(value: &Value) -> bool {
    value == &json!({ "Ref": NO_VALUE })
}

fn word(value: &Value) -> Result<&str, TemplateError> {
    value.as_str().ok_or_else(|| TemplateError(format!("{value} should be a name")))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Here;

    impl Deployment for Here {
        fn reference(&self, name: &str, _: &str) -> Option<String> {
            Some(format!("ref-{name}"))
        }
        fn attribute(&self, name: &str, _: &str, attribute: &str) -> Option<String> {
            Some(format!("arn-{name}-{attribute}"))
        }
    }

    const TEMPLATE: &str = r#"
Parameters:
  Size: { Type: Number, Default: 3 }
  Secret: { Type: String, Default: "" }
Conditions:
  HasSecret: !Not [!Equals [!Ref Secret, ""]]
  Both: !And [!Condition HasSecret, !Equals [!Ref Size, "3"]]
  Either: !Or [!Condition HasSecret, !Equals [!Ref Size, "3"]]
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
          B: !Sub "${T}-${T.Arn}-${AWS::Region}-${!raw}"
          C: !If [HasSecret, !Ref Secret, off]
          D: !Join ["+", [!Ref T, !GetAtt T.Arn]]
          E: !If [Both, yes-both, !Ref AWS::NoValue]
          G: !If [Either, yes-either, no]
      Odd: !Cidr [a, 1, 2]
"#;

    fn variables(given: &[(&str, &str)]) -> Value {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let template = Template::load(TEMPLATE, &given).unwrap();
        template.property("F", "Environment", &Here).unwrap()["Variables"].clone()
    }

    #[test]
    fn intrinsics_are_evaluated_over_the_globals() {
        let variables = variables(&[]);
        assert_eq!(variables["A"], "global");
        assert_eq!(variables["B"], "ref-T-arn-T-Arn-us-east-1-${raw}");
        assert_eq!(variables["C"], "off");
        assert_eq!(variables["D"], "ref-T+arn-T-Arn");
        assert_eq!(variables["G"], "yes-either");
        assert_eq!(variables.get("E"), None, "no value is no property");
    }

    #[test]
    fn conditions_follow_the_parameters() {
        let variables = variables(&[("Secret", "s")]);
        assert_eq!(variables["C"], "s");
        assert_eq!(variables["E"], "yes-both");
        let template = Template::load(TEMPLATE, &BTreeMap::new()).unwrap();
        assert_eq!(template.resources("AWS::DynamoDB::Table").unwrap(), ["T"]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let template = Template::load(TEMPLATE, &BTreeMap::new()).unwrap();
        let error = template.property("F", "Odd", &Here).unwrap_err();
        assert!(error.to_string().contains("Fn::Cidr"), "{error}");
        assert!(Template::load("Parameters: { P: { Type: String } }", &BTreeMap::new()).is_err());
    }
}
