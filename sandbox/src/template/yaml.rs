//! Reads YAML with CloudFormation's short tags into JSON with the long forms.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use super::error::TemplateError;

/// Reads one YAML document. `!Ref x` becomes `{"Ref": "x"}`, `!GetAtt a.b` becomes
/// `{"Fn::GetAtt": ["a", "b"]}`, every other `!X` becomes `{"Fn::X": …}`.
///
/// # Errors
/// [`TemplateError`] when the text is not YAML, or not one document.
pub fn load(text: &str) -> Result<Value, TemplateError> {
    let documents = Yaml::load_from_str(text).map_err(|e| TemplateError(e.to_string()))?;
    match documents.as_slice() {
        [document] => json_of(document),
        _ => Err(TemplateError("expected one YAML document".to_owned())),
    }
}

fn json_of(node: &Yaml<'_>) -> Result<Value, TemplateError> {
    match node {
        Yaml::Value(scalar) => Ok(scalar_of(scalar)),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(pairs) => {
            let mut object = Map::new();
            for (key, value) in pairs {
                let key = key
                    .as_str()
                    .ok_or_else(|| TemplateError("a mapping's key is not a string".to_owned()))?;
                object.insert(key.to_owned(), json_of(value)?);
            }
            Ok(Value::Object(object))
        }
        Yaml::Tagged(tag, inner) if tag.handle == "!" => long_form(&tag.suffix, json_of(inner)?),
        Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue | Yaml::Representation(..) => {
            Err(TemplateError("CloudFormation does not accept this kind of YAML node".to_owned()))
        }
    }
}

fn scalar_of(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

fn long_form(tag: &str, value: Value) -> Result<Value, TemplateError> {
    match (tag, &value) {
        ("Ref", _) => Ok(json!({ tag: value })),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path
                .split_once('.')
                .ok_or_else(|| TemplateError(format!("!GetAtt {path} names no attribute")))?;
            Ok(json!({ "Fn::GetAtt": [resource, attribute] }))
        }
        _ => Ok(json!({ format!("Fn::{tag}"): value })),
    }
}
