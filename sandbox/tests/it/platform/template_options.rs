//! What optional parameters of the template change.

use std::collections::BTreeMap;

use sandbox::template::stack::Stack;
use sandbox::template::{SandboxDeployment, Template};
use serde_json::{Value, json};

const KEY_ARN: &str = "arn:aws:kms:eu-west-1:000000000000:key/1";

fn here() -> SandboxDeployment {
    SandboxDeployment { sqs_url: String::new() }
}

fn template(given: &[(&str, &str)]) -> Template {
    let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Template::load(sandbox::TEMPLATE, &given.collect()).unwrap()
}

/// The property of all resources of a kind.
fn properties(template: &Template, kind: &str, property: &str) -> Vec<Value> {
    let names = template.resources(kind).unwrap();
    assert!(!names.is_empty(), "{kind}");
    names.into_iter().map(|name| template.property(name, property, &here()).unwrap()).collect()
}

#[test]
fn with_a_key_everything_that_is_stored_is_encrypted_by_it() {
    for (key, expected) in [("", Value::Null), (KEY_ARN, json!(KEY_ARN))] {
        let template = template(&[("KmsKeyArn", key)]);
        for table in properties(&template, "AWS::DynamoDB::Table", "SSESpecification") {
            assert_eq!((&table["SSEEnabled"], &table["KMSMasterKeyId"]), (&json!(true), &expected));
        }
        for (kind, property) in [
            ("AWS::SQS::Queue", "KmsMasterKeyId"),
            ("AWS::Logs::LogGroup", "KmsKeyId"),
            ("AWS::SecretsManager::Secret", "KmsKeyId"),
        ] {
            for found in properties(&template, kind, property) {
                assert_eq!(found, expected, "{kind}");
            }
        }
        for own in properties(&template, "AWS::SQS::Queue", "SqsManagedSseEnabled") {
            assert_eq!(own, key.is_empty());
        }
        let policies = template.resources("AWS::IAM::Policy").unwrap();
        assert_eq!(policies.len(), usize::from(!key.is_empty()));
    }
    for function in template(&[]).resources("AWS::Serverless::Function").unwrap() {
        let role = format!("\n        - !Ref {function}Role\n");
        assert!(sandbox::TEMPLATE.contains(&role), "{function} may not use the key");
    }
}

#[test]
fn routes_without_a_key_have_a_lower_throttle_of_their_own() {
    let template = template(&[]);
    let routes: BTreeMap<String, bool> = Stack::read(&template, &here())
        .unwrap()
        .routes
        .into_iter()
        .map(|it| (format!("{} {}", it.method, it.path), it.authorized))
        .collect();
    let api = |property| template.property("Api", property, &here()).unwrap();
    let (default, settings) = (api("DefaultRouteSettings"), api("RouteSettings"));
    for (route, own) in settings.as_object().unwrap() {
        assert!(routes.contains_key(route), "there is no {route}");
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            assert!(own[limit].as_u64() < default[limit].as_u64(), "{route}");
        }
    }
    for (route, authorized) in routes {
        assert!(authorized || !settings[&route].is_null(), "{route} uses up what is for tenants");
    }
}

#[test]
fn concurrency_is_reserved_only_where_it_is_asked_for() {
    let reserved = |given: &[(&str, &str)]| -> BTreeMap<String, usize> {
        let functions = Stack::read(&template(given), &here()).unwrap().functions.into_iter();
        functions.filter_map(|it| Some((it.name, it.reserved_concurrency?))).collect()
    };
    let map = |pairs: &[(&str, usize)]| -> BTreeMap<String, usize> {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    assert_eq!(reserved(&[]), map(&[]));
    let background = [("requery", 10), ("reconcile", 1), ("books", 1)];
    assert_eq!(reserved(&[("ReserveConcurrency", "true")]), map(&background));
    let front = [("AuthorizerReservedConcurrency", "20"), ("PurchaseReservedConcurrency", "30")];
    assert_eq!(reserved(&front), map(&[("authorizer", 20), ("purchase", 30)]));
}

#[test]
fn the_api_has_a_domain_only_where_one_is_given() {
    let kinds = ["AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping"];
    let count = |template: &Template| kinds.map(|kind| template.resources(kind).unwrap().len());
    assert_eq!(count(&template(&[])), [0, 0]);
    let domain = [("ApiDomainName", "api.example.com"), ("ApiCertificateArn", "arn")];
    let with = |more: &[(&str, &str)]| template(&[&domain, more].concat());
    assert_eq!(count(&with(&[])), [1, 1]);
    let mutual = |template: &Template| {
        template.property("ApiDomain", "MutualTlsAuthentication", &here()).unwrap()
    };
    assert_eq!(mutual(&with(&[])), Value::Null);
    let trusting = with(&[("ApiTruststoreUri", "s3://bucket/authorities.pem")]);
    assert_eq!(mutual(&trusting), json!({ "TruststoreUri": "s3://bucket/authorities.pem" }));
    for (value, disabled) in [("false", false), ("true", true)] {
        let template = with(&[("DisableExecuteApiEndpoint", value)]);
        let found = template.property("Api", "DisableExecuteApiEndpoint", &here()).unwrap();
        assert_eq!(found, disabled);
    }
}
