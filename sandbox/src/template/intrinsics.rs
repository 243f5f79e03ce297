//! The intrinsic functions that the template uses, evaluated as CloudFormation would.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::account::{ACCOUNT, REGION, SandboxDeployment};
use super::error::TemplateError;

/// The pseudo parameter that removes its property.
const NO_VALUE: &str = "AWS::NoValue";

/// Evaluates values of a template.
pub(super) struct Evaluator<'a> {
    pub(super) document: &'a Value,
    pub(super) parameters: &'a BTreeMap<String, Value>,
    /// None while conditions are evaluated: they may not refer to resources.
    pub(super) deployment: Option<&'a SandboxDeployment>,
}

impl Evaluator<'_> {
    /// A value with its intrinsic functions replaced, and without what is `AWS::NoValue`.
    pub(super) fn evaluate(&self, value: &Value) -> Result<Value, TemplateError> {
        match value {
            Value::Object(object) => match single(object) {
                Some(("Ref", argument)) => self.reference(text(argument)?),
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

    /// Whether a condition holds. As in CloudFormation it may refer to parameters only.
    pub(super) fn condition(&self, name: &str) -> Result<bool, TemplateError> {
        let value = &self.document["Conditions"][name];
        match (Evaluator { deployment: None, ..*self }).evaluate(value)? {
            Value::Bool(value) => Ok(value),
            _ => Err(TemplateError(format!("{name} is not a condition"))),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, TemplateError> {
        match name {
            "AWS::Region" => return Ok(json!(REGION)),
            "AWS::AccountId" => return Ok(json!(ACCOUNT)),
            "AWS::Partition" => return Ok(json!("aws")),
            "AWS::StackName" => return Ok(json!("sandbox")),
            NO_VALUE => return Ok(json!({ "Ref": NO_VALUE })),
            _ => {}
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        let resource = self.deployment.zip(self.kind(name));
        let value = resource.and_then(|(deployment, kind)| deployment.reference(name, kind));
        value.map(Value::String).ok_or_else(|| TemplateError(format!("!Ref {name} is not known")))
    }

    fn attribute(&self, name: &str, attribute: &str) -> Result<Value, TemplateError> {
        let resource = self.deployment.zip(self.kind(name));
        let value =
            resource.and_then(|(deployment, kind)| deployment.attribute(name, kind, attribute));
        value
            .map(Value::String)
            .ok_or_else(|| TemplateError(format!("!GetAtt {name}.{attribute} is not known")))
    }

    /// A resource's type.
    fn kind(&self, name: &str) -> Option<&str> {
        self.document["Resources"][name]["Type"].as_str()
    }

    fn function(&self, name: &str, argument: &Value) -> Result<Value, TemplateError> {
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments) {
            ("Fn::GetAtt", [resource, attribute]) => {
                self.attribute(text(resource)?, text(attribute)?)
            }
            ("Fn::Sub", []) => self.substitute(text(argument)?),
            ("Fn::If", [condition, yes, no]) => {
                self.evaluate(if self.condition(text(condition)?)? { yes } else { no })
            }
            ("Fn::Equals", [left, right]) => {
                Ok(json!(plain(&self.evaluate(left)?) == plain(&self.evaluate(right)?)))
            }
            ("Fn::Not", [condition]) => Ok(json!(self.evaluate(condition)? == Value::Bool(false))),
            ("Fn::And", [_, _, ..]) => {
                let conditions = arguments.iter().map(|it| self.evaluate(it));
                let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
                Ok(json!(conditions.iter().all(|it| *it == Value::Bool(true))))
            }
            _ => Err(TemplateError(format!("the sandbox does not have this use of {name}"))),
        }
    }

    /// `!Sub`: replaces `${Name}` and `${Resource.Attribute}`.
    fn substitute(&self, template: &str) -> Result<Value, TemplateError> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError(format!("!Sub {template} lacks a closing brace")))?;
            let value = match name.split_once('.') {
                Some((resource, attribute)) => self.attribute(resource, attribute)?,
                None => self.reference(name)?,
            };
            out.push_str(before);
            out.push_str(&plain(&value));
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

pub(super) fn is_no_value(value: &Value) -> bool {
    value == &json!({ "Ref": NO_VALUE })
}

fn text(value: &Value) -> Result<&str, TemplateError> {
    value.as_str().ok_or_else(|| TemplateError(format!("{value} should be a text")))
}

/// A scalar as text; nothing for null.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
